//! A node's status, as metrics.

use super::status::{Counters, NodeStatus};
use crate::{
    consensus::{RoleKind, Status},
    metrics::Page,
};

impl NodeStatus {
    /// Writes down what a status tells.
    pub(super) fn describe(&self, page: &mut Page<'_>) {
        page.gauge(
            "quorate_running",
            "1 if the node runs, 0 if it has stopped",
            u64::from(self.stopped.is_none()),
        );
        describe_role(&self.core, page);
        describe_log(&self.core, page);
        self.describe_queues(page);
        describe_counters(&self.counters, &self.core, page);
    }

    fn describe_queues(&self, page: &mut Page<'_>) {
        let help = "Commands and queries that the loop has not taken up yet";
        page.gauge("quorate_queued_requests", help, self.queued_requests as u64);
        let help = "Messages of peers that the loop has not taken up yet";
        page.gauge("quorate_queued_messages", help, self.queued_messages as u64);
        let help = "Commands that wait for their outcome";
        page.gauge("quorate_waiting_commands", help, self.waiting_proposals as u64);
        page.gauge(
            "quorate_waiting_queries",
            "Queries that wait for their answer",
            self.waiting_queries as u64,
        );
        let help = "Readys whose write is under way";
        page.gauge("quorate_writing_readys", help, self.readys_being_written as u64);
        let help = "Log entries that were handed to the state machine, and that it has not applied yet";
        page.gauge("quorate_applying_entries", help, self.entries_being_applied);
        let help = "Reads that no leader has confirmed yet, or that wait for a commit";
        page.gauge("quorate_pending_reads", help, self.core.pending_reads as u64);
    }
}

fn describe_role(core: &Status, page: &mut Page<'_>) {
    let role = |role: RoleKind| (role, u64::from(core.role == role));
    page.gauges("quorate_role", "1 for the role that the node has", "role", RoleKind::ALL.map(role));
    let help = "1 if the node knows who leads";
    page.gauge("quorate_leader_known", help, u64::from(core.leader.is_some()));
    page.gauge("quorate_term", "The latest term that the node has seen", core.hard_state.term.0);
    let voters = core.membership.voters.voters().count() as u64;
    page.gauge("quorate_voters", "Nodes with a vote, as far as this one knows", voters);
    let learners = core.membership.learners.len() as u64;
    page.gauge("quorate_learners", "Nodes without a vote, as far as this one knows", learners);
    let elections = core.elections;
    let help = "Elections that the node stood for, by outcome";
    let lost = elections.lost(core.role);
    page.counters("quorate_elections", help, "outcome", [("won", elections.won), ("lost", lost)]);
    let help = "How often the node asked whether it would be elected";
    page.counter("quorate_pre_votes", help, elections.pre_votes);
}

fn describe_log(core: &Status, page: &mut Page<'_>) {
    page.gauge("quorate_log_last_index", "The last entry in the log", core.last_index.0);
    page.gauge("quorate_log_durable_index", "The last entry that is durable here", core.durable.0);
    page.gauge(
        "quorate_commit_index",
        "The last entry that is known to be committed",
        core.hard_state.commit.0,
    );
    page.gauge("quorate_applied_index", "The last entry that was applied", core.applied.0);
    let help = "If the node leads: bytes of its entries that are not committed yet";
    page.gauge("quorate_uncommitted_bytes", help, core.uncommitted_bytes as u64);
    let lag = |(node, progress): &(_, crate::Progress)| {
        (*node, core.last_index.0.saturating_sub(progress.matched.0))
    };
    let help = "If the node leads: how many entries each follower is known to lack";
    page.gauges("quorate_follower_lag_entries", help, "follower", core.progress.iter().map(lag));
}

fn describe_counters(counters: &Counters, core: &Status, page: &mut Page<'_>) {
    page.counter("quorate_ticks", "Ticks of the clock", counters.ticks);
    page.counter("quorate_readys", "How often the core wanted something done", counters.readys);
    page.counter("quorate_leader_changes", "How often a leader became known", counters.leader_changes);
    page.counter("quorate_messages_received", "Messages of peers that were taken up", counters.messages);
    let help = "Messages of peers that had no effect: too many waited, no correct node sends them, or they came too late";
    let dropped = [
        ("queue_full", counters.messages_dropped),
        ("rejected", counters.messages_rejected),
        ("late", core.ignored),
    ];
    page.counters("quorate_messages_dropped", help, "reason", dropped);
    let help = "Commands and queries that were refused because too many waited";
    page.counter("quorate_requests_refused", help, counters.requests_refused);
    page.counter("quorate_entries_written", "Log entries written", counters.entries_written);
    page.counter("quorate_entries_applied", "Log entries applied", counters.entries_applied);
    let help = "How often storage was told to make durable what it had been given";
    page.counter("quorate_syncs", help, counters.syncs);
    let help = "Snapshots: made here and kept, not made, or received from a leader and restored";
    let snapshots = [
        ("made", counters.snapshots_made),
        ("failed", counters.snapshots_failed),
        ("restored", counters.snapshots_restored),
    ];
    page.counters("quorate_snapshots", help, "outcome", snapshots);
}
