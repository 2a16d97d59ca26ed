//! One `lin-kv` process: what it answers, and what it survives.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lone::Lone;
use crate::process::{SILENCE, spawn};

fn alive(node: &mut Lone) {
    assert_eq!(node.call(&json!({"type": "read", "key": "ready"})), json!({"type": "read_ok", "value": 1}));
}

/// The code of an error, which has a text and nothing else.
fn code(reply: &Value) -> i64 {
    assert_eq!(reply["type"], "error", "{reply}");
    assert!(reply["text"].as_str().is_some_and(|text| !text.is_empty()), "{reply}");
    assert_eq!(reply.as_object().unwrap().len(), 3, "{reply}");
    reply["code"].as_i64().unwrap()
}

#[test]
fn read_write_and_cas_are_answered_with_the_fields_of_the_workload() {
    let mut node = Lone::start();
    assert_eq!(code(&node.call(&json!({"type": "read", "key": 1}))), 20);
    assert_eq!(code(&node.call(&json!({"type": "cas", "key": 1, "from": 1, "to": 2}))), 20);
    assert_eq!(node.call(&json!({"type": "write", "key": 1, "value": null})), json!({"type": "write_ok"}));
    assert_eq!(node.call(&json!({"type": "read", "key": 1})), json!({"type": "read_ok", "value": null}));
    assert_eq!(code(&node.call(&json!({"type": "cas", "key": 1, "from": 1, "to": 2}))), 22);
    assert_eq!(
        node.call(&json!({"type": "cas", "key": 1, "from": null, "to": 2})),
        json!({"type": "cas_ok"})
    );
    assert_eq!(node.call(&json!({"type": "read", "key": 1})), json!({"type": "read_ok", "value": 2}));
    let creating = json!({"type": "cas", "key": 2, "from": 1, "to": 7, "create_if_not_exists": true});
    assert_eq!(node.call(&creating), json!({"type": "cas_ok"}));
    assert_eq!(code(&node.call(&creating)), 22);
}

#[test]
fn keys_are_compared_by_content_and_values_come_back_digit_for_digit() {
    let mut node = Lone::start();
    let value: Value =
        serde_json::from_str("[0.10000000000000000000000000001, 1e400, {\"b\": 1, \"a\": 2}]").unwrap();
    node.process.write(
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"write\",\"msg_id\":1,\"key\":{\"x\":1,\"y\":[2]},\
          \"value\":[0.10000000000000000000000000001,1e400,{\"b\":1,\"a\":2}]}}\n",
    );
    assert_eq!(node.line()["body"]["type"], "write_ok");
    node.process.write(
        b"{\"body\":{\"key\": { \"y\" : [ 2 ], \"\\u0078\" : 1 },\"msg_id\":2,\"type\":\"read\"},\
          \"dest\":\"n1\",\"src\":\"c1\"}\n",
    );
    assert_eq!(node.line()["body"]["value"], value);
    assert_eq!(code(&node.call(&json!({"type": "read", "key": "1"}))), 20);
}

#[test]
fn lines_that_are_no_messages_are_dropped_and_the_node_lives_on() {
    let mut node = Lone::start();
    let lines: [&[u8]; 14] = [
        b"hello\n",
        b"\n",
        b"   \r\n",
        b"{\n",
        b"17\n",
        b"[\"src\",\"dest\",\"body\"]\n",
        b"\xff\xfe\x00\n",
        b"{\"src\":\"c\xff\",\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"key\":1,\"msg_id\":1}}\n",
        b"{\"src\":\"c1\",\"dest\":\"n1\"}\n",
        b"{\"src\":5,\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"key\":1,\"msg_id\":1}}\n",
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":17}\n",
        // No msg_id: no reply could name it.
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"key\":1}}\n",
        // A reply to nothing.
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"read_ok\",\"in_reply_to\":99,\"msg_id\":1,\"key\":1}}\n",
        // For another node.
        b"{\"src\":\"c1\",\"dest\":\"n2\",\"body\":{\"type\":\"read\",\"key\":1,\"msg_id\":1}}\n",
    ];
    for line in lines {
        node.process.write(line);
    }
    node.process.write(format!("{}\n", "[".repeat(1_000_000)).as_bytes());
    node.assert_silent();
    alive(&mut node);
}

