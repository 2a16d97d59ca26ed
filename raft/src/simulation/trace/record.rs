//! One thing that happened.

use std::{fmt, time::Duration};

use crate::consensus::{LogIndex, NodeId, RoleKind, Term};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// When, since the beginning.
    pub at: Duration,
    /// To which node; none, if to the whole.
    pub node: Option<NodeId>,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum What {
    /// It sent a message.
    Sent {
        /// Counts messages, copies too: under this number it arrives or is lost.
        number: u64,
        /// To whom.
        to: NodeId,
        /// A checksum of its bytes.
        checksum: u32,
        /// The message in words; empty if nothing is kept.
        text: String,
    },
    /// A message ended its way.
    Ended {
        /// Which.
        number: u64,
        /// How.
        fate: Fate,
    },
    /// It began or ended to be what it is.
    Role {
        /// In which term.
        term: Term,
        /// What it is.
        role: RoleKind,
        /// Whom it takes for the leader.
        leader: Option<NodeId>,
    },
    /// It knows that more is committed.
    Committed(LogIndex),
    /// Its state machine contains more.
    Applied(LogIndex),
    /// Something became durable.
    Durable(LogIndex),
    /// It put a snapshot in force: one of its own, or its leader's.
    Snapshot(LogIndex),
    /// Its process was started.
    Started,
    /// Its process ended, and why.
    Stopped(String),
    /// It stands still, or goes on.
    Paused(bool),
    /// A client asked for something, or was told how that ended.
    Client {
        /// Which.
        client: usize,
        /// What.
        text: String,
    },
    /// A fault or an operation began, or ended.
    Action(String),
    /// A promise was broken.
    Violation(String),
}

/// How a message ended its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fate {
    /// It arrived.
    Arrived,
    /// The network lost it.
    Lost,
    /// The link was cut.
    Cut,
    /// It was changed on its way, or its connection broke because another was.
    Damaged,
    /// Nobody was there.
    Down,
    /// Its receiver does not trust its sender: one of them has lost its disk.
    Refused,
}

impl What {
    /// A number that differs where what happened differs.
    pub(super) fn fingerprint(&self) -> u64 {
        let text = |text: &str| u64::from(crc32fast::hash(text.as_bytes()));
        let (kind, value) = match self {
            Self::Sent { number, to, checksum, .. } => {
                (1, number.rotate_left(40) ^ to.0.rotate_left(32) ^ u64::from(*checksum))
            }
            Self::Ended { number, fate } => (2, number.rotate_left(8) ^ *fate as u64),
            Self::Role { term, role, leader } => {
                (3, term.0.rotate_left(24) ^ leader.map_or(0, |leader| leader.0 << 8) ^ *role as u64)
            }
            Self::Committed(index) => (4, index.0),
            Self::Applied(index) => (5, index.0),
            Self::Durable(index) => (6, index.0),
            Self::Snapshot(index) => (7, index.0),
            Self::Started => (8, 0),
            Self::Stopped(why) => (9, text(why)),
            Self::Paused(is_paused) => (10, u64::from(*is_paused)),
            Self::Client { client, text: words } => (11, text(words).rotate_left(32) ^ *client as u64),
            Self::Action(words) => (12, text(words)),
            Self::Violation(words) => (13, text(words)),
        };
        value.rotate_left(4) ^ kind
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>12.6} ", self.at.as_secs_f64())?;
        match self.node {
            Some(node) => write!(f, "{node:>4} ")?,
            None => f.write_str("   - ")?,
        }
        self.what.fmt(f)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent { number, text, .. } => write!(f, "send #{number} {text}"),
            Self::Ended { number, fate: Fate::Arrived } => write!(f, "receive #{number}"),
            Self::Ended { number, fate } => write!(f, "lose #{number}: {}", fate.words()),
            Self::Role { term, role, leader: Some(leader) } => write!(f, "{role} in {term}, {leader} leads"),
            Self::Role { term, role, leader: None } => write!(f, "{role} in {term}, no leader"),
            Self::Committed(index) => write!(f, "committed {index}"),
            Self::Applied(index) => write!(f, "applied {index}"),
            Self::Durable(index) => write!(f, "durable {index}"),
            Self::Snapshot(index) => write!(f, "snapshot {index}"),
            Self::Started => f.write_str("started"),
            Self::Stopped(why) => write!(f, "stopped: {why}"),
            Self::Paused(true) => f.write_str("stands still"),
            Self::Paused(false) => f.write_str("goes on"),
            Self::Client { client, text } => write!(f, "client {client}: {text}"),
            Self::Action(words) => f.write_str(words),
            Self::Violation(words) => write!(f, "VIOLATION: {words}"),
        }
    }
}

impl Fate {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Lost => "lost by the network",
            Self::Cut => "the link is cut",
            Self::Damaged => "damaged on its way",
            Self::Down => "nobody is there",
            Self::Refused => "another disk than before",
        }
    }
}
