//! Storages that are wrong in one way each.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place knows its flaws, and does what is right for the others"
)]

use std::io;

use quorate::{
    Entries, EntryId, HardState, InitialState, LogIndex, MemStorage, Membership, Proposal, Ready, Snapshot,
    SnapshotData, SnapshotSaver, SnapshotSource, SnapshotWriter, Storage, StorageError, StorageWriter, Term,
};

/// A way to be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    None,
    // Reading.
    LastIsExcluded,
    BeforeFirstIsSkipped,
    AfterLastIsNothing,
    HeavyIsNothing,
    WeightIsIgnored,
    TermBeforeFirstIsForgotten,
    TermAfterLastIsZero,
    TermLongCompactedIsZero,
    PanicsAfterLast,
    ContextIsLost,
    NewLogBeginsAtZero,
    // Writing.
    VoteIsForgotten,
    CommitIsForgotten,
    VoteIsKeptIntoNextTerm,
    TailIsKept,
    OnlyFirstRunIsWritten,
    OnlyLastStagedIsWritten,
    UnsyncedIsDropped,
    EarlierReadersSeeNothing,
    EntriesResetHardState,
    // Snapshots.
    SnapshotMembershipIsLost,
    SnapshotLearnersAreLost,
    InstallKeepsEntriesBehind,
    InstallDropsEntriesOfReady,
    SavedIsInForce,
    FailedSaveIsSaved,
    SnapshotChangesWhileRead,
    NothingIsKept,
    OneTooFewIsKept,
    OneTooManyIsDropped,
    KeepingMoreThanThereIsFails,
    CompactionForgetsVote,
    SnapshotDataIsLost,
    // Opening again.
    VoteDoesNotSurvive,
    SnapshotDoesNotSurvive,
    MembershipDoesNotSurvive,
    StagedIsTorn,
}

/// Each flaw, and words of the sentence that it breaks.
pub(crate) const ALL: &[(Flaw, &str)] = &[
    (Flaw::LastIsExcluded, "both included"),
    (Flaw::BeforeFirstIsSkipped, "`entries` is `Compacted`"),
    (Flaw::AfterLastIsNothing, "`entries` is `Unavailable`"),
    (Flaw::HeavyIsNothing, "at least one"),
    (Flaw::WeightIsIgnored, "weigh no more than"),
    (Flaw::TermBeforeFirstIsForgotten, "and the one before the first"),
    (Flaw::TermAfterLastIsZero, "`term` is `Unavailable`"),
    (Flaw::TermLongCompactedIsZero, "`term` is `Compacted`"),
    (Flaw::PanicsAfterLast, "`entries` is `Unavailable`"),
    (Flaw::ContextIsLost, "comes back as it was written: id"),
    (Flaw::NewLogBeginsAtZero, "a new log is empty"),
    (Flaw::VoteIsForgotten, "term, vote and commit"),
    (Flaw::CommitIsForgotten, "term, vote and commit"),
    (Flaw::VoteIsKeptIntoNextTerm, "term, vote and commit"),
    (Flaw::TailIsKept, "entries replace whatever"),
    (Flaw::OnlyFirstRunIsWritten, "the runs of a Ready"),
    (Flaw::OnlyLastStagedIsWritten, "several Readys may be staged"),
    (Flaw::UnsyncedIsDropped, "what need not be synced"),
    (Flaw::EarlierReadersSeeNothing, "also by readers made before"),
    (Flaw::EntriesResetHardState, "what a Ready does not have"),
    (Flaw::SnapshotMembershipIsLost, "a snapshot's membership is that of the log"),
    (Flaw::SnapshotLearnersAreLost, "a snapshot's membership is that of the log"),
    (Flaw::InstallKeepsEntriesBehind, "drops entries of another history"),
    (Flaw::InstallDropsEntriesOfReady, "of a Ready follow its snapshot"),
    (Flaw::SavedIsInForce, "a saved snapshot is not in force"),
    (Flaw::FailedSaveIsSaved, "could not be written fails to be saved"),
    (Flaw::SnapshotChangesWhileRead, "stays readable when newer ones come"),
    (Flaw::NothingIsKept, "keeps the last `keep`"),
    (Flaw::OneTooFewIsKept, "keeps the last `keep`"),
    (Flaw::OneTooManyIsDropped, "and no others"),
    (Flaw::KeepingMoreThanThereIsFails, "with more to keep than there is"),
    (Flaw::CompactionForgetsVote, "leaves the hard state"),
    (Flaw::SnapshotDataIsLost, "a snapshot comes back as it was written"),
    (Flaw::VoteDoesNotSurvive, "term and vote are there"),
    (Flaw::SnapshotDoesNotSurvive, "and what followed it, is there when"),
    (Flaw::MembershipDoesNotSurvive, "a snapshot's membership is there"),
    (Flaw::StagedIsTorn, "there whole, or not at all"),
];