#[test]
fn requests_that_make_no_sense_are_answered_with_definite_errors() {
    let mut node = Lone::start();
    assert_eq!(code(&node.call(&json!({"type": "delete", "key": 1}))), 10);
    assert_eq!(code(&node.call(&json!({"type": "append_request", "raft": "AAAA"}))), 10);
    let malformed = [
        json!({}),
        json!({"type": 5}),
        json!({"type": "read"}),
        json!({"type": "write", "key": 1}),
        json!({"type": "cas", "key": 1, "from": 1}),
        json!({"type": "cas", "key": 1, "from": 1, "to": 2, "create_if_not_exists": "yes"}),
    ];
    for body in malformed {
        assert_eq!(code(&node.call(&body)), 12, "{body}");
    }
    alive(&mut node);
}

#[test]
fn before_init_requests_are_refused_and_peers_are_not_answered() {
    let mut node = Lone::uninitialized();
    assert_eq!(code(&node.call(&json!({"type": "read", "key": 1}))), 11);
    node.process.send(
        &json!({"src": "n2", "dest": "n1", "body": {"type": "heartbeat", "msg_id": 5, "raft": "AAAA"}}),
    );
    node.process.send(&json!({"src": "c1", "dest": "", "body": {"type": "read", "key": 1, "msg_id": 1}}));
    node.assert_silent();
}

