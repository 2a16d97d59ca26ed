//! The first bytes that two nodes say to each other.
//!
//! `docs/wire-format.md` has the table. A greeting has one length, so nothing is allocated for what a stranger says.

use super::identity::Identity;
use crate::consensus::NodeId;

/// How many bytes a greeting has.
pub(super) const LENGTH: usize = 56;
/// The version of everything that is said on a connection.
pub(super) const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"quorate\n";

/// What either side says first: who it is, and whom it takes the other for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Greeting {
    pub(super) version: u16,
    /// In a call a [`Purpose`], in the answer a verdict: 0 for welcome, else why not.
    pub(super) word: u8,
    pub(super) own: Identity,
    pub(super) other: NodeId,
    /// The largest message that the sender of the greeting takes.
    pub(super) max_message_bytes: u32,
    /// How long it waits for a sign of life, in milliseconds.
    pub(super) idle_millis: u32,
}

/// Why bytes are no greeting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoGreeting {
    /// They are something else.
    Foreign,
    /// They were changed on their way.
    Damaged,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Purpose {
    /// Messages, until it breaks.
    Messages,
    /// One snapshot.
    Snapshot,
}

impl Purpose {
    pub(super) const fn word(self) -> u8 {
        match self {
            Self::Messages => 1,
            Self::Snapshot => 2,
        }
    }

    pub(super) const fn of(word: u8) -> Option<Self> {
        match word {
            1 => Some(Self::Messages),
            2 => Some(Self::Snapshot),
            _ => None,
        }
    }
}

impl Greeting {
    pub(super) fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&MAGIC);
        put(&self.version.to_be_bytes());
        put(&[self.word, 0]);
        put(&self.own.cluster.to_be_bytes());
        put(&self.own.node.0.to_be_bytes());
        put(&self.own.incarnation.to_be_bytes());
        put(&self.other.0.to_be_bytes());
        put(&self.max_message_bytes.to_be_bytes());
        put(&self.idle_millis.to_be_bytes());
        let checksum = crc32fast::hash(&bytes[..LENGTH - 4]);
        bytes[LENGTH - 4..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Reads a greeting. One of another version is read too, as far as versions agree: up to the word.
    pub(super) fn from_bytes(bytes: &[u8; LENGTH]) -> Result<Self, NoGreeting> {
        if bytes[..8] != MAGIC {
            return Err(NoGreeting::Foreign);
        }
        let version = u16::from_be_bytes([bytes[8], bytes[9]]);
        let is_whole = crc32fast::hash(&bytes[..LENGTH - 4]).to_be_bytes() == bytes[LENGTH - 4..];
        if version == VERSION && !is_whole {
            return Err(NoGreeting::Damaged);
        }
        let word = bytes[10];
        let number = |at: usize| bytes[at..at + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let small = |at: usize| bytes[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let own = Identity { cluster: number(12), node: NodeId(number(20)), incarnation: number(28) };
        let (other, max_message_bytes, idle_millis) = (NodeId(number(36)), small(44), small(48));
        Ok(Self { version, word, own, other, max_message_bytes, idle_millis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting() -> Greeting {
        let own = Identity { cluster: 0x0102_0304_0506_0708, node: NodeId(9), incarnation: u64::MAX };
        let word = Purpose::Snapshot.word();
        Greeting {
            version: VERSION,
            word,
            own,
            other: NodeId(10),
            max_message_bytes: 0x0a0b_0c0d,
            idle_millis: 3000,
        }
    }

    #[test]
    fn a_greeting_survives_its_way() {
        assert_eq!(Greeting::from_bytes(&greeting().to_bytes()), Ok(greeting()));
    }

    #[test]
    fn the_bytes_are_those_of_the_table() {
        let bytes = greeting().to_bytes();
        assert_eq!(bytes[..12], *b"quorate\n\0\x01\x02\0");
        assert_eq!(bytes[12..20], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(bytes[20..28], [0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(bytes[28..36], [0xff; 8]);
        assert_eq!(bytes[36..52], [0, 0, 0, 0, 0, 0, 0, 10, 10, 11, 12, 13, 0, 0, 11, 184]);
    }

    #[test]
    fn a_greeting_that_was_changed_is_none() {
        for at in 0..LENGTH {
            let mut bytes = greeting().to_bytes();
            bytes[at] ^= 1;
            match Greeting::from_bytes(&bytes) {
                Err(error) => assert_eq!(error == NoGreeting::Foreign, at < 8, "byte {at}"),
                Ok(read) => assert_ne!(read.version, VERSION, "byte {at}"),
            }
        }
    }
}
