//! Every entry that was ever in a log, anywhere.

use std::collections::BTreeMap;

use super::{
    super::violation::{Broken, ensure},
    promise::LOG_MATCHING,
};
use crate::consensus::{ConfChange, Entry, EntryId, EntryKind};

/// How many entries are remembered: those of the oldest terms are forgotten.
const ENTRIES_MAX: usize = 1 << 16;

/// Every entry that was ever in a log.
#[derive(Default)]
pub(super) struct Entries {
    known: BTreeMap<EntryId, Known>,
    /// Of the entries up to this one, in the order of terms, some are forgotten.
    forgotten: EntryId,
}

/// An entry, and all that is needed to tell it from others.
struct Known {
    follows: EntryId,
    fingerprint: u64,
    change: Option<ConfChange>,
}

impl Entries {
    /// Whether the entry was seen before, or may have been.
    pub(super) fn may_know(&self, id: EntryId) -> bool {
        id <= self.forgotten || self.known.contains_key(&id)
    }

    /// Log Matching: an entry is seen, and follows `follows`. It was the same before, if it was seen before.
    pub(super) fn meet(&mut self, follows: EntryId, entry: &Entry) -> Result<(), Broken> {
        let fingerprint = fingerprint(entry);
        if let Some(known) = self.known.get(&entry.id) {
            return ensure(
                known.fingerprint == fingerprint && known.follows == follows,
                LOG_MATCHING,
                || {
                    let contents = if known.fingerprint == fingerprint { "the same" } else { "another" };
                    format!(
                        "{} followed {} and follows {follows}, with {contents} content",
                        entry.id, known.follows
                    )
                },
            );
        }
        if entry.id > self.forgotten {
            let is_change = entry.kind() == EntryKind::ConfChange;
            let change = if is_change { ConfChange::from_data(entry.data()) } else { None };
            self.known.insert(entry.id, Known { follows, fingerprint, change });
        }
        if self.known.len() > ENTRIES_MAX
            && let Some((id, _)) = self.known.pop_first()
        {
            self.forgotten = id;
        }
        Ok(())
    }

    /// The change of membership that this entry is, if it is one.
    pub(super) fn change(&self, id: EntryId) -> Option<&ConfChange> {
        self.known.get(&id)?.change.as_ref()
    }
}

/// A number that differs where entries of the same id do.
fn fingerprint(entry: &Entry) -> u64 {
    let data = u64::from(crc32fast::hash(entry.data())) << 32;
    let context = u64::from(crc32fast::hash(entry.context().as_bytes()));
    let shape = (entry.data().len() as u64).rotate_left(32) ^ (entry.kind() as u64).rotate_left(62);
    data ^ context ^ shape
}