#[test]
fn an_init_that_makes_no_sense_is_refused_and_the_next_one_counts() {
    let mut node = Lone::uninitialized();
    let ten: Vec<String> = (1..=10).map(|number| format!("n{number}")).collect();
    let mistakes = [
        (json!({"type": "init"}), "node_id"),
        (json!({"type": "init", "node_id": "n1"}), "node_ids"),
        (json!({"type": "init", "node_id": "n1", "node_ids": []}), "not among"),
        (json!({"type": "init", "node_id": "n1", "node_ids": ["n2", "n3"]}), "not among"),
        (json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2", "n2"]}), "twice"),
        (json!({"type": "init", "node_id": "n1", "node_ids": ten}), "at most 9"),
        (json!({"type": "init", "node_id": 1, "node_ids": ["n1"]}), "node_id"),
    ];
    for (init, problem) in mistakes {
        let reply = node.call(&init);
        assert_eq!(code(&reply), 12, "{init}");
        assert!(reply["text"].as_str().unwrap().contains(problem), "{init}: {reply}");
    }
    let init = json!({"type": "init", "node_id": "n1", "node_ids": ["n1"]});
    assert_eq!(node.call(&init), json!({"type": "init_ok"}));
    assert_eq!(node.call(&init), json!({"type": "init_ok"}), "a second copy of the same");
    let other = json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2"]});
    assert_eq!(code(&node.call(&other)), 12);
    while node.call(&json!({"type": "write", "key": "ready", "value": 1}))["code"] == 11 {}
    alive(&mut node);
}

#[test]
fn names_are_any_strings() {
    let mut node = Lone::uninitialized();
    let name = "ein \"Knoten\" → 😀\n";
    let body = json!({"type": "init", "msg_id": 1, "node_id": name, "node_ids": ["zwei", name]});
    node.process.send(&json!({"src": "c\\1", "dest": name, "body": body}));
    let line = node.line();
    assert_eq!((&line["src"], &line["dest"]), (&json!(name), &json!("c\\1")));
    assert_eq!(line["body"], json!({"type": "init_ok", "in_reply_to": 1}));
    let asking = node.line();
    assert_eq!((&asking["src"], &asking["dest"]), (&json!(name), &json!("zwei")), "it asks for votes");
}

#[test]
fn without_a_majority_nothing_is_accepted_and_the_error_says_why() {
    let mut node = Lone::uninitialized();
    node.ask(&json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2", "n3"]}));
    let write = node.ask(&json!({"type": "write", "key": 1, "value": 1}));
    let read = node.ask(&json!({"type": "read", "key": 1}));
    let mut answered = Vec::new();
    while answered.len() < 2 {
        let line = node.line();
        let id = line["body"]["in_reply_to"].as_i64();
        if line["dest"] == "c1" && line["body"]["type"] == "error" {
            assert_eq!(line["body"]["code"], 11, "{line}");
            answered.extend(id);
        }
    }
    assert_eq!(answered, [write, read], "a read waits a little for a leader");
}

#[test]
fn a_body_of_ten_megabytes_is_served_and_a_larger_one_refused() {
    let mut node = Lone::start();
    let large = "x".repeat(10 << 20);
    assert_eq!(node.call(&json!({"type": "write", "key": 1, "value": large})), json!({"type": "write_ok"}));
    assert_eq!(node.call(&json!({"type": "read", "key": 1}))["value"], json!(large));
    let too_large = "x".repeat(17 << 20);
    assert_eq!(code(&node.call(&json!({"type": "write", "key": 1, "value": too_large}))), 12);
    alive(&mut node);
}

#[test]
fn a_line_without_end_is_skipped_and_the_next_one_answered() {
    let mut node = Lone::start();
    let piece = vec![b'x'; 1 << 20];
    node.process
        .write(b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"msg_id\":1,\"key\":\"");
    for _ in 0..70 {
        node.process.write(&piece);
    }
    node.process.write(b"\"}}\n");
    alive(&mut node);
    let (status, log) = node.process.end();
    assert!(status.success() && log.contains("skip"), "{log}");
}

#[test]
fn at_the_end_of_input_every_answer_is_given_and_the_node_ends_cleanly() {
    let mut node = Lone::start();
    let ids: Vec<i64> =
        (0..500).map(|number| node.ask(&json!({"type": "write", "key": number, "value": number}))).collect();
    let (lines, (status, log)) = (node.lines.clone(), node.process.end());
    assert!(status.success(), "{log}");
    let replies: Vec<Value> = lines.iter().collect();
    let answered: Vec<i64> =
        replies.iter().map(|line| line["body"]["in_reply_to"].as_i64().unwrap()).collect();
    assert_eq!(answered, ids);
    assert!(replies.iter().all(|line| line["body"]["type"] == "write_ok"));
}

#[test]
fn a_node_that_was_never_told_who_it_is_ends_cleanly() {
    let node = Lone::uninitialized();
    let (status, log) = node.process.end();
    assert!(status.success(), "{log}");
}

#[test]
fn a_last_line_without_line_end_is_answered() {
    let mut node = Lone::start();
    node.process.write(
        b"{\"src\":\"c1\",\"dest\":\"n1\",\"body\":{\"type\":\"read\",\"msg_id\":1,\"key\":\"ready\"}}",
    );
    let (lines, (status, _)) = (node.lines.clone(), node.process.end());
    assert!(status.success());
    assert_eq!(lines.recv_timeout(Duration::from_secs(5)).unwrap()["body"]["value"], 1);
}

#[test]
fn malformed_messages_of_peers_are_dropped_and_the_node_lives_on() {
    let mut node = Lone::uninitialized();
    node.ask(&json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2", "n3"]}));
    while node.line()["body"]["type"] != "init_ok" {}
    let bodies = [
        json!({"type": "append_request", "raft": "§"}),
        json!({"type": "append_request", "raft": "AAAA"}),
        json!({"type": "append_request", "raft": ""}),
        json!({"type": "append_request", "raft": 17, "msg_id": 5}),
        json!({"type": "append_request", "raft": {"a": 1}, "msg_id": 5}),
    ];
    for body in bodies {
        node.process.send(&json!({"src": "n2", "dest": "n1", "body": body}));
    }
    std::thread::sleep(SILENCE);
    let answered = node.lines.try_iter().any(|line| line["body"].get("in_reply_to").is_some());
    assert!(!answered, "peers are never answered");
    let id = node.ask(&json!({"type": "delete", "key": 1}));
    let reply = node.lines.iter().find(|line| line["body"]["in_reply_to"] == id).unwrap();
    assert_eq!(reply["body"]["code"], 10);
}

#[test]
fn a_node_whose_output_nobody_reads_any_more_ends_and_says_why() {
    let mut child = spawn();
    drop(child.stdout.take());
    let line = r#"{"src":"c1","dest":"n1","body":{"type":"read","msg_id":1,"key":1}}"#;
    writeln!(child.stdin.as_mut().unwrap(), "{line}").unwrap();
    // Its input stays open meanwhile.
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(log.contains("writing replies failed"), "{log}");
}
