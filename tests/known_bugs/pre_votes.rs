//! Pre-votes: what they must not hinder, and what they must not change.

use harness::{Cluster, Node, Pace, envelope, kind, log_of};
use quorate::{
    ChangeStep, ConfChange, Config, EntryId, HardState, MemStorage, Membership, Message, NodeId, RawNode,
    RoleKind, Term, Transition,
};

const ELECTION: u32 = 10;

fn vote_request(from: u64, term: u64, last: EntryId) -> quorate::Envelope {
    envelope(from, 1, term, Message::VoteRequest { last, priority: 0, committed: None, transfer: false })
}

/// Elsewhere a node of an older term was ignored as a pre-candidate, so that a cluster that needed it had no leader.
#[test]
fn a1_pre_vote_of_a_node_with_an_older_term() {
    let mut cluster = Cluster::with_logs(&[&[1, 5], &[1, 5], &[1]]);
    cluster.isolate(3);
    cluster.elect(2);
    cluster.crash(2);
    cluster.heal();
    cluster.pass(6 * ELECTION);
    assert_eq!(cluster.leader(), Some(1), "with the vote of n3, which was four terms behind");
}

/// Elsewhere, while only some nodes asked for pre-votes, one that asked, with a high term and a short log, and one that
/// did not, with a low term and a long log, kept each other from being elected.
#[test]
fn a2_only_some_nodes_ask_first() {
    for asks_first in [[true, false], [false, true], [false, false], [true, true]] {
        let of = |id: NodeId| id.0 > 2 || asks_first[usize::try_from(id.0).unwrap() - 1];
        let logs: [&[u64]; 3] = [&[1], &[1, 1, 1], &[1]];
        let mut cluster = Cluster::with_logs_and_config(&logs, |config| config.pre_vote = of(config.id));
        cluster.restart_with(1, 7, None, 0);
        cluster.crash(3);
        cluster.pass(8 * ELECTION);
        assert_eq!(cluster.leader(), Some(2), "n1 and n2 ask first: {asks_first:?}");
    }
}

/// Elsewhere a pre-candidate held on to the leader it had lost, and refused everybody else's pre-vote.
#[test]
fn a3_pre_candidate_helps_another_one() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(3, 2 * ELECTION);
    cluster.tick(2, ELECTION);
    cluster.lose_in_flight();
    assert_eq!(cluster.role(3), RoleKind::PreCandidate);
    cluster.elect(2);
}

/// Elsewhere answers to an earlier round counted in the next one too.
#[test]
fn a4_each_round_counts_its_own_answers() {
    let mut cluster = Cluster::of(5);
    let would =
        |from, term| envelope(from, 1, term, Message::PreVoteResponse { granted: true, committed: None });
    let does = |from, term| envelope(from, 1, term, Message::VoteResponse { granted: true, committed: None });
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(would(2, 1));
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(would(3, 1));
    assert_eq!(cluster.role(1), RoleKind::PreCandidate, "n2 has answered another round");
    cluster.step(would(4, 1));
    cluster.step(does(2, 1));
    assert_eq!(cluster.role(1), RoleKind::Candidate);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(would(3, 2));
    assert_eq!(cluster.role(1), RoleKind::PreCandidate, "and a vote is no pre-vote");
    cluster.step(would(4, 2));
    cluster.step(does(3, 2));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 2), "nor the other way round");
}

/// The same with answers for the term in which the node stands by now, when it asks about the next.
#[test]
fn a4_pre_votes_for_the_present_term_come_late() {
    let mut cluster = Cluster::of(5);
    let would =
        |from, term| envelope(from, 1, term, Message::PreVoteResponse { granted: true, committed: None });
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(would(2, 1));
    cluster.step(would(3, 1));
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.step(would(4, 1));
    cluster.step(would(5, 1));
    assert_eq!(cluster.role(1), RoleKind::PreCandidate, "nobody has said who would be elected in term 2");
    cluster.step(would(4, 2));
    cluster.step(would(5, 2));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 2));
}

/// Elsewhere the nodes with the long log had the low term and those with the high term the short log, and pre-votes
/// never told anybody of the high term.
#[test]
fn a5_pre_vote_between_a_long_log_and_a_high_term() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[1], &[1]]);
    cluster.restart_with(2, 7, None, 0);
    cluster.crash(3);
    cluster.pass(8 * ELECTION);
    assert_eq!(cluster.leader(), Some(1));
    assert!(cluster.term(1) > 7);
}

/// The same with six voters of whom one is about to leave: half of them have the log, the other half the term, and
/// neither half is a quorum.
#[test]
fn a5_halves_of_a_joint_configuration() {
    let six = Membership::of_voters((1..=6).map(NodeId));
    let joint = six.after(&ConfChange::of([ChangeStep::Remove(NodeId(6))], Transition::Explicit)).unwrap();
    for membership in [six, joint] {
        let mut cluster = Cluster::of(6);
        for id in 1..=6 {
            let (terms, term): (&[u64], _) = if id <= 3 { (&[1, 1], 1) } else { (&[1], 7) };
            let disk = MemStorage::with_membership(membership.clone());
            disk.append(&log_of(terms)).unwrap();
            disk.set_hard_state(HardState { term: Term(term), ..HardState::default() });
            *cluster.node(id) = Node::new(Config::new(NodeId(id), id), disk, Pace::AtOnce);
        }
        cluster.pass(8 * ELECTION);
        let leader = cluster.leader().expect("the high term is told with the refusals");
        assert!(leader <= 3 && cluster.term(leader) > 7, "n{leader} has the long log");
        assert!((1..=6).all(|id| cluster.committed(id) == 3));
    }
}

/// Elsewhere becoming a pre-candidate erased the vote, so that a node voted twice in a term.
#[test]
fn a6_vote_outlives_pre_candidacy() {
    let mut cluster = Cluster::of(3);
    cluster.step(vote_request(2, 5, EntryId::ZERO));
    cluster.tick(1, 2 * ELECTION);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::PreCandidate, 5));
    cluster.take_said();
    cluster.step(vote_request(3, 5, EntryId::new(4, 9)));
    assert_eq!(cluster.take_said(), ["n1@5 → n3 VoteResponse granted=false"]);
}

/// Elsewhere pre-votes that came after the election was won began another one.
#[test]
fn a13_pre_votes_that_come_after_the_election() {
    let mut cluster = Cluster::of(3);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "pre_vote_request");
    let late = cluster.network.take(|m| m.from == NodeId(3));
    cluster.settle();
    assert!(cluster.leads(1));
    late.into_iter().for_each(|message| cluster.step(message));
    assert!(cluster.on(1, RawNode::campaign).is_err(), "nor does a leader stand because it is told to");
    assert!(cluster.leads(1) && cluster.term(1) == 1);
}
