//! What happens when.

use std::time::Duration;

use super::{
    around,
    leases::Clocks,
    members::Members,
    recipe::{Kind, Recipe},
};
use crate::{
    consensus::NodeId,
    simulation::{
        plan::{Action, Direction, Plan, Planned, PowerLoss, Weather, Whom},
        random::Random,
    },
};

/// No fault lasts longer.
const LASTS_MAX: Duration = Duration::from_secs(20);

/// Draws the actions of one plan.
struct Schedule<'a> {
    plan: &'a Plan,
    clocks: &'a Clocks,
    random: &'a mut Random,
    members: Members,
    /// When a clock last jumped.
    jumped: Option<Duration>,
}

/// What happens in the storm of a plan, in the order of time.
pub(super) fn draw(plan: &Plan, recipe: &Recipe, clocks: &Clocks, random: &mut Random) -> Vec<Planned> {
    let count = recipe.actions.0 + random.below(recipe.actions.1 - recipe.actions.0 + 1);
    let mut times: Vec<_> = (0..count).map(|_| random.duration(Duration::ZERO, plan.storm)).collect();
    times.sort_unstable();
    let mut schedule = Schedule { plan, clocks, random, members: Members::of(plan), jumped: None };
    let planned = times.into_iter().filter_map(|at| {
        let kind = schedule.kind(recipe);
        schedule.action(kind, at).map(|action| Planned { at, action })
    });
    planned.collect()
}

impl Schedule<'_> {
    fn kind(&mut self, recipe: &Recipe) -> Kind {
        let all: u64 = recipe.kinds.iter().map(|(_, weight)| weight).sum();
        let mut left = self.random.below(all);
        for (kind, weight) in &recipe.kinds {
            if left < *weight {
                return *kind;
            }
            left -= weight;
        }
        Kind::Crash
    }

    /// An action of this kind; none if none makes sense now.
    fn action(&mut self, kind: Kind, at: Duration) -> Option<Action> {
        let action = match kind {
            Kind::Isolate => self.isolate(Direction::Both)?,
            Kind::OneWay => {
                let hears = self.random.per_mille(500);
                self.isolate(if hears { Direction::Outbound } else { Direction::Inbound })?
            }
            Kind::Partition => self.partition()?,
            Kind::Cut => self.cut()?,
            Kind::Swizzle => self.swizzle()?,
            Kind::Storm => Action::Storm { weather: self.weather(), lasts: self.lasts() },
            Kind::ClockJump => self.clock_jump(at)?,
            Kind::ClockStop if self.clocks.may_stop => {
                Action::ClockStop { whom: self.whom(), lasts: self.lasts() }
            }
            Kind::ClockRate | Kind::ClockStop => {
                let rate = self.clocks.draw_rate(self.random, self.clocks.rate_max);
                Action::ClockRate { whom: self.whom(), rate, lasts: self.lasts() }
            }
            Kind::AddVoter => return self.members.add_voter(self.random),
            Kind::AddLearner => return self.members.add_learner(self.random),
            Kind::Remove => return self.members.remove(self.random),
            Kind::Replace => return self.members.replace(self.random),
            Kind::ChangeJointly => return self.members.change_jointly(self.random),
            Kind::Crash => Action::Crash { whom: self.whom(), power: PowerLoss::Whole, down: self.lasts() },
            Kind::Kill => Action::Crash { whom: self.whom(), power: PowerLoss::None, down: self.lasts() },
            Kind::CrashAll => Action::CrashAll { down: self.lasts() },
            Kind::Pause => Action::Pause { whom: self.whom(), lasts: self.lasts() },
            Kind::Wipe => Action::Wipe { whom: self.whom(), down: self.lasts() },
            Kind::SlowDisk => {
                let sync = around(self.random, self.plan.nodes.election_timeout() / 10);
                Action::SlowDisk { whom: self.whom(), sync, lasts: self.lasts() }
            }
            Kind::StallDisk => Action::StallDisk { whom: self.whom(), lasts: self.lasts() },
            Kind::FillDisk => Action::FillDisk { whom: self.whom(), lasts: self.lasts() },
            Kind::FailSync => Action::FailSync { whom: self.whom(), down: self.lasts() },
            Kind::FlipBit => {
                Action::FlipBit { whom: self.whom(), choice: self.random.number(), down: self.lasts() }
            }
            Kind::Transfer => Action::Transfer { to: self.follower() },
            Kind::Campaign => Action::Campaign { whom: self.follower() },
            Kind::Upgrade => Action::Upgrade { whom: self.whom() },
        };
        Some(action)
    }

    fn isolate(&mut self, direction: Direction) -> Option<Action> {
        let action = Action::Isolate { whom: self.whom(), direction, lasts: self.lasts() };
        (self.members.all().len() > 1).then_some(action)
    }

    fn partition(&mut self) -> Option<Action> {
        let mut side = self.members_in_any_order()?;
        side.truncate(1 + self.random.index(side.len() - 1));
        side.sort_unstable();
        Some(Action::Partition { side, lasts: self.lasts() })
    }

    fn cut(&mut self) -> Option<Action> {
        let ends = self.members_in_any_order()?;
        Some(Action::Cut { from: ends[0], to: ends[1], lasts: self.lasts() })
    }

    fn swizzle(&mut self) -> Option<Action> {
        let (go, back) = (self.members_in_any_order()?, self.members_in_any_order()?);
        let step = around(self.random, self.plan.nodes.election_timeout() / 2);
        Some(Action::Swizzle { go, back, step })
    }

    fn clock_jump(&mut self, at: Duration) -> Option<Action> {
        if self.jumped.is_some_and(|jumped| at < jumped + self.clocks.jumps_apart) {
            return None;
        }
        self.jumped = Some(at);
        let by = around(self.random, self.plan.nodes.election_timeout() / 2);
        Some(Action::ClockJump { whom: self.whom(), by })
    }

    /// How long a fault lasts: mostly about an election timeout, sometimes a good part of the storm.
    fn lasts(&mut self) -> Duration {
        let is_long = self.random.per_mille(100);
        let usual = self.plan.nodes.election_timeout() * if is_long { 4 } else { 1 };
        around(self.random, usual).min(LASTS_MAX)
    }

    fn whom(&mut self) -> Whom {
        if self.random.per_mille(400) { Whom::Leader } else { self.follower() }
    }

    fn follower(&mut self) -> Whom {
        let members = self.members.all();
        match self.random.pick(&members) {
            Some(node) if self.random.per_mille(600) => Whom::Node(*node),
            _ => Whom::Follower,
        }
    }

    /// All members, if there are two at least.
    fn members_in_any_order(&mut self) -> Option<Vec<NodeId>> {
        let mut all = self.members.all();
        (1..all.len()).rev().for_each(|last| all.swap(last, self.random.index(last + 1)));
        (all.len() > 1).then_some(all)
    }

    /// Worse than usual, in some way.
    fn weather(&mut self) -> Weather {
        let usual = &self.plan.network;
        let chances: [u32; 4] =
            std::array::from_fn(|_| if self.random.per_mille(400) { 10 << self.random.below(6) } else { 0 });
        let [lost, doubled, overtaken, corrupted] = chances;
        let delay_max = usual.delay_max * (1 << self.random.below(6));
        Weather { delay_min: usual.delay_min, delay_max, lost, doubled, overtaken, corrupted: corrupted / 4 }
    }
}
