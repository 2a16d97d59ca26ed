//! Disks that hang, or are slow: who leads meanwhile.

use harness::{Cluster, kind};
use quorate::{NodeId, RawNode, RoleKind};

const ELECTION: u32 = 10;

/// Elsewhere a leader whose disk hung went on sending heartbeats, so that nobody else was elected.
#[test]
fn a17_leader_whose_disk_hangs_makes_way() {
    const STALL: u32 = 30;
    let mut cluster = Cluster::with_config(3, |config| config.write_stall_ticks = STALL);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.propose(1, "a");
    cluster.pass(STALL);
    assert!(cluster.leads(1), "it may only be slow");
    cluster.pass(1 + 6 * ELECTION);
    let leader = cluster.leader().expect("the others are well");
    assert_ne!(leader, 1);
    let term = cluster.term(leader);
    cluster.propose(leader, "b");
    cluster.pass(20 * ELECTION);
    assert_eq!(
        (cluster.leader(), cluster.term(leader)),
        (Some(leader), term),
        "n1 follows, and disturbs nobody"
    );
    assert_eq!(cluster.applied(leader), ["a", "b"]);
    cluster.finish_writes(1);
    cluster.pass(2);
    cluster.finish_writes(1);
    assert_eq!(cluster.applied(1), ["a", "b"]);
}

/// And when it hangs, or is dead, it does not help to be elected again and again: what was never written is never sent.
#[test]
fn a17_node_whose_disk_hangs_is_not_elected() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    for _ in 0..10 {
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.settle();
        assert_eq!(cluster.role(1), RoleKind::Candidate, "all would vote for it, if it could ask");
    }
    assert!((2..=3).all(|id| cluster.term(id) == 0), "and nobody's term has changed");
}

/// Elsewhere a voter's election timer ran on while its vote was written, and right after that it stood itself.
#[test]
fn a20_vote_that_takes_long_to_write() {
    for seed in 0..20 {
        let mut cluster = Cluster::with_config(3, |config| config.seed += 3 * seed);
        cluster.crash(3);
        cluster.hold_writes(2);
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.settle();
        cluster.tick(2, ELECTION - 1);
        cluster.finish_writes(2);
        cluster.deliver(|m| kind(m) == "vote_response");
        assert!(cluster.leads(1), "seed {seed}: n2's vote is durable, late as it is");
        // The network is slow too: the leader's first messages are on their way while n2 loses its patience.
        cluster.tick(2, 2 * ELECTION);
        assert_eq!(cluster.role(2), RoleKind::PreCandidate);
        cluster.deliver(|m| m.from == NodeId(2));
        cluster.deliver(|_| true);
        cluster.finish_writes(2);
        cluster.settle();
        assert!(cluster.leads(1) && cluster.term(1) == 1, "seed {seed}");
        assert_eq!(cluster.status(2).leader, Some(NodeId(1)), "seed {seed}");
    }
}

/// The same without pre-votes, which would hold n2 back: its timer runs from when its vote is given.
#[test]
fn a20_timer_runs_from_when_the_vote_is_durable() {
    for seed in 0..20 {
        let mut cluster = Cluster::with_config(3, |config| {
            config.pre_vote = false;
            config.seed += 3 * seed;
        });
        cluster.hold_writes(2);
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.deliver(|m| m.to == NodeId(2));
        cluster.tick(2, ELECTION - 1);
        cluster.finish_write(2);
        cluster.tick(2, ELECTION - 1);
        assert_eq!((cluster.role(2), cluster.term(2)), (RoleKind::Follower, 1), "seed {seed}");
        cluster.tick(2, ELECTION);
        assert_eq!((cluster.role(2), cluster.term(2)), (RoleKind::Candidate, 2), "but not for ever");
    }
}
