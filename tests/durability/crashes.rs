//! Power fails at every operation, and what was not synced survives in many ways.

use quorate::simulation::disk::{Fault, SimulatedFileSystem, Statistics, Unsynced};

use crate::{
    model::Model,
    node::Node,
    sweep::{actions, at_each, node, operations, seeds},
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
    let mut total = Statistics::default();
    for seed in seeds(6) {
        let actions = actions(seed);
        at_each(TEST, seed, operations(seed, &actions), |operation| {
            let mut node = node(seed);
            node.files.fail_at(operation, Fault::Crash);
            // The last operations are those of closing, whose failure nobody hears of.
            let _ = node.run(&actions);
            node.close();
            assert!(node.files.is_down(), "operation {operation} is never reached");
            for outcome in 0..5 {
                let files = node.files.fork(seed << 32 | operation << 8 | outcome);
                files.stop_failing();
                files.restart_with(match outcome {
                    0 => Unsynced::Lost,
                    1 => Unsynced::Kept,
                    _ => Unsynced::Random,
                });
                let mut recovered = recover(files, &node.model, 1 + operation * 7 % 60 + outcome);
                recovered.go_on(seed ^ operation);
                total = recovered.files.statistics();
            }
        });
    }
    println!("the last disk: {total}");
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
