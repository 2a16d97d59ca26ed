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
//! 3. An open operation is taken only to be seen: none is followed by one that overwrites it, and none leaves the state
//!    as it was. Otherwise it might as well never have happened.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{Model, Operation, bits::Bits};

/// Whether the operations can be ordered, if the object begins in one of the states `starts`.
#[must_use]
pub fn order_exists<M: Model>(operations: &[Operation<M>], starts: &[M::State]) -> bool {
    starts.iter().any(|start| Search::<M>::new(operations, start.clone()).run())
}

/// An answered operation: it must be part of the order.
struct Required<'a, M: Model> {
    call: Duration,
    answer: Duration,
    action: &'a M::Action,
}

/// An operation of unknown outcome: it may be part of the order.
struct Optional<'a, M: Model> {
    call: Duration,
    action: &'a M::Action,
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
struct Step<S> {
    choice: Choice,
    before: S,
}

/// What was taken, as words, and the state that it left.
type Configuration<S> = (S, Box<[u64]>);

struct Search<'a, M: Model> {
    /// In the order of their calls.
    required: Vec<Required<'a, M>>,
    /// In the order of their calls.
    optional: Vec<Optional<'a, M>>,
    taken_required: Bits,
    taken_optional: Bits,
    remaining: usize,
    state: M::State,
    path: Vec<Step<M::State>>,
    visited: HashSet<Configuration<M::State>>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: &'a [Operation<M>], start: M::State) -> Self {
        let mut sorted: Vec<&Operation<M>> = operations.iter().collect();
        sorted.sort_by_key(|operation| operation.call);
        let required: Vec<_> = sorted
            .iter()
            .filter_map(|o| o.answer.map(|answer| Required { call: o.call, answer, action: &o.action }))
            .collect();
        let optional = optional_operations(&sorted);
        Self {
            taken_required: Bits::new(required.len()),
            taken_optional: Bits::new(optional.len()),
            remaining: required.len(),
            state: start,
            path: Vec::new(),
            visited: HashSet::new(),
            required,
            optional,
        }
    }

    /// Whether an order exists.
    fn run(&mut self) -> bool {
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
    fn first_answer(&self) -> Duration {
        let mut deadline = Duration::MAX;
        for index in self.taken_required.zeros_from(0) {
            let operation = &self.required[index];
            if operation.call > deadline {
                break;
            }
            deadline = deadline.min(operation.answer);
        }
        deadline
    }

    fn free_read(&self, deadline: Duration) -> Option<usize> {
        self.taken_required.zeros_from(0).take_while(|index| self.required[*index].call <= deadline).find(
            |index| {
                let action = self.required[*index].action;
                M::is_read(action) && M::after(&self.state, action).is_some()
            },
        )
    }

    fn next_required(&self, from: usize, deadline: Duration) -> Option<usize> {
        let index = self.taken_required.zeros_from(from).next()?;
        (self.required[index].call <= deadline).then_some(index)
    }

    fn next_optional(&self, from: usize, deadline: Duration) -> Option<usize> {
        let called = |index: &usize| self.optional[*index].call <= deadline;
        let first_of_its_kind =
            |index: &usize| self.optional[*index].twin.is_none_or(|twin| self.taken_optional.contains(twin));
        self.taken_optional.zeros_from(from).take_while(called).find(first_of_its_kind)
    }

    /// Takes the operation, unless it cannot come next or leads to where the search has been.
    fn take(&mut self, choice: Choice) -> bool {
        let Some(after) = self.state_after(choice) else { return false };
        self.mark(choice);
        if !self.visited.insert(self.configuration(&after)) {
            self.unmark(choice);
            return false;
        }
        let before = std::mem::replace(&mut self.state, after);
        self.path.push(Step { choice, before });
        true
    }

    fn state_after(&self, choice: Choice) -> Option<M::State> {
        let (action, is_optional) = match choice {
            Choice::Forced(index) | Choice::Required(index) => (self.required[index].action, false),
            Choice::Optional(index) => (self.optional[index].action, true),
        };
        let follows_optional = matches!(self.path.last(), Some(Step { choice: Choice::Optional(_), .. }));
        if follows_optional && M::overwrites(action) {
            return None;
        }
        let after = M::after(&self.state, action)?;
        (!is_optional || after != self.state).then_some(after)
    }

    /// Takes the last operation back.
    fn undo(&mut self) -> Option<Choice> {
        let step = self.path.pop()?;
        self.unmark(step.choice);
        self.state = step.before;
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

    /// Required operations are taken nearly in order, so the words that are full are only counted: a long history does
    /// not make every configuration long.
    fn configuration(&self, state: &M::State) -> Configuration<M::State> {
        let (full, rest) = self.taken_required.compact();
        let mut words = Vec::with_capacity(1 + self.taken_optional.words.len() + rest.len());
        words.push(full as u64);
        words.extend(&self.taken_optional.words);
        words.extend(rest);
        (state.clone(), words.into_boxed_slice())
    }
}

/// The open operations with their twins; open reads say nothing and are left out.
fn optional_operations<'a, M: Model>(sorted: &[&'a Operation<M>]) -> Vec<Optional<'a, M>> {
    let mut last_of_kind: HashMap<&M::Action, usize> = HashMap::new();
    let mut optional = Vec::new();
    for operation in sorted.iter().filter(|o| o.answer.is_none() && !M::is_read(&o.action)) {
        let twin = last_of_kind.insert(&operation.action, optional.len());
        optional.push(Optional { call: operation.call, action: &operation.action, twin });
    }
    optional
}
