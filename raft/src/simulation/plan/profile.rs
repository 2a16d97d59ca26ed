//! What kind of plan is drawn from a seed.

use std::{fmt, time::Duration};

use super::{ClientSettings, DiskSettings, NodeSettings, Plan, Weather};
use crate::simulation::random::Random;

/// What kind of plan is drawn from a seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Profile {
    /// Nothing happens but crashes.
    Calm,
    /// Everything that can happen to three to five nodes and their network.
    Stormy,
}

impl Profile {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Calm, Self::Stormy];

    /// Its name, as on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Stormy => "stormy",
        }
    }

    /// The plan that a seed decides on, for so many voters.
    #[must_use]
    pub fn draw(self, seed: u64, voters: u64) -> Plan {
        let _random = Random::new(seed, "plan");
        Plan {
            seed,
            profile: self.name().to_owned(),
            voters,
            learners: 0,
            spares: 0,
            nodes: NodeSettings {
                tick: Duration::from_millis(50),
                election_ticks: 10,
                heartbeat_ticks: 2,
                pre_vote: true,
                check_quorum: true,
                lease_reads: false,
                forward_proposals: true,
                priorities: Vec::new(),
                max_message_bytes: 4096,
                max_inflight_messages: 16,
                max_uncommitted_bytes: 1 << 16,
                max_committed_bytes_per_ready: 4096,
                max_applying_bytes: 1 << 16,
                max_log_bytes_in_memory: 4096,
                apply_in_line: false,
                compact_after_bytes: 4096,
                keep_entries: 10,
                segment_bytes: 16 << 10,
                incarnations: true,
            },
            network: Weather { lost: 10, doubled: 10, overtaken: 20, corrupted: 2, ..Weather::fair() },
            disks: DiskSettings { sync_min: Duration::from_micros(100), sync_max: Duration::from_millis(5) },
            clock_rates: Vec::new(),
            clients: ClientSettings {
                count: 4,
                pause: Duration::from_millis(200),
                patience: Duration::from_secs(5),
                lost: 10,
                requests: 1000,
            },
            storm: Duration::from_secs(20),
            calm: Duration::from_secs(30),
            actions: Vec::new(),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
