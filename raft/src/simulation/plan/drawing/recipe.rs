//! Which actions a profile draws, and how often.

use std::time::Duration;

use crate::simulation::{counts::Count, plan::Profile};

/// A kind of action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Isolate,
    OneWay,
    Partition,
    Cut,
    Swizzle,
    Storm,
    Crash,
    Kill,
    CrashAll,
    Pause,
    Wipe,
    SlowDisk,
    StallDisk,
    FillDisk,
    FailSync,
    FlipBit,
    ClockRate,
    ClockJump,
    ClockStop,
    Transfer,
    Campaign,
    AddVoter,
    AddLearner,
    Remove,
    Replace,
    ChangeJointly,
    Upgrade,
}

/// What a profile draws.
pub(super) struct Recipe {
    /// How long the storm is, at least and at most.
    pub(super) storm: (Duration, Duration),
    /// How many actions there are, at least and at most.
    pub(super) actions: (u64, u64),
    /// How often each kind is drawn, in relation to the others.
    pub(super) kinds: Vec<(Kind, u64)>,
}

/// Kinds, each with its weight among them, and the weight of all.
type Family = (&'static [(Kind, u64)], u64);

const NETWORK: &[(Kind, u64)] = &[
    (Kind::Isolate, 4),
    (Kind::OneWay, 3),
    (Kind::Partition, 4),
    (Kind::Cut, 3),
    (Kind::Swizzle, 2),
    (Kind::Storm, 3),
];
const PROCESSES: &[(Kind, u64)] = &[(Kind::Crash, 4), (Kind::Kill, 3), (Kind::CrashAll, 1), (Kind::Pause, 3)];
const DISKS: &[(Kind, u64)] =
    &[(Kind::SlowDisk, 2), (Kind::StallDisk, 2), (Kind::FillDisk, 2), (Kind::FailSync, 2)];
const LOST_DISKS: &[(Kind, u64)] = &[(Kind::Wipe, 2), (Kind::FlipBit, 3)];
/// What leases stand.
const LEASE_CLOCKS: &[(Kind, u64)] = &[(Kind::ClockRate, 3), (Kind::ClockJump, 2)];
const CLOCKS: &[(Kind, u64)] = &[(Kind::ClockRate, 3), (Kind::ClockJump, 2), (Kind::ClockStop, 1)];
const LEADERSHIP: &[(Kind, u64)] = &[(Kind::Transfer, 3), (Kind::Campaign, 1)];
const MEMBERS: &[(Kind, u64)] = &[
    (Kind::AddVoter, 4),
    (Kind::AddLearner, 3),
    (Kind::Remove, 4),
    (Kind::Replace, 3),
    (Kind::ChangeJointly, 3),
];

impl Recipe {
    pub(super) fn of(profile: Profile) -> Self {
        let seconds = |from, to| (Duration::from_secs(from), Duration::from_secs(to));
        let (storm, actions, families): (_, _, &[Family]) = match profile {
            Profile::Calm => (seconds(10, 30), (0, 4), &[(&[(Kind::Crash, 1), (Kind::Kill, 1)], 1)]),
            Profile::Stormy => {
                (seconds(20, 60), (10, 50), &[(NETWORK, 3), (PROCESSES, 3), (DISKS, 2), (LEADERSHIP, 2)])
            }
            Profile::Network => (seconds(20, 60), (10, 60), &[(NETWORK, 4), (PROCESSES, 1), (LEADERSHIP, 1)]),
            Profile::Disk => (seconds(20, 60), (10, 40), &[(DISKS, 4), (LOST_DISKS, 3), (PROCESSES, 2)]),
            Profile::Clocks => {
                (seconds(20, 60), (10, 40), &[(CLOCKS, 4), (NETWORK, 1), (PROCESSES, 1), (LEADERSHIP, 1)])
            }
            Profile::Leases => (
                seconds(20, 60),
                (15, 60),
                &[
                    (LEASE_CLOCKS, 3),
                    (NETWORK, 2),
                    (PROCESSES, 1),
                    (&[(Kind::Pause, 4), (Kind::Isolate, 6)], 2),
                    (LEADERSHIP, 2),
                ],
            ),
            Profile::Membership => {
                (seconds(30, 60), (10, 40), &[(MEMBERS, 4), (NETWORK, 1), (PROCESSES, 1), (LEADERSHIP, 1)])
            }
            Profile::Snapshots => (
                seconds(20, 60),
                (10, 40),
                &[
                    (&[(Kind::Isolate, 3), (Kind::Partition, 2), (Kind::Crash, 2), (Kind::Kill, 1)], 4),
                    (DISKS, 1),
                    (MEMBERS, 1),
                ],
            ),
            Profile::Sessions => (
                seconds(20, 60),
                (15, 60),
                &[
                    (&[(Kind::Kill, 4), (Kind::Isolate, 3), (Kind::Crash, 2), (Kind::Pause, 2)], 3),
                    (NETWORK, 1),
                    (LEADERSHIP, 1),
                ],
            ),
            Profile::Upgrades => (
                seconds(20, 60),
                (5, 25),
                &[(&[(Kind::Upgrade, 6)], 2), (NETWORK, 1), (PROCESSES, 1), (LEADERSHIP, 1)],
            ),
            Profile::Everything => (
                seconds(30, 90),
                (20, 70),
                &[
                    (NETWORK, 4),
                    (PROCESSES, 4),
                    (DISKS, 4),
                    (LOST_DISKS, 2),
                    (CLOCKS, 2),
                    (LEADERSHIP, 3),
                    (MEMBERS, 2),
                    (&[(Kind::Upgrade, 2)], 2),
                ],
            ),
        };
        let weighed = families
            .iter()
            .flat_map(|(kinds, weight)| kinds.iter().map(move |(kind, own)| (*kind, own * weight)));
        Self { storm, actions, kinds: weighed.collect() }
    }

    /// What it draws must happen, and so must what it is drawn for.
    pub(super) fn expected(&self, profile: Profile) -> Vec<Count> {
        let drawn = self.kinds.iter().map(|(kind, _)| kind.count());
        let mut all: Vec<_> = drawn.chain(effects(profile).iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// What the actions of a profile, and its settings, are to bring about.
const fn effects(profile: Profile) -> &'static [Count] {
    use Count::{
        CommandsRefused, CommandsUnknown, ConfChanges, FaultLogRefused, FaultTornWrite, JointConfigurations,
        Leaders, MessagesCorrupted, MessagesCut, MessagesDoubled, MessagesLost, MessagesOvertaken,
        NodesReplaced, ReadsLease, SnapshotsInstalled, SnapshotsMade,
    };
    match profile {
        Profile::Calm | Profile::Clocks => &[Leaders],
        Profile::Stormy => &[MessagesLost, MessagesCut, CommandsUnknown, CommandsRefused, SnapshotsMade],
        Profile::Network => {
            &[MessagesLost, MessagesDoubled, MessagesOvertaken, MessagesCorrupted, MessagesCut]
        }
        Profile::Disk => &[FaultTornWrite, FaultLogRefused, NodesReplaced],
        Profile::Leases => &[ReadsLease],
        Profile::Membership => &[ConfChanges, JointConfigurations, NodesReplaced],
        Profile::Snapshots => &[SnapshotsMade, SnapshotsInstalled],
        Profile::Sessions => &[CommandsUnknown, CommandsRefused],
        Profile::Upgrades => &[Leaders],
        Profile::Everything => &[
            MessagesLost,
            MessagesDoubled,
            MessagesOvertaken,
            MessagesCorrupted,
            MessagesCut,
            CommandsUnknown,
            CommandsRefused,
            FaultTornWrite,
            FaultLogRefused,
            SnapshotsMade,
            SnapshotsInstalled,
            ConfChanges,
            JointConfigurations,
            NodesReplaced,
        ],
    }
}

impl Kind {
    /// What shows that actions of this kind happen.
    const fn count(self) -> Count {
        match self {
            Self::Isolate => Count::FaultIsolation,
            Self::OneWay | Self::Cut => Count::FaultOneWay,
            Self::Partition => Count::FaultPartition,
            Self::Swizzle => Count::FaultSwizzle,
            Self::Storm => Count::FaultStorm,
            Self::Crash => Count::FaultCrash,
            Self::Kill => Count::FaultKill,
            Self::CrashAll => Count::FaultCrashAll,
            Self::Pause => Count::FaultPause,
            Self::Wipe => Count::FaultWipe,
            Self::SlowDisk => Count::FaultSlowDisk,
            Self::StallDisk => Count::FaultStallDisk,
            Self::FillDisk => Count::FaultFullDisk,
            Self::FailSync => Count::FaultSync,
            Self::FlipBit => Count::FaultBitFlip,
            Self::ClockRate => Count::FaultClockRate,
            Self::ClockJump => Count::FaultClockJump,
            Self::ClockStop => Count::FaultClockStop,
            Self::Transfer => Count::Transfers,
            Self::Upgrade => Count::Upgrades,
            Self::Replace => Count::NodesReplaced,
            Self::ChangeJointly => Count::JointConfigurations,
            Self::AddVoter | Self::AddLearner | Self::Remove => Count::ConfChanges,
            Self::Campaign => Count::Elections,
        }
    }
}
