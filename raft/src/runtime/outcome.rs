//! What becomes of a command or a query, as the client gets to know it.

use std::fmt;

use super::membership_operation::MembershipError;
use crate::consensus::{ConfChangeError, NodeId, ProposeError, TransferError, TransferOutcome};

/// How a command or a query ended. Each one ends once, whatever happens to the node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a command may have been refused"]
pub enum Outcome<T> {
    /// The command was applied on this node, and this is the state machine's response; or the query was
    /// answered.
    Applied(T),
    /// It surely has not taken effect, and never will: it is safe to try again.
    NotAccepted(Refusal),
    /// It may have taken effect, or may still, or not at all. Trying again may do it twice, unless the
    /// command itself provides against that.
    Unknown(UnknownReason),
}

/// Why something was not accepted, and whom to ask instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
}

/// Why something was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Nobody is known to lead: try again after an election timeout.
    NoLeader,
    /// Another node leads, and this one does not pass commands on
    /// ([`Config::forward_proposals`](crate::Config::forward_proposals)). What concerns the membership or the
    /// leadership is never passed on.
    NotLeader,
    /// The command is larger than [`Config::max_entry_bytes`](crate::Config::max_entry_bytes).
    TooLarge {
        /// Its size as a log entry, in bytes.
        size: usize,
        /// What is allowed.
        max: usize,
    },
    /// Too many wait already: slow down.
    Busy,
    /// Leadership is being handed over: try again in a moment.
    TransferringLeadership,
    /// Another leader's entry was committed in the command's place in the log.
    Overwritten,
    /// This node passed it on, and the leader refused it: it may be busy.
    RefusedByLeader,
    /// No leader has confirmed in time that the answer would be current
    /// ([`Options::read_timeout_ticks`](crate::runtime::Options::read_timeout_ticks)). Queries only.
    ReadTimeout,
    /// The change of membership cannot be made, now or at all.
    ConfChange(ConfChangeError),
    /// The operation on the membership ended without what was wanted.
    Membership(MembershipError),
    /// Leadership cannot be handed over like this.
    Transfer(TransferError),
    /// Leadership was to be handed over, and the attempt has ended otherwise. The target may still become leader by
    /// an election of its own.
    NotHandedOver(TransferOutcome),
    /// The node has stopped, and [`Handle::stop_reason`](crate::runtime::Handle::stop_reason) tells why.
    Stopped,
}

/// Why nobody knows whether a command took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum UnknownReason {
    /// The command was in the log when its leader lost office, or stopped to make progress, and nothing was
    /// decided in time ([`Options::unknown_after_ticks`](crate::runtime::Options::unknown_after_ticks)).
    Undecided,
    /// A snapshot from the leader has passed over the command's place in the log.
    PassedBySnapshot,
    /// This node lost its leadership before the operation on the membership was done. Whoever leads now does not
    /// continue it, but a change that is in the log may still be committed: look at the membership, and ask again.
    LeadershipLost,
    /// It was passed on to the leader, and nothing was heard of it.
    ForwardUnanswered,
    /// The node stopped with the command in its log.
    Stopped,
}

impl<T> Outcome<T> {
    /// The response or answer, if there is one.
    pub fn applied(self) -> Option<T> {
        match self {
            Self::Applied(response) => Some(response),
            Self::NotAccepted(_) | Self::Unknown(_) => None,
        }
    }

    /// The same; a refusal that does not say who leads says so now.
    pub(crate) fn or_leader(mut self, leader: Option<NodeId>) -> Self {
        if let Self::NotAccepted(refusal) = &mut self {
            refusal.leader = refusal.leader.or(leader);
        }
        self
    }

    pub(crate) const fn refused(reason: RefusalReason, leader: Option<NodeId>) -> Self {
        Self::NotAccepted(Refusal { reason, leader })
    }
}

impl Refusal {
    /// The core's refusal of a proposal on a node that knows `leader`.
    pub(crate) const fn of_proposal(error: ProposeError, leader: Option<NodeId>) -> Self {
        let reason = match error {
            ProposeError::NoLeader => RefusalReason::NoLeader,
            ProposeError::NotLeader { .. } => RefusalReason::NotLeader,
            ProposeError::TooLarge { size, max } => RefusalReason::TooLarge { size, max },
            ProposeError::Busy { .. } => RefusalReason::Busy,
            ProposeError::TransferringLeadership { .. } => RefusalReason::TransferringLeadership,
        };
        Self { reason, leader }
    }

    /// The core's refusal of a change of membership on a node that knows `leader`.
    pub(crate) const fn of_conf_change(error: ConfChangeError, leader: Option<NodeId>) -> Self {
        let reason = match error {
            ConfChangeError::NotLeader { leader: None } => RefusalReason::NoLeader,
            ConfChangeError::NotLeader { leader: Some(_) } => RefusalReason::NotLeader,
            ConfChangeError::TransferringLeadership { .. } => RefusalReason::TransferringLeadership,
            ConfChangeError::InFlight { .. }
            | ConfChangeError::TermNotCommitted
            | ConfChangeError::Change(_) => RefusalReason::ConfChange(error),
        };
        Self { reason, leader }
    }

    /// The core's refusal to hand leadership over, on a node that knows `leader`.
    pub(crate) const fn of_transfer(error: TransferError, leader: Option<NodeId>) -> Self {
        let reason = match error {
            TransferError::NotLeader { leader: None } => RefusalReason::NoLeader,
            TransferError::NotLeader { leader: Some(_) } => RefusalReason::NotLeader,
            TransferError::AlreadyLeader
            | TransferError::NotVoter { .. }
            | TransferError::InProgress { .. } => RefusalReason::Transfer(error),
        };
        Self { reason, leader }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not accepted: {}", self.reason)?;
        match self.leader {
            Some(leader) => write!(f, " ({leader} leads)"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeader => f.write_str("no leader is known: try again after an election timeout"),
            Self::NotLeader => f.write_str("another node leads: ask there"),
            Self::TooLarge { size, max } => {
                write!(f, "the command has {size} bytes, more than the {max} that max_entry_bytes allows")
            }
            Self::Busy => f.write_str("too many wait already: slow down"),
            Self::TransferringLeadership => {
                f.write_str("leadership is being handed over: try again in a moment")
            }
            Self::Overwritten => f.write_str("another leader's entry took its place: try again"),
            Self::RefusedByLeader => f.write_str("the leader refused it: slow down"),
            Self::ReadTimeout => f.write_str("no leader confirmed it in time: see whether a quorum is up"),
            Self::ConfChange(error) => error.fmt(f),
            Self::Membership(error) => error.fmt(f),
            Self::Transfer(error) => error.fmt(f),
            Self::NotHandedOver(outcome) => write!(f, "leadership was not handed over: {outcome}"),
            Self::Stopped => f.write_str("this node has stopped: ask another"),
        }
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Undecided => "nothing was decided in time: it may be applied, or not",
            Self::PassedBySnapshot => "a snapshot passed over it: it was applied, or not",
            Self::LeadershipLost => {
                "leadership was lost on the way: look at the membership, and ask the leader"
            }
            Self::ForwardUnanswered => "the leader was not heard of in time: it may be applied, or not",
            Self::Stopped => "the node stopped with it in the log: it may be applied, or not",
        })
    }
}
