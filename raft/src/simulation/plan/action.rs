//! What can happen to a cluster.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{durations, settings::Weather};
use crate::consensus::NodeId;

/// To whom something happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whom {
    /// This node.
    Node(NodeId),
    /// Whoever leads at that moment; if nobody does, any node that runs.
    Leader,
    /// Any member that runs and does not lead.
    Follower,
}

/// In which direction a node is cut off.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It neither hears nor is heard.
    Both,
    /// It does not hear.
    Inbound,
    /// It is not heard.
    Outbound,
}

/// What is lost with a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerLoss {
    /// Only the process: what was written is there, synced or not.
    None,
    /// The machine: of what was not synced, anything may be lost, torn, or there.
    Whole,
}

/// How a change goes through a joint configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JointTransition {
    /// If it must, and the leader leaves it by itself: [`Transition::Auto`](crate::Transition::Auto).
    Auto,
    /// In any case, and the leader leaves it by itself: [`Transition::Implicit`](crate::Transition::Implicit).
    Implicit,
    /// In any case, until an operator has it left: [`Transition::Explicit`](crate::Transition::Explicit).
    Explicit,
}

/// Something that happens: a fault, its end included, or what an operator does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A node is cut off from all others.
    Isolate {
        /// Which.
        whom: Whom,
        /// What does not get through.
        direction: Direction,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// The network falls into two parts.
    Partition {
        /// The nodes of one part; all others are the other.
        side: Vec<NodeId>,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// One link is cut, in one direction.
    Cut {
        /// Whose messages are lost.
        from: NodeId,
        /// Who does not get them.
        to: NodeId,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// Nodes are cut off one by one, and come back one by one in another order.
    Swizzle {
        /// In the order in which they go.
        go: Vec<NodeId>,
        /// In the order in which they come back.
        back: Vec<NodeId>,
        /// Time between two of these steps.
        #[serde(with = "durations")]
        step: Duration,
    },
    /// The network is as bad as this.
    Storm {
        /// How bad.
        weather: Weather,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// A process ends, and is started again.
    Crash {
        /// Whose.
        whom: Whom,
        /// What is lost with it.
        power: PowerLoss,
        /// After what time it is started again.
        #[serde(with = "durations")]
        down: Duration,
    },
    /// The power of all nodes fails at the same moment.
    CrashAll {
        /// After what time the first is started again; each other a little later.
        #[serde(with = "durations")]
        down: Duration,
    },
    /// A process stands still, and does not know it.
    Pause {
        /// Whose.
        whom: Whom,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// A node loses its disk. It comes back with an empty one, is not trusted, and is replaced.
    Wipe {
        /// Which.
        whom: Whom,
        /// After what time it is started again.
        #[serde(with = "durations")]
        down: Duration,
    },
    /// Every sync of a disk takes longer.
    SlowDisk {
        /// Whose.
        whom: Whom,
        /// How long it takes.
        #[serde(with = "durations")]
        sync: Duration,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// A disk does nothing.
    StallDisk {
        /// Whose.
        whom: Whom,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// A disk is full. The node stops, and is started again when there is room.
    FillDisk {
        /// Whose.
        whom: Whom,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// The next sync of a disk fails, and loses some of what it should have written. The node stops, and is started
    /// again.
    FailSync {
        /// Whose.
        whom: Whom,
        /// After what time it is started again.
        #[serde(with = "durations")]
        down: Duration,
    },
    /// The process ends, a bit of its log flips, and it is started again. If it refuses its log, it is replaced.
    FlipBit {
        /// Whose.
        whom: Whom,
        /// Chooses file, byte and bit.
        choice: u64,
        /// After what time it is started again.
        #[serde(with = "durations")]
        down: Duration,
    },
    /// A clock goes at another rate.
    ClockRate {
        /// Whose.
        whom: Whom,
        /// In millionths more than the true rate.
        rate: i32,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// A clock jumps forward.
    ClockJump {
        /// Whose.
        whom: Whom,
        /// How far.
        #[serde(with = "durations")]
        by: Duration,
    },
    /// A clock stands still, but the process goes on.
    ClockStop {
        /// Whose.
        whom: Whom,
        /// For how long.
        #[serde(with = "durations")]
        lasts: Duration,
    },
    /// An operator has leadership handed to a node.
    Transfer {
        /// To whom.
        to: Whom,
    },
    /// A node is told to stand for election.
    Campaign {
        /// Which.
        whom: Whom,
    },
    /// An operator makes a node a voter; one that does not run yet is set up first.
    AddVoter {
        /// Which.
        node: NodeId,
    },
    /// An operator makes a node a learner; one that does not run yet is set up first.
    AddLearner {
        /// Which.
        node: NodeId,
    },
    /// An operator removes a node, and shuts it down a little later.
    Remove {
        /// Which.
        whom: Whom,
    },
    /// An operator puts a new node in the place of another.
    Replace {
        /// Who goes.
        whom: Whom,
        /// Who comes.
        new: NodeId,
    },
    /// An operator changes several things about the membership at once, through a joint configuration.
    ChangeJointly {
        /// Who becomes a voter; who does not run yet is set up first.
        voters: Vec<NodeId>,
        /// Who becomes a learner; who does not run yet is set up first.
        learners: Vec<NodeId>,
        /// Who is removed, and shut down a little later.
        gone: Vec<NodeId>,
        /// How the joint configuration is entered and left.
        transition: JointTransition,
    },
    /// A node is shut down and started again with a later version, whose messages hold something that earlier ones do
    /// not know.
    Upgrade {
        /// Which.
        whom: Whom,
    },
}

impl Action {
    /// Nodes that this brings in, and that may not run before.
    pub(in crate::simulation) fn newcomers(&self) -> impl Iterator<Item = NodeId> {
        let (one, some): (_, [&[NodeId]; 2]) =
            if let Self::AddVoter { node } | Self::AddLearner { node } = self {
                (Some(*node), [&[], &[]])
            } else if let Self::Replace { new, .. } = self {
                (Some(*new), [&[], &[]])
            } else if let Self::ChangeJointly { voters, learners, .. } = self {
                (None, [voters, learners])
            } else {
                (None, [&[], &[]])
            };
        one.into_iter().chain(some.concat())
    }
}

impl fmt::Display for Whom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Leader => f.write_str("leader"),
            Self::Follower => f.write_str("follower"),
        }
    }
}
