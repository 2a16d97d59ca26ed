//! Whether a plan can be carried out: somebody may have written it by hand.

use std::time::Duration;

use super::{Action, Plan, Planned, Weather, Whom};
use crate::{
    consensus::{ConfigError, NodeId},
    runtime::OptionsError,
    storage::disk::DiskOptions,
};

/// Nothing in a plan takes longer: sums of its times stay far from what a [`Duration`] holds.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Less time than this between two ticks or two requests of a client, and simulated time would hardly pass.
const SHORTEST: Duration = Duration::from_millis(1);
/// A clock that stands still, and one that goes eleven times as fast as it should.
const RATES: (i32, i32) = (-1_000_000, 10_000_000);
/// Disks are in memory.
const SEGMENT_BYTES: (u64, u64) = (DiskOptions::SEGMENT_BYTES_MIN, 64 << 20);
const NODES_MAX: u64 = 100;
const CLIENTS_MAX: u64 = 1000;

/// Why a plan cannot be carried out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A number is too small or too large.
    #[error("{what} is {value}: make it {least} to {most}")]
    Number {
        /// Which.
        what: String,
        /// What it is.
        value: i128,
        /// The least that it may be.
        least: i128,
        /// The most.
        most: i128,
    },
    /// Something would happen again at once, and simulated time would not pass.
    #[error("{what} is {time:?}: make it at least {SHORTEST:?}")]
    TooShort {
        /// Which time.
        what: String,
        /// What it is.
        time: Duration,
    },
    /// A simulation is not made for such times.
    #[error("{what} is {time:?}: make it at most {LONGEST:?}")]
    TooLong {
        /// Which time.
        what: String,
        /// What it is.
        time: Duration,
    },
    /// An action would begin when all faults are over.
    #[error(
        "actions[{number}] begins at {at:?}, after the storm: leave it out, or have the storm last longer"
    )]
    AfterTheStorm {
        /// Which, counted from 0.
        number: usize,
        /// When.
        at: Duration,
    },
    /// An action is about a node that cannot be.
    #[error("actions[{number}] is about node 0: nodes are counted from 1")]
    NoNode {
        /// Which, counted from 0.
        number: usize,
    },
    /// Nodes cannot be configured so.
    #[error("nodes: {0}")]
    Config(#[from] ConfigError),
    /// Their runtimes cannot.
    #[error("nodes: {0}")]
    Options(#[from] OptionsError),
}

impl Plan {
    /// Whether it can be carried out.
    ///
    /// # Errors
    /// [`PlanError`] says what cannot be, and what to do about it.
    pub fn validate(&self) -> Result<(), PlanError> {
        within("voters", self.voters, (1, NODES_MAX))?;
        within("learners", self.learners, (0, NODES_MAX))?;
        within("spares", self.spares, (0, NODES_MAX))?;
        within("clients.count", self.clients.count as u64, (0, CLIENTS_MAX))?;
        within("nodes.segment_bytes", self.nodes.segment_bytes, SEGMENT_BYTES)?;
        within("clients.lost", self.clients.lost, (0, 1000))?;
        self.nodes.config(NodeId(1), self.seed).validate()?;
        self.nodes.options().validate()?;
        lasting("nodes.tick", self.nodes.tick)?;
        lasting("clients.pause", self.clients.pause)?;
        lasting("clients.patience", self.clients.patience)?;
        short("disks.sync_min", self.disks.sync_min)?;
        short("disks.sync_max", self.disks.sync_max)?;
        short("storm", self.storm)?;
        short("calm", self.calm)?;
        weather("network", &self.network)?;
        for (node, rate) in self.clock_rates.iter().enumerate() {
            within(&format!("clock_rates[{node}]"), *rate, RATES)?;
        }
        self.actions.iter().enumerate().try_for_each(|(number, planned)| self.check(number, planned))
    }

    fn check(&self, number: usize, planned: &Planned) -> Result<(), PlanError> {
        let Planned { at, action } = planned;
        if *at > self.storm {
            return Err(PlanError::AfterTheStorm { number, at: *at });
        }
        let what = format!("actions[{number}]");
        action.clone().times().into_iter().try_for_each(|time| short(&what, *time))?;
        if named(action).contains(&NodeId(0)) {
            return Err(PlanError::NoNode { number });
        }
        if let Action::Storm { weather: bad, .. } = action {
            weather(&what, bad)?;
        }
        if let Action::ClockRate { rate, .. } = action {
            within(&what, *rate, RATES)?;
        }
        Ok(())
    }
}

fn within<T: Into<i128>>(what: &str, value: T, (least, most): (T, T)) -> Result<(), PlanError> {
    let [value, least, most] = [value, least, most].map(Into::into);
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(PlanError::Number { what: what.to_owned(), value, least, most })
}

/// Something that is done again and again with this time in between.
fn lasting(what: &str, time: Duration) -> Result<(), PlanError> {
    if time < SHORTEST {
        return Err(PlanError::TooShort { what: what.to_owned(), time });
    }
    short(what, time)
}

/// Something that may as well take no time.
fn short(what: &str, time: Duration) -> Result<(), PlanError> {
    if time > LONGEST {
        return Err(PlanError::TooLong { what: what.to_owned(), time });
    }
    Ok(())
}

fn weather(what: &str, weather: &Weather) -> Result<(), PlanError> {
    let Weather { delay_min, delay_max, lost, doubled, overtaken, corrupted } = weather;
    short(&format!("{what}.delay_min"), *delay_min)?;
    short(&format!("{what}.delay_max"), *delay_max)?;
    let chances = [("lost", lost), ("doubled", doubled), ("overtaken", overtaken), ("corrupted", corrupted)];
    chances.into_iter().try_for_each(|(name, chance)| within(&format!("{what}.{name}"), *chance, (0, 1000)))
}

/// The nodes that an action names.
fn named(action: &Action) -> Vec<NodeId> {
    let of = |whom: &Whom| match whom {
        Whom::Node(node) => vec![*node],
        Whom::Leader | Whom::Follower => Vec::new(),
    };
    match action {
        Action::Isolate { whom, .. }
        | Action::Crash { whom, .. }
        | Action::Pause { whom, .. }
        | Action::Wipe { whom, .. }
        | Action::SlowDisk { whom, .. }
        | Action::StallDisk { whom, .. }
        | Action::FillDisk { whom, .. }
        | Action::FailSync { whom, .. }
        | Action::FlipBit { whom, .. }
        | Action::ClockRate { whom, .. }
        | Action::ClockJump { whom, .. }
        | Action::ClockStop { whom, .. }
        | Action::Transfer { to: whom }
        | Action::Campaign { whom }
        | Action::Remove { whom }
        | Action::Upgrade { whom } => of(whom),
        Action::Partition { side, .. } => side.clone(),
        Action::Cut { from, to, .. } => vec![*from, *to],
        Action::Swizzle { go, back, .. } => [&go[..], &back[..]].concat(),
        Action::AddVoter { node } | Action::AddLearner { node } => vec![*node],
        Action::Replace { whom, new } => [of(whom), vec![*new]].concat(),
        Action::ChangeJointly { voters, learners, gone, .. } => {
            [&voters[..], &learners[..], &gone[..]].concat()
        }
        Action::Storm { .. } | Action::CrashAll { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::plan::Profile;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_plan_that_is_drawn_is_sound() {
        for profile in Profile::ALL {
            for seed in 0..200 {
                let plan = profile.draw(seed, None);
                assert_eq!(plan.validate(), Ok(()), "{profile}, seed {seed}");
            }
        }
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_name() {
        type Spoil = fn(&mut Plan);
        let refusals: [(&str, Spoil); 14] = [
            ("voters is 0", |plan| plan.voters = 0),
            ("spares is 18446744073709551615", |plan| plan.spares = u64::MAX),
            ("network.lost is 1001", |plan| plan.network.lost = 1001),
            ("network.delay_max", |plan| plan.network.delay_max = Duration::MAX),
            ("clock_rates[0] is -1000001", |plan| plan.clock_rates = vec![-1_000_001]),
            ("clients.pause", |plan| plan.clients.pause = Duration::ZERO),
            ("clients.patience", |plan| plan.clients.patience = Duration::ZERO),
            ("tick", |plan| plan.nodes.tick = Duration::ZERO),
            ("election_ticks", |plan| plan.nodes.election_ticks = 0),
            ("check_quorum", |plan| (plan.nodes.lease_reads, plan.nodes.check_quorum) = (true, false)),
            ("storm", |plan| plan.storm = Duration::MAX),
            ("actions[0] begins at 7s", |plan| plan.storm = SECOND),
            ("actions[0] is about node 0", |plan| {
                plan.actions[0].action = Action::AddVoter { node: NodeId(0) };
            }),
            ("actions[0] is 1000000s", |plan| {
                plan.actions[0].action =
                    Action::Pause { whom: Whom::Leader, lasts: Duration::from_secs(1_000_000) };
            }),
        ];
        for (words, spoil) in refusals {
            let mut plan = Profile::Stormy.draw(1, None);
            plan.storm = SECOND * 10;
            plan.actions = vec![Planned { at: SECOND * 7, action: Action::Campaign { whom: Whom::Leader } }];
            assert_eq!(plan.validate(), Ok(()));
            spoil(&mut plan);
            let refusal = plan.validate().expect_err(words).to_string();
            assert!(refusal.contains(words), "{words}: {refusal}");
        }
    }
}
