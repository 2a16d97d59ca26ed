//! Three nodes with their threads in one process, as a client sees them: commits a second, and how long one takes.
//!
//! The network hands messages over within the process and the state machine counts, so what is measured is the library
//! with its threads, and the storage that it is given.

use std::{
    collections::VecDeque,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use quorate::{Config, Handle, MemNetwork, Node, NodeId, Options, Outcome, RoleKind, StorageWriter, Ticket};
use slog::{Discard, Logger, o};

use crate::{Failure, counter::Counter};

/// How long a cluster may take for anything at all: to elect its leader, to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Three nodes, one of which leads.
pub struct Cluster {
    nodes: Vec<Node<Counter>>,
    leader: Handle<Counter>,
}

/// What one client has seen that always had so many commands under way.
pub struct Load {
    begin: Instant,
    took: Duration,
    /// In nanoseconds.
    latencies: Histogram<u64>,
}

impl Cluster {
    /// Starts the nodes, each with what `storage` makes for these voters, and has a leader elected.
    ///
    /// # Errors
    /// If they could not.
    pub fn start<W: StorageWriter + 'static>(
        options: &Options,
        storage: impl Fn(Vec<NodeId>) -> W,
    ) -> Result<Self, Failure> {
        let voters: Vec<_> = (1..=3).map(NodeId).collect();
        let network = MemNetwork::new();
        let start = |id: &NodeId| {
            let (storage, logger) = (storage(voters.clone()), Logger::root(Discard, o!()));
            let (config, transport) = (Config::new(*id, id.0), network.transport(*id));
            let node = Node::start(config, options.clone(), Counter::default(), storage, transport, logger)?;
            network.attach(*id, node.handle());
            Ok::<_, Failure>(node)
        };
        let nodes = voters.iter().map(start).collect::<Result<Vec<_>, _>>()?;
        let leader = elect(&nodes)?;
        Ok(Self { nodes, leader })
    }

    /// One thread keeps so many commands under way for about so long: it waits for the oldest, takes all that are
    /// done, and proposes as many anew. The commands are empty.
    ///
    /// # Errors
    /// If a command was not applied.
    pub fn load(&self, outstanding: usize, time: Duration) -> Result<Load, Failure> {
        let mut under_way = VecDeque::with_capacity(outstanding);
        let mut load = Load::begin()?;
        let mut now = load.begin;
        while load.is_before(now, time) {
            while under_way.len() < outstanding {
                under_way.push_back((now, self.leader.propose(Bytes::new())));
            }
            now = self.take_done(&mut under_way, &mut load)?;
        }
        while !under_way.is_empty() {
            now = self.take_done(&mut under_way, &mut load)?;
        }
        Ok(load.ended(now))
    }

    /// Waits for the oldest command and takes all that are done with it. When that was.
    fn take_done(
        &self,
        under_way: &mut VecDeque<(Instant, Ticket<u64>)>,
        load: &mut Load,
    ) -> Result<Instant, Failure> {
        let Some((asked, oldest)) = under_way.pop_front() else { return Ok(Instant::now()) };
        applied(&oldest.wait(PATIENCE)?)?;
        let now = Instant::now();
        load.record(now - asked);
        while let Some(outcome) = under_way.front_mut().and_then(|(_, next)| next.try_take()) {
            applied(&outcome)?;
            load.record(under_way.pop_front().map_or(Duration::ZERO, |(asked, _)| now - asked));
        }
        Ok(now)
    }

    /// Stops the nodes.
    ///
    /// # Errors
    /// If one of them had stopped before.
    pub fn stop(self) -> Result<(), Failure> {
        self.nodes.into_iter().try_for_each(Node::stop)?;
        Ok(())
    }
}

fn elect(nodes: &[Node<Counter>]) -> Result<Handle<Counter>, Failure> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        let mut handles = nodes.iter().map(Node::handle);
        if let Some(leader) = handles.find(|handle| handle.status().core.role == RoleKind::Leader) {
            return Ok(leader);
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err("no leader was elected".into())
}

fn applied(outcome: &Outcome<u64>) -> Result<(), Failure> {
    match outcome {
        Outcome::Applied(_) => Ok(()),
        Outcome::NotAccepted(_) | Outcome::Unknown(_) => {
            Err(format!("a command was not applied: {outcome:?}").into())
        }
    }
}

impl Load {
    /// Begins to measure.
    ///
    /// # Errors
    /// None that is known.
    pub fn begin() -> Result<Self, Failure> {
        let latencies = Histogram::new_with_max(60_000_000_000, 3)?;
        Ok(Self { begin: Instant::now(), took: Duration::ZERO, latencies })
    }

    /// Whether `now` is less than `time` after the begin.
    #[must_use]
    pub fn is_before(&self, now: Instant, time: Duration) -> bool {
        now.saturating_duration_since(self.begin) < time
    }

    /// A command was applied that took so long.
    pub fn record(&mut self, latency: Duration) {
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The last was applied now.
    #[must_use]
    pub fn ended(mut self, now: Instant) -> Self {
        self.took = now.saturating_duration_since(self.begin);
        self
    }

    /// Commands applied in a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    pub fn commits_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// How long the slowest took of so many in a hundred, in microseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "latencies are far below 2⁵² ns")]
    pub fn microseconds_at(&self, percentile: f64) -> f64 {
        self.latencies.value_at_percentile(percentile) as f64 / 1e3
    }
}
