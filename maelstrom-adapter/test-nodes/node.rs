//! The node: forwards, serves as primary, hands over, and makes the mistake it was asked for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Bug;
use crate::memory::Memory;
use crate::store::{Request, Store};

/// How long a lagging copy lags, and a postponed change waits.
const LAG: Duration = Duration::from_millis(30);

/// A hand-over that is not confirmed is sent again after this time.
const RETRY: Duration = Duration::from_millis(100);

pub(crate) struct Node {
    bug: Option<Bug>,
    rotation: Option<Duration>,
    /// Whether the node has lived before.
    is_recalled: bool,
    name: String,
    names: Vec<String>,
    out: Vec<Value>,
    /// The primary of epoch `e` is node `e mod n`.
    epoch: usize,
    /// The store, if this node is the primary.
    store: Option<Store>,
    /// What the primary had a while ago.
    copy: Store,
    copy_taken: Instant,
    /// Since when this node is the primary.
    primary_since: Instant,
    /// The store under way to the next primary, and when it was sent.
    handing_over: Option<(Value, Instant)>,
    /// Changes to make later, and forwarded requests to send again.
    later: VecDeque<(Instant, Later)>,
}

enum Later {
    Set(String, Value),
    Apply(Request),
    Forward(Request),
}

impl Node {
    pub(crate) fn new(bug: Option<Bug>, rotation: Option<Duration>) -> Self {
        let now = Instant::now();
        Self {
            bug,
            rotation,
            is_recalled: false,
            name: String::new(),
            names: Vec::new(),
            out: Vec::new(),
            epoch: 0,
            store: None,
            copy: Store::default(),
            copy_taken: now,
            primary_since: now,
            handing_over: None,
            later: VecDeque::new(),
        }
    }

    /// Goes on where an earlier life of the node was.
    pub(crate) fn recall(&mut self, memory: Option<Memory>) {
        let Some(Memory { epoch, store, handing_over }) = memory else { return };
        self.is_recalled = true;
        self.epoch = epoch;
        self.store = store;
        self.handing_over = handing_over.map(|message| (message, Instant::now()));
    }

    /// What the next life must know before anybody hears of it; none if it is as before.
    pub(crate) fn memory(&self) -> Option<Memory> {
        let is_forgotten = self.bug == Some(Bug::ForgetsHandOver) && self.store.is_none();
        let is_worth_it = !self.out.is_empty() && !is_forgotten;
        let handing_over = || self.handing_over.as_ref().map(|(message, _)| message.clone());
        is_worth_it.then(|| Memory {
            epoch: self.epoch,
            store: self.store.clone(),
            handing_over: handing_over(),
        })
    }

    /// The messages to send since the last call.
    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, Value> {
        self.out.drain(..)
    }

    pub(crate) fn receive(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        let source = message["src"].as_str().unwrap_or_default().to_owned();
        let body = message["body"].clone();
        match body["type"].as_str().unwrap_or_default() {
            "init" => self.initialize(&source, &body),
            "forward" => {
                if let Ok(request) = serde_json::from_value(body["request"].clone()) {
                    self.serve(&request, &source);
                }
            }
            "answer" => self.answer(body["client"].as_str().unwrap_or_default(), &body["answer"]),
            "copy" => self.copy = serde_json::from_value(body["store"].clone()).unwrap_or_default(),
            "hand_over" => self.take_over(&body),
            "taken_over" => self.handed_over(&body),
            _ => self.request(source, body),
        }
    }

    fn initialize(&mut self, source: &str, body: &Value) {
        self.name = body["node_id"].as_str().unwrap_or_default().to_owned();
        let names = body["node_ids"].as_array().cloned().unwrap_or_default();
        self.names = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        if self.name == self.primary() && !self.is_recalled {
            self.store = Some(Store::default());
            self.primary_since = Instant::now();
        }
        self.answer(source, &json!({"type": "init_ok", "in_reply_to": body["msg_id"]}));
    }

    fn primary(&self) -> String {
        self.names[self.epoch % self.names.len()].clone()
    }

    fn send(&mut self, destination: &str, body: &Value) {
        self.out.push(json!({"src": self.name, "dest": destination, "body": body}));
    }

    fn broadcast(&mut self, body: &Value) {
        for name in self.names.clone() {
            if name != self.name {
                self.send(&name, body);
            }
        }
    }

    fn answer(&mut self, client: &str, answer: &Value) {
        self.send(client, answer);
    }

    /// A request of a client.
    fn request(&mut self, client: String, body: Value) {
        let request = Request { client, msg_id: body["msg_id"].as_u64().unwrap_or_default(), body };
        let is_local_read = self.bug == Some(Bug::LocalReads) && request.kind() == "read";
        if is_local_read && self.store.is_none() {
            let mut answer = self.copy.read(&request.key());
            answer["in_reply_to"] = json!(request.msg_id);
            self.answer(&request.client, &answer);
        } else if self.name == self.primary() {
            self.serve(&request, "");
        } else {
            if self.bug == Some(Bug::AppliedTwice) {
                self.later.push_back((Instant::now() + LAG, Later::Forward(request.clone())));
            }
            self.forward(&request);
        }
    }

