//! One node, driven by hand: the loop that every program around a `RawNode` has.
//!
//! A cluster of one is the smallest there is. It elects itself, writes to a log in memory, and applies what is
//! committed. What a larger one needs in addition, messages to and from other nodes, is marked in the loop.
//!
//! Run it with `cargo run --example single_mem_node`. It ends by itself.
#![expect(clippy::print_stdout, reason = "it is there to be watched")]

use std::{
    collections::BTreeMap,
    error::Error,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use quorate::{
    Config, EntryId, EntryKind, MemStorage, NodeId, ProposeError, Proposed, RawNode, Ready, StorageWriter,
};
use slog::{Discard, Logger, o};

/// Called with what the state machine says to the command, or with why it was refused.
type Callback = Box<dyn FnOnce(Result<String, ProposeError>) + Send>;

/// What the client asks of the node.
struct Request {
    command: String,
    callback: Callback,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (requests, inbox) = unbounded();
    let client = thread::spawn(move || be_a_client(&requests));
    let mut node = Node::new()?;
    node.run(&inbox)?;
    if client.join().is_err() {
        return Err("the client panicked".into());
    }
    println!("the state machine holds {:?}", node.applied);
    Ok(())
}

/// Proposes a few commands, one after the other, and drops its sender, which ends the loop.
fn be_a_client(requests: &Sender<Request>) {
    for command in ["lay the table", "cook the soup", "ring the bell"] {
        while let Err(error) = propose_and_wait(requests, command) {
            println!("client: {command:?} was refused: {error}");
            thread::sleep(Duration::from_millis(400));
        }
    }
}

/// Proposes one command, and waits until the callback has told how it ended.
fn propose_and_wait(requests: &Sender<Request>, command: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (told, outcome) = bounded(1);
    // The callback runs on the node's thread, so it only passes the outcome on.
    let callback: Callback = Box::new(move |result| drop(told.send(result)));
    requests.send(Request { command: command.to_owned(), callback }).map_err(|_| "the node has ended")?;
    println!("client: {}", outcome.recv()??);
    Ok(())
}

/// The core, and all that the core leaves to its user: storage, clients who wait, a state machine.
struct Node {
    raw: RawNode,
    storage: MemStorage,
    /// Who waits for which entry. By its id, not in a queue: on a node that loses its office another leader's
    /// entries may take the places of these.
    waiting: BTreeMap<EntryId, Callback>,
    /// The state machine: here, every command in order.
    applied: Vec<String>,
}

const TICK: Duration = Duration::from_millis(100);

impl Node {
    fn new() -> Result<Self, Box<dyn Error>> {
        let id = NodeId(1);
        // Storage knows who belongs to the cluster: here, this node alone.
        let storage = MemStorage::with_voters([id]);
        // The seed is where all chance comes from: every node, and every life of a node, needs its own.
        let config = Config::new(id, 42);
        // The core reads from storage; writing is left to us.
        let raw = RawNode::new(config, storage.reader(), Logger::root(Discard, o!()))?;
        Ok(Self { raw, storage, waiting: BTreeMap::new(), applied: Vec::new() })
    }

    /// The loop: wait for input or the next tick, pass it in, carry out what the core wants done.
    fn run(&mut self, inbox: &Receiver<Request>) -> Result<(), Box<dyn Error>> {
        let mut next_tick = Instant::now() + TICK;
        loop {
            match inbox.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(request) => {
                    self.propose(request);
                    // Whatever has come meanwhile joins in, and goes through the log as one batch.
                    inbox.try_iter().for_each(|request| self.propose(request));
                    // A larger cluster takes up the messages of other nodes here: `self.raw.step(envelope)`.
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // The core has no clock. We tell it that time passes, and it counts: when no leader is heard of
            // for some ticks, it stands for election. Not on a timeout alone, or steady input would stop time.
            if Instant::now() >= next_tick {
                self.raw.tick();
                next_tick = Instant::now() + TICK;
            }
            while self.raw.has_ready() {
                let ready = self.raw.ready()?;
                self.carry_out(ready)?;
            }
        }
    }

    fn propose(&mut self, Request { command, callback }: Request) {
        match self.raw.propose(command) {
            // It is in the log, and no more. Committed it is when this very entry comes back to be applied.
            Ok(Proposed::Appended(id)) => drop(self.waiting.insert(id, callback)),
            // Another node leads and has been asked; `Ready::forwards` would tell what became of it. In a
            // cluster of one, nobody else can lead.
            Ok(Proposed::Forwarded(_)) => {}
            Err(error) => callback(Err(error)),
        }
    }

    /// Carries out what the core wants done. The order matters: see the documentation of [`Ready`].
    fn carry_out(&mut self, ready: Box<Ready>) -> Result<(), Box<dyn Error>> {
        if let Some(leadership) = ready.leadership {
            println!("node: {} in term {}", leadership.role, leadership.term);
        }
        // 1. Send `ready.messages`. A cluster of one has nobody to send them to.

        // 2. Write, and make it durable: only then does this node count itself for what it has written.
        self.storage.write(&ready)?;

        // 3. Send `ready.messages_after_write`: they promise what was just written.

        // 4. Apply what is committed, and tell those who wait. (A snapshot from a leader would come first.)
        for entry in ready.committed.iter().flat_map(|run| run.iter()) {
            // A leader opens its term with a blank entry, which is no command.
            if entry.kind() != EntryKind::Normal {
                continue;
            }
            let command = String::from_utf8_lossy(entry.data()).into_owned();
            println!("node: apply entry {}: {command:?}", entry.id);
            let response = format!("{command:?} is done, as number {}", self.applied.len() + 1);
            self.applied.push(command);
            if let Some(callback) = self.waiting.remove(&entry.id) {
                callback(Ok(response));
            }
        }
        // 5. Answer `ready.reads` and `ready.forwards`. Nobody here asked for any.

        // 6. All is done: give it back.
        self.raw.advance(ready);
        Ok(())
    }
}