/// A storage in memory with a flaw.
pub(crate) struct Flawed {
    disk: MemStorage,
    flaw: Flaw,
    founders: Membership,
    /// Readys that were staged, as far as a flaw needs to know.
    staged: Vec<(Vec<Entries>, Option<HardState>, Option<Snapshot>)>,
}

/// The read side.
pub(crate) struct FlawedReader {
    disk: MemStorage,
    flaw: Flaw,
    last_when_made: LogIndex,
}

impl Flawed {
    pub(crate) fn open(disk: MemStorage, flaw: Flaw, founders: Membership, is_new: bool) -> Self {
        let state = disk.hard_state();
        match flaw {
            Flaw::VoteDoesNotSurvive => disk.set_hard_state(HardState { vote: None, ..state }),
            Flaw::MembershipDoesNotSurvive if !is_new => disk.set_membership(founders.clone()),
            _ => {}
        }
        let disk = if flaw == Flaw::SnapshotDoesNotSurvive && !is_new {
            without_snapshot(&disk, founders.clone())
        } else {
            disk
        };
        Self { disk, flaw, founders, staged: Vec::new() }
    }

    fn write_staged(&mut self) -> Result<(), StorageError> {
        if self.flaw == Flaw::OnlyLastStagedIsWritten && self.staged.len() > 1 {
            self.staged.drain(..self.staged.len() - 1);
        }
        for (entries, hard_state, snapshot) in std::mem::take(&mut self.staged) {
            self.write_one(entries, hard_state, snapshot)?;
        }
        Ok(())
    }

    fn write_one(
        &mut self,
        mut entries: Vec<Entries>,
        hard_state: Option<HardState>,
        mut snapshot: Option<Snapshot>,
    ) -> Result<(), StorageError> {
        let before = self.disk.hard_state();
        let last = Storage::last_index(&self.disk)?;
        let behind = snapshot.as_ref().map(|snapshot| snapshot.last.index.next());
        let kept =
            behind.filter(|behind| *behind <= last).map(|behind| self.disk.entries(behind, last, usize::MAX));
        match self.flaw {
            Flaw::OnlyFirstRunIsWritten => entries.truncate(1),
            Flaw::InstallDropsEntriesOfReady if snapshot.is_some() => entries.clear(),
            Flaw::TailIsKept => entries = self.with_tail(entries)?,
            Flaw::ContextIsLost => entries = entries.iter().map(without_context).collect(),
            _ => {}
        }
        snapshot = snapshot.map(|snapshot| self.spoilt(snapshot));
        let hard_state = hard_state.map(|written| match self.flaw {
            Flaw::VoteIsForgotten => HardState { vote: None, ..written },
            Flaw::CommitIsForgotten => HardState { commit: LogIndex::ZERO, ..written },
            Flaw::VoteIsKeptIntoNextTerm => HardState { vote: written.vote.or(before.vote), ..written },
            _ => written,
        });
        if self.flaw == Flaw::EntriesResetHardState && !entries.is_empty() && hard_state.is_none() {
            self.disk.set_hard_state(HardState::default());
        }
        let has_entries = !entries.is_empty();
        let snapshot = snapshot.map(Box::new);
        self.disk.stage(&Ready { entries, hard_state, snapshot, ..Ready::default() })?;
        if let Some(kept) = kept.filter(|_| self.flaw == Flaw::InstallKeepsEntriesBehind && !has_entries) {
            // Their terms are older than the snapshot's, which the storage below would refuse: written anew.
            let term = self.disk.term(Storage::last_index(&self.disk)?)?;
            let kept = kept?;
            let anew = kept.iter().cloned().map(|mut entry| {
                entry.id.term = term;
                entry
            });
            self.disk.append(&Entries::try_from(anew.collect::<Vec<_>>()).unwrap())?;
        }
        Ok(())
    }

