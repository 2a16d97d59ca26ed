//! Fair weather, even disks, true clocks, and the settings that a user has who has chosen none.

use super::Search;
use crate::{
    consensus::{Config, NodeId},
    runtime::Options,
    simulation::plan::{NodeSettings, Plan, Weather},
};

impl Search<'_> {
    /// Whatever can be ordinary is.
    pub(super) fn calm_surroundings(&mut self) {
        self.calm_network();
        self.keeps(|plan| plan.disks.sync_max = plan.disks.sync_min);
        self.keeps(|plan| plan.clients.lost = 0);
        if !self.keeps(|plan| plan.clock_rates.clear()) {
            for node in 0..self.plan.clock_rates.len() {
                self.keeps(|plan| plan.clock_rates[node] = 0);
            }
        }
        for setting in SETTINGS {
            self.keeps(|plan| setting(&mut plan.nodes));
        }
    }

    fn calm_network(&mut self) {
        if self.keeps(|plan| plan.network = Weather::fair()) {
            return;
        }
        let fair = |plan: &mut Plan| {
            let Weather { delay_min, delay_max, .. } = Weather::fair();
            (plan.network.delay_min, plan.network.delay_max) = (delay_min, delay_max);
        };
        let calmer: [fn(&mut Plan); 5] = [
            fair,
            |plan| plan.network.lost = 0,
            |plan| plan.network.doubled = 0,
            |plan| plan.network.overtaken = 0,
            |plan| plan.network.corrupted = 0,
        ];
        for change in calmer {
            self.keeps(change);
        }
    }
}

/// Sets one setting each to what it is by default.
///
/// What decides how fast a cluster heals stays as it is: the cluster must have the time for it that the plan gives. And
/// nothing is turned on that asks for something of the surroundings. Segments stay small, since disks are in memory.
const SETTINGS: &[fn(&mut NodeSettings)] = &[
    |nodes| nodes.lease_reads &= config().lease_reads,
    |nodes| nodes.pre_vote = config().pre_vote,
    |nodes| nodes.check_quorum |= config().check_quorum,
    |nodes| nodes.forward_proposals = config().forward_proposals,
    |nodes| nodes.priorities.clear(),
    |nodes| nodes.max_message_bytes = config().max_message_bytes,
    |nodes| nodes.max_inflight_messages = config().max_inflight_messages,
    |nodes| nodes.max_uncommitted_bytes = config().max_uncommitted_bytes,
    |nodes| nodes.max_committed_bytes_per_ready = config().max_committed_bytes_per_ready,
    |nodes| nodes.max_applying_bytes = config().max_applying_bytes,
    |nodes| nodes.max_log_bytes_in_memory = config().max_log_bytes_in_memory,
    |nodes| nodes.apply_in_line = Options::default().apply_in_line,
    |nodes| nodes.compact_after_bytes = Options::default().compact_after_bytes,
    |nodes| nodes.keep_entries = Options::default().keep_entries,
    |nodes| nodes.incarnations = true,
];

fn config() -> Config {
    Config::new(NodeId(1), 0)
}
