//! One step of the storm: the scheduler's dice.

use quorate::{Membership, NodeId, RawNode};
use rand::Rng;

use crate::{
    profile::Profile,
    world::{World, position_of},
};

impl World {
    /// Something happens somewhere.
    pub(crate) fn storm(&mut self) {
        let at = self.any_node();
        let Profile { changes, transfers, nudges, pauses, lease_reads, .. } = self.profile;
        let dice = self.random.random_range(0..1000 + changes + transfers + nudges + pauses + lease_reads);
        match dice {
            0..620 => self.message_arrives(),
            620..700 => self.clock_ticks(),
            700..735 => self.node_acts(at),
            735..815 => self.disk_writes(),
            815..875 => self.state_machine_applies(),
            875..915 => self.client_proposes(at),
            915..945 => self.client_reads(at, false),
            945..955 => self.compact(at),
            955..973 => self.crash_or_restart(at),
            973..993 => self.link_changes(at),
            993..1000 => self.transport_hints(at),
            _ if dice < 1000 + changes => self.change_membership(),
            _ if dice < 1000 + changes + transfers => self.hand_over(),
            _ if dice < 1000 + changes + transfers + nudges => self.nudge(at),
            _ if dice < 1000 + changes + transfers + nudges + pauses => self.stand_still(at),
            _ => self.leaders_read_by_lease(),
        }
        self.wake();
        self.lull_comes_or_goes();
        self.check();
    }

    /// Between gusts nothing new fails, so that there is something for the next gust to interrupt.
    fn lull_comes_or_goes(&mut self) {
        const LENGTH: u32 = 700;
        if self.random.random_ratio(1, LENGTH) {
            self.is_lull = !self.is_lull;
            self.note(if self.is_lull { "lull" } else { "gust" });
            self.network.heal();
        }
    }

    fn fails(&mut self, percent: u32) -> bool {
        !self.is_lull && self.chance(percent)
    }

    /// Most often a node acts at once on what it was told; else more comes together in one Ready.
    pub(crate) fn perhaps_act(&mut self, at: usize) {
        if self.chance(80) {
            self.node_acts(at);
        }
    }

    fn node_acts(&mut self, at: usize) {
        const TURNS_MAX: usize = 1000;
        if self.runs(at) {
            let turns = (0..TURNS_MAX).take_while(|_| self.process(at)).count();
            assert!(turns < TURNS_MAX, "{} always has a Ready: it would spin", self.nodes[at].id());
        }
    }

    fn message_arrives(&mut self) {
        let count = self.network.in_flight.len();
        if count == 0 {
            // Everybody waits for a disk or for a clock.
            return if self.chance(50) { self.disk_writes() } else { self.state_machine_applies() };
        }
        let chosen =
            if self.chance(self.weather.reordering) { self.random.random_range(0..count) } else { 0 };
        let Some(message) = self.network.in_flight.remove(chosen) else { return };
        if self.fails(self.weather.loss) {
            self.counts.count("messages lost");
            return;
        }
        let at = position_of(message.to);
        if self.standstill[at] > 0 {
            self.network.in_flight.push_back(message);
            return;
        }
        if self.fails(self.weather.doubling) {
            self.counts.count("messages doubled");
            self.network.in_flight.push_back(message.clone());
        }
        self.deliver(message);
        self.perhaps_act(at);
    }

    fn clock_ticks(&mut self) {
        let runs: Vec<_> = (0..self.nodes.len()).map(|at| self.runs(at)).collect();
        let Some((at, in_place_of_another)) = self.clocks.next(&mut self.random, &runs) else { return };
        if in_place_of_another {
            self.counts.count("clocks held back by the bound");
        }
        self.handovers.on_tick(self.nodes[at].id());
        self.call(at, "tick", RawNode::tick);
    }

    pub(crate) fn call(&mut self, at: usize, name: &str, call: impl FnOnce(&mut RawNode)) {
        if self.runs(at) {
            self.note(format_args!("{} {name}", self.nodes[at].id()));
            call(self.nodes[at].raw());
            self.perhaps_act(at);
        }
    }

