//! Nodes that come back under their old id with less on their disk than they had acknowledged.

use harness::{Cluster, envelope};
use quorate::{CampaignError, Echo, EntryId, LogIndex, Message, NodeId, RawNode, StepError};

const ELECTION: u32 = 10;

/// n1 and n2 have committed an entry that n3 never saw; then n2 loses its disk, and comes back.
fn cluster_with_a_wiped_node() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "acknowledged");
    cluster.settle();
    assert_eq!(cluster.committed(1), 2);
    cluster.wipe(2);
    cluster.pass(2);
    assert!(matches!(cluster.refused[0], StepError::CommitBeyondLog { .. }), "its leader knew better");
    cluster
}

/// Elsewhere a node that had lost its disk came back and helped to elect a leader without an entry that was committed,
/// since it had once held it.
#[test]
fn c17_wiped_node_elects_nobody() {
    let mut cluster = cluster_with_a_wiped_node();
    cluster.crash(1);
    cluster.heal();
    cluster.pass(20 * ELECTION);
    assert_eq!(cluster.leader(), None, "neither n3, without the entry, nor n2 itself");
    assert!(matches!(cluster.on(2, RawNode::campaign), Err(CampaignError::LostEntries)));
    cluster.restart(1);
    cluster.pass(20 * ELECTION);
    assert_eq!(cluster.leader(), Some(1), "with the vote of n3");
    assert_eq!(cluster.applied(3), ["acknowledged"]);
}

/// It votes again when it holds an entry of a leader that was elected without it.
#[test]
fn c17_wiped_node_votes_when_a_later_leader_has_restored_it() {
    let mut cluster = cluster_with_a_wiped_node();
    cluster.heal();
    cluster.pass(3);
    cluster.on(1, |node| node.transfer_leader(NodeId(3))).unwrap();
    cluster.settle();
    assert!(cluster.leads(3));
    cluster.pass(3);
    assert_eq!(cluster.terms(2).len(), cluster.terms(3).len(), "n3 led, and gave it all that it had lost");
    cluster.crash(1);
    cluster.crash(3);
    cluster.restart(3);
    cluster.pass(6 * ELECTION);
    assert!(cluster.leader().is_some(), "n2 and n3 are a quorum again");
    assert_eq!(cluster.applied(2), ["acknowledged"]);
}

/// Its refusal says what it is about, whoever asks.
#[test]
fn c17_wiped_node_refuses_the_vote_too() {
    let mut cluster = cluster_with_a_wiped_node();
    cluster.heal();
    cluster.take_said();
    let asked =
        Message::VoteRequest { last: EntryId::new(1, 1), priority: 0, committed: None, transfer: true };
    cluster.step(envelope(3, 2, 2, asked));
    assert_eq!(cluster.take_said(), ["n2@2 → n3 VoteResponse granted=false"]);
}

/// Here, until it was read closely: a follower took entries from whoever claimed to lead, also from two in one term,
/// whose entries may bear the same names and be others.
#[test]
fn second_leader_of_a_term_is_refused() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let heartbeat = Message::Heartbeat { commit: LogIndex(0), echo: Echo::default() };
    cluster.step(envelope(3, 2, 1, heartbeat));
    assert!(matches!(cluster.refused[..], [StepError::SecondLeader { .. }]));
    assert_eq!(cluster.status(2).leader, Some(NodeId(1)));
}
