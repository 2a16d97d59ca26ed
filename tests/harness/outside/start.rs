//! How a node may start: its configuration, and what its disk holds.

use quorate::{Config, HardState, LogIndex, MemStorage, Membership, NodeId, Term};

use super::{choices::Choices, messages::membership};
use crate::log_of;

/// That of n1. Nearly always with small limits, so that each of them is met.
pub(crate) fn config(choices: &mut Choices<'_>) -> Config {
    let mut config = Config::new(NodeId(1), 7);
    let flags = choices.byte();
    let is_set = |bit: u8| flags >> bit & 1 == 1;
    config.pre_vote = !is_set(0);
    config.check_quorum = !is_set(1);
    config.lease_reads = is_set(2) && config.check_quorum;
    config.forward_proposals = !is_set(3);
    config.priority = if is_set(4) { i64::from(choices.byte()) - 3 } else { 0 };
    if !is_set(5) {
        config.max_message_bytes = 50;
        config.max_inflight_messages = 2;
        config.max_inflight_bytes = 120;
        config.max_uncommitted_bytes = 100;
        config.max_entry_bytes = 50;
        config.max_committed_bytes_per_ready = 50;
        config.max_log_bytes_in_memory = 50;
    }
    if is_set(6) {
        config.snapshot_ticks = 5;
        config.write_stall_ticks = 5;
    }
    config
}

/// Its disk: of a voter, a learner, or none of the members; with a log, some of it committed.
pub(crate) fn disk(choices: &mut Choices<'_>) -> MemStorage {
    let mut founding = membership(choices);
    if founding.voters.incoming.voters().is_empty() {
        // Nobody has been told yet who the founders are: there is nothing else to know either.
        founding = Membership::default();
    }
    let disk = MemStorage::with_membership(founding);
    let mut terms: Vec<_> = (0..choices.count(8)).map(|_| 1 + choices.below(4)).collect();
    terms.sort_unstable();
    disk.append(&log_of(&terms)).expect("a log from 1 on");
    let term = Term(terms.last().copied().unwrap_or_default() + choices.below(2));
    let commit = LogIndex(choices.below(9).min(terms.len() as u64));
    disk.set_hard_state(HardState { term, vote: None, commit });
    disk
}
