//! Elections: votes and pre-votes between the kinds.

use interop::{Cluster, Settings};

use super::{each_leader, each_pair};

/// Either kind is elected by votes of both, with each way to hold elections on each side.
#[test]
fn election_of_either_kind() {
    for (mixture, leader) in each_leader(3).chain(each_leader(5)) {
        for ways in 0..16_u32 {
            let mut cluster = Cluster::with_settings(&mixture, |_, kind| {
                let own = ways >> (2 * kind as u32);
                Settings { pre_vote: own & 1 == 0, check_quorum: own & 2 == 0, ..Settings::default() }
            });
            cluster.elect(leader);
            cluster.propose(leader, "a");
            cluster.pass(2);
            cluster.assert_agreement(cluster.ids());
            assert!(cluster.refused.is_empty(), "{mixture}: {:?}", cluster.refused);
        }
    }
}

/// Where nobody calls for an election, the clocks do.
#[test]
fn election_by_timeout() {
    for (mixture, _) in each_leader(5) {
        let mut cluster = Cluster::of(&mixture);
        cluster.pass(60);
        let leader = cluster.leader().expect("somebody leads");
        cluster.propose(leader, "a");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A node with an older log is refused by either kind, and one with the newer log wins.
#[test]
fn vote_refused_to_shorter_log() {
    for mixture in ["oto", "tot"] {
        let mut cluster = Cluster::with_logs(mixture, &[&[1, 1], &[1, 1, 2], &[1, 1, 2]]);
        cluster.on(1, |node| node.campaign());
        cluster.settle();
        assert!(!cluster.view(1).leads);
        cluster.elect(2);
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A node that was cut off asks first when it comes back, and is refused while the leader lives.
#[test]
fn prevote_of_returning_node_disturbs_nobody() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        let term = cluster.view(leader).term;
        cluster.isolate(other);
        cluster.pass(50);
        cluster.network.heal();
        cluster.on(other, |node| node.campaign());
        cluster.pass(30);
        assert!(cluster.view(leader).leads);
        assert_eq!(cluster.view(other).term, term);
        assert_eq!(cluster.view(other).leader, Some(leader));
    }
}

/// Without pre-votes a node that was cut off is in a later term, and the leader of either kind learns it from the answer
/// to its heartbeat, so that the node is freed.
#[test]
fn older_term_answered_frees_stuck_node() {
    for mixture in ["oto", "ott", "too", "tot"] {
        let mut cluster =
            Cluster::with_settings(mixture, |_, _| Settings { pre_vote: false, ..Settings::default() });
        let other = if mixture.starts_with('o') == mixture[1..].starts_with('o') { 3 } else { 2 };
        assert_ne!(cluster.kind(1), cluster.kind(other));
        cluster.elect(1);
        cluster.isolate(other);
        cluster.pass(50);
        let lonely_term = cluster.view(other).term;
        assert!(lonely_term > cluster.view(1).term);
        cluster.network.heal();
        cluster.pass(60);
        let leader = cluster.leader().expect("somebody leads");
        assert!(cluster.view(leader).term >= lonely_term);
        cluster.propose(leader, "a");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A leader of either kind that no quorum answers steps down, and is followed by the other kind.
#[test]
fn checkquorum_of_lonely_leader() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        cluster.isolate(leader);
        cluster.pass(60);
        assert!(!cluster.view(leader).leads, "{mixture}: n{leader} steps down");
        let next = cluster.leader().expect("the others elect one");
        cluster.propose(next, "a");
        cluster.network.heal();
        cluster.pass(30);
        assert!(cluster.view(next).leads);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A preferred node of either kind refuses its vote to one that is no more up to date, and is elected.
#[test]
fn priority_is_heeded_by_the_other_kind() {
    for mixture in ["oto", "tot"] {
        let mut cluster = Cluster::with_settings(mixture, |id, _| Settings {
            priority: if id == 2 { 5 } else { 3 },
            ..Settings::default()
        });
        cluster.elect(2);
        cluster.isolate(3);
        cluster.pass(1);
        // n2 must not think that a leader lives.
        cluster.crash(2);
        cluster.restart(2);
        cluster.on(1, |node| node.campaign());
        cluster.settle();
        assert!(!cluster.view(1).leads, "n2 prefers itself");
        cluster.elect(2);
    }
}

/// A node of either kind that starts again remembers its term and its vote, and follows.
#[test]
fn restart_of_either_kind() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        cluster.propose(leader, "a");
        for id in cluster.ids() {
            let term = cluster.view(id).term;
            cluster.crash(id);
            cluster.restart(id);
            assert_eq!(cluster.view(id).term, term);
            cluster.pass(60);
            let leader = cluster.leader().expect("somebody leads");
            cluster.propose(leader, "b");
        }
        cluster.pass(3);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A node that is behind learns the term from the refusal of its pre-vote.
#[test]
fn prevote_refusal_brings_the_term() {
    for mixture in ["ott", "too"] {
        let mut cluster = Cluster::with_logs(mixture, &[&[1], &[1, 9], &[1, 9]]);
        cluster.on(1, |node| node.campaign());
        cluster.settle();
        assert!(!cluster.view(1).leads);
        assert_eq!(cluster.view(1).term, 9, "{mixture}: the refusal brings the term");
        cluster.elect(2);
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}
