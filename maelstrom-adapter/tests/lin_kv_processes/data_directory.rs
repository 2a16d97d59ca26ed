//! Nodes that are killed and started again on the directory they have left.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::lone::Lone;
use crate::network::Cluster;

/// A directory that is not there yet.
fn directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("lin-kv-{name}"));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn init(names: &[&str]) -> Value {
    json!({"type": "init", "node_id": "n1", "node_ids": names})
}

fn write(key: impl Into<Value>, value: impl Into<Value>) -> Value {
    json!({"type": "write", "key": key.into(), "value": value.into()})
}

fn read(key: impl Into<Value>) -> Value {
    json!({"type": "read", "key": key.into()})
}

#[test]
fn a_node_that_was_killed_goes_on_from_its_directory() {
    let directory = directory("goes-on");
    for life in 1..=5 {
        let mut node = Lone::on(&directory);
        assert_eq!(node.call(&read("k"))["code"], 11, "it does not know yet who it is");
        assert_eq!(node.call(&init(&["n1"]))["type"], "init_ok");
        if life > 1 {
            assert_eq!(node.insist(&read("k"))["value"], json!(life - 1));
        }
        assert_eq!(node.insist(&write("k", life))["type"], "write_ok");
        // And here it is killed.
    }
}

#[test]
fn nodes_that_share_the_flag_have_directories_of_their_own_and_forget_nothing_when_all_are_killed() {
    let mut cluster = Cluster::start_on(3, &directory("shared"));
    for life in 0..4 {
        for (number, node) in ["n1", "n2", "n3"].into_iter().enumerate() {
            assert_eq!(cluster.insist(node, &write(number, life))["type"], "write_ok");
        }
        cluster.kill_all_and_start_again();
        for number in 0..3 {
            assert_eq!(cluster.insist("n2", &read(number))["value"], json!(life));
        }
    }
    cluster.end();
}

#[test]
fn a_directory_that_is_in_use_or_that_of_another_cluster_is_refused() {
    let directory = directory("refused");
    let mut node = Lone::on(&directory);
    assert_eq!(node.call(&init(&["n1"]))["type"], "init_ok");

    let mut second = Lone::on(&directory);
    let refusal = second.call(&init(&["n1"]));
    assert_eq!(refusal["code"], 13);
    assert!(refusal["text"].as_str().is_some_and(|text| text.contains("is in use")), "{refusal}");

    drop(node);
    let refusal = second.call(&init(&["n1", "n2"]));
    assert_eq!(refusal["code"], 13);
    assert!(refusal["text"].as_str().is_some_and(|text| text.contains("in the cluster n1:")), "{refusal}");

    // What was refused has changed nothing.
    assert_eq!(second.call(&init(&["n1"]))["type"], "init_ok");
    assert_eq!(second.insist(&write("k", 1))["type"], "write_ok");
}

#[test]
fn a_node_whose_log_is_damaged_takes_no_part() {
    let directory = directory("damaged");
    let mut node = Lone::on(&directory);
    assert_eq!(node.call(&init(&["n1"]))["type"], "init_ok");
    for value in 0..100 {
        assert_eq!(node.insist(&write("a key to look for", value))["type"], "write_ok");
    }
    drop(node);
    damage(&directory.join("n1/log"), b"a key to look for");

    let mut node = Lone::on(&directory);
    let refusal = node.call(&init(&["n1"]));
    assert_eq!(refusal["code"], 13);
    assert!(refusal["text"].as_str().is_some_and(|text| text.contains("damaged")), "{refusal}");
    assert_eq!(node.call(&read("a key to look for"))["code"], 11);
}

/// Changes the first place where a file of the directory holds `text`.
fn damage(directory: &Path, text: &[u8]) {
    let place = |bytes: &[u8]| bytes.windows(text.len()).position(|window| window == text);
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let contents = paths.map(|path| (std::fs::read(&path).unwrap(), path));
    let (mut bytes, path) = contents.into_iter().find(|(bytes, _)| place(bytes).is_some()).unwrap();
    let place = place(&bytes).unwrap();
    bytes[place] ^= 1;
    std::fs::write(path, bytes).unwrap();
}