    /// The entries, and whatever the log holds behind them.
    fn with_tail(&self, mut entries: Vec<Entries>) -> Result<Vec<Entries>, StorageError> {
        let (Some(end), last) = (entries.last().and_then(Entries::last_id), Storage::last_index(&self.disk)?)
        else {
            return Ok(entries);
        };
        if end.index < last {
            let tail = self.disk.entries(end.index.next(), last, usize::MAX)?;
            let tail = tail.iter().cloned().map(|mut entry| {
                entry.id.term = entry.id.term.max(end.term);
                entry
            });
            entries.push(Entries::try_from(tail.collect::<Vec<_>>()).unwrap());
        }
        Ok(entries)
    }

    fn spoilt(&self, mut snapshot: Snapshot) -> Snapshot {
        match self.flaw {
            Flaw::SnapshotMembershipIsLost => snapshot.membership = self.founders.clone(),
            Flaw::SnapshotLearnersAreLost => snapshot.membership.learners.clear(),
            Flaw::SnapshotDataIsLost => snapshot.data = SnapshotData::default(),
            _ => {}
        }
        snapshot
    }
}

/// What a storage holds that has lost its snapshot.
fn without_snapshot(disk: &MemStorage, founders: Membership) -> MemStorage {
    let bare = MemStorage::with_membership(founders);
    if disk.first_index().unwrap() == LogIndex(1) && Storage::last_index(disk).unwrap() > LogIndex(0) {
        bare.append(&disk.entries(LogIndex(1), Storage::last_index(disk).unwrap(), usize::MAX).unwrap())
            .unwrap();
    }
    bare.set_hard_state(disk.hard_state());
    bare
}

fn without_context(run: &Entries) -> Entries {
    let entries = run.iter().map(|entry| {
        Proposal { kind: entry.kind(), ..Proposal::command(entry.data().clone()) }.into_entry(entry.id)
    });
    Entries::try_from(entries.collect::<Vec<_>>()).unwrap()
}

impl StorageWriter for Flawed {
    type Reader = FlawedReader;

    fn reader(&self) -> FlawedReader {
        let last_when_made = Storage::last_index(&self.disk).unwrap();
        FlawedReader { disk: self.disk.clone(), flaw: self.flaw, last_when_made }
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        if self.flaw == Flaw::StagedIsTorn
            && let Some(hard_state) = ready.hard_state
        {
            self.disk.set_hard_state(hard_state);
        }
        if self.flaw == Flaw::UnsyncedIsDropped && !ready.must_sync {
            return Ok(());
        }
        let snapshot = ready.snapshot.as_ref().map(|snapshot| (**snapshot).clone());
        self.staged.push((ready.entries.clone(), ready.hard_state, snapshot));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.write_staged()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        match self.flaw {
            Flaw::SavedIsInForce => Box::new(HastySaver(self.disk.clone())),
            Flaw::FailedSaveIsSaved => Box::new(CarelessSaver),
            _ => self.disk.snapshot_saver(),
        }
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.sync()?;
        let (index, snapshot) = (snapshot.last.index, self.spoilt(snapshot));
        let hard_state = self.disk.hard_state();
        match self.flaw {
            Flaw::NothingIsKept => self.disk.compact(snapshot, 0),
            Flaw::OneTooFewIsKept => self.disk.compact(snapshot, keep.saturating_sub(1)),
            Flaw::KeepingMoreThanThereIsFails if keep > index.0 => Err(StorageError::Unavailable(index)),
            Flaw::OneTooManyIsDropped if index < Storage::last_index(&self.disk)? => {
                let mut last = snapshot.last;
                last.index = index.next();
                last.term = self.disk.term(last.index)?;
                self.disk.compact(Snapshot { last, ..snapshot }, keep)
            }
            Flaw::CompactionForgetsVote => {
                self.disk.set_hard_state(HardState { vote: None, ..hard_state });
                self.disk.compact(snapshot, keep)
            }
            _ => self.disk.compact(snapshot, keep),
        }
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        StorageWriter::snapshot(&self.disk)
    }
}

