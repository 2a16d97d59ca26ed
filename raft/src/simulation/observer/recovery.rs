//! What a process finds on its disk.

use super::{
    super::violation::{Broken, ensure},
    Observer,
    disks::Contents,
    log::Log,
    promise::{RECOVERY, SNAPSHOTS},
};
use crate::{
    consensus::{
        Entries, EntryId, EntryKind, HardState, LogIndex, Membership, NodeId, Storage, StorageError,
    },
    storage::{StorageWriter, disk::DiskStorage},
};

/// What a process finds on its disk.
pub(super) struct Found {
    pub(super) contents: Contents,
    /// The entries themselves; none if they cannot be read, since the disk fails just now.
    pub(super) entries: Entries,
    /// The membership of the snapshot, if there is a snapshot.
    pub(super) membership: Option<Membership>,
}

/// What a node takes up from its disk.
pub(super) struct TakenUp {
    pub(super) hard_state: HardState,
    /// What its state machine contains.
    pub(super) applied: LogIndex,
    /// Whether it knows of no membership.
    pub(super) is_unfounded: bool,
}

impl Found {
    /// Reads a log as those do who use it.
    pub(super) fn on(storage: &DiskStorage) -> Result<Self, StorageError> {
        let reader = storage.reader();
        let (first, last) = (reader.first_index()?, reader.last_index()?);
        let base = first.previous();
        let mut log = Log::after(EntryId { term: reader.term(base)?, index: base });
        for index in (first.0..=last.0).map(LogIndex) {
            // What cannot follow is missed when this is compared.
            let _gap = log.append(EntryId { term: reader.term(index)?, index });
        }
        let entries = reader.entries(first, last, usize::MAX).unwrap_or_default();
        let snapshot = storage.snapshot()?;
        let last = snapshot.as_ref().map_or(EntryId::ZERO, |snapshot| snapshot.last);
        let contents = Contents { hard_state: reader.hard_state(), log, snapshot: last };
        Ok(Self { contents, entries, membership: snapshot.map(|snapshot| snapshot.membership) })
    }
}

impl Observer {
    /// A process takes up what it has found on its disk. It is all that was durable there, and nothing that was never
    /// written.
    pub(super) fn take_up(&mut self, id: NodeId, found: &Found, taken: &TakenUp) -> Result<(), Broken> {
        let Contents { hard_state, log, snapshot } = &found.contents;
        let node = self.nodes.entry(id).or_default();
        if node.may_be_damaged {
            node.disk.replace(found.contents.clone());
        } else {
            node.disk.recover(&found.contents)?;
        }
        let mut follows = log.base();
        for entry in &found.entries {
            ensure(self.entries.may_know(entry.id), RECOVERY, || format!("{} was never written", entry.id))?;
            self.entries.meet(follows, entry)?;
            follows = entry.id;
        }
        if let Some(membership) = &found.membership {
            self.check_snapshot(id, *snapshot, membership)?;
        }
        ensure(taken.applied == snapshot.index, SNAPSHOTS, || {
            format!("the state machine begins at {} and was restored from snapshot {snapshot}", taken.applied)
        })?;
        let (has, gets) = (hard_state, taken.hard_state);
        let is_kept = (has.term, has.vote) == (gets.term, gets.vote) && gets.commit >= has.commit;
        ensure(is_kept, RECOVERY, || format!("it finds {has:?} and begins with {gets:?}"))?;
        if let Some(committed) = log.id_at(gets.commit) {
            self.commits.check(committed)?;
        }
        self.begin_life(id, found, taken);
        Ok(())
    }

    fn begin_life(&mut self, id: NodeId, found: &Found, taken: &TakenUp) {
        let node = self.nodes.entry(id).or_default();
        node.hard_state = taken.hard_state;
        (node.role, node.leader) = (None, None);
        node.log = found.contents.log.clone();
        let changes = found.entries.iter().filter(|entry| entry.kind() == EntryKind::ConfChange);
        let uncommitted =
            changes.map(|entry| entry.id.index).filter(|index| *index > taken.hard_state.commit);
        node.changes = uncommitted.collect();
        node.installed = LogIndex::ZERO;
        node.handed_out = found.contents.snapshot;
        node.applied = Some(taken.applied);
        node.applying.clear();
        node.is_unfounded = taken.is_unfounded;
    }
}
