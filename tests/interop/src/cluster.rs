//! Some nodes of both kinds, and the network between them.

use std::collections::BTreeMap;

use quorate::ConfChange;
use raft::eraftpb::MessageType;
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::{Kind, Machine, Network, Node, Packet, Settings, View, ours::Ours, theirs::Theirs};

/// A cluster of nodes numbered from 1. Nothing happens but what the test calls for, and after each step is checked
/// that no two nodes have applied different entries at one index, and that no read misses what was applied before.
pub struct Cluster {
    kinds: Vec<Kind>,
    nodes: Vec<Box<dyn Node>>,
    /// The network between them.
    pub network: Network,
    /// All that was ever sent, in order.
    pub sent: Vec<Packet>,
    /// What nodes refused, in order.
    pub refused: Vec<String>,
    /// The reads that were answered: ticket and index.
    pub answered: Vec<(u64, u64)>,
    random: Pcg64Mcg,
    applied: Machine,
    /// How much of each node's history was compared.
    compared: Vec<usize>,
    /// What was applied somewhere when each read began.
    reads: BTreeMap<u64, u64>,
    next_ticket: u64,
    /// How often, in percent, a node acts at once on what it was told; else more comes together.
    pub haste: u32,
}

impl Cluster {
    const TURNS_MAX: usize = 20_000;

    /// A cluster of voters with empty logs: `"oot"` is two of ours, and one of theirs.
    #[must_use]
    pub fn of(mixture: &str) -> Self {
        Self::with_settings(mixture, |_, _| Settings::default())
    }

    /// The same, each node with its own settings.
    pub fn with_settings(mixture: &str, settings: impl FnMut(u64, Kind) -> Settings) -> Self {
        let voters: Vec<_> = (1_u64..).zip(mixture.chars()).map(|(id, _)| id).collect();
        Self::build(mixture, 1, &voters, &[], settings)
    }

    /// Voters with these logs, given as the terms of their entries.
    #[must_use]
    pub fn with_logs(mixture: &str, logs: &[&[u64]]) -> Self {
        let voters: Vec<_> = (1_u64..).zip(mixture.chars()).map(|(id, _)| id).collect();
        Self::build(mixture, 1, &voters, logs, |_, _| Settings::default())
    }

    /// A cluster of `voters`; the other nodes are no members yet.
    #[must_use]
    pub fn with_spares(mixture: &str, voters: &[u64]) -> Self {
        Self::build(mixture, 1, voters, &[], |_, _| Settings::default())
    }

    /// All of it.
    ///
    /// # Panics
    /// If the mixture has other letters than `o` and `t`.
    pub fn build(
        mixture: &str,
        seed: u64,
        voters: &[u64],
        logs: &[&[u64]],
        mut settings: impl FnMut(u64, Kind) -> Settings,
    ) -> Self {
        let kind = |letter| match letter {
            'o' => Kind::Ours,
            't' => Kind::Theirs,
            _ => panic!("`{letter}` is neither `o` for ours nor `t` for theirs"),
        };
        let kinds: Vec<_> = mixture.chars().map(kind).collect();
        let node = |(position, kind): (usize, &Kind)| -> Box<dyn Node> {
            let (id, terms) = (position as u64 + 1, logs.get(position).copied().unwrap_or_default());
            let settings = settings(id, *kind);
            match kind {
                Kind::Ours => Box::new(Ours::new(id, seed.wrapping_mul(64) + id, &settings, voters, terms)),
                Kind::Theirs => Box::new(Theirs::new(id, &settings, voters, terms)),
            }
        };
        let nodes: Vec<_> = kinds.iter().enumerate().map(node).collect();
        Self {
            compared: vec![0; kinds.len()],
            kinds,
            nodes,
            network: Network::default(),
            sent: Vec::new(),
            refused: Vec::new(),
            answered: Vec::new(),
            random: Pcg64Mcg::seed_from_u64(seed),
            applied: Machine::default(),
            reads: BTreeMap::new(),
            next_ticket: 1,
            haste: 100,
        }
    }

    /// One node.
    pub fn node(&mut self, id: u64) -> &mut dyn Node {
        let position = usize::try_from(id).unwrap() - 1;
        &mut *self.nodes[position]
    }

    fn at(&self, id: u64) -> &dyn Node {
        &*self.nodes[usize::try_from(id).unwrap() - 1]
    }

    /// The nodes' numbers.
    pub fn ids(&self) -> std::ops::RangeInclusive<u64> {
        1..=self.nodes.len() as u64
    }

    /// Whose library it runs.
    #[must_use]
    pub fn kind(&self, id: u64) -> Kind {
        self.kinds[usize::try_from(id).unwrap() - 1]
    }

    /// What the node says of itself.
    #[must_use]
    pub fn view(&self, id: u64) -> View {
        self.at(id).view()
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self, id: u64) -> bool {
        self.at(id).is_up()
    }

    /// What it has applied.
    #[must_use]
    pub fn machine(&self, id: u64) -> Machine {
        self.at(id).machine()
    }

    /// All that any node has applied.
    #[must_use]
    pub fn applied(&self) -> &Machine {
        &self.applied
    }

