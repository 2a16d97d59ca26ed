//! Reads that a leader answers from its clock.

use harness::{Cluster, command, envelope, kind};
use quorate::{
    CampaignError, Config, ConfigError, EntryId, Envelope, LogIndex, MemStorage, Message, NewError, NodeId,
    RawNode, ReadError, ReadOutcome, TransferOutcome,
};
use slog::{Discard, Logger, o};

const ELECTION: u32 = 10;
/// Three quarters of it.
const LEASE: u32 = 7;

/// Three nodes, of which n1 leads and has a lease.
fn cluster_with_lease() -> Cluster {
    let mut cluster = Cluster::with_config(3, |config| config.lease_reads = true);
    // Nobody votes in the first moments of its life.
    cluster.ids().for_each(|id| cluster.tick(id, ELECTION));
    cluster.lose_in_flight();
    cluster.elect(1);
    cluster.pass(1);
    cluster
}

/// What n1 answers to a lease read at once, without asking anybody.
fn lease_read(cluster: &mut Cluster) -> Option<ReadOutcome> {
    cluster.on(1, RawNode::read_lease).unwrap();
    cluster.node(1).reads.pop().map(|read| read.outcome)
}

/// n2 is elected without n1's knowledge, and commits what n1 does not have.
fn go_on_without_n1(cluster: &mut Cluster) {
    cluster.elect(2);
    cluster.propose(2, "unknown to n1");
    cluster.settle();
    assert_eq!(cluster.applied(3).last().unwrap(), "unknown to n1");
    assert!(cluster.leads(1), "as far as it knows");
}

fn take_word_to_stand(cluster: &mut Cluster) -> Envelope {
    cluster.network.take(|m| kind(m) == "timeout_now").pop().unwrap()
}

/// Elsewhere a new leader answered a read before it knew what its predecessor had committed. A lease does not help it.
#[test]
fn f1_lease_before_the_first_commit_of_the_term() {
    let mut cluster = Cluster::with_config(3, |config| config.lease_reads = true);
    cluster.ids().for_each(|id| cluster.tick(id, ELECTION));
    cluster.lose_in_flight();
    cluster.lose("append_accepted");
    cluster.elect(1);
    cluster.tick(1, 1);
    cluster.settle();
    assert_eq!(lease_read(&mut cluster), None, "its heartbeat is answered, nothing of its term committed");
    cluster.heal();
    cluster.pass(3);
    assert_eq!(lease_read(&mut cluster), Some(ReadOutcome::At(LogIndex(1))));
}

/// Elsewhere leases could be had without CheckQuorum, under which alone followers are loyal.
#[test]
fn f3_leases_need_loyal_followers() {
    let mut config = Config::new(NodeId(1), 1);
    config.lease_reads = true;
    config.check_quorum = false;
    let storage = MemStorage::with_voters([1, 2, 3].map(NodeId));
    let node = RawNode::new(config, storage, Logger::root(Discard, o!()));
    assert!(matches!(node, Err(NewError::Config(ConfigError::LeaseWithoutCheckQuorum))));

    let mut without = Cluster::of(3);
    without.elect(1);
    without.pass(1);
    assert_eq!(without.on(1, RawNode::read_lease), Err(ReadError::LeaseReadsOff));
}

/// Elsewhere a leader answered from its lease while the node that it had told to stand was elected, and wrote.
#[test]
fn f4_lease_while_leadership_is_handed_over() {
    let mut cluster = cluster_with_lease();
    assert_eq!(lease_read(&mut cluster), Some(ReadOutcome::At(LogIndex(1))));
    cluster.on(1, |raw| raw.transfer_leader(NodeId(2))).unwrap();
    let word = take_word_to_stand(&mut cluster);
    cluster.isolate(1);
    cluster.step(word);
    cluster.settle();
    assert!(cluster.leads(2), "nobody waits for the lease to end");
    cluster.propose(2, "unknown to n1");
    cluster.settle();
    assert_eq!(cluster.applied(3), ["unknown to n1"]);
    assert_eq!(lease_read(&mut cluster), None);
}

/// Elsewhere a lease was counted from the answer to a heartbeat, not from its sending.
#[test]
fn f5_lease_begins_when_the_heartbeat_is_sent() {
    let mut cluster = cluster_with_lease();
    cluster.tick(1, 1);
    cluster.deliver(|m| kind(m) == "heartbeat");
    let answers = cluster.network.take(|m| kind(m) == "heartbeat_response");
    cluster.tick(1, LEASE - 1);
    answers.into_iter().for_each(|answer| cluster.step(answer));
    assert_eq!(lease_read(&mut cluster), Some(ReadOutcome::At(LogIndex(1))));
    cluster.tick(1, 1);
    assert_eq!(lease_read(&mut cluster), None);
}

/// Elsewhere a leader whose clock ran a little slower than its voters' answered when they had elected another.
#[test]
fn f5_clocks_run_at_different_rates() {
    let mut cluster = cluster_with_lease();
    cluster.isolate(1);
    cluster.tick(1, LEASE);
    [2, 3].into_iter().for_each(|id| cluster.tick(id, ELECTION));
    cluster.lose_in_flight();
    go_on_without_n1(&mut cluster);
    assert_eq!(lease_read(&mut cluster), None);
}

