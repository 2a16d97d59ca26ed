//! One step of the storm: the scheduler's dice.

use std::fmt::Debug;

use interop::{Cluster, Settings, mixtures};
use quorate::{ChangeStep, ConfChange, NodeId, Transition};
use rand::{Rng as _, SeedableRng as _, seq::IndexedRandom as _};
use rand_pcg::Pcg64Mcg;

/// A cluster and what fate has in store for it.
pub(crate) struct Storm {
    pub(crate) cluster: Cluster,
    pub(crate) random: Pcg64Mcg,
    weather: Weather,
    proposed: u32,
    is_traced: bool,
}

/// How often things go wrong, in percent.
struct Weather {
    loss: u32,
    doubling: u32,
    reordering: u32,
    crashes: u32,
    cuts: u32,
    changes: u32,
}

impl Storm {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let nodes = random.random_range(3..=6);
        let mixture = mixtures(nodes).choose(&mut random).unwrap().clone();
        let voters: Vec<_> = (1..=u64::from(nodes.min(if nodes == 4 { 3 } else { 5 }))).collect();
        // Most often both ways to hold elections are on, on both sides. A node of theirs with neither does not answer
        // older terms, and is not freed from its own unless all others are so too.
        let ways = match random.random_range(0..32_u32) {
            12..16 => 15,
            ways @ 0..12 => ways,
            _ => 0,
        };
        let is_preferred = random.random_bool(0.2);
        let shared = Settings {
            max_message_bytes: random.random_range(0..200),
            max_inflight_messages: random.random_range(1..6),
            ..Settings::default()
        };
        let mut cluster = Cluster::build(&mixture, seed, &voters, &[], |id, kind| {
            let off = ways >> (2 * kind as u32);
            Settings {
                pre_vote: off & 1 == 0,
                check_quorum: off & 2 == 0,
                priority: i64::from(is_preferred && id == 1),
                ..shared.clone()
            }
        });
        cluster.haste = random.random_range(50..=100);
        let weather = Weather {
            loss: random.random_range(0..15),
            doubling: random.random_range(0..10),
            reordering: random.random_range(0..100),
            crashes: random.random_range(0..15),
            cuts: random.random_range(0..30),
            changes: random.random_range(0..100),
        };
        let is_traced = std::env::var_os("QUORATE_TRACE").is_some();
        Self { cluster, random, weather, proposed: 0, is_traced }
    }

    pub(crate) fn note(&self, what: impl Debug) {
        if self.is_traced {
            eprintln!("{what:?}");
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_ratio(percent.min(100), 100)
    }

    fn any_node(&mut self) -> u64 {
        self.random.random_range(self.cluster.ids())
    }

    /// Something happens somewhere.
    pub(crate) fn step(&mut self) {
        let id = self.any_node();
        match self.random.random_range(0..1000) {
            0..600 => self.message_arrives(),
            930..960 => self.crash_or_restart(id),
            960..985 => self.link_changes(id),
            _ if !self.cluster.is_up(id) => {}
            600..790 => self.cluster.tick(id),
            790..840 => self.client_proposes(id),
            840..880 => drop(self.cluster.read(id)),
            880..900 => self.compact(id),
            900..930 => self.membership_changes(id),
            985..990 => self.cluster.on(id, |node| node.campaign()),
            _ => self.leadership_goes(id),
        }
    }

    fn message_arrives(&mut self) {
        let count = self.cluster.network.in_flight.len();
        if count == 0 {
            return;
        }
        let chosen =
            if self.chance(self.weather.reordering) { self.random.random_range(0..count) } else { 0 };
        let packet = self.cluster.network.in_flight.remove(chosen).unwrap();
        if self.chance(self.weather.loss) {
            return self.cluster.lose(&packet);
        }
        if self.chance(self.weather.doubling) {
            self.cluster.network.in_flight.push_back(packet.clone());
        }
        if self.is_traced {
            self.note((packet.from, packet.to, packet.read()));
        }
        self.cluster.deliver(&packet);
    }

    fn client_proposes(&mut self, id: u64) {
        for _ in 0..self.random.random_range(1..4) {
            self.proposed += 1;
            let text = format!("{}{}", self.proposed, "-".repeat(self.random.random_range(0..60)));
            self.note((id, "proposes", &text));
            self.cluster.on(id, |node| node.propose(&text));
        }
    }

    fn compact(&mut self, id: u64) {
        let keep = self.random.random_range(0..10);
        self.note((id, "compacts"));
        self.cluster.on(id, |node| node.compact(keep));
    }

    fn membership_changes(&mut self, id: u64) {
        if !self.chance(self.weather.changes) {
            return;
        }
        let mut step = || {
            let node = NodeId(self.random.random_range(self.cluster.ids()));
            match self.random.random_range(0..4) {
                0 | 1 => ChangeStep::AddVoter(node),
                2 => ChangeStep::AddLearner(node),
                _ => ChangeStep::Remove(node),
            }
        };
        let steps: Vec<_> = [step(), step(), step()].into();
        let count = self.random.random_range(0..=3);
        let transitions = [Transition::Auto, Transition::Implicit, Transition::Explicit];
        let transition =
            if count == 0 { Transition::Auto } else { *transitions.choose(&mut self.random).unwrap() };
        let change = ConfChange::of(steps.into_iter().take(count), transition);
        self.note((id, "changes the membership", &change));
        self.cluster.on(id, |node| node.change(&change));
    }

    fn leadership_goes(&mut self, id: u64) {
        let to = self.any_node();
        self.note((id, "transfers to", to));
        self.cluster.on(id, |node| node.transfer(to));
    }

    fn crash_or_restart(&mut self, id: u64) {
        if !self.cluster.is_up(id) {
            self.note((id, "restarts"));
            self.cluster.restart(id);
        } else if self.chance(self.weather.crashes) {
            self.note((id, "crashes"));
            self.cluster.crash(id);
        }
    }

    fn link_changes(&mut self, id: u64) {
        if !self.chance(self.weather.cuts) {
            // Seldom, or no partition would last for an election.
            if self.chance(25) {
                self.note("heal");
                self.cluster.network.heal();
            }
            return;
        }
        let other = self.any_node();
        self.note(("cut", id, other));
        if self.chance(50) {
            self.cluster.isolate(id);
        } else {
            self.cluster.network.cut(id, other);
        }
    }
}
