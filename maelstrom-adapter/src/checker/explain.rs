//! The explanation of a conflict: the smallest window of operations that cannot be ordered.
//!
//! Each reduction only takes demands away, so what remains is a conflict of the whole history too:
//!
//! 1. The end: up to the first answer that makes the history impossible. What is still open then is
//!    treated as open for ever.
//! 2. The start: as late as possible, and the register may hold anything there.
//! 3. The middle: reads are left out, and writes are allowed not to have happened, as long as the rest
//!    still cannot be ordered.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use std::time::Duration;

use quorate::simulation::linearizability::{order_exists, until};

use super::history::Values;
use super::model::{Action, Operation, Register};

/// Operations that no order explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The operations that contradict each other, in the order of their calls.
    pub core: Vec<Operation>,
    /// The other operations of the window: wherever they are put, they do not resolve the conflict.
    pub others: Vec<Operation>,
    /// Whether the window begins at the start of the history, where the key is missing.
    pub from_start: bool,
}

/// At most this many of the other operations are listed.
const OTHERS_LISTED: usize = 12;

impl Conflict {
    /// The window for people, one operation a line.
    #[must_use]
    pub fn describe(&self, values: &Values) -> String {
        let mut text = String::new();
        let start = if self.from_start { "the key is missing" } else { "the key may hold anything" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "before the window {start}; these operations cannot be ordered:");
        for operation in &self.core {
            let _ = writeln!(text, "  {}", describe(operation, values));
        }
        if !self.others.is_empty() {
            let _ = writeln!(text, "these overlap, and do not explain it wherever they are put:");
        }
        for operation in self.others.iter().take(OTHERS_LISTED) {
            let _ = writeln!(text, "  {}", describe(operation, values));
        }
        if self.others.len() > OTHERS_LISTED {
            let _ = writeln!(text, "  … and {} more", self.others.len() - OTHERS_LISTED);
        }
        text
    }
}

fn describe(operation: &Operation, values: &Values) -> String {
    let start = operation.call.as_secs_f64();
    let end = operation.answer.map_or("never answered".to_owned(), |at| format!("{:.6} s", at.as_secs_f64()));
    let what = match operation.action {
        Action::Read(Some(value)) => format!("read → {}", values.text(value)),
        Action::Read(None) => "read → key does not exist".to_owned(),
        Action::Write(value) => format!("write {}", values.text(value)),
        Action::Cas { from, to } => format!("cas {} → {}", values.text(from), values.text(to)),
    };
    format!("c{:<5} {start:>12.6} s … {end:<14} {what}", operation.client)
}

/// The smallest window of `operations`, which cannot be ordered as a whole.
pub(super) fn conflict(operations: &[Operation]) -> Conflict {
    let prefix = shortest_prefix(operations);
    let (window, starts, from_start) = latest_start(&prefix);
    let (core, mut others) = essential(window, &starts);
    for operation in &mut others {
        // The reduction opened these; people are shown what the client saw.
        if let Some(original) = operations.iter().find(|o| is_same_call(o, operation)) {
            operation.answer = original.answer;
        }
    }
    Conflict { core, others, from_start }
}

fn is_same_call(left: &Operation, right: &Operation) -> bool {
    (left.client, left.call) == (right.client, right.call)
}

fn shortest_prefix(operations: &[Operation]) -> Vec<Operation> {
    let ends: Vec<Duration> =
        operations.iter().filter_map(|o| o.answer).collect::<BTreeSet<_>>().into_iter().collect();
    // A history that can be ordered can be ordered at every earlier time: the answers partition.
    let first_bad = ends.partition_point(|end| order_exists(&until(operations, *end), &[Register::MISSING]));
    let end = ends.get(first_bad).copied().unwrap_or(Duration::MAX);
    until(operations, end)
}

/// What happened after `start`. An operation that was under way may have taken effect before.
fn since(operations: &[Operation], start: Duration) -> Vec<Operation> {
    let relevant = operations.iter().filter(|operation| operation.answer.is_none_or(|at| at > start));
    relevant
        .filter(|operation| operation.call > start || !matches!(operation.action, Action::Read(_)))
        .map(|operation| Operation {
            answer: operation.answer.filter(|_| operation.call > start),
            ..*operation
        })
        .collect()
}

/// The window with the latest start, the states it may begin in, and whether it begins with the history.
fn latest_start(prefix: &[Operation]) -> (Vec<Operation>, Vec<Register>, bool) {
    let anything = possible_states(prefix);
    let cuts: Vec<Duration> =
        prefix.iter().filter_map(|o| o.answer).collect::<BTreeSet<_>>().into_iter().collect();
    // A later start demands less: once an order exists, it exists for every later start.
    let good = cuts.partition_point(|cut| !order_exists(&since(prefix, *cut), &anything));
    match good.checked_sub(1).and_then(|last_bad| cuts.get(last_bad)) {
        Some(cut) => (since(prefix, *cut), anything, false),
        None if !order_exists(prefix, &anything) => (prefix.to_vec(), anything, false),
        None => (prefix.to_vec(), vec![Register::MISSING], true),
    }
}

fn possible_states(operations: &[Operation]) -> Vec<Register> {
    let mut values = BTreeSet::new();
    for operation in operations {
        match operation.action {
            Action::Read(seen) => values.extend(seen),
            Action::Write(value) => values.extend([value]),
            Action::Cas { from, to } => values.extend([from, to]),
        }
    }
    let holding = values.into_iter().map(Register::holding);
    std::iter::once(Register::MISSING).chain(holding).collect()
}

/// Splits the window into the operations that are needed for the conflict and the others.
fn essential(mut window: Vec<Operation>, starts: &[Register]) -> (Vec<Operation>, Vec<Operation>) {
    window.sort_by_key(|operation| operation.call);
    let mut index = 0;
    while index < window.len() {
        let operation = window[index];
        let without = relaxed(&window, index);
        if operation.answer.is_none() || order_exists(&without, starts) {
            index += 1;
            continue;
        }
        let is_left_out = without.len() < window.len();
        window = without;
        index += usize::from(!is_left_out);
    }
    window.into_iter().partition(|operation| operation.answer.is_some())
}

/// The window with less demanded of one operation: a read is left out, another may never have happened.
fn relaxed(window: &[Operation], index: usize) -> Vec<Operation> {
    let mut without = window.to_vec();
    if matches!(without[index].action, Action::Read(_)) {
        without.remove(index);
    } else {
        without[index].answer = None;
    }
    without
}
