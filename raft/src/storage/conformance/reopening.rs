//! What the contract says of storages that remember.

use crate::{
    consensus::{HardState, LogIndex, Storage, Term},
    storage::StorageWriter,
};

use super::{
    Sentence,
    seen::{Finding, compacted, holds, log, same, same_snapshot},
    subject::{Subject, compact, founders, hard_state, install, joint, ready, save, snapshot, write},
};

pub(super) fn sentences<W: StorageWriter>() -> Vec<Sentence<W>> {
    vec![
        Sentence { words: "entries and hard state are there when it is opened again", check: written },
        Sentence {
            words: "term and vote are there when it is opened again, also without entries",
            check: vote,
        },
        Sentence { words: "replaced entries do not come back when it is opened again", check: replaced },
        Sentence {
            words: "a snapshot from the leader, and what followed it, is there when it is opened again",
            check: installed,
        },
        Sentence {
            words: "what was dropped does not come back, and what was kept is there",
            check: compaction,
        },
        Sentence { words: "a snapshot's membership is there when it is opened again", check: membership },
        Sentence { words: "a saved snapshot that was not put in force leaves no trace", check: saved },
        Sentence { words: "what was staged and not synced is there whole, or not at all", check: staged },
        Sentence { words: "opening it changes nothing", check: opening },
        Sentence { words: "it goes on where it was, however often it is opened", check: goes_on },
    ]
}

fn written<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 2])?;
    write(&mut storage, &ready(3, &[2, 2], Some(hard_state(2, Some(3), 2))))?;
    let reader = subject.reopen(storage).reader();
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@2 4@2 5@2")?;
    let state = reader.initial_state()?;
    same("the hard state", &state.hard_state, &hard_state(2, Some(3), 2))?;
    same("the membership", &state.membership, &founders())
}

fn vote<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    for written in [hard_state(1, Some(2), 0), hard_state(5, None, 0), hard_state(5, Some(u64::MAX), 0)] {
        write(&mut storage, &ready(0, &[], Some(written)))?;
        storage = subject.reopen(storage);
        same("the hard state", &storage.reader().initial_state()?.hard_state, &written)?;
    }
    Ok(())
}

fn replaced<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1, 1, 1])?;
    write(&mut storage, &ready(2, &[2], Some(hard_state(2, None, 0))))?;
    storage = subject.reopen(storage);
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@2")?;
    write(&mut storage, &ready(3, &[2], None))?;
    let reader = subject.reopen(storage).reader();
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@2 4@2")
}

fn installed<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1])?;
    let made = snapshot(4, 9);
    write(&mut storage, &install(&made, &[4], hard_state(4, Some(1), 9)))?;
    let storage = subject.reopen(storage);
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"10@4")?;
    same("the term before the first entry", &reader.term(LogIndex(9))?, &Term(4))?;
    same_snapshot("the reader's snapshot", Some(&reader.snapshot()?), &made)?;
    same_snapshot("the writer's snapshot", storage.snapshot()?.as_ref(), &made)?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(4, Some(1), 9))
}

fn compaction<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 3, 3], 5)?;
    let made = snapshot(3, 5);
    compact(&mut storage, &made, 2)?;
    let reader = subject.reopen(storage).reader();
    same("the log", &log(&reader)?.as_str(), &"4@2 5@3 6@3")?;
    same("the term before the first entry", &reader.term(LogIndex(3))?, &Term(2))?;
    compacted("the term of the one before", reader.term(LogIndex(2)))?;
    same_snapshot("the snapshot", Some(&reader.snapshot()?), &made)
}

fn membership<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1], 2)?;
    compact(&mut storage, &snapshot(1, 2), 0)?;
    storage = subject.reopen(storage);
    same("the membership after `compact`", &storage.reader().initial_state()?.membership, &joint())?;
    let other = crate::Snapshot { membership: founders(), ..snapshot(2, 7) };
    write(&mut storage, &install(&other, &[], hard_state(2, None, 7)))?;
    let reader = subject.reopen(storage).reader();
    same("the membership after an install", &reader.initial_state()?.membership, &founders())
}

fn saved<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let storage = subject.with_committed_log(&[1, 1, 1], 2)?;
    save(&storage, &snapshot(1, 2))?;
    let mut storage = subject.reopen(storage);
    same("the snapshot", &storage.snapshot()?, &None)?;
    same("the membership", &storage.reader().initial_state()?.membership, &founders())?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@1")?;
    compact(&mut storage, &snapshot(1, 2), 0)?;
    same("the log", &log(&storage.reader())?.as_str(), &"3@1")
}

fn staged<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1])?;
    storage.stage(&ready(1, &[2, 2], Some(hard_state(2, Some(1), 0))))?;
    storage.stage(&ready(3, &[3], Some(hard_state(3, Some(2), 1))))?;
    let reader = subject.reopen(storage).reader();
    let found = (log(&reader)?, reader.initial_state()?.hard_state);
    let possible: [(&str, HardState); 3] = [
        ("1@1 2@1", hard_state(1, None, 0)),
        ("1@1 2@2 3@2", hard_state(2, Some(1), 0)),
        ("1@1 2@2 3@2 4@3", hard_state(3, Some(2), 1)),
    ];
    let is_possible = possible.iter().any(|(log, hard_state)| found == ((*log).to_owned(), *hard_state));
    holds(is_possible, || format!("{found:?} is none of what there was at any time: {possible:?}"))
}

fn opening<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2], 2)?;
    compact(&mut storage, &snapshot(1, 2), 1)?;
    write(&mut storage, &ready(0, &[], Some(hard_state(6, Some(3), 2))))?;
    for _ in 0..4 {
        storage = subject.reopen(storage);
        let reader = storage.reader();
        same("the log", &log(&reader)?.as_str(), &"2@1 3@2 4@2")?;
        same("the hard state", &reader.initial_state()?.hard_state, &hard_state(6, Some(3), 2))?;
        same_snapshot("the snapshot", storage.snapshot()?.as_ref(), &snapshot(1, 2))?;
    }
    Ok(())
}

fn goes_on<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1], 1)?;
    for index in 2..=12 {
        storage = subject.reopen(storage);
        write(&mut storage, &ready(index - 1, &[index], Some(hard_state(index, Some(1), index - 1))))?;
        if index % 4 == 0 {
            compact(&mut storage, &snapshot(index - 1, index - 1), 1)?;
        }
    }
    let reader = subject.reopen(storage).reader();
    same("the log", &log(&reader)?.as_str(), &"11@11 12@12")?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(12, Some(1), 11))
}