impl Storage for FlawedReader {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        self.disk.initial_state()
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        let is_after_last = first > Storage::last_index(&self.disk)?;
        match self.flaw {
            Flaw::LastIsExcluded if first < last => self.disk.entries(first, last.previous(), max_bytes),
            Flaw::BeforeFirstIsSkipped => {
                self.disk.entries(first.max(self.disk.first_index()?), last, max_bytes)
            }
            Flaw::AfterLastIsNothing if is_after_last => Ok(Entries::EMPTY),
            Flaw::PanicsAfterLast => {
                assert!(!is_after_last, "{first} is out of range");
                self.disk.entries(first, last, max_bytes)
            }
            Flaw::HeavyIsNothing if max_bytes == 0 => Ok(Entries::EMPTY),
            Flaw::WeightIsIgnored => self.disk.entries(first, last, usize::MAX),
            _ => self.disk.entries(first, last, max_bytes),
        }
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        let first = self.disk.first_index()?;
        match self.flaw {
            Flaw::TermBeforeFirstIsForgotten if index.next() == first => Err(StorageError::Compacted(index)),
            Flaw::TermAfterLastIsZero if index > Storage::last_index(&self.disk)? => Ok(Term::ZERO),
            Flaw::TermLongCompactedIsZero if index.next() < first => Ok(Term::ZERO),
            _ => self.disk.term(index),
        }
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        let first = self.disk.first_index()?;
        let is_empty = Storage::last_index(&self.disk)? == LogIndex::ZERO;
        if self.flaw == Flaw::NewLogBeginsAtZero && is_empty { Ok(LogIndex::ZERO) } else { Ok(first) }
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        if self.flaw == Flaw::EarlierReadersSeeNothing {
            return Ok(self.last_when_made);
        }
        Storage::last_index(&self.disk)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let mut snapshot = Storage::snapshot(&self.disk)?;
        if self.flaw == Flaw::SnapshotChangesWhileRead {
            snapshot.data = SnapshotData::elsewhere(Newest(self.disk.clone(), snapshot.data.size()));
        }
        Ok(snapshot)
    }
}

/// Puts a snapshot in force as soon as it is saved.
struct HastySaver(MemStorage);

impl SnapshotSaver for HastySaver {
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
    ) -> Result<Snapshot, StorageError> {
        let mut disk = self.0.clone();
        let snapshot = disk.snapshot_saver().save(last, membership, write)?;
        disk.compact(snapshot.clone(), u64::MAX)?;
        Ok(snapshot)
    }
}

/// Takes what was written before the state machine gave up for all of it.
struct CarelessSaver;

impl SnapshotSaver for CarelessSaver {
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
    ) -> Result<Snapshot, StorageError> {
        let mut data = Vec::new();
        let _ = write(&mut data);
        Ok(Snapshot { last, membership, data: data.into() })
    }
}

/// Reads each piece from the snapshot that is in force by then.
struct Newest(MemStorage, u64);

impl SnapshotSource for Newest {
    fn size(&self) -> u64 {
        self.1
    }

    fn open(&self) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(NewestReader { disk: self.0.clone(), offset: 0 }))
    }
}

struct NewestReader {
    disk: MemStorage,
    offset: usize,
}

impl io::Read for NewestReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = Storage::snapshot(&self.disk).unwrap().data.to_bytes()?;
        let mut rest = bytes.get(self.offset..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.offset += count;
        Ok(count)
    }
}
