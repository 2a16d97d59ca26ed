//! Known histories, and small random ones against the definition itself: every order tried.

use std::time::Duration;

use proptest::prelude::*;
use quorate::simulation::linearizability::Model as _;
use serde_json::json;

use super::{Action, Operation, Register, ValueId, Values, check, order_exists};

/// Values 0 to 4 as the first numbers after null.
fn value(number: u32) -> ValueId {
    let mut values = Values::default();
    (0..=number).map(|n| values.intern(&json!(n))).last().unwrap()
}

fn operation(call: u64, answer: impl Into<Option<u64>>, action: Action) -> Operation {
    let answer = answer.into().map(Duration::from_nanos);
    Operation { client: usize::try_from(call).unwrap(), call: Duration::from_nanos(call), answer, action }
}

fn write(call: u64, answer: impl Into<Option<u64>>, number: u32) -> Operation {
    operation(call, answer, Action::Write(value(number)))
}

fn read(call: u64, answer: u64, number: u32) -> Operation {
    operation(call, answer, Action::Read(Some(value(number))))
}

fn cas(call: u64, answer: impl Into<Option<u64>>, from: u32, to: u32) -> Operation {
    operation(call, answer, Action::Cas { from: value(from), to: value(to) })
}

#[test]
fn an_empty_history_is_linearizable() {
    assert!(check(&[]).is_ok());
}

#[test]
fn a_read_after_a_write_sees_it() {
    assert!(check(&[write(1, 2, 1), read(3, 4, 1)]).is_ok());
    assert!(check(&[write(1, 2, 1), read(3, 4, 0)]).is_err());
}

#[test]
fn a_read_beside_a_write_may_see_either() {
    let history = |seen| [write(1, 2, 0), write(3, 9, 1), read(4, 5, seen)];
    assert!(check(&history(0)).is_ok());
    assert!(check(&history(1)).is_ok());
    assert!(check(&history(2)).is_err());
}

#[test]
fn two_reads_beside_a_write_do_not_go_back() {
    let history = [write(1, 2, 0), write(3, 9, 1), read(4, 5, 1), read(6, 7, 0)];
    assert!(check(&history).is_err());
}

#[test]
fn an_open_write_may_take_effect_late_or_never() {
    let late = [write(1, 2, 0), write(3, None, 1), read(4, 5, 0), read(60, 70, 1)];
    assert!(check(&late).is_ok());
    let never = [write(1, 2, 0), write(3, None, 1), read(4, 5, 0)];
    assert!(check(&never).is_ok());
    let twice = [write(1, 2, 0), write(3, None, 1), read(4, 5, 1), read(6, 7, 0)];
    assert!(check(&twice).is_err());
}

#[test]
fn an_open_write_has_no_effect_before_its_call() {
    assert!(check(&[write(1, 2, 0), read(3, 4, 1), write(5, None, 1)]).is_err());
}

#[test]
fn only_one_of_two_equal_cas_succeeds() {
    assert!(check(&[write(1, 2, 0), cas(3, 9, 0, 1), cas(4, 8, 0, 2)]).is_err());
    assert!(check(&[write(1, 2, 0), cas(3, 9, 0, 1), cas(4, 8, 1, 2)]).is_ok());
}

#[test]
fn an_open_cas_explains_a_later_value() {
    assert!(check(&[write(1, 2, 0), cas(3, None, 0, 1), read(10, 11, 1)]).is_ok());
    assert!(check(&[write(1, 2, 2), cas(3, None, 0, 1), read(10, 11, 1)]).is_err());
}

#[test]
fn a_missing_key_is_read_as_missing_or_null() {
    let missing = operation(1, 2, Action::Read(None));
    let null = operation(1, 2, Action::Read(Some(ValueId::NULL)));
    assert!(check(&[missing]).is_ok());
    assert!(check(&[null]).is_ok());
    let write = write(0, 0, 1);
    assert!(check(&[write, missing]).is_err());
    assert!(check(&[write, null]).is_err());
}

