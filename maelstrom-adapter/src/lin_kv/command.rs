//! What the log holds: a change of one key, as bytes.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | kind: 0 write, 1 cas, 2 cas that creates the key |
//! | 4 + n | the key: its length, little-endian, and its text |
//! | 4 + n | a write: the value; a cas: `from` |
//! | 4 + n | a cas: `to` |

use bytes::{BufMut as _, Bytes, BytesMut};

/// A change of one key. Keys and values are canonical JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command<'a> {
    /// Sets the key, whether it is there or not.
    Write {
        /// Which key.
        key: &'a str,
        /// What it will hold.
        value: &'a str,
    },
    /// Sets the key if it holds `from`.
    Cas {
        /// Which key.
        key: &'a str,
        /// What it must hold.
        from: &'a str,
        /// What it will hold.
        to: &'a str,
        /// Whether a key that is not there is set as well.
        creates: bool,
    },
}

const WRITE: u8 = 0;
const CAS: u8 = 1;
const CAS_OR_CREATE: u8 = 2;

impl<'a> Command<'a> {
    /// The command as bytes.
    ///
    /// # Errors
    /// [`TooLong`] if a text has 4 GiB or more.
    pub fn encode(&self) -> Result<Bytes, TooLong> {
        let (kind, texts) = match *self {
            Self::Write { key, value } => (WRITE, [Some(key), Some(value), None]),
            Self::Cas { key, from, to, creates: false } => (CAS, [Some(key), Some(from), Some(to)]),
            Self::Cas { key, from, to, creates: true } => (CAS_OR_CREATE, [Some(key), Some(from), Some(to)]),
        };
        let length: usize = texts.iter().flatten().map(|text| 4 + text.len()).sum();
        let mut bytes = BytesMut::with_capacity(1 + length);
        bytes.put_u8(kind);
        texts.into_iter().flatten().try_for_each(|text| put_text(&mut bytes, text))?;
        Ok(bytes.freeze())
    }

    /// Reads a command back; `None` if the bytes are none.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let rest = &mut rest;
        let command = match *kind {
            WRITE => Self::Write { key: take_text(rest)?, value: take_text(rest)? },
            CAS | CAS_OR_CREATE => Self::Cas {
                key: take_text(rest)?,
                from: take_text(rest)?,
                to: take_text(rest)?,
                creates: *kind == CAS_OR_CREATE,
            },
            _ => return None,
        };
        rest.is_empty().then_some(command)
    }
}

/// A text that a length of four bytes cannot tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("keys and values must have less than 4 GiB")]
pub struct TooLong;

/// Appends a text: its length, little-endian, and its bytes.
pub(super) fn put_text(bytes: &mut BytesMut, text: &str) -> Result<(), TooLong> {
    bytes.put_u32_le(u32::try_from(text.len()).map_err(|_| TooLong)?);
    bytes.put_slice(text.as_bytes());
    Ok(())
}

/// Takes a text off the front of `bytes`, if there is one.
pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn commands_survive_their_way_through_the_log(
            key in any::<String>(), from in any::<String>(), to in any::<String>(), creates in any::<bool>(),
        ) {
            let (key, from, to) = (&*key, &*from, &*to);
            for command in [Command::Write { key, value: to }, Command::Cas { key, from, to, creates }] {
                let bytes = command.encode().unwrap();
                prop_assert_eq!(Command::decode(&bytes), Some(command));
            }
        }

        #[test]
        fn other_bytes_are_no_command_and_no_reason_to_panic(bytes in any::<Vec<u8>>()) {
            let _ = Command::decode(&bytes);
        }
    }

    #[test]
    fn a_command_cut_short_or_with_more_behind_it_is_none() {
        let bytes = Command::Write { key: "1", value: "2" }.encode().unwrap();
        for length in 0..bytes.len() {
            assert_eq!(Command::decode(&bytes[..length]), None);
        }
        assert_eq!(Command::decode(&[&bytes[..], &[0]].concat()), None);
    }
}
