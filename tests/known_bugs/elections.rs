//! Elections, votes, timers, and the leader's own doubt.

use std::collections::BTreeSet;

use harness::{Cluster, envelope};
use quorate::{EntryId, HardState, Message, NodeId, RawNode, RoleKind};

const ELECTION: u32 = 10;

fn vote_request(from: u64, term: u64, last: EntryId) -> quorate::Envelope {
    envelope(from, 1, term, Message::VoteRequest { last, priority: 0, committed: None, transfer: false })
}

/// Elsewhere a leader that stepped down within its term forgot that it had voted for itself.
#[test]
fn a7_vote_outlives_stepping_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.tick(1, 2 * ELECTION);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 1), "no quorum has answered");
    cluster.take_said();
    cluster.step(vote_request(2, 1, EntryId::new(1, 9)));
    assert_eq!(cluster.take_said(), ["n1@1 → n2 VoteResponse granted=false committed=1@1"]);
}

/// Elsewhere term and vote were written apart, and a crash between the two let a node vote twice.
#[test]
fn a8_term_and_vote_are_one_write() {
    let mut cluster = Cluster::of(3);
    cluster.node(1).raw().step(vote_request(2, 5, EntryId::ZERO)).unwrap();
    cluster.node(1).take_ready(|ready| {
        let written = ready.hard_state.expect("both have changed");
        assert_eq!((written.term.0, written.vote), (5, Some(NodeId(2))));
        assert!(ready.must_sync && ready.messages.is_empty(), "and the answer waits for it");
    });
    cluster.crash(1);
    cluster.restart(1);
    cluster.step(vote_request(3, 5, EntryId::ZERO));
    assert_eq!(cluster.take_said(), ["n1@5 → n3 VoteResponse granted=false"]);
}

/// Elsewhere a candidate's new term was in memory only, and went back with a restart.
#[test]
fn a9_term_of_a_candidate_outlives_a_restart() {
    let mut cluster = Cluster::with_config(3, |config| config.pre_vote = false);
    cluster.tick(1, 4 * ELECTION);
    let term = cluster.term(1);
    assert!(term >= 2);
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!(cluster.term(1), term);
}

/// Here, until the simulation found it: a node that is a quorum by itself led before its term was durable, crashed,
/// and led the same term again, with other entries under the same names.
#[test]
fn a9_sole_voter_leads_when_its_term_is_durable() {
    let mut cluster = Cluster::with_learners(1, 1);
    cluster.hold_writes(1);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!(cluster.role(1), RoleKind::Candidate);
    cluster.finish_write(1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Leader, 1));
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!(cluster.term(1), 1, "what it has led, it remembers");
}

/// Elsewhere one vote that came twice counted twice.
#[test]
fn a10_vote_that_comes_twice() {
    let mut cluster = Cluster::with_config(5, |config| config.pre_vote = false);
    cluster.on(1, RawNode::campaign).unwrap();
    let vote = |from| envelope(from, 1, 1, Message::VoteResponse { granted: true, committed: None });
    (0..3).for_each(|_| cluster.step(vote(2)));
    assert_eq!(cluster.role(1), RoleKind::Candidate);
    cluster.step(vote(3));
    assert_eq!(cluster.role(1), RoleKind::Leader);
}

/// Elsewhere a refusal that told of somebody else's vote replaced the candidate's own.
#[test]
fn a12_refusals_change_no_vote() {
    let mut cluster = Cluster::with_config(3, |config| config.pre_vote = false);
    let refusal =
        |from, term| envelope(from, 1, term, Message::VoteResponse { granted: false, committed: None });
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(refusal(2, 1));
    assert_eq!(cluster.status(1).hard_state.vote, Some(NodeId(1)));
    cluster.step(refusal(2, 5));
    let HardState { term, vote, .. } = cluster.status(1).hard_state;
    assert_eq!((term.0, vote), (5, None), "whom n2 has voted for there binds n2 alone");
    cluster.take_said();
    cluster.step(vote_request(3, 5, EntryId::ZERO));
    cluster.step(vote_request(2, 5, EntryId::ZERO));
    assert_eq!(
        cluster.take_said(),
        ["n1@5 → n3 VoteResponse granted=true", "n1@5 → n2 VoteResponse granted=false"]
    );
}

/// Elsewhere a cluster of one, or the followers of a dead leader, never elected anybody after a restart.
#[test]
fn a14_restarted_nodes_elect_a_leader() {
    let mut alone = Cluster::of(1);
    alone.pass(2 * ELECTION);
    alone.propose(1, "a");
    alone.crash(1);
    alone.restart(1);
    alone.pass(2 * ELECTION);
    assert_eq!((alone.leader(), alone.applied(1)), (Some(1), vec!["a".to_owned()]));

    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for id in 1..=3 {
        cluster.crash(id);
    }
    cluster.restart(2);
    cluster.restart(3);
    cluster.pass(6 * ELECTION);
    assert!(cluster.leader().is_some());
}

/// Elsewhere a node that was cut off raised its term again and again, and deposed the leader on its return.
#[test]
fn a15_node_that_was_cut_off_disturbs_nobody() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.pass(10 * ELECTION);
    cluster.heal();
    cluster.on(3, RawNode::campaign).unwrap();
    cluster.settle();
    cluster.pass(3 * ELECTION);
    assert!(cluster.leads(1) && cluster.term(1) == 1);
    assert_eq!(cluster.status(3).leader, Some(NodeId(1)));
}

