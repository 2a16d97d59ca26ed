//! Chapter 6, Client interaction: finding the leader (6.2), and reads (6.4). Sessions (6.3) are not in the library.

use harness::{Cluster, envelope};
use quorate::{EntryId, ForwardOutcome, LogIndex, NodeId, RawNode, ReadError, ReadOutcome, RoleKind};

use crate::messages::{ELECTION, vote_request};

fn outcomes(cluster: &mut Cluster, id: u64) -> Vec<ReadOutcome> {
    cluster.node(id).reads.drain(..).map(|read| read.outcome).collect()
}

fn with_leases(count: u64) -> Cluster {
    let mut cluster = Cluster::with_config(count, |config| config.lease_reads = true);
    // For an election timeout after its start a node is bound by what it may have promised before.
    cluster.pass(4 * ELECTION);
    cluster
}

/// 6.2: a leader steps down if an election timeout passes without a successful round to a majority.
#[test]
fn leader_without_a_quorum_steps_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(1, 2 * ELECTION);
    assert_eq!((cluster.role(1), cluster.status(1).leader), (RoleKind::Follower, None));
}

/// 6.2: a minority that is silent does not matter.
#[test]
fn leader_with_a_quorum_stays() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2, 3], &[4, 5]]);
    cluster.pass(10 * ELECTION);
    assert!(cluster.leads(1) && cluster.term(1) == 1);
}

/// 6.2: so that clients of a leader that was cut off need not wait for ever; its followers forget it, too.
#[test]
fn follower_that_stands_names_no_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    assert_eq!(cluster.status(2).leader.unwrap().0, 1);
    cluster.isolate(2);
    cluster.tick(2, 2 * ELECTION);
    assert_eq!(cluster.status(2).leader, None);
}

/// 6.2: a follower may act as a proxy: it passes requests on, and learns what became of them.
#[test]
fn follower_learns_what_became_of_a_request() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(3, "a");
    cluster.settle();
    let outcome = cluster.node(3).forwards.pop().unwrap().outcome;
    assert!(matches!(outcome, ForwardOutcome::Appended(id) if id.index == LogIndex(2)));
}

/// 6.2: and if nothing is heard in time, it says that nothing is known.
#[test]
fn follower_does_not_wait_for_ever() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(3, "a");
    cluster.lose_in_flight();
    cluster.pass(5 * ELECTION);
    assert_eq!(cluster.node(3).forwards.pop().unwrap().outcome, ForwardOutcome::Unknown);
}

/// 6.4, step 1: a leader that has committed nothing in its term does not know the commit index yet, so reads wait.
#[test]
fn read_of_a_new_leader_waits() {
    let mut cluster = Cluster::of(3);
    cluster.lose("append_accepted");
    cluster.elect(1);
    cluster.read(1);
    cluster.read(2);
    cluster.pass(2);
    assert_eq!((outcomes(&mut cluster, 1), outcomes(&mut cluster, 2)), (vec![], vec![]));
}

/// 6.4, step 2: the read index is the commit index at the time of the request; what is proposed later need not be seen.
#[test]
fn read_index_is_the_commit_index_at_the_request() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let before = cluster.terms(1).len();
    cluster.read(1);
    assert_eq!(cluster.node(1).reads, []);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);
    assert_eq!(cluster.terms(1).len(), before + 1, "only the proposal was written");
}

/// 6.4, step 3: a round of heartbeats makes sure that nobody has replaced the leader.
#[test]
fn leader_that_was_replaced_answers_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.outwait_leader(&[2, 3]);
    cluster.elect(2);
    cluster.read(1);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::Lost]);
}

/// 6.4, step 3: answers to heartbeats that were sent before the request say nothing of it.
#[test]
fn earlier_heartbeats_do_not_confirm_a_read() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.tick(1, 1);
    let early = cluster.network.take(|_| true);
    cluster.read(1);
    let round = cluster.network.take(|_| true);
    early.into_iter().for_each(|message| cluster.step(message));
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1), []);
    round.into_iter().for_each(|message| cluster.step(message));
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1).len(), 1);
}

/// 6.4, steps 4 and 5: the answer comes from a state machine that has applied so much; whoever reads waits for that.
#[test]
fn read_index_may_be_ahead_of_what_is_applied() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    cluster.lose("append_request");
    cluster.network.take(|m| m.to.0 == 3);
    cluster.read(3);
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::At(LogIndex(2))]);
    assert_eq!(cluster.status(3).applied, LogIndex(1));
}

/// 6.4: many reads may share one round of heartbeats.
#[test]
fn reads_share_a_round() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for _ in 0..5 {
        cluster.node(1).raw().read_index().unwrap();
    }
    cluster.process(1);
    assert_eq!(cluster.network.in_flight.len(), 2);
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1).len(), 5);
}

/// 6.4: a follower serves a read by asking its leader for the index; the leader goes through its steps.
#[test]
fn follower_asks_its_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.read(3);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.network.in_flight.len(), 2, "a round of heartbeats first");
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::At(LogIndex(2))]);
}

/// 6.4.1: with a lease, a leader answers without a message, as long as a majority has answered it lately.
#[test]
fn leader_with_a_lease_answers_at_once() {
    let mut cluster = with_leases(3);
    let leader = cluster.leader().unwrap();
    cluster.take_said();
    cluster.on(leader, RawNode::read_lease).unwrap();
    assert_eq!((outcomes(&mut cluster, leader).len(), cluster.take_said().len()), (1, 0));
}

/// 6.4.1: the lease ends before any follower would vote for another.
#[test]
fn lease_ends_before_the_followers_patience() {
    let mut cluster = with_leases(3);
    let leader = cluster.leader().unwrap();
    cluster.isolate(leader);
    cluster.tick(leader, ELECTION - 1);
    assert!(cluster.leads(leader), "it does not know yet");
    cluster.on(leader, RawNode::read_lease).unwrap();
    assert_eq!(outcomes(&mut cluster, leader), [], "an ordinary read, which nobody confirms");
}

/// 6.4.1: followers keep their word: none votes while the lease may last, nor stands.
#[test]
fn lease_binds_followers() {
    let mut cluster = with_leases(3);
    let leader = cluster.leader().unwrap();
    let follower = leader % 3 + 1;
    assert!(cluster.on(follower, RawNode::campaign).is_err());
    cluster.crash(follower);
    cluster.restart(follower);
    cluster.step(envelope(9, follower, 9, vote_request(EntryId::new(8, 8))));
    assert!(cluster.take_said().is_empty(), "nor after a restart, which makes it forget the leader");
}

/// 6.4.1: a lease gives way when leadership is handed over.
#[test]
fn lease_ends_with_a_transfer() {
    let mut cluster = with_leases(3);
    let leader = cluster.leader().unwrap();
    let target = NodeId(leader % 3 + 1);
    cluster.on(leader, |raw| raw.transfer_leader(target)).unwrap();
    cluster.on(leader, RawNode::read_lease).unwrap();
    assert_eq!(outcomes(&mut cluster, leader), []);
}

/// 6.4.1: clocks may not be trusted: leases are off unless they are asked for.
#[test]
fn leases_are_off_unless_asked_for() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    assert_eq!(cluster.on(1, RawNode::read_lease), Err(ReadError::LeaseReadsOff));
}
