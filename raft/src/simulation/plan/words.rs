//! What happens, in words.

use std::fmt;

use super::{Action, Direction, PowerLoss, Weather};
use crate::consensus::NodeId;

/// One line; what lasts says so with `for`.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Isolate { whom, direction, lasts } => write!(f, "{whom} {direction}, for {lasts:?}"),
            Self::Partition { side, lasts } => {
                write!(f, "{} cut off from the others, for {lasts:?}", Nodes(side))
            }
            Self::Cut { from, to, lasts } => write!(f, "nothing gets from {from} to {to}, for {lasts:?}"),
            Self::Swizzle { go, back, step } => {
                let all = *step * u32::try_from(go.len() + back.len()).unwrap_or(u32::MAX);
                write!(f, "{} cut off one by one, back as {}, for {all:?}", Nodes(go), Nodes(back))
            }
            Self::Storm { weather, lasts } => write!(f, "a bad network ({weather}), for {lasts:?}"),
            Self::Crash { whom, power, down } => write!(f, "{whom} {power}, back after {down:?}"),
            Self::CrashAll { down } => write!(f, "the power of all fails, back after {down:?}"),
            Self::Pause { whom, lasts } => write!(f, "{whom} stands still, for {lasts:?}"),
            Self::Wipe { whom, down } => write!(f, "{whom} loses its disk, back after {down:?}"),
            Self::SlowDisk { whom, sync, lasts } => {
                write!(f, "disk of {whom} slow ({sync:?} a sync), for {lasts:?}")
            }
            Self::StallDisk { whom, lasts } => write!(f, "disk of {whom} stands still, for {lasts:?}"),
            Self::FillDisk { whom, lasts } => write!(f, "disk of {whom} full, for {lasts:?}"),
            Self::FailSync { whom, down } => write!(f, "disk of {whom} fails to sync, back after {down:?}"),
            Self::FlipBit { whom, down, .. } => write!(f, "a bit of {whom}'s log flips, back after {down:?}"),
            Self::ClockRate { whom, rate, lasts } => {
                write!(f, "clock of {whom} {rate:+} millionths faster, for {lasts:?}")
            }
            Self::ClockJump { whom, by } => write!(f, "clock of {whom} jumps by {by:?}"),
            Self::ClockStop { whom, lasts } => write!(f, "clock of {whom} stands still, for {lasts:?}"),
            Self::Transfer { to } => write!(f, "{to} shall lead"),
            Self::Campaign { whom } => write!(f, "{whom} told to stand for election"),
            Self::AddVoter { node } => write!(f, "{node} shall vote"),
            Self::AddLearner { node } => write!(f, "{node} shall be a learner"),
            Self::Remove { whom } => write!(f, "{whom} shall be removed"),
            Self::Replace { whom, new } => write!(f, "{new} shall take the place of {whom}"),
            Self::ChangeJointly { voters, learners, gone, transition } => write!(
                f,
                "shall vote: {}; learn: {}; be removed: {}; jointly ({transition:?})",
                Nodes(voters),
                Nodes(learners),
                Nodes(gone)
            ),
            Self::Upgrade { whom } => write!(f, "{whom} upgraded"),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "cut off",
            Self::Inbound => "does not hear",
            Self::Outbound => "is not heard",
        })
    }
}

impl fmt::Display for PowerLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "killed",
            Self::Whole => "without power",
        })
    }
}

/// Of a thousand messages.
impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, doubled, overtaken, corrupted, delay_max, .. } = self;
        write!(f, "up to {delay_max:?}; lost {lost}‰, doubled {doubled}‰, ")?;
        write!(f, "overtaken {overtaken}‰, damaged {corrupted}‰")
    }
}

struct Nodes<'a>(&'a [NodeId]);

impl fmt::Display for Nodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(if words.is_empty() { "nobody".into() } else { words.join(" ") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulation::plan::Whom;

    #[test]
    fn actions_are_told_in_a_line() {
        let lasts = Duration::from_millis(1500);
        let crash = Action::Crash { whom: Whom::Leader, power: PowerLoss::Whole, down: lasts };
        assert_eq!(crash.to_string(), "leader without power, back after 1.5s");
        let part = Action::Partition { side: vec![NodeId(1), NodeId(3)], lasts };
        assert_eq!(part.to_string(), "n1 n3 cut off from the others, for 1.5s");
    }
}
