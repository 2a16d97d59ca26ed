//! Linearizable reads.

use harness::{Cluster, envelope, kind};
use quorate::{Echo, LogIndex, Message, NodeId, RawNode, ReadError, ReadOutcome};

fn outcomes(cluster: &mut Cluster, id: u64) -> Vec<ReadOutcome> {
    cluster.node(id).reads.drain(..).map(|read| read.outcome).collect()
}

/// Elsewhere a new leader answered a read before it knew what its predecessor had committed.
#[test]
fn f1_read_before_the_first_commit_of_the_term() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    cluster.lose_in_flight();
    assert_eq!((cluster.committed(1), cluster.committed(2)), (2, 1), "only n1 knows that a is committed");
    cluster.isolate(1);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.lose("append_accepted");
    cluster.elect(2);
    cluster.read(2);
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 2), []);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(outcomes(&mut cluster, 2), [ReadOutcome::At(LogIndex(3))]);
}

/// Elsewhere an old answer to a heartbeat released a read that began after its leader had been replaced.
#[test]
fn f2_old_answers_release_no_new_read() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.read(1);
    cluster.deliver(|m| kind(m) == "heartbeat");
    let mut old = cluster.network.take(|m| kind(m) == "heartbeat_response");
    let late = old.split_off(1);
    old.into_iter().for_each(|message| cluster.step(message));
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);

    cluster.isolate(1);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.elect(2);
    cluster.propose(2, "unknown to n1");
    cluster.settle();
    cluster.read(1);
    late.into_iter().for_each(|message| cluster.step(message));
    assert_eq!(outcomes(&mut cluster, 1), [], "nobody has confirmed that n1 still leads");
    cluster.heal();
    cluster.pass(5);
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::Lost]);
}

/// An answer that comes late takes back nothing of what a newer one from the same follower has confirmed.
#[test]
fn f2_old_answer_takes_nothing_back() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.read(1);
    cluster.deliver(|m| m.to == NodeId(2));
    let late = cluster.network.take(|m| m.from == NodeId(2));
    cluster.lose_in_flight();
    cluster.read(1);
    cluster.deliver(|m| m.to == NodeId(2) || m.to == NodeId(3));
    cluster.deliver(|m| m.from == NodeId(2));
    late.into_iter().for_each(|message| cluster.step(message));
    assert_eq!(outcomes(&mut cluster, 1), [], "n1 and n2 are two of five");
    cluster.deliver(|m| m.from == NodeId(3));
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1)); 2]);
}

/// An answer to a round that the leader has not begun confirms nothing, and nothing that comes later.
#[test]
fn f2_answer_to_a_round_to_come() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let echo = Echo(1_000_u64.to_be_bytes().to_vec().into());
    cluster.step(envelope(2, 1, 1, Message::HeartbeatResponse { echo }));
    cluster.read(1);
    assert_eq!(outcomes(&mut cluster, 1), [], "nobody was asked yet");
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);
}

/// Elsewhere a question that came again brought the queue of reads into disorder, and with it what an answer confirms.
#[test]
fn f2_question_that_comes_twice() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.read(3);
    let question = cluster.network.take(|m| kind(m) == "read_index").pop().unwrap();
    cluster.step(question.clone());
    cluster.deliver(|m| kind(m) == "heartbeat");
    let mut answers = cluster.network.take(|m| kind(m) == "heartbeat_response");
    let late = answers.pop().unwrap();
    answers.into_iter().for_each(|answer| cluster.step(answer));
    cluster.deliver(|m| kind(m) == "read_index_response");
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::At(LogIndex(1))]);

    cluster.isolate(1);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.elect(2);
    cluster.propose(2, "unknown to n1");
    cluster.settle();
    cluster.step(question);
    cluster.read(1);
    cluster.network.heal();
    cluster.lose("heartbeat");
    cluster.step(late);
    assert_eq!(outcomes(&mut cluster, 1), [], "nobody has confirmed that n1 still leads");
    assert!(cluster.network.in_flight.is_empty(), "nor is n3 answered");
}

