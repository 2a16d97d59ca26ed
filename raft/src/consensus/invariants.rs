//! What is true of every node after every call, each in one sentence and one line. Checked in debug builds.

use super::{raft::Raft, ready::Leadership, role::RoleKind, types::EntryId};

/// What must never go back, noted before a call.
pub(super) struct Before {
    term: super::types::Term,
    vote: Option<super::types::NodeId>,
    committed: super::types::LogIndex,
    applied: super::types::LogIndex,
    last: EntryId,
    leadership: Leadership,
}

impl Before {
    pub(super) fn note(raft: &Raft) -> Self {
        Self {
            term: raft.term,
            vote: raft.vote,
            committed: raft.log.committed(),
            applied: raft.log.applied(),
            last: raft.log.last_id(),
            leadership: raft.leadership(),
        }
    }

    /// Checks what a call may have changed, and how.
    pub(super) fn check(&self, raft: &Raft) {
        let log = &raft.log;
        // Terms only grow (§5.1).
        assert!(raft.term >= self.term, "term regressed {} → {}", self.term, raft.term);
        // A vote, once given, is not changed within its term (§5.2).
        assert!(
            raft.term > self.term || self.vote.is_none() || raft.vote == self.vote,
            "vote changed in term {}: {:?} → {:?}",
            raft.term,
            self.vote,
            raft.vote
        );
        // A committed prefix never shrinks.
        assert!(
            log.committed() >= self.committed,
            "commit regressed {} → {}",
            self.committed,
            log.committed()
        );
        // What was applied stays applied.
        assert!(log.applied() >= self.applied, "applied regressed {} → {}", self.applied, log.applied());
        // A leader never overwrites or deletes entries in its log; it only appends (§5.3, Leader Append-Only).
        let led_before = self.leadership.role == RoleKind::Leader;
        let led_throughout = led_before && raft.is_leader() && raft.term == self.term;
        assert!(
            !led_throughout || log.last_id() >= self.last,
            "leader's log shrank {} → {}",
            self.last,
            log.last_id()
        );
        // Whatever changes a node's standing says so, or the next Ready would not tell of it.
        let is_same = (self.leadership, self.vote) == (raft.leadership(), raft.vote);
        assert!(is_same || raft.standing_changed, "nobody noted the change from {:?}", self.leadership);
        check_state(raft);
    }
}

/// What is true of a node at any time.
fn check_state(raft: &Raft) {
    let log = &raft.log;
    // Only what is committed is applied (Figure 2).
    assert!(log.applied() <= log.committed(), "applied {} > committed {}", log.applied(), log.committed());
    // Only what is in the log is committed.
    assert!(log.committed() <= log.last_index(), "committed {} > last {}", log.committed(), log.last_index());
    // No entry is of a term that the node has not reached.
    assert!(log.last_id().term <= raft.term, "last entry {} is ahead of term {}", log.last_id(), raft.term);
    let Some(leader) = raft.role.as_leader() else { return };
    // A leader has voted for itself in its term.
    assert!(raft.vote == Some(raft.id), "leader has voted for {:?}", raft.vote);
    for (node, progress) in leader.progress.iter() {
        // A follower cannot match what the leader does not hold.
        assert!(
            progress.matched <= log.last_index(),
            "{node} matches {} > last {}",
            progress.matched,
            log.last_index()
        );
        // What is sent next lies beyond what is known to match.
        assert!(
            progress.next > progress.matched,
            "{node}: next {} ≤ matched {}",
            progress.next,
            progress.matched
        );
        // A follower is told of no more than is committed.
        assert!(progress.commit_sent <= log.committed(), "{node} was told of {}", progress.commit_sent);
    }
}
