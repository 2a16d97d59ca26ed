//! Everything that can be done to a node.

use std::{collections::VecDeque, fmt};

use quorate::{ConfChange, Envelope, LogIndex, NodeId, RawNode};

use super::{
    choices::Choices,
    messages::{Known, change},
};

/// One thing that is done to a node.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// What others send, in this order.
    Step(Vec<Envelope>),
    Ticks(u64),
    Propose(usize),
    ProposeChange(ConfChange),
    Read,
    ReadLease,
    ExpireLease,
    Campaign,
    Transfer(u64),
    StepDown,
    ForgetLeader,
    Unreachable(u64),
    SnapshotReport(u64, bool),
    /// Said once more, or much too late.
    Applied(u64),
    Written(u64),
    /// Out of its turn.
    ApplyChange(ConfChange),
    Drive(Drive),
}

/// What only the node's driver does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drive {
    /// Takes Readys, without writing.
    Ready,
    /// The oldest writes are done, and reported as one.
    Write(usize),
    /// The state machine has done so many things, and they are reported as one.
    Apply(usize),
    /// Everything, until nothing is left.
    Settle,
    /// Everything, and all others answer gladly; so many times.
    Converse(u64),
    Compact(u64),
    /// Dies and starts again, with or without what its state machine held.
    Restart {
        keeps_machine: bool,
    },
}

impl Call {
    /// The next call that `choices` stand for. `sent` is what the node has sent and nobody has answered.
    pub(crate) fn next(choices: &mut Choices<'_>, known: &Known, sent: &mut VecDeque<Envelope>) -> Self {
        match choices.below(64) {
            0..=15 => Self::Step(vec![known.envelope(choices)]),
            16..=23 => {
                let at = choices.count(16);
                let chosen = if at < sent.len() { sent.remove(at) } else { sent.pop_back() };
                let gladly = choices.coin();
                Self::Step(chosen.and_then(|sent| known.answer(&sent, gladly)).into_iter().collect())
            }
            24..=27 => Self::Step(sent.drain(..).filter_map(|sent| known.answer(&sent, true)).collect()),
            28 | 29 => Self::Ticks(1 + choices.below(25)),
            30 => Self::Ticks(60),
            31..=33 => Self::Propose(choices.count(60)),
            34..=36 => Self::ProposeChange(change(choices)),
            37 => Self::Read,
            38 => Self::ReadLease,
            39 => Self::ExpireLease,
            40 => Self::Campaign,
            41 => Self::Transfer(choices.below(7)),
            42 => Self::StepDown,
            43 => Self::ForgetLeader,
            44 => Self::Unreachable(choices.below(7)),
            45 => Self::SnapshotReport(choices.below(7), choices.coin()),
            46 => Self::Applied(choices.number(&[known.applied]).min(known.applied)),
            47 => Self::Written(known.written.saturating_sub(choices.below(4))),
            48 => Self::ApplyChange(change(choices)),
            49..=51 => Self::Drive(Drive::Ready),
            52 | 53 => Self::Drive(Drive::Write(1 + choices.count(3))),
            54 | 55 => Self::Drive(Drive::Apply(1 + choices.count(3))),
            56 | 57 => Self::Drive(Drive::Settle),
            58..=61 => Self::Drive(Drive::Converse(1 + choices.below(4))),
            62 => Self::Drive(Drive::Compact(choices.below(3))),
            _ => Self::Drive(Drive::Restart { keeps_machine: choices.coin() }),
        }
    }

    /// Makes a call that concerns only the core; what is left is the driver's.
    ///
    /// No answer matters here: whatever is refused must leave the node sound.
    pub(crate) fn make(self, raw: &mut RawNode) -> Option<Drive> {
        match self {
            Self::Step(envelopes) => envelopes.into_iter().for_each(|envelope| drop(raw.step(envelope))),
            Self::Ticks(count) => (0..count).for_each(|_| raw.tick()),
            Self::Propose(size) => drop(raw.propose(vec![0; size])),
            Self::ProposeChange(change) => drop(raw.propose_conf_change(&change)),
            Self::Read => drop(raw.read_index()),
            Self::ReadLease => drop(raw.read_lease()),
            Self::ExpireLease => raw.expire_lease(),
            Self::Campaign => drop(raw.campaign()),
            Self::Transfer(to) => drop(raw.transfer_leader(NodeId(to))),
            Self::StepDown => raw.step_down(),
            Self::ForgetLeader => raw.forget_leader(),
            Self::Unreachable(node) => raw.report_unreachable(NodeId(node)),
            Self::SnapshotReport(node, arrived) => raw.report_snapshot(NodeId(node), arrived),
            Self::Applied(index) => raw.on_applied(LogIndex(index)),
            Self::Written(number) => raw.on_written(number),
            Self::ApplyChange(change) => drop(raw.apply_conf_change(&change)),
            Self::Drive(drive) => return Some(drive),
        }
        None
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Step(envelopes) = self else { return write!(f, "{self:?}") };
        envelopes.iter().try_for_each(|envelope| write!(f, "{envelope}; "))
    }
}
