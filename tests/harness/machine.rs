//! A state machine that remembers all that it was told.

use bytes::Bytes;
use quorate::{Entry, EntryId, EntryKind, LogIndex, Snapshot};

/// Applies commands by folding them into a digest, so that equal digests mean equal histories.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    last: EntryId,
    digest: u64,
    /// The commands since the machine was made or restored.
    commands: Vec<Bytes>,
}

impl Machine {
    /// Applies the entry after the last one.
    ///
    /// # Panics
    /// If it is another.
    pub fn apply(&mut self, entry: &Entry) {
        assert_eq!(entry.id.index, self.last.index.next(), "entries are applied in order, each once");
        assert!(entry.id.term >= self.last.term, "{} is applied after {}", entry.id, self.last);
        self.last = entry.id;
        self.fold(&entry.id.term.0.to_be_bytes());
        self.fold(entry.data());
        if entry.kind() == EntryKind::Normal {
            self.commands.push(entry.data().clone());
        }
    }

    fn fold(&mut self, bytes: &[u8]) {
        // FNV-1a: enough to tell histories apart.
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// The state, for a snapshot.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.digest.to_be_bytes())
    }

    /// Takes over the state in a snapshot.
    ///
    /// # Panics
    /// If it is no state of such a machine, or an older one.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        assert!(snapshot.last.index > self.last.index, "{} takes the state back", snapshot.last);
        let digest = <[u8; 8]>::try_from(&*snapshot.data.to_bytes().expect("it is in memory"))
            .expect("the data of a machine's snapshot");
        *self = Self { last: snapshot.last, digest: u64::from_be_bytes(digest), commands: Vec::new() };
    }

    /// The last entry that was applied.
    #[must_use]
    pub fn last(&self) -> EntryId {
        self.last
    }

    /// The index of the last entry that was applied.
    #[must_use]
    pub fn index(&self) -> LogIndex {
        self.last.index
    }

    /// Stands for all that was ever applied.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The commands since the machine was made or restored, as text.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        self.commands.iter().map(|command| String::from_utf8_lossy(command).into_owned()).collect()
    }
}
