//! The device fails, fills up, or does less than it was asked for.

use quorate::simulation::disk::{Fault, Operation};

use crate::sweep::{actions, at_each, is_replay, node, operations, seeds};

/// One operation after another fails in this way; the log says so or gets over it, and loses nothing.
fn fail_at_every_operation(test: &str, fault: Fault, usual_seeds: u64) {
    let mut reported = 0;
    for seed in seeds(usual_seeds) {
        let actions = actions(seed);
        at_each(test, seed, operations(seed, &actions), |operation| {
            let mut node = node(seed);
            node.files.fail_at(operation, fault);
            if node.run(&actions).is_err() {
                reported += 1;
                node.try_to_vote();
            }
            node.files.stop_failing();
            if operation % 3 == 0 {
                node.close();
            } else if operation % 3 == 1 {
                node.kill();
            } else {
                node.files.restart();
                node.close();
            }
            node.open().expect("a log opens when the device works again");
            node.go_on(seed ^ operation);
        });
    }
    assert!(is_replay() || reported > 0, "{fault:?} was never reported");
}

#[test]
fn failing_device_at_every_operation_loses_nothing() {
    fail_at_every_operation("failing_device", Fault::Broken, 6);
}

#[test]
fn full_disk_at_every_operation_loses_nothing() {
    fail_at_every_operation("full_disk", Fault::NoSpace, 4);
}

#[test]
fn signal_at_every_operation_loses_nothing() {
    fail_at_every_operation("signal", Fault::Interrupted, 4);
}

#[test]
fn small_disk_fills_up_and_goes_on_when_there_is_room() {
    let mut filled = 0;
    for seed in seeds(4) {
        let actions = actions(seed);
        // Operations here are sizes of the disk.
        at_each("small_disk", seed, 60, |pages| {
            let mut node = node(seed);
            node.files.set_capacity(Some(pages * 4096));
            if node.run(&actions).is_err() {
                filled += 1;
                node.try_to_vote();
            }
            node.files.restart();
            node.close();
            node.files.set_capacity(None);
            node.open().expect("a log opens when there is room");
            node.go_on(seed ^ pages);
        });
    }
    assert!(is_replay() || filled > 0, "the disk was never full");
}

#[test]
fn short_and_interrupted_calls_change_nothing() {
    for seed in seeds(20) {
        let actions = actions(seed);
        at_each("short_and_interrupted", seed, 1, |_| {
            let mut node = node(seed);
            for operation in [Operation::Read, Operation::Write] {
                node.files.fail_some(operation, Fault::Interrupted, 3);
                node.files.fail_each(operation, Fault::Short);
            }
            node.run(&actions).expect("what was cut short is done in pieces");
            node.close();
            node.open().expect("what was cut short is read in pieces");
            let statistics = node.files.statistics();
            assert!(statistics.injected(Fault::Short) > 100 && statistics.injected(Fault::Interrupted) > 50);
        });
    }
}
