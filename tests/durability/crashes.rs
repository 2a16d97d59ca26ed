//! Power fails at every operation, and what was not synced survives in many ways.

use quorate::{
    Entry, EntryId, HardState, LogIndex, Term,
    simulation::disk::{Fault, SimulatedFileSystem, Unsynced},
};

use crate::{
    model::{Action, Model, Write, unique_bytes},
    node::Node,
    sweep::{actions, after_power_failed, at_each, is_replay, node, operations, seeds},
};

/// Opens the log after a crash, with another crash after so many operations; as often as it takes.
fn recover(files: SimulatedFileSystem, model: &Model, crash_after: u64) -> Node {
    let mut node = Node::on(files, model.clone());
    node.files.fail_at(node.files.statistics().operations() + crash_after, Fault::Crash);
    let opened = node.open();
    if node.files.is_down() {
        // Also an opening that succeeded may have crashed, while it prepared for later.
        node.files.restart();
        node.close();
        node.open().expect("a log whose recovery crashed opens");
    } else {
        opened.expect("a log that crashed opens");
    }
    node.files.stop_failing();
    node
}

#[test]
fn crash_at_every_operation_leaves_what_was_acknowledged() {
    const TEST: &str = "crash_at_every_operation";
    // Crashes that lost a page, that tore one, that undid a name.
    let mut seen = [0_u64; 3];
    for seed in seeds(6) {
        let actions = actions(seed);
        at_each(TEST, seed, operations(seed, &actions), |operation| {
            let mut node = node(seed);
            node.files.fail_at(operation, Fault::Crash);
            // The last operations are those of closing, whose failure nobody hears of.
            let _ = node.run(&actions);
            node.close();
            assert!(node.files.is_down(), "operation {operation} is never reached");
            for (outcome, files) in after_power_failed(&node.files, seed << 32 | operation << 8) {
                let lost = files.statistics();
                for (seen, count) in
                    seen.iter_mut().zip([lost.pages_lost, lost.pages_torn, lost.names_undone])
                {
                    *seen += u64::from(count > 0);
                }
                recover(files, &node.model, 1 + operation * 7 % 60 + outcome).go_on(seed ^ operation);
            }
        });
    }
    println!("crashes that lost a page, tore one, undid a name: {seen:?}");
    assert!(is_replay() || seen.iter().all(|count| *count > 0), "something never happened: {seen:?}");
}

#[test]
fn crash_of_the_process_alone_leaves_what_is_not_synced_yet() {
    const TEST: &str = "crash_of_the_process_alone";
    for seed in seeds(3) {
        let actions = actions(seed);
        at_each(TEST, seed, operations(seed, &actions), |operation| {
            // The process dies, and finds in the page cache what is not on the disk.
            let mut node = node(seed);
            node.files.fail_at(operation, Fault::Broken);
            let _ = node.run(&actions);
            node.kill();
            node.files.stop_failing();
            node.open().expect("a log opens after its process was killed");
            // What it has found, it has promised: now the power fails, too.
            node.files.restart_with(Unsynced::Lost);
            node.close();
            node.open().expect("what a recovery has found survives");
            node.go_on(seed ^ operation);
        });
    }
}

/// A write of two frames is torn: the first is lost, and the second is there. Then a frame as long as the first is
/// written in its place, and the second would follow it.
#[test]
fn what_a_torn_write_has_left_never_comes_back() {
    let entry = |term, index: u64| {
        let data = unique_bytes(term << 32 | index, 700);
        let hard_state = HardState { term: Term(term), vote: None, commit: LogIndex::ZERO };
        let entries = vec![Entry::command(EntryId::new(term, index), data)];
        Action::Stage(Write { entries, hard_state: Some(hard_state), snapshot: None })
    };
    let mut torn = 0;
    for seed in seeds(600) {
        at_each("what_a_torn_write_has_left", seed, 1, |_| {
            let mut node = node(seed);
            node.run(&[entry(1, 1), Action::Sync]).expect("nothing fails");
            // The write is done when the power fails, and its sync is not.
            node.files.fail_at(node.files.statistics().operations() + 2, Fault::Crash);
            node.run(&[entry(1, 2), entry(1, 3), Action::Sync]).expect_err("the power fails");
            node.files.restart();
            torn += node.files.statistics().pages_torn;
            node.close();
            node.open().expect("a torn log opens");
            let last = node.model.latest().last().index.0;
            node.run(&[entry(2, last + 1), Action::Sync]).expect("a torn log goes on");
            node.files.restart();
            node.close();
            node.open().expect("what the torn write has left is gone");
        });
    }
    assert!(is_replay() || torn > 0, "no write was torn");
}
