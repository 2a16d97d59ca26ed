//! The nodes, the network, and what is known of them: the state of one simulation.

use std::fmt::Display;

use harness::{Network, Node, Pace};
use quorate::{Config, Envelope, MemStorage, Membership, NodeId};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{clients::Clients, oracle::Oracle};

/// One simulated cluster.
pub(crate) struct World {
    pub(crate) random: Pcg64Mcg,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) oracle: Oracle,
    pub(crate) clients: Clients,
    pub(crate) weather: Weather,
    trace: u64,
    is_traced: bool,
}

/// How rough this seed is, in percent.
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) doubling: u32,
    pub(crate) reordering: u32,
    pub(crate) crashes: u32,
    pub(crate) cuts: u32,
    /// How fast each node's clock goes, relative to the others.
    pub(crate) clocks: Vec<u32>,
}

impl World {
    /// Voters and learners.
    const SIZES: [(u64, u64); 8] = [(1, 0), (1, 1), (2, 0), (3, 0), (3, 0), (3, 1), (4, 0), (5, 0)];

    /// The cluster that the seed decides on.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let (voters, learners) = Self::SIZES[random.random_range(0..Self::SIZES.len())];
        let mut membership = Membership::of_voters((1..=voters).map(NodeId));
        membership.learners = (voters + 1..=voters + learners).map(NodeId).collect();
        let shared = config(&mut random);
        let pace = if random.random_bool(0.4) { Pace::AtOnce } else { Pace::OnRequest };
        let node = |id| {
            let mut config = shared.clone();
            (config.id, config.seed) = (NodeId(id), seed.wrapping_mul(64) + id);
            Node::new(config, MemStorage::with_membership(membership.clone()), pace)
        };
        let nodes: Vec<_> = (1..=voters + learners).map(node).collect();
        let weather = Weather {
            loss: random.random_range(0..15),
            doubling: random.random_range(0..10),
            reordering: random.random_range(0..100),
            crashes: random.random_range(0..15),
            cuts: random.random_range(0..30),
            clocks: nodes.iter().map(|_| random.random_range(1..=4)).collect(),
        };
        let oracle = Oracle::of(&nodes, membership);
        let (network, clients) = (Network::default(), Clients::default());
        let is_traced = std::env::var_os("QUORATE_TRACE").is_some();
        Self { random, nodes, network, oracle, clients, weather, trace: seed, is_traced }
    }

    /// Folds what happened into the trace.
    pub(crate) fn note(&mut self, what: impl Display) {
        let text = what.to_string();
        if self.is_traced {
            eprintln!("{text}");
        }
        for byte in text.bytes() {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn trace(&self) -> u64 {
        self.trace
    }

    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent.min(100), 100)
    }

    pub(crate) fn any_node(&mut self) -> usize {
        self.random.random_range(0..self.nodes.len())
    }

    /// Hands a message to its receiver.
    pub(crate) fn deliver(&mut self, message: Envelope) {
        let at = usize::try_from(message.to.0).unwrap() - 1;
        if !self.nodes[at].is_up() {
            return;
        }
        self.note(&message);
        let text = message.to_string();
        if let Err(error) = self.nodes[at].raw().step(message) {
            panic!("no correct node sends what is refused: {text}: {error}");
        }
    }

    /// Takes one Ready of a node and sends what leaves by it. Whether there was one.
    pub(crate) fn process(&mut self, at: usize) -> bool {
        let (oracle, clients) = (&mut self.oracle, &mut self.clients);
        let id = self.nodes[at].id();
        let sent = self.nodes[at].take_ready(|ready| {
            oracle.on_ready(id, ready);
            clients.on_ready(id, ready);
        });
        self.oracle.check_durability(&self.nodes);
        let Some(sent) = sent else { return false };
        self.send(at, sent);
        true
    }

    /// Finishes a node's oldest write, and sends what waited for it.
    pub(crate) fn finish_write(&mut self, at: usize) {
        let sent = self.nodes[at].finish_write();
        self.send(at, sent);
    }

    fn send(&mut self, at: usize, messages: Vec<Envelope>) {
        for message in &messages {
            self.oracle.on_sent(message, self.nodes[at].disk());
        }
        self.network.send(messages);
    }

    /// What is checked after each step.
    pub(crate) fn check(&mut self) {
        for node in &self.nodes {
            self.oracle.check_node(node);
        }
    }
}

/// Small limits, so that each of them is met.
fn config(random: &mut Pcg64Mcg) -> Config {
    let mut config = Config::new(NodeId(1), 0);
    config.election_ticks = random.random_range(5..=10);
    config.pre_vote = random.random_bool(0.8);
    config.check_quorum = random.random_bool(0.8);
    config.max_message_bytes = random.random_range(0..200);
    config.max_inflight_messages = random.random_range(1..6);
    config.max_inflight_bytes = random.random_range(0..400);
    config.max_uncommitted_bytes = random.random_range(0..1000);
    config.max_committed_bytes_per_ready = random.random_range(0..200);
    config.max_log_bytes_in_memory = random.random_range(0..200);
    config.snapshot_ticks = 30;
    config
}
