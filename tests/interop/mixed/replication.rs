//! Replication: batches, followers that are far behind, and logs that conflict.

use interop::{Cluster, Kind, Packet, Settings};
use protobuf::Message as _;
use raft::eraftpb::{Entry, Message, MessageType};

use super::{each_leader, each_pair};

/// How many messages of this kind were sent to `id` since `from`.
fn count(cluster: &Cluster, from: usize, to: u64, kind: MessageType) -> usize {
    cluster.sent[from..].iter().filter(|packet| packet.to == to && packet.kind() == kind).count()
}

/// Proposals made together arrive together, in order, on every node of either kind.
#[test]
fn batches_reach_everybody() {
    for (mixture, leader) in each_leader(3).chain(each_leader(5)) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for batch in 0..5 {
            let texts: Vec<_> = (0..20).map(|number| format!("{batch}.{number}")).collect();
            cluster.on(leader, |node| texts.iter().for_each(|text| assert!(node.propose(text))));
            cluster.settle();
        }
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
        assert_eq!(cluster.machine(leader).commands().len(), 100);
    }
}

/// The commit reaches followers of either kind without waiting for the next heartbeat.
#[test]
fn commit_is_told_at_once() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        cluster.propose(leader, "a");
        for id in cluster.ids() {
            assert_eq!(
                cluster.view(id).commit,
                cluster.view(leader).last,
                "{mixture}: n{id} under n{leader}"
            );
        }
    }
}

/// A commit notice is a heartbeat to raft-rs: its answer is one message, and no round of them.
#[test]
fn commit_notice_is_answered_once() {
    let mut cluster = Cluster::of("ott");
    cluster.elect(1);
    let from = cluster.sent.len();
    cluster.propose(1, "a");
    let heartbeats = count(&cluster, from, 2, MessageType::MsgHeartbeat);
    assert_eq!(heartbeats, 1, "one notice");
    assert_eq!(count(&cluster, from, 1, MessageType::MsgHeartbeatResponse), 2, "one answer from each");
    assert_eq!(count(&cluster, from, 2, MessageType::MsgAppend), 1);
}

/// A follower that was away gets all it has missed, in many small messages and within a window.
#[test]
fn far_behind_in_many_messages() {
    for mixture in ["oto", "ott", "too", "tot"] {
        let mut cluster = Cluster::with_settings(mixture, |_, _| Settings {
            max_message_bytes: 64,
            max_inflight_messages: 3,
            ..Settings::default()
        });
        let other = cluster.ids().find(|id| cluster.kind(*id) != cluster.kind(1)).unwrap();
        cluster.elect(1);
        cluster.isolate(other);
        for number in 0..200 {
            cluster.propose(1, &format!("command {number}"));
        }
        cluster.network.heal();
        let from = cluster.sent.len();
        cluster.pass(10);
        cluster.assert_agreement(cluster.ids());
        assert!(count(&cluster, from, other, MessageType::MsgAppend) > 40, "{mixture}");
    }
}

/// A follower whose log is empty, or only a prefix, is found out by one rejection.
#[test]
fn shorter_log_costs_one_rejection() {
    let long = [1; 50];
    for mixture in ["oto", "tot"] {
        for short in [&long[..0], &long[..30]] {
            let mut cluster = Cluster::with_logs(mixture, &[&long, short, &long]);
            cluster.elect(1);
            cluster.pass(2);
            cluster.assert_agreement(cluster.ids());
            assert_eq!(rejections(&cluster, 2), 1, "{mixture}");
            assert_eq!(
                earliest_probe(&cluster, 2),
                short.len() as u64,
                "{mixture}: sent twice, or too early"
            );
        }
    }
}

/// A whole term that conflicts is skipped at once: rejections are as few as terms, also where both hints are needed.
#[test]
fn conflicting_logs_cost_few_rejections() {
    // The follower's tail is of one old term; of many terms; and of terms that the leader has too, but shorter.
    let old_tail = [&[1; 10][..], &[2; 40][..]].concat();
    let many_terms: Vec<u64> = [1; 10].into_iter().chain((0..40).map(|number| 2 + number / 10)).collect();
    let interleaved = [&[1; 10][..], &[3; 20][..], &[5; 20][..]].concat();
    let leader_log = [&[1; 10][..], &[4; 15][..], &[6; 30][..]].concat();
    for mixture in ["oto", "tot"] {
        for (tail, most) in [(&old_tail, 2), (&many_terms, 4), (&interleaved, 3)] {
            let mut cluster = Cluster::with_logs(mixture, &[&leader_log, tail, &leader_log]);
            cluster.elect(1);
            cluster.pass(2);
            cluster.assert_agreement(cluster.ids());
            let rejections = rejections(&cluster, 2);
            assert!((1..=most).contains(&rejections), "{mixture}: {rejections} rejections for {tail:?}");
            assert_eq!(
                earliest_probe(&cluster, 2),
                10,
                "{mixture}: the logs agree up to there, for {tail:?}"
            );
        }
    }
}

