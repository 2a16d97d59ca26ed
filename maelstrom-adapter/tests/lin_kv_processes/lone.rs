//! One node, and a client that talks to it.

use std::path::Path;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use serde_json::{Value, json};

use crate::process::{PATIENCE, Process, SILENCE};

/// One node, and clients that talk to it.
pub(crate) struct Lone {
    pub(crate) process: Process,
    pub(crate) lines: Receiver<Value>,
    last_id: i64,
}

impl Lone {
    /// A node that has not heard `init` yet.
    pub(crate) fn uninitialized() -> Self {
        let (sender, lines) = crossbeam_channel::unbounded();
        let process = Process::start(move |line| drop(sender.send(line)));
        Self { process, lines, last_id: 100 }
    }

    /// The same, with its log below `directory`.
    pub(crate) fn on(directory: &Path) -> Self {
        let (sender, lines) = crossbeam_channel::unbounded();
        let process = Process::start_on(directory, move |line| drop(sender.send(line)));
        Self { process, lines, last_id: 100 }
    }

    /// The only node of a cluster, named `n1`.
    pub(crate) fn start() -> Self {
        let mut node = Self::uninitialized();
        assert_eq!(
            node.call(&json!({"type": "init", "node_id": "n1", "node_ids": ["n1"]}))["type"],
            "init_ok"
        );
        // Alone it leads at once, but not before its own thread has taken that up.
        while node.call(&json!({"type": "write", "key": "ready", "value": 1}))["code"] == 11 {}
        node
    }

    /// Sends a body from `c1`, with a new `msg_id`, which is returned.
    pub(crate) fn ask(&mut self, body: &Value) -> i64 {
        self.last_id += 1;
        let mut body = body.clone();
        body["msg_id"] = json!(self.last_id);
        self.process.send(&json!({"src": "c1", "dest": "n1", "body": body}));
        self.last_id
    }

    /// The next line that the node writes.
    pub(crate) fn line(&self) -> Value {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Asks, and waits for the answer, which must be the next line. Gives its body without `in_reply_to`.
    pub(crate) fn call(&mut self, body: &Value) -> Value {
        let id = self.ask(body);
        let mut line = self.line();
        assert_eq!((&line["src"], &line["dest"]), (&json!("n1"), &json!("c1")), "{line}");
        let mut reply = line["body"].take();
        assert_eq!(reply.as_object_mut().unwrap().remove("in_reply_to"), Some(json!(id)));
        reply
    }

    /// As [`call`](Self::call), again and again while the answer is that it is not possible now.
    pub(crate) fn insist(&mut self, body: &Value) -> Value {
        loop {
            let reply = self.call(body);
            if reply["code"] != 11 {
                return reply;
            }
        }
    }

    /// Nothing comes.
    pub(crate) fn assert_silent(&self) {
        assert_eq!(self.lines.recv_timeout(SILENCE), Err(RecvTimeoutError::Timeout));
    }
}
