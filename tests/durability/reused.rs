//! Files of the log that come into use again: whole frames of an earlier life lie behind what is new.

use std::path::Path;

use quorate::{
    Entry, EntryId, HardState, LogIndex, NodeId, Snapshot, Term,
    simulation::disk::{Fault, SimulatedFileSystem},
    storage::disk::{FileSystem as _, OpenMode, SegmentVerdict, inspect_in},
};

use crate::{
    model::{Action, Write, founders, unique_bytes},
    node::{DIRECTORY, Node},
    sweep::{after_power_failed, at_each, is_replay, node, seeds},
};

/// As many entries as fill several segments, and a quarter of the next: so no spare is there when they all come free at
/// once, and it is they that come back, one after another.
const FIRST_LIFE: u64 = 105;
const SECOND_LIFE: u64 = 60;

/// An entry a write, all of the same size, so that frames of each life begin at the same offsets.
fn write(index: u64) -> [Action; 2] {
    let hard_state = HardState { term: Term(1), vote: Some(NodeId(1)), commit: LogIndex(index - 1) };
    let entries = vec![Entry::command(EntryId::new(1, index), unique_bytes(index, 300))];
    [Action::Stage(Write { entries, hard_state: Some(hard_state), snapshot: None }), Action::Sync]
}

fn first_life() -> Vec<Action> {
    let last = EntryId::new(1, FIRST_LIFE - 1);
    let snapshot = Snapshot { last, membership: founders(), data: unique_bytes(0, 100).into() };
    (1..=FIRST_LIFE).flat_map(write).chain([Action::Compact(snapshot, 0)]).collect()
}

fn second_life() -> Vec<Action> {
    (FIRST_LIFE + 1..=FIRST_LIFE + SECOND_LIFE).flat_map(write).collect()
}

/// Whether heads of an earlier life stand behind the end of the log. If no write was `cut_off`, whoever looks at the log
/// must not say so.
fn ends_before_old_frames(files: &SimulatedFileSystem, cut_off: bool) -> bool {
    let found = inspect_in(files, Path::new(DIRECTORY)).expect("the directory is there");
    let last = found.segments.last().expect("there is a segment");
    assert!(cut_off || matches!(last.verdict, SegmentVerdict::Open), "{}", last.verdict);
    let file = files.open(&last.path, OpenMode::Read).unwrap();
    let mut behind = vec![0; usize::try_from(file.size().unwrap() - last.end).unwrap()];
    file.read_exact_at(&mut behind, last.end).unwrap();
    behind.windows(4).any(|bytes| bytes == b"QFRM")
}

/// Power fails at every operation while files are written that were segments before. What was not synced is lost, and
/// then old frames follow the last new one; or it is there; or some of its pages and sectors are old and some are new.
#[test]
fn frames_of_an_earlier_life_never_come_back() {
    let mut old_frames_behind = 0_u64;
    for seed in seeds(2) {
        let mut whole = node(seed);
        whole.run(&first_life()).expect("nothing fails");
        let first = whole.files.statistics().operations();
        whole.run(&second_life()).expect("nothing fails");
        let operations = whole.files.statistics().operations() - first;
        at_each("frames_of_an_earlier_life", seed, operations, |operation| {
            let mut node = node(seed);
            node.run(&first_life()).expect("nothing fails");
            node.files.fail_at(first + operation, Fault::Crash);
            let _ = node.run(&second_life());
            node.close();
            for (outcome, files) in after_power_failed(&node.files, seed << 32 | operation << 8) {
                old_frames_behind += u64::from(ends_before_old_frames(&files, outcome > 1));
                let mut node = Node::on(files, node.model.clone());
                node.open().expect("a log that crashed opens");
                // The next write ends where an old frame begins.
                let next = node.model.latest().last().index.next().0;
                node.run(&write(next)).expect("a log that crashed goes on");
                node.kill();
                node.open().expect("a log that went on opens again");
                node.go_on(seed ^ operation);
            }
        });
    }
    println!("logs that ended before old frames: {old_frames_behind}");
    assert!(is_replay() || old_frames_behind > 100, "no file was used again");
}