    fn disk_writes(&mut self) {
        let at = self.perhaps_busy_node();
        if self.runs(at) {
            self.finish_write(at);
            self.perhaps_act(at);
        }
    }

    fn state_machine_applies(&mut self) {
        let at = self.perhaps_busy_node();
        if self.runs(at) {
            self.nodes[at].finish_apply();
            self.perhaps_act(at);
        }
    }

    /// Where disks are quick, one that has something to do; else any.
    fn perhaps_busy_node(&mut self) -> usize {
        let busy: Vec<_> = (0..self.nodes.len()).filter(|at| self.nodes[*at].is_busy()).collect();
        let is_quick = self.chance(self.weather.quick_disks) && !busy.is_empty();
        if is_quick { busy[self.dice(busy.len())] } else { self.any_node() }
    }

    fn client_proposes(&mut self, at: usize) {
        if self.runs(at) {
            let padding = self.random.random_range(0..60);
            self.propose(at, padding);
            self.perhaps_act(at);
        }
    }

    /// Only who knows who belongs to the cluster can tell others by a snapshot.
    fn compact(&mut self, at: usize) {
        let keep = self.random.random_range(0..10);
        let knows_who_votes = *self.nodes[at].membership() != Membership::default();
        if self.runs(at) && knows_who_votes {
            self.note(format_args!("{} compact", self.nodes[at].id()));
            self.nodes[at].compact(keep);
        }
    }

    fn crash_or_restart(&mut self, at: usize) {
        if !self.nodes[at].is_up() {
            self.restart(at);
        } else if self.fails(self.weather.crashes) {
            self.crash(at);
            // Often somebody sees to it that it is back at once.
            if self.chance(40) {
                self.restart(at);
            }
        }
    }

    /// A process dies, and whoever waits for it is not answered.
    pub(crate) fn crash(&mut self, at: usize) {
        let id = self.nodes[at].id();
        self.note(format_args!("{id} crash"));
        self.counts.count("crashes");
        if self.nodes[at].status().membership.voters.is_joint() {
            self.counts.count("crashes in a joint configuration");
        }
        self.nodes[at].crash();
        self.standstill[at] = 0;
        self.clients.forget(id);
        self.reads.forget(id);
        self.handovers.forget(id);
    }

    /// A process starts again; its state machine may have kept what it had applied, or not.
    pub(crate) fn restart(&mut self, at: usize) {
        self.note(format_args!("{} restart", self.nodes[at].id()));
        if self.chance(50) {
            self.nodes[at].restart();
        } else {
            self.nodes[at].restart_with_machine();
        }
        self.clocks.on_standstill(at);
        self.oracle.on_restart(&self.nodes[at]);
    }

    /// A process stands still for a while: that of a leader more often than others.
    fn stand_still(&mut self, at: usize) {
        let at = if self.chance(50) { self.any_leader().unwrap_or(at) } else { at };
        if self.runs(at) {
            self.counts.count("pauses");
            self.note(format_args!("{} stands still", self.nodes[at].id()));
            self.standstill[at] = self.random.random_range(1..600);
        }
    }

    /// Whoever stood still goes on, and is told so before anything else.
    pub(crate) fn wake(&mut self) {
        for at in 0..self.nodes.len() {
            if self.standstill[at] == 0 {
                continue;
            }
            self.standstill[at] -= 1;
            if self.standstill[at] == 0 {
                self.note(format_args!("{} goes on", self.nodes[at].id()));
                self.clocks.on_standstill(at);
                self.nodes[at].raw().expire_lease();
            }
        }
    }

    fn link_changes(&mut self, at: usize) {
        if !self.fails(self.weather.cuts) {
            // Seldom, or no partition would last for an election.
            if self.chance(25) {
                self.note("heal");
                self.network.heal();
            }
            return;
        }
        self.counts.count("links cut");
        // Who leads has most to lose.
        let at = if self.chance(50) { self.any_leader().unwrap_or(at) } else { at };
        let (shape, boundary) = (self.random.random_range(0..5), self.any_node());
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
                // All links but one: a quorum may be left on either side.
                4 if position != boundary => self.network.cut(one, *other),
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
