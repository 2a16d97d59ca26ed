//! The times in an action.

use std::time::Duration;

use super::Action;

impl Action {
    /// How long it lasts, and whatever else of it is a time.
    pub(in crate::simulation) fn times(&mut self) -> Vec<&mut Duration> {
        match self {
            Self::Isolate { lasts, .. }
            | Self::Partition { lasts, .. }
            | Self::Cut { lasts, .. }
            | Self::Storm { lasts, .. }
            | Self::Pause { lasts, .. }
            | Self::StallDisk { lasts, .. }
            | Self::FillDisk { lasts, .. }
            | Self::ClockRate { lasts, .. }
            | Self::ClockStop { lasts, .. } => vec![lasts],
            Self::SlowDisk { sync, lasts, .. } => vec![sync, lasts],
            Self::Swizzle { step, .. } => vec![step],
            Self::Crash { down, .. }
            | Self::CrashAll { down }
            | Self::Wipe { down, .. }
            | Self::FailSync { down, .. }
            | Self::FlipBit { down, .. } => vec![down],
            Self::ClockJump { by, .. } => vec![by],
            Self::Transfer { .. }
            | Self::Campaign { .. }
            | Self::AddVoter { .. }
            | Self::AddLearner { .. }
            | Self::Remove { .. }
            | Self::Replace { .. }
            | Self::ChangeJointly { .. }
            | Self::Upgrade { .. } => Vec::new(),
        }
    }
}
