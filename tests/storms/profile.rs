//! What kind of storm a seed brings: how large the cluster is, what it is told to do, and which faults it meets.

use quorate::{Config, Membership, NodeId};
use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// One kind of storm.
#[derive(Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// Clocks keep the bound that leases ask for, and every node counts on it.
    pub(crate) has_leases: bool,
    /// How often each of these happens, beside a thousand ordinary steps.
    pub(crate) changes: u32,
    pub(crate) transfers: u32,
    pub(crate) nudges: u32,
    pub(crate) pauses: u32,
    pub(crate) lease_reads: u32,
}

const PROFILES: [Profile; 5] = [
    Profile {
        name: "steady",
        has_leases: false,
        changes: 0,
        transfers: 0,
        nudges: 1,
        pauses: 0,
        lease_reads: 0,
    },
    Profile {
        name: "churn",
        has_leases: false,
        changes: 12,
        transfers: 0,
        nudges: 1,
        pauses: 0,
        lease_reads: 0,
    },
    Profile {
        name: "transfers",
        has_leases: false,
        changes: 0,
        transfers: 5,
        nudges: 2,
        pauses: 1,
        lease_reads: 0,
    },
    Profile {
        name: "leases",
        has_leases: true,
        changes: 0,
        transfers: 4,
        nudges: 8,
        pauses: 2,
        lease_reads: 90,
    },
    Profile {
        name: "everything",
        has_leases: true,
        changes: 12,
        transfers: 2,
        nudges: 3,
        pauses: 1,
        lease_reads: 40,
    },
];

/// How rough this seed is, in percent.
pub(crate) struct Weather {
    pub(crate) loss: u32,
    pub(crate) doubling: u32,
    pub(crate) reordering: u32,
    pub(crate) crashes: u32,
    pub(crate) cuts: u32,
    pub(crate) quick_disks: u32,
}

impl Weather {
    pub(crate) fn draw(random: &mut Pcg64Mcg) -> Self {
        // From hardly a breeze: only where leaders stay for a while, the next thing can happen to them.
        let force = random.random_range(1..=4);
        Self {
            loss: random.random_range(0..4) * force,
            doubling: random.random_range(0..3) * force,
            reordering: random.random_range(0..25) * force,
            crashes: random.random_range(0..4) * force,
            cuts: random.random_range(0..8) * force,
            quick_disks: random.random_range(30..=100),
        }
    }
}

/// The nodes that there are: members first, then those that may become some.
pub(crate) struct Founding {
    pub(crate) membership: Membership,
    /// These know the founding membership, and are no part of it.
    pub(crate) spares: Vec<NodeId>,
    /// These do not even know that.
    pub(crate) unfounded: Vec<NodeId>,
}

impl Profile {
    /// The one that the seed decides on, unless `QUORATE_PROFILE` names another.
    pub(crate) fn draw(random: &mut Pcg64Mcg) -> Self {
        let drawn = PROFILES[random.random_range(0..PROFILES.len())];
        let Some(name) = pinned() else { return drawn };
        let known = PROFILES.iter().find(|profile| profile.name == name);
        *known.unwrap_or_else(|| panic!("QUORATE_PROFILE={name}: there is {:?}", PROFILES.map(|p| p.name)))
    }

    /// Who is there at first.
    pub(crate) fn found(&self, random: &mut Pcg64Mcg) -> Founding {
        /// Voters and learners.
        const SIZES: [(u64, u64); 10] =
            [(1, 0), (1, 1), (2, 0), (3, 0), (3, 0), (3, 1), (4, 0), (5, 0), (5, 1), (7, 0)];
        let (voters, learners) = SIZES[random.random_range(0..SIZES.len())];
        let mut membership = Membership::of_voters((1..=voters).map(NodeId));
        membership.learners = (voters + 1..=voters + learners).map(NodeId).collect();
        let room = if self.changes > 0 { 8 - voters - learners } else { 0 };
        let count = random.random_range(room.min(1)..=room.min(3));
        let known = random.random_range(0..=count);
        let after = |ids: u64| NodeId(voters + learners + ids);
        Founding {
            membership,
            spares: (1..=known).map(after).collect(),
            unfounded: (known + 1..=count).map(after).collect(),
        }
    }

    /// How every node is told to behave. Small limits, so that each of them is met.
    pub(crate) fn configure(&self, random: &mut Pcg64Mcg) -> Config {
        let mut config = Config::new(NodeId(1), 0);
        config.election_ticks = random.random_range(5..=10);
        config.pre_vote = random.random_bool(0.8);
        config.check_quorum = self.has_leases || random.random_bool(0.8);
        config.lease_reads = self.has_leases;
        config.forward_proposals = random.random_bool(0.9);
        config.max_message_bytes = random.random_range(0..200);
        config.max_inflight_messages = random.random_range(1..6);
        config.max_inflight_bytes = random.random_range(0..400);
        config.max_uncommitted_bytes = random.random_range(0..1000);
        config.max_committed_bytes_per_ready = random.random_range(0..200);
        config.max_log_bytes_in_memory = random.random_range(0..200);
        config.snapshot_ticks = 30;
        config
    }

    /// What a node may be told otherwise than its peers.
    pub(crate) fn differ(&self, config: &mut Config, random: &mut Pcg64Mcg) {
        config.pre_vote = random.random_bool(0.5);
        config.check_quorum = self.has_leases || random.random_bool(0.5);
        config.priority = random.random_range(0..3);
    }
}

/// The profile that was asked for.
pub(crate) fn pinned() -> Option<String> {
    std::env::var("QUORATE_PROFILE").ok()
}