/// Elsewhere a leader whose process had stood still went on with a lease that had long run out.
#[test]
fn f5_process_stood_still() {
    let mut cluster = cluster_with_lease();
    cluster.tick(1, 1);
    cluster.deliver(|m| kind(m) == "heartbeat");
    let late = cluster.network.take(|m| kind(m) == "heartbeat_response");
    cluster.isolate(1);
    [2, 3].into_iter().for_each(|id| cluster.tick(id, ELECTION));
    cluster.lose_in_flight();
    go_on_without_n1(&mut cluster);
    assert!(lease_read(&mut cluster).is_some(), "no tick has told it of the pause, so its driver has to");
    cluster.on(1, RawNode::expire_lease);
    assert_eq!(lease_read(&mut cluster), None);
    late.into_iter().for_each(|answer| cluster.step(answer));
    assert_eq!(lease_read(&mut cluster), None, "what was answered before the pause says nothing of now");
}

/// Elsewhere followers that were told to forget their leader elected another, whose lease rested on them.
#[test]
fn f7_leader_with_a_lease_is_not_forgotten() {
    let mut cluster = cluster_with_lease();
    cluster.isolate(1);
    [2, 3].into_iter().for_each(|id| cluster.on(id, RawNode::forget_leader));
    assert!(matches!(cluster.on(2, RawNode::campaign), Err(CampaignError::BoundByLease)));
    let ask =
        Message::VoteRequest { last: EntryId::new(1, 9), priority: 0, committed: None, transfer: false };
    cluster.step(envelope(3, 2, 2, ask));
    cluster.settle();
    assert_eq!((cluster.term(2), cluster.status(2).leader), (1, Some(NodeId(1))));
    assert_eq!(lease_read(&mut cluster), Some(ReadOutcome::At(LogIndex(1))));
}

/// Here, until it was read closely: a voter that heard of a newer term had no leader from then on, and voted at once,
/// though a lease rested on its word not to.
#[test]
fn f7_newer_term_frees_nobody_from_a_lease() {
    let mut cluster = cluster_with_lease();
    cluster.isolate(1);
    cluster.tick(1, 2 * ELECTION - 3);
    // n2 asks n3 for its pre-vote. That is late, and n3 is quicker: it stands in term 2, with the pre-vote of n2.
    cluster.tick(2, 2 * ELECTION - 1);
    let question = cluster.network.take(|m| kind(m) == "pre_vote_request").pop().unwrap();
    cluster.tick(3, 2 * ELECTION - 1);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(3));
    let vote_request = cluster.network.take(|m| kind(m) == "vote_request").pop().unwrap();
    cluster.step(question);
    let refusal = cluster.network.take(|m| kind(m) == "pre_vote_response").pop().unwrap();
    assert_eq!((refusal.to, refusal.term.0), (NodeId(2), 2));

    // Meanwhile n2 hears of n1, and answers.
    cluster.heal();
    cluster.tick(1, 1);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    assert_eq!(lease_read(&mut cluster), Some(ReadOutcome::At(LogIndex(1))));
    cluster.isolate(1);
    for message in [refusal, vote_request] {
        cluster.step(message);
        cluster.settle();
    }
    assert!(cluster.leads(1) && !cluster.leads(3), "n2 has given its word for an election timeout");
    cluster.tick(1, LEASE);
    assert_eq!(lease_read(&mut cluster), None);
    cluster.pass(4 * ELECTION);
    assert!(cluster.leads(2) || cluster.leads(3));
}

/// Elsewhere a leader that was handing over answered a read without making sure that it still led.
#[test]
fn f9_read_while_leadership_is_handed_over() {
    for is_replaced in [false, true] {
        let mut cluster = Cluster::of(3);
        cluster.elect(1);
        cluster.on(1, |raw| raw.transfer_leader(NodeId(2))).unwrap();
        let word = take_word_to_stand(&mut cluster);
        cluster.read(1);
        let heartbeats = cluster.network.take(|m| kind(m) == "heartbeat");
        if is_replaced {
            cluster.isolate(1);
            cluster.step(word);
            cluster.settle();
            cluster.propose(2, "unknown to n1");
            cluster.settle();
            cluster.heal();
        }
        cluster.lose("timeout_now");
        heartbeats.into_iter().for_each(|heartbeat| cluster.step(heartbeat));
        cluster.settle();
        let expected = if is_replaced { ReadOutcome::Lost } else { ReadOutcome::At(LogIndex(1)) };
        let outcomes: Vec<_> = cluster.node(1).reads.drain(..).map(|read| read.outcome).collect();
        assert_eq!(outcomes, [expected]);
    }
}

/// Elsewhere a leader trusted its lease again when a transfer had failed, though the word to stand was still on its way.
#[test]
fn g5_word_to_stand_outlives_the_transfer() {
    let mut cluster = cluster_with_lease();
    cluster.on(1, |raw| raw.transfer_leader(NodeId(2))).unwrap();
    let word = take_word_to_stand(&mut cluster);
    cluster.lose("timeout_now");
    cluster.pass(ELECTION);
    let outcomes: Vec<_> = cluster.node(1).transfers.iter().map(|transfer| transfer.outcome).collect();
    assert_eq!(outcomes, [TransferOutcome::TimedOut]);
    cluster.on(1, |raw| raw.propose(command("it leads on"))).unwrap();
    cluster.settle();

    cluster.isolate(1);
    cluster.step(word);
    cluster.settle();
    assert!(cluster.leads(2), "voters take it that n1 wants this");
    cluster.propose(2, "unknown to n1");
    cluster.settle();
    assert_eq!(lease_read(&mut cluster), None);
}
