//! What a simulation has exercised: one that exercises nothing proves nothing.

use std::{fmt, ops::AddAssign};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Count {
            $(#[doc = concat!("How often: ", $text, ".")] $name,)*
        }

        impl Count {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// In words.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

counts! {
    Elections = "elections begun",
    Leaders = "leaders elected",
    Commits = "entries committed",
    SnapshotsMade = "snapshots made",
    SnapshotsInstalled = "snapshots installed",
    ConfChanges = "membership changes",
    JointConfigurations = "joint configurations",
    Transfers = "leadership transfers done",
    TransfersFailed = "leadership transfers failed",
    Commands = "commands applied for clients",
    CommandsUnknown = "commands whose outcome is unknown",
    CommandsRefused = "commands refused",
    CommandsRepeated = "commands tried again",
    ReadsLinearizable = "linearizable reads",
    ReadsLease = "lease reads",
    ReadsFollower = "reads on a follower",
    ReadsLocal = "local reads",
    ReadsRefused = "reads refused",
    MessagesSent = "messages sent",
    MessagesLost = "messages lost",
    MessagesDoubled = "messages doubled",
    MessagesOvertaken = "messages overtaken",
    MessagesCorrupted = "messages corrupted",
    MessagesCut = "messages into a cut link",
    FaultPartition = "faults: partitions",
    FaultIsolation = "faults: isolations",
    FaultOneWay = "faults: one-way cuts",
    FaultSwizzle = "faults: swizzles",
    FaultStorm = "faults: bad networks",
    FaultCrash = "faults: power failures",
    FaultKill = "faults: kills",
    FaultCrashAll = "faults: power failures of all",
    FaultTornWrite = "faults: crashes within a write",
    FaultPause = "faults: pauses",
    FaultWipe = "faults: disks lost",
    FaultSlowDisk = "faults: slow disks",
    FaultStallDisk = "faults: stalled disks",
    FaultFullDisk = "faults: full disks",
    FaultSync = "faults: failed syncs",
    FaultBitFlip = "faults: bits flipped",
    FaultLogRefused = "faults: damaged logs refused",
    FaultClockRate = "faults: clock rates",
    FaultClockJump = "faults: clock jumps",
    FaultClockStop = "faults: clocks stopped",
    Upgrades = "nodes upgraded",
    NodesReplaced = "nodes replaced",
    Restarts = "restarts",
}

/// How often each [`Count`] happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counts([u64; Count::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; Count::ALL.len()])
    }
}

impl Counts {
    /// It happened once more.
    pub(crate) fn count(&mut self, what: Count) {
        self.0[what as usize] += 1;
    }

    /// How often it happened.
    #[must_use]
    pub fn of(&self, what: Count) -> u64 {
        self.0[what as usize]
    }

    /// How many faults there were, of all kinds.
    #[must_use]
    pub fn faults(&self) -> u64 {
        Count::ALL.iter().filter(|what| what.name().starts_with("faults: ")).map(|what| self.of(*what)).sum()
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, count)| *sum += count);
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Count::ALL.iter().try_for_each(|what| writeln!(f, "{:>12}  {}", self.of(*what), what.name()))
    }
}