#[test]
fn a_stale_read_is_shown_with_the_write_it_missed() {
    let mut history: Vec<Operation> = (0..50).map(|n| write(4 * n, 4 * n + 1, 0)).collect();
    history.extend((0..50).map(|n| read(4 * n + 2, 4 * n + 3, 0)));
    history.extend([write(300, 310, 1), read(320, 330, 0), read(331, 332, 1), write(340, 350, 2)]);
    let conflict = check(&history).unwrap_err();
    assert_eq!(conflict.core, [write(300, 310, 1), read(320, 330, 0)]);
    assert_eq!(conflict.others, []);
    assert!(!conflict.from_start);
    let text = conflict.describe(&Values::default());
    assert_eq!(text.lines().count(), 3, "{text}");
}

/// What a correct register would answer, with many overlaps and some unknown outcomes.
fn correct_history(length: u64, every_unknown: u64) -> Vec<Operation> {
    let mut register = Register::MISSING;
    let mut history = Vec::new();
    for number in 0..length {
        let digit = u32::try_from(number * 7 % 5).unwrap();
        let (call, answer) = (10 * number, 10 * number + 45);
        let wanted = match number % 3 {
            0 => Action::Write(value(digit)),
            1 => Action::Read(register.value()),
            _ => Action::Cas { from: value(digit), to: value((digit + 1) % 5) },
        };
        let Some(after) = Register::after(&register, &wanted) else { continue };
        let is_unknown = number % every_unknown == 0;
        register = if is_unknown && number % 2 == 0 { register } else { after };
        history.push(operation(call, (!is_unknown).then_some(answer), wanted));
    }
    history
}

#[test]
fn a_long_history_with_open_operations_is_judged() {
    assert!(check(&correct_history(20_000, 500)).is_ok());
    assert!(check(&correct_history(600, 12)).is_ok());
}

#[test]
fn a_lost_write_amid_open_operations_is_found() {
    let mut history = correct_history(300, 15);
    let values: Vec<u32> = (5..8).collect();
    history.extend([write(9000, 9001, values[0]), write(9010, 9011, values[1]), read(9020, 9021, values[0])]);
    let conflict = check(&history).unwrap_err();
    assert_eq!(conflict.core, history[history.len() - 2..]);
}

/// The definition: some subset of the open operations and all answered ones, in some order that keeps
/// every answer before every later call, is what a register does.
fn brute_force(operations: &[Operation], register: Register, taken: &mut Vec<bool>) -> bool {
    let is_left = |index: &usize| operations[*index].answer.is_some() && !taken[*index];
    let left: Vec<usize> = (0..operations.len()).filter(is_left).collect();
    if left.is_empty() {
        return true;
    }
    for index in 0..operations.len() {
        let is_early = left.iter().all(|other| operations[*other].answer.unwrap() >= operations[index].call);
        if taken[index] || !is_early {
            continue;
        }
        let Some(after) = Register::after(&register, &operations[index].action) else { continue };
        taken[index] = true;
        let found = brute_force(operations, after, taken);
        taken[index] = false;
        if found {
            return true;
        }
    }
    false
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let action = prop_oneof![
        (0..3_u32).prop_map(|v| Action::Read(Some(value(v)))),
        (0..3_u32).prop_map(|v| Action::Write(value(v))),
        (0..3_u32, 0..3_u32).prop_map(|(from, to)| Action::Cas { from: value(from), to: value(to) }),
        Just(Action::Read(None)),
    ];
    (0..12_u64, 0..6_u64, action, 0..4_u32).prop_map(|(call, length, action, unknown)| {
        operation(call, (unknown > 0).then_some(call + length), action)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_search_agrees_with_the_definition(
        mut history in prop::collection::vec(any_operation(), 0..8)
    ) {
        for (client, operation) in (0..).zip(&mut history) {
            operation.client = client;
        }
        let expected = brute_force(&history, Register::MISSING, &mut vec![false; history.len()]);
        prop_assert_eq!(order_exists(&history, &[Register::MISSING]), expected);
        if let Err(conflict) = check(&history) {
            let window: Vec<Operation> = conflict.core.iter().chain(&conflict.others).copied().collect();
            prop_assert!(!conflict.core.is_empty());
            prop_assert!(window.iter().all(|o| history.contains(o)));
        }
    }
}
