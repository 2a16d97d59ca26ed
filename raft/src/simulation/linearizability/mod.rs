//! Is a history linearizable?
//!
//! A history is what clients saw: when each operation was called, when it was answered, and with what. It is
//! linearizable (Herlihy and Wing, 1990) if every operation can be given one instant between its call and its answer at
//! which it took effect alone. The search for such an order is Wing and Gong's, with the memory of visited
//! configurations that Lowe added ("Testing for linearizability", 2017).
//!
//! A [`Model`] says what the object is: a register, a counter, a queue. Objects that do not touch each other, as the keys
//! of a store, are judged each by itself, which is sound because linearizability is local, and quicker by far:
//!
//! ```
//! use std::time::Duration;
//! use quorate::simulation::linearizability::{Model, Operation, check};
//!
//! struct Register;
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! enum Action {
//!     Write(u32),
//!     /// And what was seen.
//!     Read(u32),
//! }
//!
//! impl Model for Register {
//!     type State = u32;
//!     type Action = Action;
//!
//!     fn after(state: &u32, action: &Action) -> Option<u32> {
//!         match action {
//!             Action::Write(value) => Some(*value),
//!             Action::Read(seen) => (seen == state).then_some(*state),
//!         }
//!     }
//!     fn is_read(action: &Action) -> bool {
//!         matches!(action, Action::Read(_))
//!     }
//! }
//!
//! let operation = |client, call, answer, action| {
//!     let (call, answer) = (Duration::from_millis(call), Some(Duration::from_millis(answer)));
//!     Operation::<Register> { client, call, answer, action }
//! };
//! let mut history = vec![
//!     operation(1, 0, 10, Action::Write(7)),
//!     operation(2, 5, 15, Action::Read(7)), // beside the write: it may see it or not
//! ];
//! assert!(check(&history, &0).is_ok());
//! history.push(operation(2, 20, 30, Action::Read(0)));
//! let unordered = check(&history, &0).unwrap_err();
//! assert_eq!(unordered.operations.len(), 3);
//! ```

mod bits;
mod search;

use std::{collections::BTreeSet, fmt, hash::Hash, time::Duration};

pub use search::order_exists;

/// What an object does: the states that it can be in, and what each operation makes of them.
pub trait Model: Sized {
    /// A state of the object.
    type State: Clone + Eq + Hash;
    /// What an operation does, and what it was told. Of an operation whose outcome nobody knows, only what it does.
    type Action: Clone + Eq + Hash + fmt::Debug;

    /// The state after `action`, or none if the action cannot have been told what it was in this state.
    fn after(state: &Self::State, action: &Self::Action) -> Option<Self::State>;

    /// Whether the action leaves every state as it is. Saying so makes the search much quicker.
    fn is_read(action: &Self::Action) -> bool {
        let _ = action;
        false
    }

    /// Whether the action is possible in every state, and leaves the same whatever it was. Saying so makes the search
    /// quicker.
    fn overwrites(action: &Self::Action) -> bool {
        let _ = action;
        false
    }
}

/// One operation, as its client saw it.
///
/// Operations that surely had no effect must not be in a history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operation<M: Model> {
    /// Who called it: a label for people, the search does not need it.
    pub client: usize,
    /// When it was called, since any fixed moment.
    pub call: Duration,
    /// When it was answered; none if the outcome is unknown, so that it may take effect at any time after its call, or
    /// never.
    pub answer: Option<Duration>,
    /// What it did.
    pub action: M::Action,
}

/// A history for which there is no order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unordered<M: Model> {
    /// Up to the first answer that makes it impossible, in the order of their calls; what is not answered by then counts
    /// as open.
    pub operations: Vec<Operation<M>>,
}

/// Judges the operations on one object that begins in the state `start`.
///
/// # Errors
/// The shortest part of the history, from its beginning, that cannot be ordered.
pub fn check<M: Model>(operations: &[Operation<M>], start: &M::State) -> Result<(), Unordered<M>> {
    let starts = std::slice::from_ref(start);
    if order_exists(operations, starts) {
        return Ok(());
    }
    let ends: BTreeSet<Duration> = operations.iter().filter_map(|operation| operation.answer).collect();
    let ends: Vec<Duration> = ends.into_iter().collect();
    // A history that can be ordered can be ordered at every earlier time: the answers partition.
    let first_bad = ends.partition_point(|end| order_exists(&until(operations, *end), starts));
    let end = ends.get(first_bad).copied().unwrap_or(Duration::MAX);
    let mut operations = until(operations, end);
    operations.sort_by_key(|operation| operation.call);
    Err(Unordered { operations })
}

/// The history as it stood at `end`: what is not answered by then is open, and open reads say nothing.
#[must_use]
pub fn until<M: Model>(operations: &[Operation<M>], end: Duration) -> Vec<Operation<M>> {
    let begun = operations.iter().filter(|operation| operation.call <= end);
    begun
        .map(|operation| Operation {
            client: operation.client,
            call: operation.call,
            answer: operation.answer.filter(|at| *at <= end),
            action: operation.action.clone(),
        })
        .filter(|operation| operation.answer.is_some() || !M::is_read(&operation.action))
        .collect()
}

/// How many operations are shown.
const SHOWN: usize = 12;

impl<M: Model> fmt::Display for Unordered<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = self.operations.len().saturating_sub(SHOWN);
        write!(f, "no order explains these operations")?;
        if left_out > 0 {
            write!(f, " ({left_out} earlier ones are not shown)")?;
        }
        for operation in &self.operations[left_out..] {
            let (client, call) = (operation.client, operation.call.as_secs_f64());
            write!(f, "\n  client {client:<3} {call:>12.6} s … ")?;
            match operation.answer {
                Some(at) => write!(f, "{:>12.6} s  {:?}", at.as_secs_f64(), operation.action)?,
                None => write!(f, "not answered    {:?}", operation.action)?,
            }
        }
        Ok(())
    }
}