/// The lowest index that any append to `id` followed.
fn earliest_probe(cluster: &Cluster, id: u64) -> u64 {
    let sent =
        cluster.sent.iter().filter(|packet| packet.to == id && packet.kind() == MessageType::MsgAppend);
    sent.map(|packet| packet.read().index).min().unwrap()
}

/// Appends and heartbeats of ours tell theirs how far to commit, also where a notice is lost.
#[test]
fn commit_is_told_by_appends_and_heartbeats() {
    let mut cluster = Cluster::of("ott");
    cluster.elect(1);
    cluster.propose(1, "a");
    let committed = cluster.view(1).commit;
    cluster.tick(1);
    cluster.on(1, |node| node.propose("b"));
    for kind in [MessageType::MsgAppend, MessageType::MsgHeartbeat] {
        let last = cluster.sent.iter().rev().find(|packet| packet.kind() == kind).unwrap();
        assert_eq!(last.read().commit, committed, "{kind:?}");
    }
}

fn rejections(cluster: &Cluster, from: u64) -> usize {
    let sent = cluster.sent.iter().filter(|packet| packet.from == from);
    sent.filter(|packet| packet.kind() == MessageType::MsgAppendResponse && packet.read().reject).count()
}

/// What a deposed leader of one kind had not committed is replaced by what the next, of the other, has.
#[test]
fn uncommitted_tail_is_replaced() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.isolate(leader);
        for text in ["lost a", "lost b", "lost c"] {
            cluster.propose(leader, text);
        }
        cluster.pass(15);
        cluster.on(other, |node| node.campaign());
        cluster.pass(60);
        let next = cluster.leader().expect("the others elect one");
        cluster.propose(next, "kept");
        cluster.network.heal();
        cluster.pass(30);
        cluster.assert_agreement(cluster.ids());
        assert_eq!(cluster.machine(leader).commands(), ["kept"]);
    }
}

/// A command of no bytes is a command on our nodes, and one of no bytes on theirs.
#[test]
fn command_of_no_bytes() {
    let mut cluster = Cluster::of("oto");
    cluster.elect(1);
    cluster.propose(1, "");
    cluster.propose(1, "a");
    cluster.assert_agreement(cluster.ids());
    assert_eq!(cluster.machine(2).commands(), ["", "a"]);
}

/// Entries that one kind had replicated before the other leads are committed by it.
#[test]
fn entries_of_earlier_leaders_are_committed_by_either() {
    for mixture in ["oto", "tot"] {
        let mut cluster = Cluster::with_logs(mixture, &[&[1, 1, 2], &[1, 1, 2], &[1]]);
        for leader in [1, 2] {
            cluster.pass(30);
            cluster.ids().for_each(|id| cluster.crash(id));
            cluster.ids().for_each(|id| cluster.restart(id));
            cluster.elect(leader);
        }
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
        assert_eq!(cluster.machine(3).commands(), ["of 1", "of 1", "of 2"]);
        assert_eq!(cluster.kind(2) == Kind::Theirs, mixture == "oto");
    }
}

/// What raft-rs can send with `batch_append`: entries that do not follow the append's index. Ours refuse it, and go on.
#[test]
fn append_that_does_not_follow_is_refused() {
    let mut cluster = Cluster::of("tot");
    cluster.elect(1);
    cluster.propose(1, "a");
    let entry = Entry { term: 1, index: 2, ..Entry::default() };
    let mut append = Message { from: 1, to: 2, term: 1, log_term: 1, index: 2, ..Message::default() };
    append.set_msg_type(MessageType::MsgAppend);
    append.set_entries(vec![entry].into());
    let bytes = append.write_to_bytes().unwrap().into();
    cluster.deliver(&Packet { from: 1, to: 2, bytes });
    assert_eq!(cluster.refused.len(), 1, "{:?}", cluster.refused);
    assert!(cluster.network.in_flight.is_empty(), "nothing is acknowledged");
    cluster.propose(1, "b");
    cluster.pass(2);
    cluster.assert_agreement(cluster.ids());
}
