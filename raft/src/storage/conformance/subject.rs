//! The storage under test, and what is written to it.

use bytes::Bytes;

use crate::{
    consensus::{
        Context, Entries, Entry, EntryId, EntryKind, HardState, LogIndex, Membership, NodeId, Proposal,
        Ready, Snapshot, Term, quorum::Majority,
    },
    state_machine::SnapshotWriter,
    storage::StorageWriter,
};

use super::seen::Finding;

/// A place for one storage, and the way to open it.
pub(super) struct Subject<'a, W> {
    place: String,
    open: &'a mut dyn FnMut(&str, Membership) -> W,
}

impl<'a, W: StorageWriter> Subject<'a, W> {
    pub(super) fn new(place: String, open: &'a mut dyn FnMut(&str, Membership) -> W) -> Self {
        Self { place, open }
    }

    /// The storage: a new one, or what was there before.
    pub(super) fn open(&mut self) -> W {
        (self.open)(&self.place, founders())
    }

    /// Closes the storage and opens it again.
    pub(super) fn reopen(&mut self, storage: W) -> W {
        drop(storage);
        self.open()
    }

    /// A storage with entries of these terms, from index 1 on, and a hard state that fits.
    pub(super) fn with_log(&mut self, terms: &[u64]) -> Finding<W> {
        self.with_committed_log(terms, 0)
    }

    /// The same, with the entries committed up to this index: what a snapshot may contain.
    pub(super) fn with_committed_log(&mut self, terms: &[u64], commit: u64) -> Finding<W> {
        let mut storage = self.open();
        let term = terms.last().copied().unwrap_or_default();
        write(&mut storage, &ready(0, terms, Some(hard_state(term, None, commit))))?;
        Ok(storage)
    }
}

/// The founders of the cluster.
pub(super) fn founders() -> Membership {
    Membership::of_voters([1, 2, 3].map(NodeId))
}

/// A membership in which every part says something, as it is in the middle of a change.
pub(super) fn joint() -> Membership {
    let mut membership = Membership::of_voters([2, 3, 4].map(NodeId));
    membership.voters.outgoing = Majority::new(vec![NodeId(1), NodeId(2), NodeId(5)]);
    membership.learners = vec![NodeId(6), NodeId(7)];
    membership.learners_next = vec![NodeId(5)];
    membership.auto_leave = true;
    membership
}

/// The entry with this id: its contents follow from it, and every kind and size occurs.
pub(super) fn entry(id: EntryId) -> Entry {
    let mut proposal = Proposal::command(id.to_string().into());
    match id.index.0 % 5 {
        1 => proposal.kind = EntryKind::Blank,
        2 => proposal.context = Context::new(Bytes::from(format!("context of {id}"))),
        3 => {
            proposal.data = Bytes::from(vec![0; 9000 + usize::try_from(id.term.0 % 100).unwrap_or_default()]);
        }
        4 => {
            proposal.kind = EntryKind::ConfChange;
            proposal.data = Bytes::new();
        }
        _ => {}
    }
    proposal.into_entry(id)
}

/// Entries of these terms, the first of which follows index `before`.
pub(super) fn run(before: u64, terms: &[u64]) -> Entries {
    let ids = (before + 1..).zip(terms).map(|(index, term)| EntryId::new(*term, index));
    // Terms never go down here.
    Entries::try_from(ids.map(entry).collect::<Vec<_>>()).unwrap_or_default()
}

pub(super) fn hard_state(term: u64, vote: Option<u64>, commit: u64) -> HardState {
    HardState { term: Term(term), vote: vote.map(NodeId), commit: LogIndex(commit) }
}

/// A snapshot up to this entry, with a membership that says more than the founders'.
pub(super) fn snapshot(term: u64, index: u64) -> Snapshot {
    let last = EntryId::new(term, index);
    Snapshot { last, membership: joint(), data: format!("state as of {last}").repeat(400).into() }
}

/// A Ready with these entries after `before`.
pub(super) fn ready(before: u64, terms: &[u64], hard_state: Option<HardState>) -> Ready {
    let entries = if terms.is_empty() { Vec::new() } else { vec![run(before, terms)] };
    Ready { entries, hard_state, must_sync: true, ..Ready::default() }
}

/// A Ready with a snapshot from the leader, and entries that follow it.
pub(super) fn install(snapshot: &Snapshot, terms: &[u64], hard_state: HardState) -> Ready {
    let snapshot_index = snapshot.last.index.0;
    Ready { snapshot: Some(Box::new(snapshot.clone())), ..ready(snapshot_index, terms, Some(hard_state)) }
}

/// Writes one Ready, durably.
pub(super) fn write<W: StorageWriter>(storage: &mut W, ready: &Ready) -> Finding {
    storage.write(ready)?;
    Ok(())
}

/// Saves a snapshot, written piece by piece as a state machine would; what the saver makes of it.
pub(super) fn save<W: StorageWriter>(storage: &W, snapshot: &Snapshot) -> Finding<Snapshot> {
    let data = snapshot.data.to_bytes()?;
    let write: SnapshotWriter =
        Box::new(move |to| data.chunks(700).try_for_each(|piece| to.write_all(piece)));
    Ok(storage.snapshot_saver().save(snapshot.last, snapshot.membership.clone(), write)?)
}

/// Makes a snapshot and puts it in force.
pub(super) fn compact<W: StorageWriter>(storage: &mut W, snapshot: &Snapshot, keep: u64) -> Finding {
    let saved = save(storage, snapshot)?;
    storage.compact(saved, keep)?;
    Ok(())
}