/// Reads that begin together are confirmed together, by a round of heartbeats that is sent after them.
#[test]
fn f2_reads_that_share_a_round_are_all_confirmed_by_it() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for _ in 0..3 {
        cluster.node(1).raw().read_index().unwrap();
    }
    cluster.process(1);
    assert_eq!(cluster.network.in_flight.len(), 2, "one round of heartbeats for three reads");
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1)); 3]);
}

/// Elsewhere a read was dropped in silence when nobody led, or when the leader did not answer.
#[test]
fn f6_every_read_ends() {
    let mut cluster = Cluster::of(3);
    assert_eq!(cluster.on(1, RawNode::read_index), Err(ReadError::NoLeader));
    cluster.elect(1);
    cluster.read(3);
    cluster.lose_in_flight();
    cluster.pass(15);
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::Lost], "the question was lost on its way");
    cluster.read(3);
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::At(LogIndex(1))]);
    // The leader's own heartbeats are lost, once: the next ones serve as well.
    cluster.read(1);
    cluster.lose_in_flight();
    cluster.pass(1);
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);
}

/// Elsewhere reads that a leader could not answer stayed in memory when it stepped down.
#[test]
fn f8_reads_end_with_the_office() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    for _ in 0..5 {
        cluster.read(1);
    }
    cluster.tick(1, 20);
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::Lost; 5]);
}

/// Elsewhere quorums of one and of two were computed wrongly.
#[test]
fn f10_reads_in_clusters_of_one_two_and_four() {
    let mut alone = Cluster::of(1);
    alone.elect(1);
    alone.read(1);
    assert_eq!(outcomes(&mut alone, 1), [ReadOutcome::At(LogIndex(1))]);
    for (count, needed) in [(2, 1), (4, 2)] {
        let mut cluster = Cluster::of(count);
        cluster.elect(1);
        cluster.read(1);
        for answered in 0..needed {
            assert_eq!(outcomes(&mut cluster, 1), [], "{answered} answers are no quorum of {count}");
            cluster.deliver(|m| m.to == NodeId(answered + 2));
            cluster.deliver(|m| m.to == NodeId(1));
        }
        assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);
    }
}

/// Here, until it was read closely: a leader without CheckQuorum that was cut off kept its clients waiting for ever.
#[test]
fn f6_reads_of_a_leader_that_nobody_answers() {
    let mut cluster = Cluster::with_config(3, |config| config.check_quorum = false);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.read(1);
    cluster.tick(1, 15);
    assert!(cluster.leads(1));
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::Lost]);

    // Also those that wait for the first commit of the term.
    let mut new = Cluster::with_config(3, |config| config.check_quorum = false);
    new.lose("append_request");
    new.elect(1);
    new.read(1);
    new.tick(1, 15);
    assert!(new.leads(1));
    assert_eq!(outcomes(&mut new, 1), [ReadOutcome::Lost]);
    assert_eq!(new.status(1).pending_reads, 0);
}

/// Here, until it was read closely: a leader that could not commit took on reads without end.
#[test]
fn f8_reads_beyond_the_bound_are_refused() {
    let mut cluster = Cluster::with_config(3, |config| config.max_pending_reads = 3);
    cluster.lose("append_accepted");
    cluster.elect(1);
    cluster.read(1);
    for _ in 0..3 {
        cluster.read(3);
    }
    cluster.settle();
    assert_eq!(
        (cluster.status(1).pending_reads, cluster.status(3).pending_reads),
        (3, 3),
        "of n3's, two are taken on"
    );
    for id in [1, 3] {
        assert_eq!(cluster.on(id, RawNode::read_index), Err(ReadError::Busy { pending: 3 }));
    }
    cluster.heal();
    cluster.pass(3);
    assert_eq!(outcomes(&mut cluster, 1), [ReadOutcome::At(LogIndex(1))]);
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::At(LogIndex(1)); 2]);
    cluster.pass(15);
    assert_eq!(outcomes(&mut cluster, 3), [ReadOutcome::Lost], "it was not taken on, and is asked again");
    assert_eq!(cluster.status(1).pending_reads, 0);
    // Those that wait for a round are counted too.
    cluster.isolate(1);
    for _ in 0..3 {
        cluster.read(1);
    }
    assert_eq!(cluster.on(1, RawNode::read_index), Err(ReadError::Busy { pending: 3 }));
}
