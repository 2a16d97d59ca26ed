//! What a log may hold: the state that was acknowledged, or one of those that came after.

use std::fmt;

use bytes::Bytes;
use quorate::{
    DiskStorage, Entries, Entry, EntryId, HardState, LogIndex, Membership, NodeId, Ready, Snapshot,
    Storage as _, StorageError, StorageWriter,
};

/// Everything that a log remembers.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) hard_state: HardState,
    pub(crate) membership: Membership,
    pub(crate) snapshot: Option<Snapshot>,
    /// The entry before the first.
    pub(crate) base: EntryId,
    pub(crate) log: Vec<Entry>,
}

/// What one Ready wants written.
#[derive(Clone, Default)]
pub(crate) struct Write {
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) hard_state: Option<HardState>,
}

/// What is done to a log.
#[derive(Clone)]
pub(crate) enum Action {
    Stage(Write),
    Sync,
    /// Save a snapshot, put it in force, and keep so many entries before its end.
    Compact(Snapshot, u64),
    /// Close the log and open it again.
    Reopen,
    /// The process dies and starts again; what it had written without a sync is still there.
    Kill,
}

pub(crate) fn founders() -> Membership {
    Membership::of_voters([1, 2, 3].map(NodeId))
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            hard_state: HardState::default(),
            membership: founders(),
            snapshot: None,
            base: EntryId::ZERO,
            log: Vec::new(),
        }
    }

    /// What the storage says that it holds, all of it.
    pub(crate) fn read(storage: &DiskStorage) -> Result<Self, StorageError> {
        let reader = storage.reader();
        let first = reader.first_index()?;
        let last = reader.last_index()?;
        let base = first.previous();
        let mut log = Vec::new();
        while base.0 + (log.len() as u64) < last.0 {
            // In pieces, so that answers begin and end anywhere.
            let next = LogIndex(first.0 + log.len() as u64);
            log.extend(reader.entries(next, last, 500)?.iter().cloned());
        }
        for entry in &log {
            assert_eq!(reader.term(entry.id.index)?, entry.id.term, "the term of an entry is the entry's");
        }
        let state = reader.initial_state()?;
        Ok(Self {
            hard_state: state.hard_state,
            membership: state.membership,
            snapshot: StorageWriter::snapshot(storage)?.map(in_memory).transpose()?,
            base: EntryId { index: base, term: reader.term(base)? },
            log,
        })
    }

    pub(crate) fn last(&self) -> EntryId {
        self.log.last().map_or(self.base, |entry| entry.id)
    }

    pub(crate) fn id_at(&self, index: LogIndex) -> EntryId {
        let offset = index.0 - self.base.index.0;
        if offset == 0 { self.base } else { self.log[usize::try_from(offset).unwrap() - 1].id }
    }

    /// The action succeeds.
    pub(crate) fn act(&mut self, action: &Action) {
        match action {
            Action::Stage(write) => self.write(write),
            Action::Compact(snapshot, keep) => self.compact(snapshot, *keep),
            Action::Sync | Action::Reopen | Action::Kill => {}
        }
    }

    pub(crate) fn write(&mut self, write: &Write) {
        if let Some(snapshot) = &write.snapshot {
            self.log.clear();
            self.base = snapshot.last;
            self.put_in_force(snapshot);
        }
        if let Some(first) = write.entries.first() {
            self.log.retain(|entry| entry.id.index < first.id.index);
            self.log.extend_from_slice(&write.entries);
        }
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
    }

    pub(crate) fn compact(&mut self, snapshot: &Snapshot, keep: u64) {
        let index = LogIndex(snapshot.last.index.0.saturating_sub(keep)).max(self.base.index);
        self.base = self.id_at(index);
        self.log.retain(|entry| entry.id.index > index);
        self.put_in_force(snapshot);
    }

    fn put_in_force(&mut self, snapshot: &Snapshot) {
        self.membership = snapshot.membership.clone();
        self.snapshot = Some(snapshot.clone());
    }
}

/// The snapshot, with contents that can be compared.
pub(crate) fn in_memory(snapshot: Snapshot) -> Result<Snapshot, StorageError> {
    let data = snapshot.data.to_bytes()?.into();
    Ok(Snapshot { data, ..snapshot })
}

/// Short enough to see two of them on a screen.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HardState { term, vote, commit } = self.hard_state;
        let snapshot = self.snapshot.as_ref().map(|snapshot| snapshot.last.to_string());
        let entry = |entry: &Entry| format!("{}+{}", entry.id, entry.data().len());
        let log: Vec<_> = self.log.iter().map(entry).collect();
        write!(
            f,
            "term {term} vote {vote:?} commit {commit} | snapshot {snapshot:?} | {} | after {}: {}",
            self.membership,
            self.base,
            log.join(" ")
        )
    }
}

impl Write {
    pub(crate) fn ready(&self) -> Ready {
        let entries = Entries::try_from(self.entries.clone()).unwrap();
        Ready {
            snapshot: self.snapshot.clone().map(Box::new),
            entries: if entries.is_empty() { Vec::new() } else { vec![entries] },
            hard_state: self.hard_state,
            must_sync: true,
            ..Ready::default()
        }
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage(Write { snapshot, entries, hard_state }) => {
                let snapshot = snapshot.as_ref().map(|snapshot| snapshot.last.to_string());
                let entries = Entries::try_from(entries.clone()).unwrap_or_default();
                write!(f, "stage snapshot {snapshot:?} entries {entries} {hard_state:?}")
            }
            Self::Sync => f.write_str("sync"),
            Self::Compact(snapshot, keep) => write!(f, "compact to {} keep {keep}", snapshot.last),
            Self::Reopen => f.write_str("reopen"),
            Self::Kill => f.write_str("kill"),
        }
    }
}

/// The states that a log may be in. The first is acknowledged: nothing before it may come back.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    possible: Vec<State>,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { possible: vec![State::new()] }
    }

    /// The state if all that was attempted has succeeded.
    pub(crate) fn latest(&self) -> &State {
        self.possible.last().unwrap()
    }

    /// The latest term that it may know, and the commit index, if there is no doubt of that.
    pub(crate) fn hard_state_but_for_votes(&self) -> Option<HardState> {
        let latest = self.latest().hard_state;
        let is_sure = self.possible.iter().all(|state| state.hard_state.commit == latest.commit);
        is_sure.then_some(HardState { vote: None, ..latest })
    }

    /// This was attempted. It may become durable at any time from now on.
    pub(crate) fn attempt(&mut self, change: impl FnOnce(&mut State)) {
        let mut next = self.latest().clone();
        change(&mut next);
        self.possible.push(next);
    }

    /// All that was attempted is acknowledged.
    pub(crate) fn acknowledge(&mut self) {
        self.possible.drain(..self.possible.len() - 1);
    }

    /// This was acknowledged after something had failed: whatever became of that, this came on top.
    pub(crate) fn acknowledge_after_failure(&mut self, write: &Write) {
        self.possible.iter_mut().for_each(|state| state.write(write));
    }

    /// The log was opened and says that it holds this: from now on it must stay.
    pub(crate) fn observe(&mut self, found: State) {
        assert!(
            self.possible.contains(&found),
            "the log holds\n  {found:?}\nbut acknowledged was\n  {:?}\nand then, perhaps,\n  {:#?}",
            self.possible[0],
            &self.possible[1..]
        );
        self.possible = vec![found];
    }
}

/// Bytes that no other entry has.
pub(crate) fn unique_bytes(number: u64, length: usize) -> Bytes {
    let mut bytes = number.to_be_bytes().to_vec();
    let mut state = number;
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length.max(8));
    bytes.into()
}
