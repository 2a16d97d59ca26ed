//! What the contract says of writing.

use crate::{
    consensus::{HardState, LogIndex, Ready, Storage},
    storage::StorageWriter,
};

use super::{
    Sentence,
    seen::{Finding, log, same, unavailable},
    subject::{Subject, hard_state, ready, run, write},
};

pub(super) fn sentences<W: StorageWriter>() -> Vec<Sentence<W>> {
    vec![
        Sentence { words: "what was synced can be read, also by readers made before", check: readers },
        Sentence {
            words: "entries replace whatever the log holds from the first of them on",
            check: replaced_tail,
        },
        Sentence { words: "entries may replace the whole log", check: replaced_log },
        Sentence { words: "the runs of a Ready are appended in their order", check: runs },
        Sentence {
            words: "several Readys may be staged before one `sync`, in their order",
            check: several_staged,
        },
        Sentence { words: "term, vote and commit are those last written, each of them", check: hard_states },
        Sentence { words: "what a Ready does not have is left as it is", check: parts },
        Sentence { words: "what need not be synced is written with the next that must", check: unsynced },
        Sentence { words: "syncing what is synced changes nothing", check: nothing_staged },
        Sentence { words: "the writer's last index is the reader's", check: last_index },
    ]
}

fn readers<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    let before = storage.reader();
    write(&mut storage, &ready(0, &[1, 1], Some(hard_state(1, Some(2), 0))))?;
    same("the log, for a reader made before the write", &log(&before)?.as_str(), &"1@1 2@1")?;
    write(&mut storage, &ready(2, &[2], None))?;
    for reader in [before, storage.reader()] {
        same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@2")?;
        same("the hard state", &reader.initial_state()?.hard_state, &hard_state(1, Some(2), 0))?;
    }
    Ok(())
}

fn replaced_tail<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1, 1, 1])?;
    write(&mut storage, &ready(2, &[2, 2, 2, 2], None))?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@2 4@2 5@2 6@2")?;
    write(&mut storage, &ready(3, &[3], None))?;
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1 3@2 4@3")?;
    same("the last index", &reader.last_index()?, &LogIndex(4))?;
    unavailable("the term of a replaced entry", reader.term(LogIndex(5)))
}

fn replaced_log<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1, 1])?;
    write(&mut storage, &ready(0, &[2], None))?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@2")
}

fn runs<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    let entries = vec![run(0, &[1, 1]), run(2, &[1, 3]), run(4, &[3, 3])];
    let hard_state = Some(hard_state(3, None, 0));
    write(&mut storage, &Ready { entries, hard_state, must_sync: true, ..Ready::default() })?;
    same("the log", &log(&storage.reader())?.as_str(), &"1@1 2@1 3@1 4@3 5@3 6@3")
}

fn several_staged<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    storage.stage(&ready(0, &[1, 1, 1], Some(hard_state(1, Some(1), 0))))?;
    storage.stage(&ready(1, &[2, 2], Some(hard_state(2, Some(2), 0))))?;
    storage.stage(&ready(3, &[2], Some(hard_state(2, Some(2), 3))))?;
    storage.sync()?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"1@1 2@2 3@2 4@2")?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(2, Some(2), 3))
}

fn hard_states<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1])?;
    let reader = storage.reader();
    for (term, vote, commit) in
        [(1, Some(3), 0), (2, None, 0), (2, Some(1), 0), (3, Some(u64::MAX), 1), (9, None, 2)]
    {
        let written = hard_state(term, vote, commit);
        write(&mut storage, &ready(0, &[], Some(written)))?;
        same("the hard state", &reader.initial_state()?.hard_state, &written)?;
    }
    Ok(())
}

fn parts<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    let reader = storage.reader();
    write(&mut storage, &ready(0, &[1], Some(hard_state(1, Some(2), 0))))?;
    write(&mut storage, &ready(1, &[1], None))?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(1, Some(2), 0))?;
    write(&mut storage, &ready(0, &[], Some(hard_state(4, Some(3), 1))))?;
    same("the log", &log(&reader)?.as_str(), &"1@1 2@1")
}

fn unsynced<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.with_log(&[1, 1])?;
    let committed: HardState = hard_state(1, None, 2);
    storage.write(&Ready { hard_state: Some(committed), must_sync: false, ..Ready::default() })?;
    write(&mut storage, &ready(2, &[1], None))?;
    same("the hard state", &storage.reader().initial_state()?.hard_state, &committed)
}

fn nothing_staged<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    storage.sync()?;
    write(&mut storage, &ready(0, &[1, 2], Some(hard_state(2, Some(1), 1))))?;
    storage.sync()?;
    write(&mut storage, &Ready { must_sync: true, ..Ready::default() })?;
    let reader = storage.reader();
    same("the log", &log(&reader)?.as_str(), &"1@1 2@2")?;
    same("the hard state", &reader.initial_state()?.hard_state, &hard_state(2, Some(1), 1))
}

fn last_index<W: StorageWriter>(subject: &mut Subject<'_, W>) -> Finding {
    let mut storage = subject.open();
    same("the writer's last index", &StorageWriter::last_index(&storage)?, &LogIndex(0))?;
    write(&mut storage, &ready(0, &[1, 1, 1], Some(hard_state(1, None, 0))))?;
    same("the writer's last index", &StorageWriter::last_index(&storage)?, &LogIndex(3))?;
    write(&mut storage, &ready(1, &[2], Some(hard_state(2, None, 0))))?;
    same("the writer's last index", &StorageWriter::last_index(&storage)?, &LogIndex(2))
}
