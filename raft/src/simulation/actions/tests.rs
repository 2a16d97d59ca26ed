//! Faults begin, overlap and end as a plan says, and never do more harm than a cluster survives.

use std::time::Duration;

use super::super::{
    Count, Counts, Report,
    plan::{Action, Direction, JointTransition, Plan, Planned, PowerLoss, Profile, Weather, Whom},
    run,
    tests::Adding,
    trace::{Fate, What},
};
use crate::consensus::NodeId;

/// Long after every storm.
const FOR_EVER: Duration = Duration::from_secs(100_000);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn node(id: u64) -> Whom {
    Whom::Node(NodeId(id))
}

/// A plan in fair weather, with these actions at these seconds.
fn plan(voters: u64, actions: impl IntoIterator<Item = (u64, Action)>) -> Plan {
    let planned = |(at, action)| Planned { at: seconds(at), action };
    let mut plan = Profile::Calm.draw(1, Some(voters));
    plan.network = Weather::fair();
    plan.storm = seconds(20);
    plan.actions = actions.into_iter().map(planned).collect();
    plan.actions.sort_by_key(|planned| planned.at);
    plan
}

/// Carries it out; it must break nothing.
fn carry_out(plan: Plan) -> Report {
    let report = run(plan, Adding, true);
    assert_eq!(report.violation, None, "{}", report.trace);
    report
}

/// In which of the first seconds messages to or from a node were cut.
fn seconds_cut(report: &Report, id: NodeId) -> Vec<u64> {
    let mut sent_by_it = std::collections::BTreeSet::new();
    let mut cut = std::collections::BTreeSet::new();
    for record in report.trace.records() {
        if let What::Sent { number, .. } = &record.what
            && record.node == Some(id)
        {
            sent_by_it.insert(*number);
        }
        if let What::Ended { number, fate: Fate::Cut } = &record.what
            && (record.node == Some(id) || sent_by_it.contains(number))
        {
            cut.insert(record.at.as_secs());
        }
    }
    cut.into_iter().collect()
}

