//! Some nodes and the network between them.

use quorate::{
    Config, EntryId, Envelope, HardState, LogIndex, MemStorage, Membership, NodeId, Progress, Proposed,
    RawNode, ReadId, RoleKind, Status, StepError, Storage, Term,
};

use crate::{Network, Node, Pace, command, kind, log_of};

/// A cluster of nodes numbered from 1. Nothing happens but what the test calls for.
pub struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// The network between them.
    pub network: Network,
    /// Messages of these kinds vanish as they leave.
    pub(crate) lost_kinds: Vec<&'static str>,
    /// What nodes refused, in order.
    pub refused: Vec<StepError>,
}

impl Cluster {
    /// So many turns are more than any scenario needs; a cluster that still talks will never be quiet.
    const TURNS_MAX: usize = 20_000;

    /// `count` voters with empty logs.
    #[must_use]
    pub fn of(count: u64) -> Self {
        Self::with_config(count, |_| {})
    }

    /// `count` voters with empty logs, each with a configuration of its own.
    pub fn with_config(count: u64, change: impl FnMut(&mut Config)) -> Self {
        Self::build(&Membership::of_voters((1..=count).map(NodeId)), 0, change, |_, _| {})
    }

    /// Voters with these logs, given as the terms of their entries: the first is node 1's. Each node's term
    /// is that of its last entry.
    #[must_use]
    pub fn with_logs(logs: &[&[u64]]) -> Self {
        Self::with_logs_and_config(logs, |_| {})
    }

    /// The same, with a configuration for each node.
    pub fn with_logs_and_config(logs: &[&[u64]], change: impl FnMut(&mut Config)) -> Self {
        let voters = (1_u64..).zip(logs).map(|(id, _)| NodeId(id));
        Self::build(&Membership::of_voters(voters), 0, change, |disk, position| {
            disk.append(&log_of(logs[position])).expect("a log from 1 on");
            let term = Term(logs[position].last().copied().unwrap_or_default());
            disk.set_hard_state(HardState { term, ..HardState::default() });
        })
    }

    /// Voters and learners with empty logs; learners have the highest numbers.
    #[must_use]
    pub fn with_learners(voters: u64, learners: u64) -> Self {
        let mut membership = Membership::of_voters((1..=voters).map(NodeId));
        membership.learners = (voters + 1..=voters + learners).map(NodeId).collect();
        Self::build(&membership, 0, |_| {}, |_, _| {})
    }

    /// The members, and `spares` nodes that know them and do not belong to the cluster yet.
    pub(crate) fn build(
        membership: &Membership,
        spares: u64,
        mut change: impl FnMut(&mut Config),
        fill: impl Fn(&MemStorage, usize),
    ) -> Self {
        let count = membership.members().count() as u64 + spares;
        let node = |(position, id): (usize, u64)| {
            let disk = MemStorage::with_membership(membership.clone());
            fill(&disk, position);
            let mut config = Config::new(NodeId(id), id);
            change(&mut config);
            Node::new(config, disk, Pace::AtOnce)
        };
        let nodes = (1..=count).enumerate().map(node).collect();
        Self { nodes, network: Network::default(), lost_kinds: Vec::new(), refused: Vec::new() }
    }

    /// One node.
    pub fn node(&mut self, id: u64) -> &mut Node {
        let position = usize::try_from(id).expect("a small number") - 1;
        &mut self.nodes[position]
    }

    pub(crate) fn at(&self, id: u64) -> &Node {
        &self.nodes[usize::try_from(id).expect("a small number") - 1]
    }

    /// The nodes' numbers.
    #[must_use]
    pub fn ids(&self) -> std::ops::RangeInclusive<u64> {
        1..=self.nodes.len() as u64
    }

    /// What the node says of itself.
    #[must_use]
    pub fn status(&self, id: u64) -> Status {
        self.at(id).status()
    }

    /// Its term.
    #[must_use]
    pub fn term(&self, id: u64) -> u64 {
        self.status(id).hard_state.term.0
    }

    /// Its commit index.
    #[must_use]
    pub fn committed(&self, id: u64) -> u64 {
        self.status(id).hard_state.commit.0
    }

    /// Its role.
    #[must_use]
    pub fn role(&self, id: u64) -> RoleKind {
        self.status(id).role
    }

    /// Whether it leads.
    #[must_use]
    pub fn leads(&self, id: u64) -> bool {
        self.at(id).leads()
    }