    /// The node that leads the newest term of those that lead, if any does.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        let leads = |id: &u64| self.is_up(*id) && self.view(*id).leads;
        self.ids().filter(leads).max_by_key(|id| self.view(*id).term)
    }

    /// Calls the node and carries out what it then wants done.
    pub fn on<T>(&mut self, id: u64, call: impl FnOnce(&mut dyn Node) -> T) -> T {
        let result = call(self.node(id));
        if self.haste >= 100 || self.random.random_ratio(self.haste, 100) {
            self.process(id);
        }
        result
    }

    fn process(&mut self, id: u64) {
        let packets = self.node(id).carry_out();
        self.compare(id);
        for (ticket, index) in self.node(id).take_reads() {
            // A read may be answered twice where the network doubles; the first answer counts.
            let began = self.reads.remove(&ticket);
            if let (Some(began), Some(index)) = (began, index) {
                assert!(index >= began, "a read on n{id} sees entry {index}, but {began} was applied before");
                self.answered.push((ticket, index));
            }
        }
        self.sent.extend(packets.iter().cloned());
        for packet in packets {
            if self.network.is_cut(packet.from, packet.to) {
                self.lose(&packet);
            } else {
                self.network.in_flight.push_back(packet);
            }
        }
    }

    fn compare(&mut self, id: u64) {
        let position = usize::try_from(id).unwrap() - 1;
        for line in self.nodes[position].applied_since(self.compared[position]) {
            match self.applied.history.get(self.compared[position]) {
                Some(other) => assert_eq!(&line, other, "n{id} has applied what nobody else has"),
                None => self.applied.history.push(line),
            }
            self.compared[position] += 1;
        }
    }

    /// A message that does not arrive; of a snapshot, the transport tells its sender.
    pub fn lose(&mut self, packet: &Packet) {
        self.report_snapshot(packet, false);
    }

    fn report_snapshot(&mut self, packet: &Packet, arrived: bool) {
        if packet.kind() == MessageType::MsgSnapshot && self.is_up(packet.from) {
            self.on(packet.from, |node| node.report_snapshot(packet.to, arrived));
        }
    }

    /// Hands one message to its receiver.
    pub fn deliver(&mut self, packet: &Packet) {
        if !self.ids().contains(&packet.to) || !self.is_up(packet.to) {
            return self.lose(packet);
        }
        if let Err(error) = self.on(packet.to, |node| node.step(&packet.bytes)) {
            self.refused.push(error);
        }
        self.report_snapshot(packet, true);
    }

    /// Delivers everything, and the answers, until the network is silent.
    ///
    /// # Panics
    /// If it never is.
    pub fn settle(&mut self) {
        for id in self.ids() {
            if self.is_up(id) {
                self.process(id);
            }
        }
        for _ in 0..Self::TURNS_MAX {
            let Some(packet) = self.network.in_flight.pop_front() else { return };
            self.deliver(&packet);
        }
        panic!("the nodes never stop talking: {:?}", self.network.in_flight.front().map(Packet::read));
    }

    /// Stands for election and lets everything be said that there is to say.
    ///
    /// # Panics
    /// If it is not elected.
    pub fn elect(&mut self, id: u64) {
        self.on(id, |node| node.campaign());
        self.settle();
        assert!(self.view(id).leads, "n{id} should lead: {:?}", self.view(id));
    }

    /// Proposes a command and lets it be replicated.
    ///
    /// # Panics
    /// If it is refused.
    pub fn propose(&mut self, id: u64, text: &str) {
        assert!(self.on(id, |node| node.propose(text)), "n{id} takes the proposal");
        self.settle();
    }

    /// Proposes a change of membership and lets it be put in force.
    ///
    /// # Panics
    /// If it is refused.
    pub fn change(&mut self, id: u64, change: &ConfChange) {
        assert!(self.on(id, |node| node.change(change)), "n{id} takes the change {change:?}");
        self.settle();
    }

    /// Begins a read at a node; its ticket.
    pub fn read(&mut self, id: u64) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.reads.insert(ticket, self.applied.index());
        if !self.on(id, |node| node.read(ticket)) {
            self.reads.remove(&ticket);
        }
        ticket
    }

    /// One node's clock goes on by one tick; nothing is delivered.
    pub fn tick(&mut self, id: u64) {
        let timeout = self.random.random_range(Settings::ELECTION_TICKS..2 * Settings::ELECTION_TICKS);
        self.on(id, |node| node.tick(timeout));
    }

    /// All clocks go on by so many ticks, and after each everything is delivered.
    pub fn pass(&mut self, ticks: u32) {
        for _ in 0..ticks {
            for id in self.ids() {
                if self.is_up(id) {
                    self.tick(id);
                }
            }
            self.settle();
        }
    }

    /// The process dies. Its disk keeps what was written.
    pub fn crash(&mut self, id: u64) {
        self.node(id).crash();
    }

    /// Starts again from its disk.
    pub fn restart(&mut self, id: u64) {
        self.on(id, |node| node.restart());
    }

    /// The node's links are cut, all of them, both ways.
    pub fn isolate(&mut self, id: u64) {
        self.ids().filter(|other| *other != id).for_each(|other| self.network.cut(id, other));
    }

    /// Fails unless these nodes have equal logs, have applied all that anybody has, and know the same members.
    ///
    /// # Panics
    /// If they have not.
    pub fn assert_agreement(&self, among: impl IntoIterator<Item = u64>) {
        let among: Vec<_> = among.into_iter().collect();
        for id in &among {
            let history = self.machine(*id).history;
            assert_eq!(history, self.applied.history, "n{id} has not applied all that somebody has");
            let log = self.at(*id).log();
            assert!(history.ends_with(&log), "n{id}'s log ends otherwise than what it has applied: {log:?}");
            let (own, first) = (self.view(*id).members, self.view(among[0]).members);
            assert_eq!(own, first, "n{id} and n{} know different members", among[0]);
        }
    }
}
