//! Shrinking, with promises that are broken by exactly this or that.

use std::time::Duration;

use super::*;
use crate::{
    consensus::NodeId,
    simulation::plan::{Action, Planned, PowerLoss, Profile, Weather, Whom},
};

const SECOND: Duration = Duration::from_secs(1);

/// A plan of so many crashes, one each 333 milliseconds, of node 1 to 5 in turn; every seventh is a campaign.
fn plan(actions: u64) -> Plan {
    let mut plan = Profile::Stormy.draw(1, Some(5));
    (plan.learners, plan.spares) = (1, 2);
    (plan.clients.count, plan.clients.requests, plan.clients.lost) = (4, 1000, 10);
    (plan.nodes.max_message_bytes, plan.nodes.keep_entries) = (4096, 10);
    plan.network = Weather { lost: 10, doubled: 10, ..Weather::fair() };
    plan.storm = SECOND * 3600;
    let action = |number| match (Whom::Node(NodeId(1 + number % 5)), number % 7) {
        (whom, 6) => Action::Campaign { whom },
        (whom, _) => Action::Crash { whom, power: PowerLoss::Whole, down: Duration::from_micros(1_234_567) },
    };
    let planned = |number| Planned { at: Duration::from_millis(333 * number), action: action(number) };
    plan.actions = (1..=actions).map(planned).collect();
    plan
}

fn broken(promise: &'static str, at: Duration) -> Violation {
    Violation { promise, message: String::new(), at, node: None }
}

/// Shrinks a plan that breaks a promise if this is true of it.
fn shrink_while(plan: &Plan, runs: u64, mut breaks: impl FnMut(&Plan) -> bool) -> Shrunk {
    assert!(breaks(plan), "the plan does not break it in the first place");
    let violation = broken("artificial", SECOND * 3000);
    shrink(plan.clone(), violation.clone(), runs, |plan| breaks(plan).then(|| violation.clone()))
}

fn is_crash_of(planned: &Planned, node: u64) -> bool {
    matches!(planned.action, Action::Crash { whom: Whom::Node(NodeId(id)), .. } if id == node)
}

#[test]
fn exactly_the_two_actions_are_left_that_it_takes() {
    let plan = plan(400);
    let [one, other] = [&plan.actions[150].action, &plan.actions[302].action];
    assert_ne!(one, other);
    let has = |plan: &Plan, action: &Action| plan.actions.iter().any(|planned| planned.action == *action);
    let shrunk = shrink_while(&plan, 10_000, |plan| has(plan, one) && has(plan, other));
    let mut left: Vec<_> = shrunk.plan.actions.iter().map(|planned| &planned.action).collect();
    left.sort_by_key(|action| *action == other);
    assert_eq!(left, [one, other]);
    assert!(shrunk.runs < 200, "{} runs", shrunk.runs);
}

#[test]
fn what_does_not_matter_goes() {
    let shrunk = shrink_while(&plan(50), 10_000, |_| true).plan;
    assert_eq!(shrunk.actions, []);
    assert_eq!((shrunk.voters, shrunk.learners, shrunk.spares), (1, 0, 0));
    assert_eq!((shrunk.clients.count, shrunk.clients.requests, shrunk.clients.lost), (0, 0, 0));
    assert_eq!(shrunk.storm, Duration::ZERO);
    assert_eq!(shrunk.network, Weather::fair());
    assert!(shrunk.nodes.max_message_bytes > plan(0).nodes.max_message_bytes, "as it is by default");
}

#[test]
fn what_matters_stays_and_is_as_small_as_it_may_be() {
    let breaks = |plan: &Plan| {
        let crashes = plan.actions.iter().filter(|planned| is_crash_of(planned, 3)).count();
        crashes >= 3
            && plan.voters >= 4
            && plan.clients.requests >= 77
            && plan.storm >= SECOND * 10
            && plan.network.lost > 0
            && plan.nodes.keep_entries == 10
    };
    let shrunk = shrink_while(&plan(400), 10_000, breaks).plan;
    assert_eq!(shrunk.actions.len(), 3);
    assert_eq!((shrunk.voters, shrunk.clients.requests, shrunk.storm), (4, 77, SECOND * 10));
    assert_eq!(
        (shrunk.network.lost, shrunk.network.doubled, shrunk.nodes.keep_entries),
        (plan(0).network.lost, 0, 10)
    );
}

#[test]
fn times_become_round() {
    let shrunk = shrink_while(&plan(20), 10_000, |plan| {
        let Some(Planned { at, action: Action::Crash { down, .. } }) = plan.actions.first() else {
            return false;
        };
        *at >= Duration::from_micros(250_700) && *down >= Duration::from_millis(1_050)
    });
    let Planned { at, action } = &shrunk.plan.actions[0];
    let Action::Crash { power, down, .. } = action else { panic!("{action:?}") };
    assert_eq!((*at, *down), (Duration::from_millis(251), Duration::from_millis(1_200)));
    assert_eq!(*power, PowerLoss::None);
}

#[test]
fn a_storm_ends_with_the_violation() {
    let at = Duration::from_millis(10_500);
    let mut plans = Vec::new();
    shrink(plan(400), broken("artificial", at), 1, |plan| {
        plans.push(plan.clone());
        Some(broken("artificial", at))
    });
    assert_eq!(plans[0].storm, Duration::from_millis(10_501));
    assert!(plans[0].actions.last().is_some_and(|planned| planned.at <= at), "nothing happens later");
}

#[test]
fn another_promise_is_another_matter() {
    let plan = plan(40);
    let shrunk = shrink(plan.clone(), broken("one", SECOND), 1000, |_| Some(broken("other", SECOND)));
    assert_eq!(shrunk.plan, plan);
    assert_eq!(shrunk.violation.promise, "one");
}

#[test]
fn a_greater_budget_never_leaves_more() {
    let breaks = |plan: &Plan| plan.actions.iter().filter(|planned| is_crash_of(planned, 2)).count() >= 4;
    let mut left = usize::MAX;
    for runs in 0..150 {
        let shrunk = shrink_while(&plan(60), runs, breaks);
        assert!(shrunk.runs <= runs && breaks(&shrunk.plan));
        assert!(shrunk.plan.actions.len() <= left, "{} actions after {runs} runs", shrunk.plan.actions.len());
        left = shrunk.plan.actions.len();
    }
    assert_eq!(left, 4);
}

#[test]
fn the_same_plan_is_shrunk_in_the_same_steps() {
    let steps = || {
        let mut steps = Vec::new();
        let breaks = |plan: &Plan| {
            steps.push(plan.clone());
            plan.actions.len() % 3 == 1 && plan.clients.requests > 500
        };
        shrink_while(&plan(61), 1000, breaks);
        steps
    };
    assert_eq!(steps(), steps());
}
