//! Three nodes with the runtime, on a network within this process: a leader is lost, and the group goes on.
//!
//! Run it with `cargo run --example three_nodes`. It ends by itself.
#![expect(clippy::print_stdout, reason = "it is there to be watched")]

use std::{
    collections::BTreeMap,
    error::Error,
    io::{self, Read},
    thread,
    time::Duration,
};

use bytes::Bytes;
use quorate::{
    Config, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, RestoreError, RoleKind,
    SnapshotWriter, StateMachine,
};
use slog::{Discard, Logger, o};

/// What is replicated: a number that commands add to.
#[derive(Default)]
struct Counter {
    total: i64,
}

impl StateMachine for Counter {
    /// The total after the command; `None` if it made no sense.
    type Response = Option<i64>;
    type Query = ();
    type Answer = i64;

    /// Every node does this with every command, in the same order. So it must come to the same everywhere: no
    /// clock, no chance, nothing from outside.
    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> Option<i64> {
        let amount: i64 = std::str::from_utf8(command).ok()?.parse().ok()?;
        self.total = self.total.checked_add(amount)?;
        Some(self.total)
    }

    fn query(&self, (): ()) -> i64 {
        self.total
    }

    /// From time to time the log is cut, and this stands for what was in it.
    fn snapshot(&self) -> SnapshotWriter {
        let total = self.total;
        Box::new(move |output| write!(output, "{total}"))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        self.total = io::read_to_string(snapshot)?.parse().map_err(RestoreError::new)?;
        Ok(())
    }
}

type Group = BTreeMap<NodeId, Node<Counter>>;

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut group = start_group([1, 2, 3].map(NodeId))?;

    let leader = wait_for_leader(&group);
    println!("{leader} leads");
    println!("10 through the leader: the total is {}", add(&group, leader, 10)?);

    // Any node takes commands; those that do not lead pass them on.
    let follower = other_than(&group, leader)?;
    println!("5 through {follower}, a follower: the total is {}", add(&group, follower, 5)?);

    // A node that is dropped, or told to stop, is gone for the others without a word, as after a crash.
    if let Some(node) = group.remove(&leader) {
        node.stop()?;
    }
    println!("{leader} is stopped");

    // Two of three are a majority: they elect one of them, and nothing that was committed is lost.
    let next = wait_for_leader(&group);
    println!("{next} leads");
    println!("1 more through {next}: the total is {}", add(&group, next, 1)?);

    // A query is not written to the log, and yet knows all that was known before it, whichever node is asked.
    for (id, node) in &group {
        match node.handle().query(()).wait(PATIENCE)? {
            Outcome::Applied(total) => println!("{id} answers: {total}"),
            Outcome::NotAccepted(refusal) => return Err(refusal.into()),
            Outcome::Unknown(reason) => return Err(reason.to_string().into()),
        }
    }

    // A majority is needed for anything. One of three cannot go on, and says so.
    if let Some(node) = group.remove(&next) {
        node.stop()?;
    }
    let last = other_than(&group, next)?;
    println!("{next} is stopped, and {last} is alone: {}", describe(&group, last, 1)?);
    Ok(())
}

/// Starts a node for each id, all on one network.
fn start_group(ids: [NodeId; 3]) -> Result<Group, Box<dyn Error>> {
    let network = MemNetwork::new();
    let mut group = Group::new();
    for id in ids {
        // Two nodes with the same seed would stand for election at the same moments.
        let config = Config::new(id, 1000 + id.0);
        // In memory, so only for a node that never starts again under the same id.
        let storage = MemStorage::with_voters(ids);
        let (options, logger) = (Options::default(), Logger::root(Discard, o!()));
        let node = Node::start(config, options, Counter::default(), storage, network.transport(id), logger)?;
        // From now on it hears the others.
        network.attach(id, node.handle());
        group.insert(id, node);
    }
    Ok(group)
}

/// Waits until somebody leads, and all know who it is.
fn wait_for_leader(group: &Group) -> NodeId {
    loop {
        let cores: Vec<_> = group.values().map(|node| node.handle().status().core).collect();
        let leader = cores.iter().find(|core| core.role == RoleKind::Leader).map(|core| core.id);
        if let Some(leader) = leader.filter(|_| cores.iter().all(|core| core.leader == leader)) {
            return leader;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn other_than(group: &Group, not: NodeId) -> Result<NodeId, Box<dyn Error>> {
    group.keys().copied().find(|id| *id != not).ok_or_else(|| "the group has only one node".into())
}

/// Adds to the total through node `id`; the total then.
fn add(group: &Group, id: NodeId, amount: i64) -> Result<i64, Box<dyn Error>> {
    let node = group.get(&id).ok_or("no such node")?;
    loop {
        match node.handle().propose(amount.to_string()).wait(PATIENCE)? {
            Outcome::Applied(total) => return total.ok_or_else(|| "the total is out of range".into()),
            // It surely was not done, so it can be tried again; here, when the next leader is there.
            Outcome::NotAccepted(refusal) => println!("  {refusal}"),
            // It may have been done, so trying again could add twice. Only the application can tell: a command
            // could carry a number by which the state machine knows it again.
            Outcome::Unknown(reason) => return Err(reason.to_string().into()),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// What comes of adding through node `id`, in words.
fn describe(group: &Group, id: NodeId, amount: i64) -> Result<String, Box<dyn Error>> {
    let node = group.get(&id).ok_or("no such node")?;
    Ok(match node.handle().propose(amount.to_string()).wait(PATIENCE)? {
        Outcome::Applied(total) => format!("applied, {total:?}"),
        Outcome::NotAccepted(refusal) => refusal.to_string(),
        Outcome::Unknown(reason) => format!("unknown: {reason}"),
    })
}
