//! The store of the primary: values, and the last answer to every client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A request of a client, as it travels from the node it was sent to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) client: String,
    pub(crate) msg_id: u64,
    /// The body of the client's message.
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    pub(crate) fn key(&self) -> String {
        self.body["key"].to_string()
    }
}

/// Values by key, and what was answered: a request that arrives again is not carried out again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Store {
    values: BTreeMap<String, Value>,
    answers: BTreeMap<String, (u64, Value)>,
}

impl Store {
    /// The answer that was given to this request already; null if it is older than the last one.
    pub(crate) fn known_answer(&self, request: &Request) -> Option<Value> {
        let (msg_id, answer) = self.answers.get(&request.client)?;
        match request.msg_id.cmp(msg_id) {
            std::cmp::Ordering::Less => Some(Value::Null),
            std::cmp::Ordering::Equal => Some(answer.clone()),
            std::cmp::Ordering::Greater => None,
        }
    }

    pub(crate) fn remember(&mut self, request: &Request, answer: &Value) {
        self.answers.insert(request.client.clone(), (request.msg_id, answer.clone()));
    }

    /// Carries the request out; the answer without ids.
    pub(crate) fn apply(&mut self, request: &Request) -> Value {
        match request.kind() {
            "read" => self.read(&request.key()),
            "write" => {
                self.set(request.key(), request.body["value"].clone());
                json!({"type": "write_ok"})
            }
            "cas" => {
                let answer = self.compare(request);
                if answer["type"] == "cas_ok" {
                    self.set(request.key(), request.body["to"].clone());
                }
                answer
            }
            other => json!({"type": "error", "code": 10, "text": format!("{other} is not supported")}),
        }
    }

    pub(crate) fn read(&self, key: &str) -> Value {
        match self.values.get(key) {
            Some(value) => json!({"type": "read_ok", "value": value}),
            None => missing(),
        }
    }

    pub(crate) fn compare(&self, request: &Request) -> Value {
        match self.values.get(&request.key()) {
            None => missing(),
            Some(value) if *value == request.body["from"] => json!({"type": "cas_ok"}),
            Some(_) => json!({"type": "error", "code": 22, "text": "it holds another value"}),
        }
    }

    pub(crate) fn set(&mut self, key: String, value: Value) {
        self.values.insert(key, value);
    }
}

fn missing() -> Value {
    json!({"type": "error", "code": 20, "text": "there is no such key"})
}
