//! How long the calm must be.
//!
//! As long as a correct cluster may take, if everything that is left to chance goes badly but nothing fails any more.
//! A cluster that is well sooner does not wait, so this costs nothing.

use std::time::Duration;

use crate::{
    consensus::{Config, NodeId},
    runtime::Options,
    simulation::plan::Plan,
};

/// How many elections it may take until one succeeds: votes split, and lost messages count as refusals.
const ELECTIONS: u32 = 10;
/// How many commands one after another a client or a change of membership needs, lost messages included.
const COMMITS: u32 = 20;
/// How many changes of membership may be left to do: one that was begun, and the replacement of a lost node.
const CHANGES: u32 = 2;
/// Until what stopped by itself is started again, and operators have looked around.
const STARTS: Duration = Duration::from_secs(5);

/// The time within which the cluster of a plan heals.
pub(super) fn time(plan: &Plan) -> Duration {
    let (nodes, ticks) = (&plan.nodes, |count: u32| plan.nodes.tick * count);
    let options = Options::default();
    // An election timeout is drawn anew each time, and may be twice the least.
    let elections = nodes.election_timeout() * 2 * ELECTIONS;
    // What was lost is sent again with the next heartbeat but one.
    let commit = round_trip(plan) + ticks(nodes.heartbeat_ticks * 2);
    // A snapshot that was lost is sent again when the leader has waited for its answer.
    let snapshots = ticks(Config::new(NodeId(1), 0).snapshot_ticks) * 2;
    // An operation on the membership may wait for what a lost leader began.
    let changes = (ticks(options.unknown_after_ticks) * 2 + catching_up(plan) + commit * COMMITS) * CHANGES;
    let clients = plan.clients.patience + plan.clients.pause * 2 + ticks(options.read_timeout_ticks);
    STARTS + elections + commit * COMMITS + snapshots + catching_up(plan) + changes + clients * 2
}

/// A message there and one back, and two writes.
fn round_trip(plan: &Plan) -> Duration {
    plan.network.delay_max * 2 + plan.disks.sync_max * 2
}

/// How long a node takes to receive the whole log, if every message holds one entry.
fn catching_up(plan: &Plan) -> Duration {
    let way = plan.network.delay_min.max(Duration::from_micros(100)) * 2;
    let clients = u128::try_from(plan.clients.count).unwrap_or(u128::MAX);
    let possible = clients * (plan.storm.as_micros() / way.as_micros());
    let entries = u32::try_from(possible.min(u128::from(plan.clients.requests))).unwrap_or(u32::MAX);
    let window = u32::try_from(plan.nodes.max_inflight_messages).unwrap_or(u32::MAX).max(1);
    round_trip(plan) * (1 + entries / window)
}
