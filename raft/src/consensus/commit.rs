//! Commitment: when an entry is on a quorum of disks and so never lost (§5.3, §5.4.2).

use slog::debug;

use super::{raft::Raft, role::Role, types::LogIndex};

impl Raft {
    /// Moves the leader's commit index to the last entry that a quorum holds durably, now that one more copy of
    /// the log reaches up to `reached`.
    #[inline]
    pub(super) fn advance_commit(&mut self, reached: LogIndex) {
        // Nearly always the slowest copy: what it reaches is committed without it.
        if self.is_leader() && reached > self.log.committed() {
            self.count_copies();
        }
    }

    #[inline(never)]
    fn count_copies(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let (id, own, before) = (self.id, self.log.durable(), self.log.committed());
        // Nearly always the leader's own copy is the first beyond the commit, and one copy is no majority.
        let is_first = leader.progress.iter().all(|(_, progress)| progress.matched <= before);
        if is_first && self.membership.voters.incoming.size() > 1 {
            return;
        }
        // The leader is one of the copies, and like the others counts only when its disk has the entry.
        let held_by = |node| {
            if node == id { own.0 } else { leader.progress.of(node).map_or(0, |progress| progress.matched.0) }
        };
        let held = LogIndex(self.membership.voters.agreed(held_by));
        // §5.4.2: only entries of the own term are committed by counting; those before come with them.
        if held <= before || held < leader.first_of_term {
            return;
        }
        self.log.commit_to(held);
        self.settle_bytes();
        debug!(self.logger, "a quorum holds entry {held} -> commit"; "term" => %self.term);
        self.begin_early_reads();
        self.leave_joint_if_due();
    }

    /// What is committed, and durable here too, no longer counts against what a leader may hold. Without its own disk
    /// in the count, a leader that is slower than its followers would pile up what it has yet to write.
    fn settle_bytes(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let settled = self.log.committed().min(self.log.durable());
        if settled > leader.settled {
            // When nothing is left, nothing need be added up.
            let bytes = if settled == self.log.last_index() {
                leader.uncommitted_bytes
            } else {
                self.log.bytes_in_memory(leader.settled.next(), settled)
            };
            leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(bytes);
            leader.settled = settled;
        }
    }

    /// The state machine has applied everything up to `index`. Whether that lets this node go on.
    pub(super) fn on_applied(&mut self, index: LogIndex) -> bool {
        self.log.on_applied(index);
        if self.overtaken.is_some() && !self.log.is_restoring() {
            self.overtaken = None;
        }
        self.leave_joint_if_due() || self.log.has_applicable()
    }

    /// Whether hearing that more is applied would let it go on.
    pub(super) fn awaits_applied(&self) -> bool {
        let applied = self.log.applied();
        let has_change = self.role.as_leader().is_some_and(|leader| leader.latest_change > applied);
        has_change || self.log.is_held_back()
    }

    /// A leader whose disk no longer answers keeps its followers content by heartbeats, and commits nothing it must
    /// itself hold. Somebody else can do better.
    pub(super) fn step_down_if_disk_stalls(&mut self) {
        let ticks = self.log.tick_writes();
        if self.is_leader() && ticks > self.config.write_stall_ticks {
            slog::warn!(self.logger, "no write was done for {ticks} ticks -> step down");
            self.become_follower(self.term, None);
        }
    }

    /// The write with this number, and every earlier one, is durable. Whether that lets this node go on.
    #[inline]
    pub(super) fn on_written(&mut self, number: u64) -> bool {
        // Nobody waits for a write that changes neither the log nor the vote.
        let is_awaited =
            self.log.has_writes_under_way() || self.awaits_own_vote() || self.vote_write.is_some();
        is_awaited && self.on_awaited_write(number)
    }

    #[inline(never)]
    fn on_awaited_write(&mut self, number: u64) -> bool {
        let is_more_durable = self.log.on_written(number);
        let is_vote_durable = self.count_own_vote(number);
        self.on_vote_written(number);
        let before = self.log.committed();
        if is_more_durable {
            self.advance_commit(self.log.durable());
            self.settle_bytes();
        }
        is_vote_durable || self.log.committed() > before || self.log.has_applicable()
    }
}
