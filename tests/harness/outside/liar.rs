//! A disk that fails, and one that answers nonsense.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use quorate::{
    Entries, EntryId, InitialState, LogIndex, MemStorage, Membership, Snapshot, Storage, StorageError, Term,
};

use super::choices::Choices;
use crate::run_after;

/// What the disk does with one question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lie {
    /// Nothing: it answers truly.
    None,
    Fail,
    /// Says that what was asked for is compacted.
    Compacted,
    /// Says that what was asked for is not there yet.
    Unavailable,
    /// Answers with this number, or with something made of it.
    Nonsense(u64),
}

/// For each question in turn, what to do with it; over and over.
pub(crate) fn lies(choices: &mut Choices<'_>) -> Vec<Lie> {
    // It starts honestly, or no node would come to be.
    let honest = 5 + choices.count(15);
    let count = 1 + choices.count(39);
    let lies = (0..count).map(|_| match choices.below(14) {
        0..=7 => Lie::None,
        8 => Lie::Fail,
        9 => Lie::Compacted,
        10 => Lie::Unavailable,
        _ => Lie::Nonsense(choices.number(&[0])),
    });
    let lies: Vec<_> = lies.collect();
    std::iter::repeat_n(Lie::None, honest).chain(lies).collect()
}

pub(crate) struct Liar {
    truth: MemStorage,
    lies: Vec<Lie>,
    asked: AtomicUsize,
}

impl Liar {
    pub(crate) fn new(truth: MemStorage, lies: Vec<Lie>) -> Self {
        Self { truth, lies, asked: AtomicUsize::new(0) }
    }

    fn answer<T>(
        &self,
        index: LogIndex,
        truth: impl FnOnce(&MemStorage) -> Result<T, StorageError>,
        nonsense: impl FnOnce(u64) -> T,
    ) -> Result<T, StorageError> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        match self.lies[asked % self.lies.len()] {
            Lie::None => truth(&self.truth),
            Lie::Fail => Err(std::io::Error::other("the disk is gone").into()),
            Lie::Compacted => Err(StorageError::Compacted(index)),
            Lie::Unavailable => Err(StorageError::Unavailable(index)),
            Lie::Nonsense(number) => Ok(nonsense(number)),
        }
    }
}

impl Storage for Liar {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        self.answer(LogIndex::ZERO, Storage::initial_state, |_| InitialState::default())
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        // Too many, too few, none, or others.
        let nonsense = |number: u64| {
            let terms: Vec<_> = (0..number % 4).map(|_| number % 5).collect();
            run_after(first.0.saturating_sub(number % 3), &terms)
        };
        self.answer(first, |truth| truth.entries(first, last, max_bytes), nonsense)
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.answer(index, |truth| truth.term(index), Term)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        self.answer(LogIndex::ZERO, Storage::first_index, LogIndex)
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        self.answer(LogIndex::ZERO, Storage::last_index, LogIndex)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let nonsense = |number| Snapshot {
            last: EntryId::new(number, number),
            membership: Membership::default(),
            data: Bytes::new().into(),
        };
        self.answer(LogIndex::ZERO, Storage::snapshot, nonsense)
    }
}
