//! Comparing what a storage says with what it should say.

use std::{any::Any, fmt, io};

use crate::consensus::{Entries, LogIndex, Snapshot, Storage, StorageError};

use super::subject::entry;

/// Whether a sentence is kept.
pub(super) type Finding<T = ()> = Result<T, Difference>;

/// What was seen, where something else should have been.
#[derive(Debug)]
pub(super) struct Difference(String);

impl Difference {
    pub(super) fn panicked(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Self(format!("it panicked: {}", text.unwrap_or("without a word")))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Difference {
    fn from(error: io::Error) -> Self {
        Self(format!("a snapshot cannot be read: {error}"))
    }
}

impl From<StorageError> for Difference {
    fn from(error: StorageError) -> Self {
        Self(format!("an error where none should be: {error}"))
    }
}

/// `what` is as it should be.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, found: &T, expected: &T) -> Finding {
    if found == expected {
        return Ok(());
    }
    Err(Difference(format!("{what} is {found:?}, not {expected:?}")))
}

/// The snapshot is that which was written, wherever its contents are.
pub(super) fn same_snapshot(what: &str, found: Option<&Snapshot>, expected: &Snapshot) -> Finding {
    let Some(found) = found else { return Err(Difference(format!("{what} is not there"))) };
    same(&format!("the last entry of {what}"), &found.last, &expected.last)?;
    same(&format!("the membership of {what}"), &found.membership, &expected.membership)?;
    let (bytes, written) = (found.data.to_bytes()?, expected.data.to_bytes()?);
    same(&format!("the size of {what}"), &found.data.size(), &(written.len() as u64))?;
    holds(bytes == written, || format!("the contents of {what} are not what was written"))
}

/// It holds.
pub(super) fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Finding {
    if condition { Ok(()) } else { Err(Difference(otherwise())) }
}

/// The answer is [`StorageError::Compacted`].
pub(super) fn compacted<T: fmt::Debug>(what: &str, answer: Result<T, StorageError>) -> Finding {
    match answer {
        Err(StorageError::Compacted(_)) => Ok(()),
        other => Err(Difference(format!("{what} is {other:?}, not `Compacted`"))),
    }
}

/// The answer is [`StorageError::Unavailable`].
pub(super) fn unavailable<T: fmt::Debug>(what: &str, answer: Result<T, StorageError>) -> Finding {
    match answer {
        Err(StorageError::Unavailable(_)) => Ok(()),
        other => Err(Difference(format!("{what} is {other:?}, not `Unavailable`"))),
    }
}

/// The entries' ids, as `1@1 2@1`, if their contents are their own.
pub(super) fn ids(entries: &Entries) -> Finding<String> {
    for found in entries {
        same("an entry", found, &entry(found.id))?;
    }
    Ok(entries.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(" "))
}

/// The log's entries from `first` to its end.
pub(super) fn log_from(storage: &impl Storage, first: u64) -> Finding<String> {
    let last = storage.last_index()?;
    if last < LogIndex(first) {
        return Ok(String::new());
    }
    ids(&storage.entries(LogIndex(first), last, usize::MAX)?)
}

/// All that the log holds, asked for entry by entry: as `1@1 2@1`, after checking that ids and terms agree.
pub(super) fn log(storage: &impl Storage) -> Finding<String> {
    let (first, last) = (storage.first_index()?, storage.last_index()?);
    same("the index before the first, or the last", &(last.next() >= first), &true)?;
    for index in (first.0..=last.0).map(LogIndex) {
        let entries = storage.entries(index, index, usize::MAX)?;
        let found: Vec<_> = entries.iter().map(|entry| entry.id.index).collect();
        same("what `entries` gives for one index", &found, &vec![index])?;
        same("the term of an entry", &storage.term(index)?, &entries[0].id.term)?;
    }
    log_from(storage, first.0)
}
