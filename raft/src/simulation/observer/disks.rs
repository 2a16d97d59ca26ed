//! What each disk holds for certain, and what it may hold besides.

use std::collections::VecDeque;

use super::{
    super::violation::{Broken, ensure},
    log::Log,
    promise::RECOVERY,
};
use crate::{
    consensus::{Entries, EntryId, HardState, LogIndex, Term},
    runtime::WriteJob,
};

/// A disk as it must be: the shadow of a log that is written by the library.
#[derive(Default)]
pub(super) struct Disk {
    durable: Contents,
    /// What was given out to be written and is not known to be durable, oldest first.
    pending: VecDeque<Write>,
    /// So many of these were begun.
    begun: usize,
}

/// What a log on a disk says.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) hard_state: HardState,
    pub(super) log: Log,
    /// The last entry of the snapshot in force.
    pub(super) snapshot: EntryId,
}

/// Something to be written as one.
pub(super) enum Write {
    /// What a Ready says.
    Ready { snapshot: Option<EntryId>, entries: Vec<Entries>, hard_state: Option<HardState>, must_sync: bool },
    /// A snapshot of the node's own comes into force.
    Compact { last: EntryId },
}

impl Write {
    pub(super) fn of(job: &WriteJob) -> Self {
        match job {
            WriteJob::Write(ready) => Self::Ready {
                snapshot: ready.snapshot.as_ref().map(|snapshot| snapshot.last),
                entries: ready.entries.clone(),
                hard_state: ready.hard_state,
                must_sync: ready.must_sync,
            },
            WriteJob::Compact { snapshot, .. } => Self::Compact { last: snapshot.last },
        }
    }

    /// Whether it, and all before it, is durable when it is done. Of a snapshot that did not come into force nobody knows.
    fn is_synced(&self, is_compacted: bool) -> bool {
        match self {
            Self::Ready { must_sync, .. } => *must_sync,
            Self::Compact { .. } => is_compacted,
        }
    }
}

impl Contents {
    fn write(&mut self, write: &Write) {
        match write {
            Write::Ready { snapshot, entries, hard_state, .. } => {
                if let Some(last) = *snapshot {
                    (self.log, self.snapshot) = (Log::after(last), last);
                }
                for entry in entries.iter().flat_map(|run| run.iter()) {
                    // That it follows what is there was checked when it was given out.
                    let _checked = self.log.append(entry.id);
                }
                self.hard_state = hard_state.unwrap_or(self.hard_state);
            }
            Write::Compact { last } => self.snapshot = *last,
        }
    }
}

impl Disk {
    /// What is durable on it.
    pub(super) fn durable(&self) -> &Contents {
        &self.durable
    }

    /// A driver has given this out to be written.
    pub(super) fn stage(&mut self, write: Write) {
        self.pending.push_back(write);
    }

    /// The disk begins with all that was given out.
    pub(super) fn begin(&mut self) {
        self.begun = self.pending.len();
    }

    /// What was begun is done; whether a snapshot that was to come into force is. Up to where the log is durable, if that
    /// is news.
    pub(super) fn finish(&mut self, is_compacted: bool) -> Option<LogIndex> {
        let before = self.durable.log.last();
        // What follows the last sync is written with the next.
        let mut begun = self.pending.iter().take(self.begun);
        let synced = begun.rposition(|write| write.is_synced(is_compacted)).map_or(0, |last| last + 1);
        for write in self.pending.drain(..synced) {
            if is_compacted || !matches!(write, Write::Compact { .. }) {
                self.durable.write(&write);
            }
        }
        self.begun -= synced;
        let last = self.durable.log.last();
        (last != before).then_some(last.index)
    }

    /// The process has ended: what the disk has not begun, it never will.
    pub(super) fn stop(&mut self) {
        self.pending.truncate(self.begun);
    }

    /// A process was started, and has found this. The only thing that a crash may decide is how much is there of what was
    /// begun.
    pub(super) fn recover(&mut self, found: &Contents) -> Result<(), Broken> {
        let mut possible = self.durable.clone();
        let mut least_snapshot = possible.snapshot;
        let mut is_possible = found.is_like(&possible, least_snapshot);
        for write in &self.pending {
            if is_possible {
                break;
            }
            possible.write(write);
            if let Write::Ready { snapshot: Some(last), .. } = write {
                least_snapshot = *last;
            }
            is_possible = found.is_like(&possible, least_snapshot);
        }
        ensure(is_possible, RECOVERY, || {
            let (begun, durable) = (self.pending.len(), &self.durable);
            format!("of {durable}, all durable, and {begun} writes begun, it has found {found}")
        })?;
        self.replace(found.clone());
        Ok(())
    }

    /// It holds this, whatever it held before.
    pub(super) fn replace(&mut self, contents: Contents) {
        *self = Self { durable: contents, ..Self::default() };
    }
}

impl Contents {
    /// Whether this is what a disk holds with these contents, of which a snapshot may not have come into force.
    fn is_like(&self, other: &Self, least_snapshot: EntryId) -> bool {
        self.hard_state == other.hard_state
            && (self.snapshot == other.snapshot || self.snapshot == least_snapshot)
            && self.log.is_same(&other.log)
    }

    /// The term in which it can be trusted to refuse others.
    pub(super) fn term(&self) -> Term {
        self.hard_state.term
    }
}

impl std::fmt::Display for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { hard_state: HardState { term, vote, commit }, log, snapshot } = self;
        let vote = vote.map_or_else(|| "nobody".to_owned(), |vote| vote.to_string());
        let (base, last) = (log.base(), log.last());
        write!(f, "(term {term}, vote {vote}, commit {commit}, snapshot {snapshot}, log {base} to {last})")
    }
}
