//! The search for an order: depth first, with a memory of visited configurations.
//!
//! A configuration is the set of operations taken so far and the state they left. Two configurations
//! that are equal have the same future, so each is visited once (Lowe). At each step the candidates are
//! the operations called before the first answer that is still to come (Wing and Gong).
//!
//! Three rules keep open operations and long histories cheap; each leaves at least one order standing:
//!
//! 1. A read that may come next and sees the present state is taken at once: it changes nothing.
//! 2. Of open operations that do the same, the one called first is taken first.
//! 3. An open operation is taken only to be seen: none is followed by a write, and none leaves the state
//!    as it was. Otherwise it might as well never have happened.

use std::collections::{HashMap, HashSet};

use super::history::Operation;
use super::model::{Action, Register};

/// Whether the operations can be ordered, if the register begins in one of the states `starts`.
#[must_use]
pub fn order_exists(operations: &[Operation], starts: &[Register]) -> bool {
    let mut search = Search::new(operations);
    starts.iter().any(|start| search.run(*start))
}

/// An answered operation: it must be part of the order.
struct Required {
    call: u64,
    answer: u64,
    action: Action,
}

/// An operation of unknown outcome: it may be part of the order.
struct Optional {
    call: u64,
    action: Action,
    /// The open operation before it that does the same.
    twin: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// An index into the required operations, taken by rule 1: there is no need to try another.
    Forced(usize),
    /// An index into the required operations.
    Required(usize),
    /// An index into the optional operations.
    Optional(usize),
}

/// One taken operation, and the state before it.
struct Step {
    choice: Choice,
    before: Register,
}

struct Search {
    /// In the order of their calls.
    required: Vec<Required>,
    /// In the order of their calls.
    optional: Vec<Optional>,
    taken_required: Bits,
    taken_optional: Bits,
    remaining: usize,
    register: Register,
    path: Vec<Step>,
    visited: HashSet<Box<[u64]>>,
}

impl Search {
    fn new(operations: &[Operation]) -> Self {
        let mut sorted: Vec<&Operation> = operations.iter().collect();
        sorted.sort_by_key(|operation| operation.call);
        let required: Vec<Required> = sorted
            .iter()
            .filter_map(|o| o.answer.map(|answer| Required { call: o.call, answer, action: o.action }))
            .collect();
        let optional = optional_operations(&sorted);
        Self {
            taken_required: Bits::new(required.len()),
            taken_optional: Bits::new(optional.len()),
            remaining: required.len(),
            register: Register::MISSING,
            path: Vec::new(),
            visited: HashSet::new(),
            required,
            optional,
        }
    }

    /// Whether an order exists that begins in `start`. Nothing is taken before and after a failure, so
    /// that the next start may follow; what was visited leads nowhere from any start.
    fn run(&mut self, start: Register) -> bool {
        self.register = start;
        let mut tried = None;
        while self.remaining > 0 {
            if self.take_next(tried) {
                tried = None;
                continue;
            }
            let Some(step) = self.undo() else { return false };
            tried = Some(step);
        }
        true
    }

    /// Takes the first candidate after `tried` that leads to a new configuration.
    fn take_next(&mut self, tried: Option<Choice>) -> bool {
        let deadline = self.first_answer();
        let (mut required, mut optional) = match tried {
            None => (0, 0),
            Some(Choice::Forced(_)) => return false,
            Some(Choice::Required(index)) => (index + 1, 0),
            Some(Choice::Optional(index)) => (self.required.len(), index + 1),
        };
        if tried.is_none()
            && let Some(read) = self.free_read(deadline)
        {
            return self.take(Choice::Forced(read));
        }
        while let Some(index) = self.next_required(required, deadline) {
            if self.take(Choice::Required(index)) {
                return true;
            }
            required = index + 1;
        }
        while let Some(index) = self.next_optional(optional, deadline) {
            if self.take(Choice::Optional(index)) {
                return true;
            }
            optional = index + 1;
        }
        false
    }

    /// The first answer among the operations that are not taken: what is called later comes later.
    fn first_answer(&self) -> u64 {
        let mut deadline = u64::MAX;
        for index in self.taken_required.zeros_from(0) {
            let operation = &self.required[index];
            if operation.call > deadline {
                break;
            }
            deadline = deadline.min(operation.answer);
        }
        deadline
    }

    fn free_read(&self, deadline: u64) -> Option<usize> {
        self.taken_required.zeros_from(0).take_while(|index| self.required[*index].call <= deadline).find(
            |index| {
                let action = self.required[*index].action;
                matches!(action, Action::Read(_)) && self.register.after(action).is_some()
            },
        )
    }

    fn next_required(&self, from: usize, deadline: u64) -> Option<usize> {
        let index = self.taken_required.zeros_from(from).next()?;
        (self.required[index].call <= deadline).then_some(index)
    }

