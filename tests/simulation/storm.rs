//! One step of the storm: the scheduler's dice.

use quorate::{NodeId, RawNode};
use rand::Rng;

use crate::world::World;

impl World {
    /// Something happens somewhere.
    pub(crate) fn storm(&mut self) {
        let at = self.any_node();
        match self.random.random_range(0..1000) {
            0..450 => self.message_arrives(),
            450..620 => self.clock_ticks(),
            620..680 => self.node_acts(at),
            680..760 => self.finish_write(at),
            760..820 => self.apply_something(at),
            820..885 => self.client_proposes(at),
            885..920 => self.client_reads(at),
            920..940 => self.compact(at),
            940..965 => self.crash_or_restart(at),
            965..990 => self.link_changes(at),
            990..992 => self.call(at, "campaign", |raw| drop(raw.campaign())),
            _ => self.transport_hints(at),
        }
        self.check();
    }

    /// Most often a node acts at once on what it was told; else more comes together in one Ready.
    fn perhaps_act(&mut self, at: usize) {
        if self.chance(80) {
            self.node_acts(at);
        }
    }

    fn node_acts(&mut self, at: usize) {
        const TURNS_MAX: usize = 1000;
        let turns = (0..TURNS_MAX).take_while(|_| self.process(at)).count();
        assert!(turns < TURNS_MAX, "{} always has a Ready: it would spin", self.nodes[at].id());
    }

    fn message_arrives(&mut self) {
        let count = self.network.in_flight.len();
        if count == 0 {
            return;
        }
        let chosen =
            if self.chance(self.weather.reordering) { self.random.random_range(0..count) } else { 0 };
        let Some(message) = self.network.in_flight.remove(chosen) else { return };
        if self.chance(self.weather.loss) {
            return;
        }
        if self.chance(self.weather.doubling) {
            self.network.in_flight.push_back(message.clone());
        }
        let at = usize::try_from(message.to.0).unwrap() - 1;
        self.deliver(message);
        self.perhaps_act(at);
    }

    fn clock_ticks(&mut self) {
        let total: u32 = self.weather.clocks.iter().sum();
        let mut dice = self.random.random_range(0..total);
        let mut at = 0;
        while dice >= self.weather.clocks[at] {
            dice -= self.weather.clocks[at];
            at += 1;
        }
        self.call(at, "tick", RawNode::tick);
    }

    fn call(&mut self, at: usize, name: &str, call: impl FnOnce(&mut RawNode)) {
        if self.nodes[at].is_up() {
            self.note(format_args!("{} {name}", self.nodes[at].id()));
            call(self.nodes[at].raw());
            self.perhaps_act(at);
        }
    }

    fn apply_something(&mut self, at: usize) {
        if self.nodes[at].is_up() {
            self.nodes[at].finish_apply();
        }
    }

    fn client_proposes(&mut self, at: usize) {
        if self.nodes[at].is_up() {
            let padding = self.random.random_range(0..60);
            self.clients.propose(&mut self.nodes[at], padding);
            self.perhaps_act(at);
        }
    }

    fn client_reads(&mut self, at: usize) {
        if self.nodes[at].is_up() {
            let committed = self.oracle.committed_anywhere(&self.nodes);
            self.clients.read(&mut self.nodes[at], committed);
            self.perhaps_act(at);
        }
    }

    fn compact(&mut self, at: usize) {
        let keep = self.random.random_range(0..10);
        if self.nodes[at].is_up() {
            self.nodes[at].compact(keep);
        }
    }

    fn crash_or_restart(&mut self, at: usize) {
        let id = self.nodes[at].id();
        if !self.nodes[at].is_up() {
            self.note(format_args!("{id} restart"));
            self.restart(at);
        } else if self.chance(self.weather.crashes) {
            self.note(format_args!("{id} crash"));
            self.nodes[at].crash();
            self.clients.forget(id);
        }
    }

    /// A process starts again; its state machine may have kept what it had applied, or not.
    pub(crate) fn restart(&mut self, at: usize) {
        if self.chance(50) {
            self.nodes[at].restart();
        } else {
            self.nodes[at].restart_with_machine();
        }
        self.oracle.on_restart(&self.nodes[at]);
    }

    fn link_changes(&mut self, at: usize) {
        if !self.chance(self.weather.cuts) {
            // Seldom, or no partition would last for an election.
            if self.chance(25) {
                self.note("heal");
                self.network.heal();
            }
            return;
        }
        let (shape, boundary) = (self.random.random_range(0..4), self.any_node());
        self.note(format_args!("cut {shape} at {at} and {boundary}"));
        let all: Vec<NodeId> = self.nodes.iter().map(harness::Node::id).collect();
        let one = all[at];
        for (position, other) in all.iter().enumerate().filter(|(position, _)| *position != at) {
            match shape {
                // Isolated.
                0 => self.network.cut(one, *other),
                // Mute: it hears, and is not heard.
                1 => self.network.cut_one_way(one, *other),
                // Halves.
                2 if position >= boundary => {
                    all[..boundary].iter().for_each(|near| self.network.cut(*near, *other));
                }
                // One link, so that not everybody sees the same.
                3 if position == boundary => self.network.cut(one, *other),
                _ => {}
            }
        }
    }

    /// What a transport says is a hint; it may be wrong.
    fn transport_hints(&mut self, at: usize) {
        let (about, arrived) = (self.any_node(), self.chance(50));
        let about = self.nodes[about].id();
        if self.chance(50) {
            self.call(at, "unreachable", |raw| raw.report_unreachable(about));
        } else {
            self.call(at, "snapshot", |raw| raw.report_snapshot(about, arrived));
        }
    }
}
