//! Handing leadership over, on demand and before a leader stops.

use super::*;
use crate::consensus::{TransferError, TransferOutcome};

impl Cluster {
    fn transfer(&mut self, id: usize, to: u64) -> Ticket<()> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).transfer_leader(NodeId(to), completion);
        ticket
    }
}

#[test]
fn a_transfer_is_done_when_its_target_leads() {
    let mut cluster = Cluster::new(3, &options());
    let mut ticket = cluster.transfer(1, 3);
    assert_eq!(ticket.try_take(), None);
    let mut proposal = cluster.propose(1, "x");
    cluster.settle();
    assert_eq!(ticket.try_take(), Some(Outcome::Applied(())));
    assert_eq!(cluster.node(3).status().core.role, RoleKind::Leader);
    assert_eq!(proposal.try_take(), Some(refused(RefusalReason::TransferringLeadership, Some(1))));
    let mut again = cluster.transfer(1, 3);
    assert_eq!(again.try_take(), Some(Outcome::Applied(())), "it leads already");
}

#[test]
fn a_transfer_that_fails_says_why() {
    let mut cluster = Cluster::new(3, &options());
    let mut elsewhere = cluster.transfer(2, 3);
    assert_eq!(elsewhere.try_take(), Some(refused(RefusalReason::NotLeader, Some(1))));
    let mut stranger = cluster.transfer(1, 9);
    let not_voter = TransferError::NotVoter { to: NodeId(9) };
    assert_eq!(stranger.try_take(), Some(refused(RefusalReason::Transfer(not_voter), Some(1))));
    cluster.cut_off.insert(2);
    let mut late = cluster.transfer(1, 2);
    let mut second = cluster.transfer(1, 3);
    let in_progress = TransferError::InProgress { to: NodeId(2) };
    assert_eq!(second.try_take(), Some(refused(RefusalReason::Transfer(in_progress), Some(1))));
    cluster.tick(9);
    assert_eq!(late.try_take(), None);
    cluster.tick(1);
    let timed_out = RefusalReason::NotHandedOver(TransferOutcome::TimedOut);
    assert_eq!(late.try_take(), Some(refused(timed_out, Some(1))));
}

#[test]
fn a_transfer_under_load_loses_no_command_that_was_acknowledged() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(2);
    let mut proposals: Vec<_> = (0..50).map(|_| cluster.propose(1, "x")).collect();
    cluster.settle();
    cluster.cut_off.clear();
    let mut transfer = cluster.transfer(1, 2);
    for _ in 0..10 {
        proposals.extend((0..5).map(|_| cluster.propose(1, "y")));
        cluster.tick(1);
    }
    assert_eq!(transfer.try_take(), Some(Outcome::Applied(())));
    assert_eq!(cluster.node(2).status().core.role, RoleKind::Leader);
    let outcomes: Vec<_> = proposals.iter_mut().map(Ticket::try_take).collect();
    let applied = outcomes.iter().filter(|outcome| matches!(outcome, Some(Outcome::Applied(_)))).count();
    assert!(applied >= 50, "{applied}");
    let is_known = |outcome: &Option<Outcome<usize>>| {
        matches!(outcome, Some(Outcome::Applied(_) | Outcome::NotAccepted(_)))
    };
    assert!(outcomes.iter().all(is_known), "{outcomes:?}");
    for id in 1..=3 {
        assert_eq!(cluster.lines(id).len(), applied);
    }
}

#[test]
fn a_leader_that_is_to_stop_hands_over_to_the_voter_with_most_of_its_log() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(3);
    cluster.propose(1, "x").on_done(drop);
    cluster.settle();
    cluster.cut_off.clear();
    cluster.node(1).begin_stop();
    assert!(!cluster.node(1).may_stop());
    cluster.settle();
    assert!(cluster.node(1).may_stop(), "not a tick has passed");
    assert_eq!(cluster.node(2).status().core.role, RoleKind::Leader);
}

#[test]
fn a_leader_that_nobody_can_follow_stops_in_the_end() {
    let mut cluster = Cluster::new(3, &Options { hand_over_ticks: 5, ..options() });
    cluster.cut_off.insert(1);
    cluster.node(1).begin_stop();
    cluster.tick(4);
    assert!(!cluster.node(1).may_stop());
    cluster.tick(1);
    assert!(cluster.node(1).may_stop());
}

#[test]
fn who_has_nothing_to_hand_over_stops_at_once() {
    let mut alone = Cluster::new(1, &options());
    assert!(!alone.node(1).may_stop());
    alone.node(1).begin_stop();
    assert!(alone.node(1).may_stop());
    let mut cluster = Cluster::new(3, &Options { hand_over_ticks: 0, ..options() });
    for id in 1..=2 {
        cluster.node(id).begin_stop();
        assert!(cluster.node(id).may_stop());
    }
}