#[test]
fn a_link_is_mended_when_the_last_fault_that_cuts_it_ends() {
    let isolate =
        |lasts| Action::Isolate { whom: node(1), direction: Direction::Both, lasts: seconds(lasts) };
    let partition = Action::Partition { side: vec![NodeId(1)], lasts: seconds(3) };
    let report = carry_out(plan(3, [(2, isolate(4)), (3, isolate(2)), (5, partition)]));
    assert_eq!(seconds_cut(&report, NodeId(1)), [2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_node_that_is_cut_off_in_one_direction_is_heard_or_hears() {
    let isolate = |direction| Action::Isolate { whom: node(1), direction, lasts: seconds(5) };
    for direction in [Direction::Inbound, Direction::Outbound] {
        let report = carry_out(plan(3, [(2, isolate(direction))]));
        let at_it = |wanted: bool| {
            let cut = report.trace.records().iter().filter(|record| {
                matches!(record.what, What::Ended { fate: Fate::Cut, .. })
                    && (record.node == Some(NodeId(1))) == wanted
            });
            cut.count()
        };
        assert!(at_it(direction == Direction::Inbound) > 0, "{direction:?}");
        assert_eq!(at_it(direction != Direction::Inbound), 0, "{direction:?}");
    }
}

#[test]
fn all_that_is_on_ends_with_the_storm() {
    let whom = node(1);
    let faults = [
        Action::Isolate { whom, direction: Direction::Both, lasts: FOR_EVER },
        Action::Cut { from: NodeId(2), to: NodeId(3), lasts: FOR_EVER },
        Action::Swizzle { go: vec![NodeId(1), NodeId(2)], back: vec![NodeId(2)], step: seconds(3) },
        Action::Storm { weather: Weather { lost: 1000, ..Weather::fair() }, lasts: FOR_EVER },
        Action::Crash { whom, power: PowerLoss::Whole, down: FOR_EVER },
        Action::CrashAll { down: FOR_EVER },
        Action::Pause { whom, lasts: FOR_EVER },
        Action::SlowDisk { whom, sync: seconds(1), lasts: FOR_EVER },
        Action::StallDisk { whom, lasts: FOR_EVER },
        Action::FillDisk { whom, lasts: FOR_EVER },
        Action::FailSync { whom, down: FOR_EVER },
        Action::ClockRate { whom, rate: 900_000, lasts: FOR_EVER },
        Action::ClockStop { whom, lasts: FOR_EVER },
    ];
    for fault in faults {
        // Twice, and to all: the cluster does nothing until it ends.
        let all = (1..=3).map(|id| (2 + id, to(&fault, id))).chain([(10, fault.clone())]);
        carry_out(plan(3, all));
    }
}

/// The same fault at another node.
fn to(fault: &Action, id: u64) -> Action {
    let mut fault = fault.clone();
    if let Action::Isolate { whom, .. }
    | Action::Crash { whom, .. }
    | Action::Pause { whom, .. }
    | Action::SlowDisk { whom, .. }
    | Action::StallDisk { whom, .. }
    | Action::FillDisk { whom, .. }
    | Action::FailSync { whom, .. }
    | Action::ClockRate { whom, .. }
    | Action::ClockStop { whom, .. } = &mut fault
    {
        *whom = node(id);
    }
    fault
}

#[test]
fn a_lost_node_is_replaced_by_one_of_a_new_number() {
    for incarnations in [true, false] {
        let mut plan = plan(3, [(5, Action::Wipe { whom: Whom::Leader, down: seconds(1) })]);
        plan.nodes.incarnations = incarnations;
        let counts = carry_out(plan).counts;
        assert_eq!((counts.of(Count::FaultWipe), counts.of(Count::NodesReplaced)), (1, 1));
    }
}

#[test]
fn one_node_at_a_time_is_lost_and_none_of_two() {
    let wipe = |id| Action::Wipe { whom: node(id), down: seconds(1) };
    let together = carry_out(plan(3, [(5, wipe(1)), (5, wipe(2)), (5, wipe(3))]));
    assert_eq!(together.counts.of(Count::FaultWipe), 1);
    let of_two = carry_out(plan(2, [(5, wipe(1))]));
    assert_eq!(of_two.counts.of(Count::FaultWipe), 0);
    let one_by_one = carry_out(plan(3, [(4, wipe(1)), (9, wipe(2)), (14, wipe(3))]));
    assert_eq!(one_by_one.counts.of(Count::NodesReplaced), 3);
}

#[test]
fn flipped_bits_are_noticed_or_do_not_matter() {
    let flip = |choice| Action::FlipBit { whom: node(1), choice, down: seconds(1) };
    let mut counts = Counts::default();
    for choice in 0..40_u64 {
        let choice = choice.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        counts += &carry_out(plan(3, [(10, flip(choice))])).counts;
    }
    let [flipped, refused, replaced] =
        [Count::FaultBitFlip, Count::FaultLogRefused, Count::NodesReplaced].map(|count| counts.of(count));
    assert!(refused > 0 && refused < flipped, "{refused} of {flipped} refused");
    assert_eq!(refused, replaced);
}

#[test]
fn a_sync_that_fails_stops_the_node_until_it_is_started_again() {
    let report = carry_out(plan(3, [(5, Action::FailSync { whom: node(2), down: seconds(4) })]));
    let of_it = report.trace.records().iter().filter(|record| record.node == Some(NodeId(2)));
    let lives = of_it.filter(|record| matches!(record.what, What::Started | What::Stopped(_)));
    let times: Vec<_> = lives.map(|record| record.at.as_secs()).collect();
    let [0, stopped @ (5 | 6), started] = times[..] else { panic!("{times:?}") };
    assert_eq!(started - stopped, 4);
}

#[test]
fn operators_try_again_until_the_membership_is_what_they_want() {
    let crash = Action::Crash { whom: Whom::Leader, power: PowerLoss::None, down: seconds(1) };
    let joint = Action::ChangeJointly {
        voters: vec![NodeId(5), NodeId(6)],
        learners: vec![NodeId(7)],
        gone: vec![NodeId(2)],
        transition: JointTransition::Explicit,
    };
    let wishes = [
        Action::AddVoter { node: NodeId(4) },
        Action::Replace { whom: node(3), new: NodeId(8) },
        joint,
        Action::Remove { whom: node(1) },
        Action::AddLearner { node: NodeId(4) },
    ];
    let report = carry_out(plan(3, wishes.into_iter().map(|wish| (5, wish)).chain([(5, crash)])));
    let said = report.trace.records().iter().map(|record| record.what.to_string());
    let done: Vec<_> = said.filter(|words| words.ends_with(" is done")).collect();
    assert_eq!(done.len(), 5, "{done:?}");
}

#[test]
fn an_upgraded_node_comes_back_and_is_understood() {
    let upgrades = (1..=3).map(|id| (3 * id, Action::Upgrade { whom: node(id) }));
    assert_eq!(carry_out(plan(3, upgrades)).counts.of(Count::Upgrades), 3);
}

#[test]
fn each_profile_exercises_what_it_is_for() {
    const SEEDS: u64 = 300;
    for profile in Profile::ALL {
        let mut counts = Counts::default();
        for seed in 1..=SEEDS {
            let report = run(profile.draw(seed, None), Adding, false);
            assert_eq!(report.violation, None, "{profile}, seed {seed}");
            counts += &report.counts;
            if profile.expected().iter().all(|count| counts.of(*count) > 0) {
                break;
            }
        }
        let missing: Vec<_> = profile.expected().into_iter().filter(|count| counts.of(*count) == 0).collect();
        assert!(missing.is_empty(), "{profile} has not done in {SEEDS} seeds: {missing:?}");
    }
}

#[test]
fn each_profile_is_the_same_again() {
    for profile in Profile::ALL {
        for seed in 1..=3 {
            let [first, again] = [(); 2].map(|()| run(profile.draw(seed, None), Adding, false).trace.hash());
            assert_eq!(first, again, "{profile}, seed {seed}");
        }
    }
}
