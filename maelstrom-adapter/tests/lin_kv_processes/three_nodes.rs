//! Three `lin-kv` processes and a network that plays tricks.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::network::{Cluster, Fate};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

fn write(key: impl Into<Value>, value: impl Into<Value>) -> Value {
    json!({"type": "write", "key": key.into(), "value": value.into()})
}

fn read(key: impl Into<Value>) -> Value {
    json!({"type": "read", "key": key.into()})
}

#[test]
fn every_node_answers_for_the_whole_cluster() {
    let mut cluster = Cluster::start(3);
    for (number, node) in NODES.into_iter().enumerate() {
        assert_eq!(cluster.insist(node, &write("k", number))["type"], "write_ok");
        for reader in NODES {
            assert_eq!(
                cluster.insist(reader, &read("k"))["value"],
                json!(number),
                "{node} wrote, {reader} reads"
            );
        }
    }
    cluster.end();
}

#[test]
fn reads_write_nothing_to_the_log() {
    let mut cluster = Cluster::start(3);
    cluster.insist("n1", &write("k", 1));
    loop {
        cluster.run_for(Duration::from_millis(300));
        let (appends, elections) = (cluster.count("append_request"), cluster.count("vote_request"));
        for node in NODES.into_iter().cycle().take(30) {
            assert_eq!(cluster.insist(node, &read("k"))["value"], 1);
        }
        // A new leader does write an entry.
        if cluster.count("vote_request") == elections {
            assert_eq!(cluster.count("append_request"), appends);
            break;
        }
    }
    cluster.end();
}

#[test]
fn a_forwarded_write_that_is_delivered_again_later_is_not_applied_again() {
    let mut cluster = Cluster::start(3);
    cluster.fate =
        |message| if message["body"]["type"] == "propose" { Fate::DeliverAndKeep } else { Fate::Deliver };
    let mut doubled = 0;
    for round in 0..10 {
        // At least two of the three have to pass it on.
        for node in NODES {
            assert_eq!(cluster.insist(node, &write("k", format!("{node} {round}")))["type"], "write_ok");
        }
        assert_eq!(cluster.insist("n1", &write("k", round))["type"], "write_ok");
        doubled += cluster.kept.len();
        cluster.deliver_kept();
        cluster.run_for(Duration::from_millis(50));
        assert_eq!(cluster.insist("n2", &read("k"))["value"], json!(round));
    }
    assert!(doubled >= 20, "{doubled} forwarded writes came twice");
    cluster.end();
}

#[test]
fn a_write_that_is_denied_never_happens_and_a_leader_cut_off_denies_nothing_it_appended() {
    let mut cluster = Cluster::start(3);
    cluster.insist("n1", &write("k", "before"));
    cluster.fate = |_| Fate::Drop;
    let ids = NODES.map(|node| (node, cluster.ask(node, &write("k", node))));
    let replies = ids.map(|(node, id)| (node, cluster.reply(id)));
    let in_doubt = replies.iter().filter(|(_, reply)| reply["code"] == 13).count();
    assert!(in_doubt >= 1, "the leader has appended it: {replies:?}");
    assert!(replies.iter().all(|(_, reply)| reply["code"] == 13 || reply["code"] == 11), "{replies:?}");

    cluster.fate = |_| Fate::Deliver;
    cluster.insist("n2", &write("other", 1));
    let value = cluster.insist("n3", &read("k"))["value"].clone();
    let denied = replies.iter().filter(|(_, reply)| reply["code"] == 11).any(|(node, _)| value == *node);
    assert!(!denied, "{value} was denied: {replies:?}");
    cluster.end();
}

#[test]
fn the_majority_goes_on_without_a_node_and_the_minority_denies() {
    let mut cluster = Cluster::start(3);
    // n1 stood for election first, so mostly it is the leader that is lost.
    cluster.fate =
        |message| if message["src"] == "n1" || message["dest"] == "n1" { Fate::Drop } else { Fate::Deliver };
    let started = Instant::now();
    let reply = loop {
        let reply = cluster.call("n2", &write("k", 2));
        if reply["type"] == "write_ok" {
            break reply;
        }
        cluster.run_for(Duration::from_millis(20));
    };
    assert_eq!(reply["type"], "write_ok");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let read_alone = cluster.call("n1", &read("k"));
    assert_eq!(read_alone["code"], 11, "{read_alone}");
    cluster.fate = |_| Fate::Deliver;
    assert_eq!(cluster.insist("n1", &read("k"))["value"], 2);
    cluster.end();
}

#[test]
fn a_node_that_was_away_for_long_is_brought_up_to_date_by_a_snapshot() {
    let mut cluster = Cluster::start(3);
    cluster.fate =
        |message| if message["src"] == "n3" || message["dest"] == "n3" { Fate::Drop } else { Fate::Deliver };
    // More than the log keeps, in entries and in bytes.
    let value = "x".repeat(4000);
    for round in 0..60 {
        let ids: Vec<i64> =
            (0..100).map(|number| cluster.ask("n1", &write(number, format!("{round} {value}")))).collect();
        let is_written = |reply: Value| reply["type"] == "write_ok";
        if !ids.into_iter().all(|id| is_written(cluster.reply(id))) {
            // The leader was lost; the last write is the one that is read below.
            cluster.insist("n1", &write(99, format!("{round} {value}")));
        }
    }
    cluster.fate = |_| Fate::Deliver;
    assert_eq!(cluster.insist("n3", &read(99))["value"], json!(format!("59 {value}")));
    assert!(cluster.count("snapshot_request") > 0);
    cluster.end();
}
