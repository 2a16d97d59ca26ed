//! Which kinds of things a plan may hold.

use super::plan::{Action, Plan, Weather};

/// Which kinds of things may happen to a cluster. All of them, unless something else is said:
///
/// ```
/// # use quorate::simulation::Faults;
/// let only_disks = Faults { disks: true, ..Faults::none() };
/// let all_but_clocks = Faults { clocks: false, ..Faults::all() };
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Faults {
    /// Messages are lost, come twice, in another order or damaged; links are cut.
    pub network: bool,
    /// Processes are killed, lose their power, stand still, and are upgraded.
    pub processes: bool,
    /// Disks are slow, full or lost, fail, and decay.
    pub disks: bool,
    /// Clocks go at another rate, jump, and stop.
    pub clocks: bool,
    /// Operators change the membership and hand leadership over, at inconvenient times.
    pub operators: bool,
}

impl Faults {
    /// All of them.
    #[must_use]
    pub const fn all() -> Self {
        Self { network: true, processes: true, disks: true, clocks: true, operators: true }
    }

    /// None.
    #[must_use]
    pub const fn none() -> Self {
        Self { network: false, processes: false, disks: false, clocks: false, operators: false }
    }

    /// Takes out of a plan what is not to happen.
    pub(super) fn restrict(self, plan: &mut Plan) {
        plan.actions.retain(|planned| self.has(&planned.action));
        if !self.network {
            let Weather { delay_min, delay_max, .. } = plan.network;
            plan.network = Weather { delay_min, delay_max, ..Weather::fair() };
        }
        if !self.clocks {
            plan.clock_rates.clear();
        }
    }

    const fn has(self, action: &Action) -> bool {
        match action {
            Action::Isolate { .. }
            | Action::Partition { .. }
            | Action::Cut { .. }
            | Action::Swizzle { .. }
            | Action::Storm { .. } => self.network,
            Action::Crash { .. }
            | Action::CrashAll { .. }
            | Action::Pause { .. }
            | Action::Upgrade { .. } => self.processes,
            Action::Wipe { .. }
            | Action::SlowDisk { .. }
            | Action::StallDisk { .. }
            | Action::FillDisk { .. }
            | Action::FailSync { .. }
            | Action::FlipBit { .. } => self.disks,
            Action::ClockRate { .. } | Action::ClockJump { .. } | Action::ClockStop { .. } => self.clocks,
            Action::Transfer { .. }
            | Action::Campaign { .. }
            | Action::AddVoter { .. }
            | Action::AddLearner { .. }
            | Action::Remove { .. }
            | Action::Replace { .. }
            | Action::ChangeJointly { .. } => self.operators,
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self::all()
    }
}
