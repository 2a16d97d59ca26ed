//! Whatever a peer sends and whatever a disk answers, a node does not panic and stays sound.
//!
//! The core checks its own invariants after every call in debug builds; these tests check again from outside,
//! with a state machine and a disk that refuse what does not fit.

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod calls;
mod liar;

use calls::{Call, calls};
use harness::{Node, Pace, log_of};
use liar::Liar;
use proptest::prelude::*;
use quorate::{
    ConfChange, Config, Entry, EntryKind, HardState, LogIndex, MemStorage, NodeId, RawNode, StorageWriter,
    Term,
};
use slog::{Discard, Logger, o};

/// A disk of n1 among three voters, with a log of these terms.
fn disk(log: &[u64], committed: u64) -> MemStorage {
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    disk.append(&log_of(log)).unwrap();
    let term = Term(log.last().copied().unwrap_or_default());
    let commit = LogIndex(committed.min(log.len() as u64));
    disk.set_hard_state(HardState { term, vote: None, commit });
    disk
}

fn log() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(1_u64..5, 0..8).prop_map(|mut terms| {
        terms.sort_unstable();
        terms
    })
}

/// Small limits, so that each of them is met.
fn config(pre_vote: bool) -> Config {
    let mut config = Config::new(NodeId(1), 7);
    config.pre_vote = pre_vote;
    config.max_message_bytes = 50;
    config.max_inflight_messages = 2;
    config.max_uncommitted_bytes = 100;
    config.max_committed_bytes_per_ready = 50;
    config.max_log_bytes_in_memory = 50;
    config
}

fn carry_out(call: Call, node: &mut Node) {
    if matches!(call, Call::Write) {
        drop(node.finish_write());
    } else if matches!(call, Call::Apply) {
        node.finish_apply();
    } else if matches!(call, Call::Compact) {
        node.compact(1);
    } else if matches!(call, Call::Ready) {
        while node.take_ready(|_| {}).is_some() {}
    } else {
        call.make(node.raw());
    }
}

fn change_in(entry: &Entry) -> Option<ConfChange> {
    let is_change = entry.kind == EntryKind::ConfChange;
    is_change.then(|| ConfChange::from_data(&entry.data)).flatten()
}

/// `PROPTEST_CASES` tries more of them.
fn config_from_environment() -> ProptestConfig {
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if asked { default } else { ProptestConfig { cases: 2000, ..default } }
}

proptest! {
    #![proptest_config(config_from_environment())]

    #[test]
    fn a_node_stays_sound_whatever_peers_send(
        log in log(), committed in 0_u64..8, pre_vote: bool, at_once: bool, calls in calls(80),
    ) {
        let pace = if at_once { Pace::AtOnce } else { Pace::OnRequest };
        let mut node = Node::new(config(pre_vote), disk(&log, committed), pace);
        let mut before = node.status();
        for call in calls {
            if matches!(call, Call::Restart) {
                node.crash();
                node.restart();
                before = node.status();
            } else {
                carry_out(call, &mut node);
            }
            let after = node.status();
            prop_assert!(after.hard_state.term >= before.hard_state.term);
            prop_assert!(after.hard_state.commit >= before.hard_state.commit);
            prop_assert!(after.applied >= before.applied && after.applied <= after.hard_state.commit);
            prop_assert!(after.hard_state.commit <= after.last_index);
            before = after;
        }
    }

    #[test]
    fn a_node_does_not_panic_whatever_its_disk_answers(
        log in log(), committed in 0_u64..8, lies in liar::lies(), calls in calls(60),
    ) {
        let mut writer = disk(&log, committed);
        let storage = Liar::new(writer.clone(), lies);
        let Ok(mut node) = RawNode::new(config(true), storage, Logger::root(Discard, o!())) else { return Ok(()) };
        for call in calls {
            if matches!(call, Call::Ready | Call::Write | Call::Apply) {
                let mut turns = 0;
                while node.has_ready() && turns < 100 {
                    turns += 1;
                    // An error means: stop the node. One that goes on must not panic either.
                    let Ok(ready) = node.ready() else { break };
                    drop(writer.write(&ready));
                    for change in ready.committed.iter().flatten().filter_map(change_in) {
                        drop(node.apply_conf_change(&change));
                    }
                    node.advance(ready);
                }
                prop_assert!(turns < 100, "it would spin");
            } else {
                call.make(&mut node);
            }
        }
    }
}
