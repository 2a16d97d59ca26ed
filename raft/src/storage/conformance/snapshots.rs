//! What the contract says of snapshots and of compaction.

use std::io::{self, Read as _};

use crate::{
    consensus::{LogIndex, Snapshot, SnapshotData, Storage, Term},
    storage::StorageWriter,
};

use super::{
    Sentence,
    seen::{Finding, compacted, holds, log, same, same_snapshot},
    subject::{Subject, compact, founders, hard_state, install, ready, save, snapshot, write},
};

pub(super) fn sentences<W: StorageWriter>() -> Vec<Sentence<W>> {
    vec![
        Sentence { words: "a snapshot from the leader stands in the log's place", check: installed },
        Sentence { words: "a snapshot from the leader drops entries of another history", check: conflicting },
        Sentence { words: "the entries and the hard state of a Ready follow its snapshot", check: followed },
        Sentence { words: "a snapshot's membership is that of the log, in every part", check: membership },
        Sentence {
            words: "a snapshot comes back as it was written, to the reader and to the writer",
            check: contents,
        },
        Sentence { words: "a saved snapshot is not in force before `compact`", check: saved },
        Sentence {
            words: "a snapshot that could not be written fails to be saved, and changes nothing",
            check: not_saved,
        },
        Sentence {
            words: "a snapshot that is being read stays readable when newer ones come",
            check: being_read,
        },
        Sentence {
            words: "`compact` drops the entries that its snapshot contains, and no others",
            check: compaction,
        },
        Sentence { words: "`compact` keeps the last `keep` of them", check: kept },
        Sentence { words: "`compact` with more to keep than there is drops nothing", check: all_kept },
        Sentence {
            words: "`compact` does not bring back what an earlier one dropped",
            check: not_brought_back,
        },
        Sentence { words: "`compact` leaves the hard state as it is", check: hard_state_left },
        Sentence { words: "a log of which a snapshot contains everything goes on behind it", check: goes_on },
    ]
}

/// The log begins behind the snapshot, which is in force.
fn begins_behind<W: StorageWriter>(storage: &W, snapshot: &Snapshot) -> Finding {
    let reader = storage.reader();
    let last = snapshot.last;
    same("the first index", &reader.first_index()?, &last.index.next())?;
    same("the term of the snapshot's last entry", &reader.term(last.index)?, &last.term)?;
    compacted("that entry", reader.entries(last.index, last.index, usize::MAX))?;
    compacted("the term of the one before", reader.term(last.index.previous()))?;
    same("the snapshot's last entry", &reader.snapshot()?.last, &last)
}

fn installed<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1])?;
    let snapshot = snapshot(4, 9);
    write(&mut storage, &install(&snapshot, &[], hard_state(4, None, 9)))?;
    begins_behind(&storage, &snapshot)?;
    same("the log", &log(&storage.reader())?.as_str(), &"")?;
    write(&mut storage, &ready(9, &[4, 5], Some(hard_state(5, None, 9))))?;
    same("the log", &log(&storage.reader())?.as_str(), &"10@4 11@5")
}

fn conflicting<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1, 1, 1])?;
    let snapshot = snapshot(2, 3);
    write(&mut storage, &install(&snapshot, &[], hard_state(2, None, 3)))?;
    begins_behind(&storage, &snapshot)?;
    same("the last index", &storage.reader().last_index()?, &LogIndex(3))
}

fn followed<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1])?;
    let snapshot = snapshot(3, 7);
    write(&mut storage, &install(&snapshot, &[3, 4], hard_state(4, Some(2), 8)))?;
    begins_behind(&storage, &snapshot)?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"8@3 9@4")?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(4, Some(2), 8))
}

fn membership<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 1, 1], 4)?;
    let reader = storage.reader();
    let mut made = snapshot(1, 2);
    compact(&mut storage, &made, 0)?;
    same("the membership after `compact`", &reader.initial_state()?.membership, &made.membership)?;
    made = Snapshot { membership: founders(), ..snapshot(2, 6) };
    write(&mut storage, &install(&made, &[], hard_state(2, None, 6)))?;
    same("the membership after an install", &reader.initial_state()?.membership, &founders())?;
    made = snapshot(3, 8);
    write(&mut storage, &install(&made, &[], hard_state(3, None, 8)))?;
    same("the membership after another install", &reader.initial_state()?.membership, &made.membership)
}

