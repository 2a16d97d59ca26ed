//! What the contract says of reading.

use crate::{
    consensus::{Entries, Entry, HardState, LogIndex, Storage, StorageError, Term},
    storage::StorageWriter,
};

use super::{
    Sentence,
    seen::{Finding, compacted, holds, ids, log, same, unavailable},
    subject::{Subject, compact, founders, run, snapshot},
};

pub(super) fn sentences<W: StorageWriter>() -> Vec<Sentence<W>> {
    vec![
        Sentence {
            words: "a new log is empty: it begins at 1, ends at 0, and remembers nothing but the founders",
            check: new_log,
        },
        Sentence {
            words: "a new log has no snapshot, and says `SnapshotTemporarilyUnavailable`",
            check: no_snapshot,
        },
        Sentence { words: "`entries` gives those from `first` to `last`, both included", check: bounds },
        Sentence { words: "`entries` gives as many as weigh no more than `max_bytes`", check: weight },
        Sentence { words: "`entries` gives at least one, however heavy", check: at_least_one },
        Sentence {
            words: "`entries` is `Compacted` if `first` is before the log's first, never a shorter answer",
            check: entries_before_first,
        },
        Sentence {
            words: "`entries` is `Unavailable` if `first` is after the log's last, never a shorter answer",
            check: entries_after_last,
        },
        Sentence { words: "`term` knows every entry, and the one before the first", check: terms },
        Sentence { words: "`term` is `Compacted` before that", check: term_before_first },
        Sentence { words: "`term` is `Unavailable` after the log's last", check: term_after_last },
        Sentence {
            words: "an entry comes back as it was written: id, kind, context and data",
            check: contents,
        },
    ]
}

/// How a log is made that begins behind a snapshot, at 4, and ends at 8.
fn compacted_log<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding<W> {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 2, 3, 3, 3], 3)?;
    compact(&mut storage, &snapshot(2, 3), 0)?;
    Ok(storage)
}

fn new_log<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let reader = subject.open().reader();
    same("the first index", &reader.first_index()?, &LogIndex(1))?;
    same("the last index", &reader.last_index()?, &LogIndex(0))?;
    same("the term before the first entry", &reader.term(LogIndex(0))?, &Term(0))?;
    let state = reader.initial_state()?;
    same("the hard state", &state.hard_state, &HardState::default())?;
    same("the membership", &state.membership, &founders())
}

fn no_snapshot<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let storage = subject.open();
    same("the writer's snapshot", &storage.snapshot()?, &None)?;
    let answer = storage.reader().snapshot();
    let is_right = matches!(answer, Err(StorageError::SnapshotTemporarilyUnavailable));
    holds(is_right, || format!("the reader's snapshot is {answer:?}"))
}

fn bounds<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let reader = subject.with_log(&[1, 1, 2, 2, 3])?.reader();
    for (first, last, expected) in
        [(1, 5, "1@1 2@1 3@2 4@2 5@3"), (1, 1, "1@1"), (2, 4, "2@1 3@2 4@2"), (3, 3, "3@2"), (5, 5, "5@3")]
    {
        let found = ids(&reader.entries(LogIndex(first), LogIndex(last), usize::MAX)?)?;
        same(&format!("the answer from {first} to {last}"), &found.as_str(), &expected)?;
    }
    Ok(())
}

fn weight<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let terms = [1, 1, 2, 2, 3, 3];
    let reader = subject.with_log(&terms)?.reader();
    let sizes: Vec<_> = run(0, &terms).iter().map(Entry::size).collect();
    for count in 1..=terms.len() {
        let bytes: usize = sizes[..count].iter().sum();
        for (max_bytes, expected) in [(bytes, count), (bytes - 1, (count - 1).max(1))] {
            let found = reader.entries(LogIndex(1), LogIndex(6), max_bytes)?.len();
            same(&format!("the number of entries in {max_bytes} bytes"), &found, &expected)?;
        }
    }
    Ok(())
}

fn at_least_one<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let reader = subject.with_log(&[1, 1, 2, 2])?.reader();
    for index in 1..=4 {
        let found = reader.entries(LogIndex(index), LogIndex(4), 0)?;
        same("what fits into 0 bytes", &found.first_id().map(|id| id.index), &Some(LogIndex(index)))?;
        same("the number of entries in 0 bytes", &found.len(), &1)?;
    }
    Ok(())
}

fn entries_before_first<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let reader = compacted_log(subject)?.reader();
    let before = reader.first_index()?.previous();
    let ask = |first, last| reader.entries(first, last, usize::MAX);
    compacted("the answer before the log's first", ask(before, before))?;
    compacted("an answer that begins before the log's first", ask(before, LogIndex(8)))?;
    compacted("an answer that begins at 0", ask(LogIndex(0), LogIndex(8)))
}

fn entries_after_last<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let ask = |reader: &W::Reader, index| -> Result<Entries, _> {
        reader.entries(LogIndex(index), LogIndex(index), usize::MAX)
    };
    let empty = subject.open().reader();
    unavailable("the first entry of an empty log", ask(&empty, 1))?;
    drop(empty);
    let reader = compacted_log(subject)?.reader();
    unavailable("the entry after the last", ask(&reader, 9))?;
    unavailable("an entry far behind the last", ask(&reader, LogIndex::LAST.0))
}

fn terms<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let reader = compacted_log(subject)?.reader();
    for (index, term) in (3..).zip([2, 2, 2, 3, 3, 3]) {
        same(&format!("the term of {index}"), &reader.term(LogIndex(index))?, &Term(term))?;
    }
    let before = reader.first_index()?.previous();
    holds(reader.term(before).is_ok(), || format!("the term of {before}, before the first, is not known"))
}

fn term_before_first<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 2, 3], 5)?;
    compact(&mut storage, &snapshot(2, 5), 0)?;
    let reader = storage.reader();
    let first = reader.first_index()?;
    match first.0.checked_sub(2) {
        Some(index) => compacted("the term two before the first", reader.term(LogIndex(index))),
        // Nothing was dropped, and before 0 is nothing.
        None => Ok(()),
    }
}

fn term_after_last<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    unavailable("the term of 1 in an empty log", subject.open().reader().term(LogIndex(1)))?;
    let reader = compacted_log(subject)?.reader();
    unavailable("the term after the last", reader.term(LogIndex(9)))?;
    unavailable("a term far behind the last", reader.term(LogIndex::LAST))
}

fn contents<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let terms: Vec<_> = (1..=20).map(|index| index / 7 + 1).collect();
    let reader = subject.with_log(&terms)?.reader();
    let found = reader.entries(LogIndex(1), LogIndex(20), usize::MAX)?;
    for (found, written) in found.iter().zip(run(0, &terms).iter()) {
        same("an entry", found, written)?;
    }
    same("the last entry", &log(&reader)?.split(' ').next_back(), &Some("20@3"))
}
