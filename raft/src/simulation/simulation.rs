//! A simulation, from a seed to its report.

use std::{env, panic::panic_any, time::Duration};

use super::{
    checked::Checked,
    counts::Counts,
    failure::Failure,
    faults::Faults,
    panics,
    plan::{Plan, Profile},
    trace::{Trace, What},
    violation::{Broken, Violation},
    workload::Workload,
    world::World,
};

/// What replays one seed of [`Simulation::check`].
const SEED: &str = "QUORATE_SEED";

/// A simulated cluster with a state machine and clients of one's own.
///
/// The seed decides on all that is left to chance: what happens to the cluster and when, how long everything takes, what
/// clients do. Two runs with the same seed are the same, unless the workload or its state machine is not
/// [deterministic](crate::StateMachine).
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is run"]
pub struct Simulation {
    seed: u64,
    nodes: Option<u64>,
    profile: Profile,
    faults: Faults,
    storm: Option<Duration>,
    clients: Option<usize>,
    plan: Option<Plan>,
}

impl Simulation {
    /// What this seed decides on, in the profile [`Stormy`](Profile::Stormy).
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            nodes: None,
            profile: Profile::Stormy,
            faults: Faults::all(),
            storm: None,
            clients: None,
            plan: None,
        }
    }

    /// How many nodes found the cluster. If this is not said, the profile and the seed decide.
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// What kind of plan is drawn.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Which kinds of things may happen.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// For how long things may happen. Those that the plan holds for later do not.
    pub fn storm(mut self, storm: Duration) -> Self {
        self.storm = Some(storm);
        self
    }

    /// How many clients there are.
    pub fn clients(mut self, clients: usize) -> Self {
        self.clients = Some(clients);
        self
    }

    /// Carries out this plan, whatever else was said: one that a failure has left, or one of one's own.
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// The plan that it carries out.
    #[must_use]
    pub fn to_plan(&self) -> Plan {
        if let Some(plan) = &self.plan {
            return plan.clone();
        }
        let mut plan = self.profile.draw(self.seed, self.nodes);
        self.faults.restrict(&mut plan);
        if let Some(storm) = self.storm {
            plan.storm = storm;
            plan.actions.retain(|planned| planned.at < storm);
        }
        if let Some(clients) = self.clients {
            plan.clients.count = clients;
        }
        plan
    }

    /// Runs it, once. If a promise is broken, it is run some more times, each with a clone of the workload, to find out
    /// how little it takes.
    ///
    /// # Errors
    /// [`Failure`] if a promise is broken: one of Raft's, or one of the workload's.
    ///
    /// # Panics
    /// If the plan cannot be carried out: it has no nodes, for example.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "whoever runs it once need not borrow")]
    pub fn try_run<W: Workload + Clone>(&self, workload: W) -> Result<Report, Box<Failure>> {
        self.try_run_with(&|| workload.clone())
    }

    /// The same, for a test.
    ///
    /// # Panics
    /// If a promise is broken. The message says which, what of the plan is enough, and how to see it again. Also if the
    /// plan cannot be carried out.
    #[track_caller]
    pub fn run<W: Workload + Clone>(&self, workload: W) -> Report {
        self.try_run(workload).unwrap_or_else(|failure| fail(&failure.to_string()))
    }

    /// Runs one simulation a seed, each with a workload of its own. With `QUORATE_SEED` in the environment, only that
    /// seed's.
    ///
    /// # Panics
    /// As [`run`](Self::run), and if `QUORATE_SEED` is no number.
    #[track_caller]
    pub fn check<W: Workload>(
        seeds: impl IntoIterator<Item = u64>,
        settings: impl Fn(Self) -> Self,
        workload: impl Fn() -> W,
    ) -> Checked {
        Self::try_check(seeds, settings, workload).unwrap_or_else(|failure| fail(&failure.to_string()))
    }

    /// The same, for a program.
    ///
    /// # Errors
    /// [`Failure`] of the first seed with which a promise is broken.
    ///
    /// # Panics
    /// If a plan cannot be carried out, or `QUORATE_SEED` is no number.
    #[track_caller]
    pub fn try_check<W: Workload>(
        seeds: impl IntoIterator<Item = u64>,
        settings: impl Fn(Self) -> Self,
        workload: impl Fn() -> W,
    ) -> Result<Checked, Box<Failure>> {
        let mut checked = Checked::default();
        let mut check = |seed| -> Result<(), Box<Failure>> {
            checked.add(&settings(Self::new(seed)).try_run_with(&workload)?);
            Ok(())
        };
        match env::var(SEED) {
            Ok(seed) => match seed.parse() {
                Ok(seed) => check(seed)?,
                Err(_) => fail(&format!("{SEED}={seed} is no number: set it to the seed that is to be run")),
            },
            Err(_) => seeds.into_iter().try_for_each(check)?,
        }
        Ok(checked)
    }

    #[track_caller]
    fn try_run_with<W: Workload>(&self, workload: &dyn Fn() -> W) -> Result<Report, Box<Failure>> {
        let plan = self.to_plan();
        if let Err(error) = plan.validate() {
            fail(&format!("this simulation cannot be run: {error}"));
        }
        let report = run(plan.clone(), workload(), false);
        match report.violation {
            None => Ok(report),
            Some(violation) => {
                let again = |plan: &Plan, keeps_records| run(plan.clone(), workload(), keeps_records);
                Err(Box::new(Failure::explain(plan, violation, &again).keep()))
            }
        }
    }
}

