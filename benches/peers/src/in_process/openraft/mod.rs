//! Openraft, driven as its own benchmark does: three nodes on a runtime with two threads.

mod network;
mod store;

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use openraft::{
    Config, EntryPayload, RaftTypeConfig, SnapshotPolicy,
    impls::{BoxedErrorSource, InlineBatch, TokioRuntime, Vote, leader_id_std::LeaderId},
    raft::{ClientWriteResult, responder::Responder},
    type_config::alias::DefaultEntryOf,
};
use quorate_benches::in_process::Load;
use tokio::{
    runtime::{Builder, Runtime},
    sync::mpsc::{UnboundedSender, unbounded_channel},
};

use self::{network::Network, store::StateMachine};
use crate::Failure;

/// How long a cluster may take to elect its leader.
const PATIENCE: Duration = Duration::from_secs(10);

/// As many as the machines have on which this runs first of all; more do not help three nodes.
const THREADS: usize = 2;

/// What openraft is made of here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Types;

impl RaftTypeConfig for Types {
    type D = Command;
    type R = ();
    type NodeId = u64;
    type Node = ();
    type Term = u64;
    type LeaderId = LeaderId<u64, u64>;
    type Vote = Vote<Self::LeaderId>;
    type Payload = EntryPayload<Command, u64, ()>;
    type Entry = DefaultEntryOf<Self>;
    type Responder<T>
        = Callback<T>
    where
        T: Send + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: Send + 'static;
    type AsyncRuntime = TokioRuntime;
    type ErrorSource = BoxedErrorSource;
}

/// An empty command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Command;

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an empty command")
    }
}

type Raft = openraft::Raft<Types, StateMachine>;

/// Is called with the outcome of a command.
pub(super) struct Callback<T>(Box<dyn FnOnce(T) + Send>);

impl<T: Send + 'static> Responder<Types, T> for Callback<T> {
    fn on_complete(self, outcome: T) {
        (self.0)(outcome);
    }
}

/// On which threads the client runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Client {
    /// On those of the nodes: no other thread need be woken for a single command.
    WithNodes,
    /// On one of its own: as our client, and as in openraft's benchmark.
    Apart,
}

/// Three nodes, the first of which leads.
pub(super) struct Cluster {
    nodes: Vec<Raft>,
    leader: Raft,
    of_nodes: Runtime,
    of_client: Runtime,
}

impl Cluster {
    /// Starts the nodes and has a leader elected.
    pub(super) fn start() -> Result<Self, Failure> {
        let of_nodes = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
        let of_client = Builder::new_current_thread().enable_all().build()?;
        let nodes = of_nodes.block_on(start())?;
        let leader = nodes.first().cloned().ok_or("a cluster has nodes")?;
        Ok(Self { nodes, leader, of_nodes, of_client })
    }

    /// One client keeps so many commands under way for about so long: it waits until one is done, takes all that are,
    /// and proposes as many anew.
    pub(super) fn load(&self, client: Client, outstanding: usize, time: Duration) -> Result<Load, Failure> {
        let load = load(self.leader.clone(), outstanding, time);
        match client {
            Client::WithNodes => self.of_nodes.block_on(self.of_nodes.spawn(load))?,
            Client::Apart => self.of_client.block_on(load),
        }
    }

    pub(super) fn stop(self) -> Result<(), Failure> {
        for node in self.nodes {
            self.of_nodes.block_on(node.shutdown())?;
        }
        Ok(())
    }
}

async fn start() -> Result<Vec<Raft>, Failure> {
    let config = Config {
        // As ours by default: 0.5 to 1 s.
        election_timeout_min: 500,
        election_timeout_max: 1_000,
        // As in openraft's own benchmark.
        max_payload_entries: 1_024,
        purge_batch_size: 1_024,
        // Rare enough to cost nothing, and often enough to bound memory, as ours.
        snapshot_policy: SnapshotPolicy::LogsSinceLast(100_000),
        replication_lag_threshold: 1_000_000,
        ..Config::default()
    };
    let config = Arc::new(config.validate()?);
    let (ids, network) = (BTreeSet::from([1, 2, 3]), Network::default());
    let mut nodes = Vec::new();
    for id in ids.iter().copied() {
        let (log, state_machine) = (store::Log::default(), StateMachine::default());
        let node = Raft::new(id, Arc::clone(&config), network.clone(), log, state_machine).await?;
        network.attach(id, node.clone());
        nodes.push(node);
    }
    if let Some(first) = nodes.first() {
        first.initialize(ids).await?;
        first.wait(Some(PATIENCE)).current_leader(1, "the first node is to lead").await?;
    }
    Ok(nodes)
}

async fn load(leader: Raft, outstanding: usize, time: Duration) -> Result<Load, Failure> {
    let (told, mut outcomes) = unbounded_channel();
    let mut load = Load::begin()?;
    let (mut now, mut missing) = (Instant::now(), outstanding);
    let mut done = Vec::with_capacity(outstanding);
    while load.is_before(now, time) {
        for _ in 0..missing {
            propose(&leader, now, told.clone()).await?;
        }
        missing = outcomes.recv_many(&mut done, outstanding).await;
        now = take_done(&mut done, &mut load)?;
    }
    while missing < outstanding {
        missing += outcomes.recv_many(&mut done, outstanding).await;
        now = take_done(&mut done, &mut load)?;
    }
    Ok(load.ended(now))
}

/// What became of a command, and when it was proposed.
type Told = Result<Instant, Failure>;

async fn propose(leader: &Raft, now: Instant, told: UnboundedSender<Told>) -> Result<(), Failure> {
    let callback = move |outcome: ClientWriteResult<Types>| {
        // The client waits for as many as it has proposed, so it hears this.
        let _heard = told.send(outcome.map(|_| now).map_err(Failure::from));
    };
    leader.client_write_ff(Command, Some(Callback(Box::new(callback)))).await?;
    Ok(())
}

fn take_done(done: &mut Vec<Told>, load: &mut Load) -> Result<Instant, Failure> {
    let now = Instant::now();
    for told in done.drain(..) {
        load.record(now - told?);
    }
    Ok(now)
}