/// Elsewhere nodes that could not reach everybody kept deposing each other's leaders (Cloudflare, November 2020).
#[test]
fn a16_partial_connectivity_ends_with_a_stable_leader() {
    for first in 1..=5 {
        let mut cluster = Cluster::of(5);
        cluster.elect(first);
        // From now on 1, 2 and 3 reach each other; 4 reaches only 2, and 5 only 3.
        for (one, other) in [(1, 4), (1, 5), (2, 5), (3, 4), (4, 5)] {
            cluster.network.cut(NodeId(one), NodeId(other));
        }
        cluster.pass(30 * ELECTION);
        let (leader, term) = (cluster.leader().expect("somebody reaches a quorum"), cluster.term(1));
        cluster.pass(30 * ELECTION);
        assert_eq!((cluster.leader(), cluster.term(1)), (Some(leader), term), "after n{first} led");
        cluster.propose(leader, "a");
        cluster.settle();
        assert_eq!(cluster.applied(leader), ["a"]);
    }
}

/// And where only one node reaches a quorum, but hears from a leader that does not, and so never stands.
#[test]
fn a16_leader_without_a_quorum_makes_way() {
    let mut cluster = Cluster::of(5);
    cluster.elect(4);
    // From now on each reaches n2, and nobody else.
    cluster.partition(&[&[1], &[3], &[4], &[5]]);
    cluster.pass(30 * ELECTION);
    let term = cluster.term(2);
    cluster.pass(30 * ELECTION);
    assert_eq!((cluster.leader(), cluster.term(2)), (Some(2), term));
    cluster.propose(2, "a");
    cluster.settle();
    assert_eq!(cluster.applied(2), ["a"]);
}

/// Elsewhere a leader that had lost touch could not come back, because its own pre-vote was refused.
#[test]
fn a18_leader_that_lost_touch_can_lead_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.tick(1, 2 * ELECTION);
    assert_eq!(cluster.role(1), RoleKind::Follower);
    cluster.lose_in_flight();
    cluster.tick(2, ELECTION);
    cluster.tick(3, ELECTION);
    cluster.lose_in_flight();
    cluster.elect(1);
}

/// Elsewhere a candidate that asked again, because the answer was lost, was refused the vote that it had.
#[test]
fn a19_vote_is_granted_again_to_the_same_candidate() {
    let mut cluster = Cluster::of(3);
    for _ in 0..2 {
        cluster.step(vote_request(2, 5, EntryId::ZERO));
        assert_eq!(cluster.take_said(), ["n1@5 → n2 VoteResponse granted=true"]);
    }
}

/// Elsewhere the election timers of a large cluster fell into step, and its nodes stood against each other for ever.
#[test]
fn a21_election_timers_stay_spread() {
    const NODES: u64 = 20;
    const TICKS: u32 = 5000;
    // Neighbours have neighbouring seeds, all start in the same tick, and nobody hears of anybody.
    let mut cluster = Cluster::of(NODES);
    let mut stood = vec![Vec::new(); NODES.try_into().unwrap()];
    for tick in 1..=TICKS {
        for (id, ticks) in (1..).zip(&mut stood) {
            cluster.tick(id, 1);
            if !cluster.network.take(|_| true).is_empty() {
                ticks.push(tick);
            }
        }
    }
    for ticks in &stood {
        let waits: BTreeSet<_> = ticks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits.into_iter().eq(ELECTION..2 * ELECTION), "every wait is drawn anew, from all there are");
    }
    // Of two that know nothing of each other, one stands in the tick of the other once in fifteen times.
    for (position, one) in stood.iter().enumerate() {
        for other in &stood[position + 1..] {
            let common = one.iter().filter(|tick| other.contains(tick)).count();
            assert!(common * 5 < one.len(), "{common} of {} times together", one.len());
        }
    }
}

/// Elsewhere a candidate in a newer term, whom nobody would elect, refused its leader's appends for ever.
#[test]
fn a22_candidate_that_ran_ahead_is_freed() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.restart_with(3, 9, Some(3), 0);
    cluster.pass(6 * ELECTION);
    assert!(cluster.leader().is_some() && cluster.term(1) > 9);
    assert_eq!(cluster.applied(3), ["a"]);
}

/// Here, until it was read closely: a node without a vote whose timer ran out again and again held on to its dead
/// leader, and so refused, most of the time, to help in electing another.
#[test]
fn a22_learner_gives_up_a_dead_leader() {
    let mut cluster = Cluster::with_learners(3, 1);
    cluster.elect(1);
    assert_eq!(cluster.status(4).leader, Some(NodeId(1)));
    cluster.tick(4, 2 * ELECTION);
    assert_eq!(cluster.status(4).leader, None);
    cluster.step(envelope(
        2,
        4,
        2,
        Message::PreVoteRequest { last: EntryId::new(1, 1), priority: 0, committed: None },
    ));
    assert_eq!(cluster.take_said().last().unwrap(), "n4@2 → n2 PreVoteResponse granted=true");
}