fn contents<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 1, 1], 4)?;
    let empty = Snapshot { data: SnapshotData::default(), ..snapshot(1, 1) };
    let large = Snapshot { data: vec![7; 300_000].into(), ..snapshot(1, 3) };
    for made in [empty, snapshot(1, 2), large] {
        compact(&mut storage, &made, 0)?;
        same_snapshot("the reader's snapshot", Some(&storage.reader().snapshot()?), &made)?;
        same_snapshot("the writer's snapshot", storage.snapshot()?.as_ref(), &made)?;
    }
    let installed = snapshot(2, 50);
    write(&mut storage, &install(&installed, &[], hard_state(2, None, 50)))?;
    same_snapshot("the reader's snapshot", Some(&storage.reader().snapshot()?), &installed)?;
    same_snapshot("the writer's snapshot", storage.snapshot()?.as_ref(), &installed)
}

fn saved<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 1, 1], 3)?;
    let made = save(&storage, &snapshot(1, 3))?;
    same_snapshot("what the saver gives", Some(&made), &snapshot(1, 3))?;
    let reader = storage.reader();
    same("the writer's snapshot", &storage.snapshot()?, &None)?;
    same("the first index", &reader.first_index()?, &LogIndex(1))?;
    same("the membership", &reader.initial_state()?.membership, &founders())?;
    write(&mut storage, &ready(4, &[1], None))?;
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@1 4@1 5@1")?;
    storage.compact(made, 0)?;
    same("the log", &log(&reader)?.as_str(), &"4@1 5@1")
}

fn not_saved<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 1], 3)?;
    let made = snapshot(1, 2);
    let fails = Box::new(|to: &mut dyn io::Write| {
        to.write_all(b"half of it")?;
        Err(io::Error::other("the state machine gives up"))
    });
    let saved = storage.snapshot_saver().save(made.last, made.membership.clone(), fails);
    holds(saved.is_err(), || "it was saved".to_owned())?;
    same("the writer's snapshot", &storage.snapshot()?, &None)?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@1")?;
    compact(&mut storage, &made, 0)?;
    same_snapshot("the snapshot, written again,", storage.snapshot()?.as_ref(), &made)
}

fn being_read<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 1, 1, 1], 5)?;
    let made = Snapshot { data: vec![3; 200_000].into(), ..snapshot(1, 2) };
    compact(&mut storage, &made, 0)?;
    let mut reader = storage.reader().snapshot()?.data.open()?;
    let mut read = vec![0; 1000];
    reader.read_exact(&mut read)?;
    for index in 3..=5 {
        compact(&mut storage, &snapshot(1, index), 0)?;
    }
    reader.read_to_end(&mut read)?;
    holds(read == vec![3; 200_000], || format!("{} of 200000 bytes were read, or others", read.len()))
}

fn compaction<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 3], 3)?;
    let made = snapshot(2, 3);
    compact(&mut storage, &made, 0)?;
    begins_behind(&storage, &made)?;
    same("the log", &log(&storage.reader())?.as_str(), &"4@2 5@3")
}

fn kept<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 3, 3], 5)?;
    compact(&mut storage, &snapshot(3, 5), 2)?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"4@2 5@3 6@3")?;
    same("the term before the first entry", &reader.term(LogIndex(3))?, &Term(2))?;
    compacted("the term of the one before", reader.term(LogIndex(2)))?;
    same("the snapshot's last entry", &reader.snapshot()?.last.index, &LogIndex(5))
}

fn all_kept<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2], 4)?;
    compact(&mut storage, &snapshot(2, 3), 3)?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@2 4@2")?;
    compact(&mut storage, &snapshot(2, 4), u64::MAX)?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@2 4@2")
}

fn not_brought_back<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2, 3, 3], 5)?;
    compact(&mut storage, &snapshot(2, 3), 0)?;
    compact(&mut storage, &snapshot(3, 5), 4)?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"4@2 5@3 6@3")?;
    same("the term before the first entry", &reader.term(LogIndex(3))?, &Term(2))?;
    compacted("the term of the one before", reader.term(LogIndex(2)))
}

fn hard_state_left<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2, 2], 4)?;
    let written = hard_state(7, Some(3), 4);
    write(&mut storage, &ready(0, &[], Some(written)))?;
    compact(&mut storage, &snapshot(2, 4), 1)?;
    same("the hard state", &storage.reader().initial_state()?.hard_state, &written)
}

fn goes_on<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_committed_log(&[1, 1, 2], 3)?;
    let made = snapshot(2, 3);
    compact(&mut storage, &made, 0)?;
    begins_behind(&storage, &made)?;
    same("the last index", &storage.reader().last_index()?, &LogIndex(3))?;
    write(&mut storage, &ready(3, &[2, 3], Some(hard_state(3, None, 3))))?;
    same("the log", &log(&storage.reader())?.as_str(), &"4@2 5@3")?;
    write(&mut storage, &ready(3, &[4], Some(hard_state(4, None, 3))))?;
    same("the log", &log(&storage.reader())?.as_str(), &"4@4")
}