    /// The node that leads the newest term of those that lead, if any does.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        self.ids().filter(|id| self.leads(*id)).max_by_key(|id| self.term(*id))
    }

    /// The commands that its state machine has applied since it last started, oldest first.
    #[must_use]
    pub fn applied(&self, id: u64) -> Vec<String> {
        self.at(id).machine.commands()
    }

    /// The terms of the entries on its disk, oldest first.
    ///
    /// # Panics
    /// If the disk contradicts itself.
    #[must_use]
    pub fn terms(&self, id: u64) -> Vec<u64> {
        let disk = self.at(id).disk();
        let (first, last) = (disk.first_index().unwrap(), disk.last_index().unwrap());
        (first.0..=last.0).map(|index| disk.term(LogIndex(index)).unwrap().0).collect()
    }

    /// The last entry on its disk.
    ///
    /// # Panics
    /// If the disk contradicts itself.
    #[must_use]
    pub fn last_on_disk(&self, id: u64) -> EntryId {
        let disk = self.at(id).disk();
        let index = disk.last_index().unwrap();
        EntryId { term: disk.term(index).unwrap(), index }
    }

    /// Calls the node and carries out what it then wants done.
    pub fn on<T>(&mut self, id: u64, call: impl FnOnce(&mut RawNode) -> T) -> T {
        let result = call(self.node(id).raw());
        self.process(id);
        result
    }

    /// Carries out a node's Readys until it has none; what it sends is on the network then.
    ///
    /// # Panics
    /// If that never ends.
    pub fn process(&mut self, id: u64) {
        for _ in 0..Self::TURNS_MAX {
            let Some(mut sent) = self.node(id).take_ready(|_| {}) else { return };
            sent.retain(|message| !self.lost_kinds.contains(&kind(message)));
            self.network.send(sent);
        }
        panic!("n{id} always has a Ready: it would spin");
    }

    /// Hands one message to its receiver, without the network.
    pub fn step(&mut self, message: Envelope) {
        let to = message.to.0;
        if self.ids().contains(&to)
            && self.at(to).is_up()
            && let Err(error) = self.on(to, |raw| raw.step(message))
        {
            self.refused.push(error);
        }
    }

    /// Delivers the messages that are on their way and for which `which` holds, oldest first; not the answers.
    pub fn deliver(&mut self, which: impl FnMut(&Envelope) -> bool) -> usize {
        let messages = self.network.take(which);
        let count = messages.len();
        messages.into_iter().for_each(|message| self.step(message));
        count
    }

    /// Delivers everything, and the answers, until the network is silent.
    ///
    /// # Panics
    /// If it never is.
    pub fn settle(&mut self) {
        for id in self.ids() {
            self.process(id);
        }
        for _ in 0..Self::TURNS_MAX {
            let Some(message) = self.network.in_flight.pop_front() else { return };
            self.step(message);
        }
        panic!("the nodes never stop talking: {:?}", self.network.in_flight.front());
    }

    /// Stands for election and lets everything be said that there is to say.
    ///
    /// # Panics
    /// If it is not elected.
    pub fn elect(&mut self, id: u64) {
        self.on(id, RawNode::campaign).expect("it may stand");
        self.settle();
        assert!(self.leads(id), "n{id} should lead, but is a {}", self.role(id));
    }

    /// Proposes a command at a node; what it sends is on the network then.
    ///
    /// # Panics
    /// If it is refused.
    pub fn propose(&mut self, id: u64, text: &str) -> Proposed {
        self.on(id, |raw| raw.propose(command(text))).expect("the proposal is taken")
    }

    /// Begins a read at a node.
    ///
    /// # Panics
    /// If it is refused.
    pub fn read(&mut self, id: u64) -> ReadId {
        self.on(id, RawNode::read_index).expect("the read is taken")
    }

    /// One node's clock goes on by so many ticks; nothing is delivered.
    pub fn tick(&mut self, id: u64, ticks: u32) {
        (0..ticks).for_each(|_| self.on(id, RawNode::tick));
    }

    /// All clocks go on by so many ticks, and after each everything is delivered.
    pub fn pass(&mut self, ticks: u32) {
        for _ in 0..ticks {
            for id in self.ids() {
                if self.at(id).is_up() {
                    self.tick(id, 1);
                }
            }
            self.settle();
        }
    }

    /// Takes everything off the network, and says what it was: one line a message.
    pub fn take_said(&mut self) -> Vec<String> {
        self.network.take(|_| true).iter().map(ToString::to_string).collect()
    }

    /// How the leader sees a follower.
    ///
    /// # Panics
    /// If it does not lead it.
    #[must_use]
    pub fn progress(&self, leader: u64, follower: u64) -> Progress {
        let all = self.status(leader).progress;
        let (_, progress) =
            all.into_iter().find(|(id, _)| id.0 == follower).expect("a follower of the leader");
        progress
    }

    /// Fails unless all nodes that are up have applied the same commands and nothing else.
    ///
    /// # Panics
    /// If they have not.
    pub fn assert_agreement(&self) {
        let up: Vec<_> = self.nodes.iter().filter(|node| node.is_up()).collect();
        for pair in up.windows(2) {
            let of = |node: &Node| (node.machine.last(), node.machine.digest());
            assert_eq!(of(pair[0]), of(pair[1]), "{} and {} differ", pair[0].id(), pair[1].id());
        }
    }
}
