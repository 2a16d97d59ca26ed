//! The nodes, the network, and what is known of them: the state of one simulation.

use std::fmt::Display;

use harness::{Network, Node, Pace};
use quorate::{Envelope, MemStorage, Membership, Message, NodeId, StepError};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::{
    clients::Clients,
    clocks::Clocks,
    counts::Counts,
    handovers::Handovers,
    memberships::Memberships,
    oracle::Oracle,
    profile::{Profile, Weather},
    reads::Reads,
};

/// One simulated cluster.
pub(crate) struct World {
    pub(crate) random: Pcg64Mcg,
    pub(crate) profile: Profile,
    pub(crate) weather: Weather,
    pub(crate) is_lull: bool,
    /// Of all nodes.
    election_ticks: u32,
    pub(crate) nodes: Vec<Node>,
    /// How many more steps each node's process stands still.
    pub(crate) standstill: Vec<u32>,
    pub(crate) clocks: Clocks,
    pub(crate) network: Network,
    pub(crate) oracle: Oracle,
    pub(crate) clients: Clients,
    pub(crate) reads: Reads,
    pub(crate) handovers: Handovers,
    pub(crate) counts: Counts,
    trace: u64,
    is_traced: bool,
}

pub(crate) fn position_of(node: NodeId) -> usize {
    usize::try_from(node.0).unwrap() - 1
}

impl World {
    /// The cluster that the seed decides on.
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let profile = Profile::draw(&mut random);
        let founding = profile.found(&mut random);
        let shared = profile.configure(&mut random);
        let (are_equal, are_at_once) = (random.random_bool(0.6), random.random_range(0..3));
        let membership = &founding.membership;
        let known = membership.members().chain(founding.spares.iter().copied());
        let known = known.map(|id| (id, membership.clone()));
        let unknown = founding.unfounded.iter().map(|id| (*id, Membership::default()));
        let nodes: Vec<_> = known
            .chain(unknown)
            .map(|(id, membership)| {
                let mut config = shared.clone();
                (config.id, config.seed) = (id, seed.wrapping_mul(64) + id.0);
                if !are_equal {
                    profile.differ(&mut config, &mut random);
                }
                let is_at_once = random.random_bool(f64::from(are_at_once) / 2.0);
                let pace = if is_at_once { Pace::AtOnce } else { Pace::OnRequest };
                Node::new(config, MemStorage::with_membership(membership), pace)
            })
            .collect();
        let bound = profile.has_leases.then_some(shared.election_ticks);
        let weather = Weather::draw(&mut random);
        Self {
            clocks: Clocks::draw(&mut random, nodes.len(), bound),
            random,
            profile,
            weather,
            is_lull: true,
            election_ticks: shared.election_ticks,
            standstill: vec![0; nodes.len()],
            oracle: Oracle::of(&nodes, Memberships::of(&founding)),
            nodes,
            network: Network::default(),
            clients: Clients::default(),
            reads: Reads::default(),
            handovers: Handovers::default(),
            counts: Counts::default(),
            trace: seed,
            is_traced: std::env::var_os("QUORATE_TRACE").is_some(),
        }
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

    pub(crate) fn dice(&mut self, sides: usize) -> usize {
        self.random.random_range(0..sides)
    }

    pub(crate) fn any_node(&mut self) -> usize {
        self.dice(self.nodes.len())
    }

    /// Whether the node's process is there, and does not stand still.
    pub(crate) fn runs(&self, at: usize) -> bool {
        self.nodes[at].is_up() && self.standstill[at] == 0
    }

    /// Hands a message to its receiver.
    pub(crate) fn deliver(&mut self, message: Envelope) {
        let at = position_of(message.to);
        if !self.nodes[at].is_up() {
            return;
        }
        self.note(&message);
        if let Message::SnapshotRequest { snapshot } = &message.message {
            self.oracle.memberships.on_snapshot_delivered(message.to, snapshot.last.index);
        }
        let text = message.to_string();
        match self.nodes[at].raw().step(message) {
            // Somebody who was removed, and does not know it or is not known to be back.
            Err(StepError::UnknownPeer { from }) => {
                let membership = self.nodes[at].status().membership;
                assert!(!membership.voters.contains(from), "{from} is a voter: {text}");
            }
            Err(error) => panic!("no correct node sends what is refused: {text}: {error}"),
            Ok(()) => {}
        }
    }

    /// Takes one Ready of a node and sends what leaves by it. Whether there was one.
    pub(crate) fn process(&mut self, at: usize) -> bool {
        if self.nodes[at].leads() {
            // Before it goes on: what it was elected by may soon be no longer in force.
            self.oracle.check_node(&self.nodes[at], &mut self.counts);
        }
        let id = self.nodes[at].id();
        let Self { oracle, clients, reads, handovers, counts, .. } = self;
        let sent = self.nodes[at].take_ready(|ready| {
            oracle.on_ready(id, ready, counts);
            clients.on_ready(id, ready, counts);
            reads.on_ready(id, ready, counts);
            handovers.on_ready(id, ready, counts);
        });
        self.oracle.check_durability(&self.nodes);
        let Some(sent) = sent else {
            if self.nodes[at].leads() {
                self.handovers.check_at_rest(&self.nodes[at], self.election_ticks);
            }
            return false;
        };
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
            self.oracle.on_sent(message, self.nodes[at].disk(), &mut self.counts);
        }
        self.network.send(messages);
    }

    /// What is checked after each step.
    pub(crate) fn check(&mut self) {
        for node in &self.nodes {
            self.oracle.check_node(node, &mut self.counts);
        }
    }
}