    fn forward(&mut self, request: &Request) {
        self.send(&self.primary(), &json!({"type": "forward", "request": request}));
    }

    /// Serves a request as the primary; the answer goes back through `forwarder`, if there is one.
    fn serve(&mut self, request: &Request, forwarder: &str) {
        let is_answered = |store: &Store| store.known_answer(request);
        let known = self.store.as_ref().and_then(is_answered).filter(|_| self.bug != Some(Bug::AppliedTwice));
        if known == Some(Value::Null) {
            return;
        }
        let Some(mut answer) = known.or_else(|| self.carry_out(request)) else {
            // Not the primary, or no longer. The request may have arrived before, so the client is not
            // told that it failed, but left to its time-out.
            return;
        };
        if let Some(store) = &mut self.store {
            store.remember(request, &answer);
        }
        answer["in_reply_to"] = json!(request.msg_id);
        self.reply(&request.client, forwarder, &answer);
    }

    fn reply(&mut self, client: &str, forwarder: &str, answer: &Value) {
        if forwarder.is_empty() {
            self.answer(client, answer);
        } else {
            self.send(forwarder, &json!({"type": "answer", "client": client, "answer": answer}));
        }
    }

    /// Makes the change, or postpones it by mistake. None if this node is not the primary.
    fn carry_out(&mut self, request: &Request) -> Option<Value> {
        let store = self.store.as_mut()?;
        let due = Instant::now() + LAG;
        match (self.bug, request.kind()) {
            (Some(Bug::EarlyAck), "write") => {
                self.later.push_back((due, Later::Apply(request.clone())));
                Some(json!({"type": "write_ok"}))
            }
            (Some(Bug::CasNotAtomic), "cas") => {
                let answer = store.compare(request);
                if answer["type"] == "cas_ok" {
                    let set = Later::Set(request.key(), request.body["to"].clone());
                    self.later.push_back((due, set));
                }
                Some(answer)
            }
            _ => Some(store.apply(request)),
        }
    }

    /// Does what is due by the clock.
    pub(crate) fn tick(&mut self, now: Instant) {
        while self.later.front().is_some_and(|(due, _)| *due <= now) {
            let Some((_, later)) = self.later.pop_front() else { return };
            match (later, &mut self.store) {
                (Later::Set(key, value), Some(store)) => store.set(key, value),
                (Later::Apply(request), Some(store)) => drop(store.apply(&request)),
                (Later::Forward(request), _) => self.forward(&request),
                (Later::Set(..) | Later::Apply(_), None) => {}
            }
        }
        self.publish_copy(now);
        self.rotate(now);
    }

    fn publish_copy(&mut self, now: Instant) {
        let is_copy_used = matches!(self.bug, Some(Bug::LocalReads | Bug::LostOnLeaderChange));
        let Some(store) = self.store.as_ref().filter(|_| is_copy_used && now >= self.copy_taken + LAG) else {
            return;
        };
        self.copy_taken = now;
        self.copy = store.clone();
        self.broadcast(&json!({"type": "copy", "store": self.copy}));
    }

    fn rotate(&mut self, now: Instant) {
        if let Some((message, sent)) = &self.handing_over {
            if now >= *sent + RETRY {
                let message = message.clone();
                self.hand_over(message, now);
            }
            return;
        }
        let is_time = self.rotation.is_some_and(|rotation| now >= self.primary_since + rotation);
        if !is_time || self.names.len() < 2 {
            return;
        }
        let Some(store) = self.store.take() else { return };
        let handed = if self.bug == Some(Bug::LostOnLeaderChange) { &self.copy } else { &store };
        self.epoch += 1;
        let message = json!({"type": "hand_over", "epoch": self.epoch, "store": handed});
        self.hand_over(message, now);
    }

    fn hand_over(&mut self, message: Value, now: Instant) {
        self.send(&self.primary(), &message);
        self.handing_over = Some((message, now));
    }

    /// The store arrives, perhaps not for the first time.
    fn take_over(&mut self, body: &Value) {
        let epoch = epoch_of(body);
        if epoch > self.epoch {
            self.epoch = epoch;
            self.store = serde_json::from_value(body["store"].clone()).ok();
            self.primary_since = Instant::now();
        }
        self.broadcast(&json!({"type": "taken_over", "epoch": epoch}));
    }

    /// Someone is the primary of a newer epoch.
    fn handed_over(&mut self, body: &Value) {
        let epoch = epoch_of(body);
        if self.handing_over.is_some() && epoch >= self.epoch {
            self.handing_over = None;
        }
        // Whoever holds the store knows better than an old message.
        if self.store.is_none() {
            self.epoch = self.epoch.max(epoch);
        }
    }
}

fn epoch_of(body: &Value) -> usize {
    body["epoch"].as_u64().and_then(|epoch| usize::try_from(epoch).ok()).unwrap_or_default()
}
