//! Several nodes, the network between them, and a client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use serde_json::{Value, json};

use crate::process::{PATIENCE, Process};

/// What the network does with a message between nodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Deliver,
    Drop,
    /// Deliver, and once more when the test says so.
    DeliverAndKeep,
}

/// Nodes `n1`, `n2`, … and the network between them, which runs while the test waits for a reply.
pub(crate) struct Cluster {
    names: Vec<String>,
    /// Where the nodes keep their logs, if not in memory.
    directory: Option<PathBuf>,
    nodes: BTreeMap<String, Process>,
    sender: Sender<Value>,
    lines: Receiver<Value>,
    /// Replies that nobody has waited for yet, by `in_reply_to`.
    replies: BTreeMap<i64, Value>,
    pub(crate) kept: Vec<Value>,
    last_id: i64,
    pub(crate) fate: fn(&Value) -> Fate,
    /// How many messages of each type were delivered between nodes.
    delivered: BTreeMap<String, u64>,
}

impl Cluster {
    /// Starts nodes that deliver everything, and waits until one leads.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_nodes(count, None)
    }

    /// The same; all are told to keep their logs below `directory`.
    pub(crate) fn start_on(count: usize, directory: &Path) -> Self {
        Self::start_nodes(count, Some(directory.to_owned()))
    }

    fn start_nodes(count: usize, directory: Option<PathBuf>) -> Self {
        let (sender, lines) = crossbeam_channel::unbounded();
        let names = (1..=count).map(|number| format!("n{number}")).collect();
        let (nodes, replies, kept, delivered) =
            (BTreeMap::new(), BTreeMap::new(), Vec::new(), BTreeMap::new());
        let fate = |_: &Value| Fate::Deliver;
        let mut cluster =
            Self { names, directory, nodes, sender, lines, replies, kept, last_id: 0, fate, delivered };
        cluster.start_processes();
        for name in cluster.names.clone() {
            cluster.insist(&name, &json!({"type": "write", "key": "ready", "value": 1}));
        }
        cluster
    }

    fn start_processes(&mut self) {
        for name in self.names.clone() {
            let sender: Sender<Value> = self.sender.clone();
            let on_line = move |line| drop(sender.send(line));
            let process = match &self.directory {
                Some(directory) => Process::start_on(directory, on_line),
                None => Process::start(on_line),
            };
            self.nodes.insert(name, process);
        }
        for name in self.names.clone() {
            let reply = self.call(&name, &json!({"type": "init", "node_id": name, "node_ids": self.names}));
            assert_eq!(reply["type"], "init_ok", "{reply}");
        }
    }

    /// Kills all nodes, and starts them on the directories that they have left. What was under way is lost.
    pub(crate) fn kill_all_and_start_again(&mut self) {
        self.nodes.clear();
        let (sender, lines) = crossbeam_channel::unbounded();
        (self.sender, self.lines) = (sender, lines);
        self.start_processes();
    }

    /// Sends a body to a node, and names the reply to wait for.
    pub(crate) fn ask(&mut self, node: &str, body: &Value) -> i64 {
        self.last_id += 1;
        let mut body = body.clone();
        body["msg_id"] = json!(self.last_id);
        let message = json!({"src": "c1", "dest": node, "body": body});
        self.nodes.get_mut(node).unwrap().send(&message);
        self.last_id
    }

    /// Runs the network until that reply is there; gives its body.
    pub(crate) fn reply(&mut self, id: i64) -> Value {
        loop {
            if let Some(reply) = self.replies.remove(&id) {
                return reply;
            }
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            self.route(line);
        }
    }

    /// Asks and waits for the answer.
    pub(crate) fn call(&mut self, node: &str, body: &Value) -> Value {
        let id = self.ask(node, body);
        self.reply(id)
    }

    /// As [`call`](Self::call), again and again while the answer is that it is not possible now, or that nobody
    /// knows, as when a busy machine has cost the leader its office. For what may happen twice.
    pub(crate) fn insist(&mut self, node: &str, body: &Value) -> Value {
        loop {
            let reply = self.call(node, body);
            if reply["code"] != 11 && reply["code"] != 13 {
                return reply;
            }
            self.run_for(Duration::from_millis(20));
        }
    }

    /// How many messages of a type were delivered between nodes.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.delivered.get(kind).copied().unwrap_or(0)
    }

    /// Runs the network for a while.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while let Ok(line) = self.lines.recv_deadline(deadline) {
            self.route(line);
        }
    }

    /// Delivers what was kept once more.
    pub(crate) fn deliver_kept(&mut self) {
        for message in std::mem::take(&mut self.kept) {
            self.deliver(&message);
        }
    }

    fn route(&mut self, line: Value) {
        if line["dest"] == "c1" {
            let id = line["body"]["in_reply_to"].as_i64().unwrap();
            assert_eq!(self.replies.insert(id, line["body"].clone()), None, "one reply for each request");
            return;
        }
        match (self.fate)(&line) {
            Fate::Deliver => self.deliver(&line),
            Fate::Drop => {}
            Fate::DeliverAndKeep => {
                self.deliver(&line);
                self.kept.push(line);
            }
        }
    }

    fn deliver(&mut self, message: &Value) {
        let body = message["body"].as_object().unwrap();
        assert!(!body.contains_key("msg_id") && !body.contains_key("in_reply_to"), "{message}");
        *self.delivered.entry(message["body"]["type"].as_str().unwrap().to_owned()).or_default() += 1;
        self.nodes.get_mut(message["dest"].as_str().unwrap()).unwrap().send(message);
    }

    /// Ends all nodes, cleanly.
    pub(crate) fn end(self) {
        for (name, process) in self.nodes {
            let (status, log) = process.end();
            assert!(status.success(), "{name}: {status}\n{log}");
        }
    }
}
