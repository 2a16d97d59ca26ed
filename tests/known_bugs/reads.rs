//! Linearizable reads.

use harness::{Cluster, kind};
use quorate::{LogIndex, NodeId, RawNode, ReadError, ReadOutcome};

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

/// Elsewhere the reads of a leader that was replaced were answered, or never ended.
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