/// Fails a test.
#[track_caller]
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn fail(message: &str) -> ! {
    panic_any(message.to_owned())
}

/// How a simulation went.
#[derive(Debug)]
pub struct Report {
    /// How much time has passed in it.
    pub simulated: Duration,
    /// What happened, and how often.
    pub counts: Counts,
    /// How many requests clients made.
    pub requests: u64,
    /// What happened, in order, if that was to be kept.
    pub trace: Trace,
    /// The promise that was broken, if one was.
    pub violation: Option<Violation>,
}

/// Carries out a plan. A panic in the workload or its state machine breaks the promise `no panic`.
#[must_use]
pub fn run<W: Workload>(plan: Plan, workload: W, keeps_records: bool) -> Report {
    let mut world = World::new(plan, workload, keeps_records);
    let (end, heard) = panics::listen(|| world.run());
    let violation = match end {
        Ok(end) => end.err().map(|violation| with_words(violation, heard)),
        Err(words) => {
            let violation = Broken::new(Violation::NO_PANIC, heard.unwrap_or(words)).seen(world.now, None);
            world.note(None, What::Violation(violation.to_string()));
            Some(violation)
        }
    };
    let requests = world.requests();
    Report { simulated: world.now, counts: world.counts, requests, trace: world.trace, violation }
}

/// Where a panic was that the runtime has caught, it does not know.
fn with_words(violation: Violation, heard: Option<String>) -> Violation {
    match heard {
        Some(message) if violation.promise == Violation::NO_PANIC => Violation { message, ..violation },
        Some(_) | None => violation,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use bytes::Bytes;

    use super::*;
    use crate::simulation::{
        Random, Request,
        tests::{Adding, Sum},
    };

    /// Adds, until somebody has had enough.
    #[derive(Clone)]
    struct Bounded {
        most: u64,
        panics: bool,
    }

    impl Workload for Bounded {
        type Machine = Sum;

        fn machine(&self) -> Sum {
            Sum::default()
        }

        fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
            Request::Command(Bytes::from(vec![7; 1 + random.index(100)]))
        }

        fn check(&self, machine: &Sum) -> Result<(), String> {
            let Sum(sum) = machine;
            assert!(!self.panics || *sum <= self.most, "{sum} is too much");
            if *sum <= self.most { Ok(()) } else { Err(format!("{sum} is more than {}", self.most)) }
        }
    }

    #[test]
    fn a_broken_invariant_is_told_with_the_way_to_see_it_again() {
        let bounded = Bounded { most: 1000, panics: false };
        let failure = Simulation::new(3).try_run(bounded).expect_err("the sum grows");
        assert_eq!(failure.violation.promise, "the workload's invariant");
        let text = failure.to_string();
        assert!(text.contains("is more than 1000"), "{text}");
        assert!(text.contains("QUORATE_SEED=3 cargo test simulation::"), "{text}");
        assert!(!failure.report.trace.records().is_empty());
    }

    #[test]
    fn a_panic_of_the_workload_breaks_a_promise_and_says_where() {
        let bounded = Bounded { most: 1000, panics: true };
        let failure = Simulation::new(3).try_run(bounded).expect_err("the sum grows");
        assert_eq!(failure.violation.promise, "no panic");
        let message = &failure.violation.message;
        assert!(message.contains("is too much, at ") && message.contains("simulation.rs:"), "{message}");
    }

    #[test]
    fn a_check_stops_at_the_first_seed_that_fails_and_counts_the_others() {
        let short = |simulation: Simulation| simulation.storm(Duration::from_secs(2));
        let checked = Simulation::check(1..=5, short, || Adding);
        assert_eq!(checked.seeds, 5);
        assert!(checked.requests > 0 && checked.simulated >= Duration::from_secs(10), "{checked}");

        let bounded = || Bounded { most: 1000, panics: false };
        let failure = Simulation::try_check(7..=9, short, bounded).expect_err("the sum grows");
        assert_eq!(failure.original.seed, 7);
    }

    /// Finds fault once, and never again.
    #[derive(Clone)]
    struct Moody(Arc<AtomicBool>);

    impl Workload for Moody {
        type Machine = Sum;

        fn machine(&self) -> Sum {
            Sum::default()
        }

        fn next(&mut self, _client: usize, _now: Duration, _random: &mut Random) -> Request<Sum> {
            Request::Command(Bytes::from_static(b"7"))
        }

        fn check(&self, _machine: &Sum) -> Result<(), String> {
            if self.0.swap(true, Ordering::Relaxed) { Ok(()) } else { Err("just so".to_owned()) }
        }
    }

    #[test]
    fn a_workload_that_does_not_do_the_same_again_is_told_so() {
        let short = Simulation::new(3).storm(Duration::from_secs(1));
        let failure = short.try_run(Moody(Arc::default())).expect_err("it finds fault");
        assert_eq!(failure.violation.promise, Violation::DETERMINISM);
        assert!(failure.violation.message.contains("just so"), "{failure}");
    }

    #[test]
    #[should_panic(expected = "this simulation cannot be run: ")]
    fn a_plan_that_cannot_be_carried_out_is_refused() {
        Simulation::new(1).nodes(0).run(Adding);
    }

    #[test]
    fn what_is_not_to_happen_is_taken_out_of_the_plan() {
        let plan = Simulation::new(1).faults(Faults::none()).clients(2).nodes(5).to_plan();
        assert_eq!((plan.actions.len(), plan.network.lost, plan.clients.count, plan.voters), (0, 0, 2, 5));
    }
}