    fn next_optional(&self, from: usize, deadline: u64) -> Option<usize> {
        let called = |index: &usize| self.optional[*index].call <= deadline;
        let first_of_its_kind =
            |index: &usize| self.optional[*index].twin.is_none_or(|twin| self.taken_optional.contains(twin));
        self.taken_optional.zeros_from(from).take_while(called).find(first_of_its_kind)
    }

    /// Takes the operation, unless it cannot come next or leads to where the search has been.
    fn take(&mut self, choice: Choice) -> bool {
        let before = self.register;
        let Some(after) = self.state_after(choice) else { return false };
        self.mark(choice);
        if !self.visited.insert(self.configuration(after)) {
            self.unmark(choice);
            return false;
        }
        self.register = after;
        self.path.push(Step { choice, before });
        true
    }

    fn state_after(&self, choice: Choice) -> Option<Register> {
        let (action, is_optional) = match choice {
            Choice::Forced(index) | Choice::Required(index) => (self.required[index].action, false),
            Choice::Optional(index) => (self.optional[index].action, true),
        };
        let follows_optional = matches!(self.path.last(), Some(Step { choice: Choice::Optional(_), .. }));
        if follows_optional && matches!(action, Action::Write(_)) {
            return None;
        }
        let after = self.register.after(action)?;
        (!is_optional || after != self.register).then_some(after)
    }

    /// Takes the last operation back.
    fn undo(&mut self) -> Option<Choice> {
        let step = self.path.pop()?;
        self.unmark(step.choice);
        self.register = step.before;
        Some(step.choice)
    }

    fn mark(&mut self, choice: Choice) {
        match choice {
            Choice::Forced(index) | Choice::Required(index) => {
                self.taken_required.insert(index);
                self.remaining -= 1;
            }
            Choice::Optional(index) => self.taken_optional.insert(index),
        }
    }

    fn unmark(&mut self, choice: Choice) {
        match choice {
            Choice::Forced(index) | Choice::Required(index) => {
                self.taken_required.remove(index);
                self.remaining += 1;
            }
            Choice::Optional(index) => self.taken_optional.remove(index),
        }
    }

    /// The configuration as words. Required operations are taken nearly in order, so the words that are
    /// full are only counted: a long history does not make every configuration long.
    fn configuration(&self, register: Register) -> Box<[u64]> {
        let state = register.value().map_or(0, |value| u64::from(value.index()) + 1);
        let (full, rest) = self.taken_required.compact();
        let mut words = Vec::with_capacity(2 + self.taken_optional.words.len() + rest.len());
        words.extend([state, full as u64]);
        words.extend(&self.taken_optional.words);
        words.extend(rest);
        words.into_boxed_slice()
    }
}

/// The open operations with their twins; open reads say nothing and are left out.
fn optional_operations(sorted: &[&Operation]) -> Vec<Optional> {
    let mut last_of_kind: HashMap<Action, usize> = HashMap::new();
    let mut optional = Vec::new();
    for operation in sorted.iter().filter(|o| o.answer.is_none() && !matches!(o.action, Action::Read(_))) {
        let twin = last_of_kind.insert(operation.action, optional.len());
        optional.push(Optional { call: operation.call, action: operation.action, twin });
    }
    optional
}

/// A set of indices that fills from the front.
struct Bits {
    length: usize,
    words: Vec<u64>,
    /// How many words at the front are full.
    full: usize,
}

impl Bits {
    fn new(length: usize) -> Self {
        Self { length, words: vec![0; length.div_ceil(64)], full: 0 }
    }

    fn contains(&self, index: usize) -> bool {
        self.words[index / 64] & (1 << (index % 64)) != 0
    }

    fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
        while self.words.get(self.full) == Some(&u64::MAX) {
            self.full += 1;
        }
    }

    fn remove(&mut self, index: usize) {
        self.words[index / 64] &= !(1 << (index % 64));
        self.full = self.full.min(index / 64);
    }

    /// The number of full words, and the words after them up to the last that is not empty.
    fn compact(&self) -> (usize, &[u64]) {
        let end = self.words.iter().rposition(|word| *word != 0).map_or(self.full, |last| last + 1);
        (self.full, &self.words[self.full..end.max(self.full)])
    }

    /// The indices that are not in the set, from `start` on.
    fn zeros_from(&self, start: usize) -> impl Iterator<Item = usize> + '_ {
        let first = start.max(self.full * 64);
        let mut word_index = first / 64;
        let mut zeros = self.words.get(word_index).map_or(0, |word| !word & (u64::MAX << (first % 64)));
        std::iter::from_fn(move || {
            while zeros == 0 {
                word_index += 1;
                zeros = !*self.words.get(word_index)?;
            }
            let index = word_index * 64 + zeros.trailing_zeros() as usize;
            zeros &= zeros - 1;
            (index < self.length).then_some(index)
        })
    }
}
