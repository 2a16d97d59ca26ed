//! One simulation, and all that can go wrong in it: a broken promise, a panic, or another course the second time.

use std::{
    cell::{Cell, RefCell},
    panic,
    sync::Once,
    time::Duration,
};

use quorate::simulation::{Report, Violation, plan::Plan};

/// Carries out a plan with the workload that is tested, and keeps what happens if that is wanted.
pub type Simulate = fn(Plan, bool) -> Report;

/// The promise that a plan comes to the same each time.
const DETERMINISM: &str = "determinism";

/// How a plan is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// Once.
    Once,
    /// Twice, and it must come to the same.
    Twice,
}

impl Times {
    /// How often it takes to see this promise broken.
    #[must_use]
    pub fn to_see(violation: &Violation) -> Self {
        if violation.promise == DETERMINISM { Self::Twice } else { Self::Once }
    }
}

/// Carries out a plan.
#[must_use]
pub fn attempt(simulate: Simulate, plan: &Plan, times: Times, keeps_records: bool) -> Report {
    let mut report = once(simulate, plan, keeps_records);
    if times == Times::Twice && report.violation.is_none() {
        let again = once(simulate, plan, false);
        report.violation = difference(&report, &again);
    }
    report
}

fn difference(first: &Report, again: &Report) -> Option<Violation> {
    let words = |report: &Report| {
        let (hash, requests, simulated) = (report.trace.hash(), report.requests, report.simulated);
        format!("{hash:016x} after {requests} requests and {:.6} s", simulated.as_secs_f64())
    };
    let message = format!("the traces of two runs are {} and {}", words(first), words(again));
    let is_same = first.trace.hash() == again.trace.hash() && again.violation.is_none();
    (!is_same).then(|| Violation { promise: DETERMINISM, message, at: Duration::ZERO, node: None })
}

fn once(simulate: Simulate, plan: &Plan, keeps_records: bool) -> Report {
    static HOOK: Once = Once::new();
    HOOK.call_once(silence_panics);
    IS_SIMULATING.set(true);
    let mut report = simulate(plan.clone(), keeps_records);
    IS_SIMULATING.set(false);
    let place = PANICKED_AT.take();
    if let (Some(violation), Some(place)) = (&mut report.violation, place)
        && violation.promise == Violation::NO_PANIC
    {
        violation.message = format!("{place}: {}", violation.message);
    }
    report
}

thread_local! {
    static IS_SIMULATING: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic in a simulation was.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic in a simulation is a finding, and is told with it; any other is told as before.
fn silence_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if IS_SIMULATING.get() {
            PANICKED_AT.set(panicked.location().map(ToString::to_string));
        } else {
            before(panicked);
        }
    }));
}
