//! The node's end of a command or a query.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    measurements::{RequestMeasurements, Stopwatch},
    outcome::{Outcome, RefusalReason, UnknownReason},
    ticket::{Slot, Ticket},
};

/// The duty to tell a client how its command or query ended.
///
/// It cannot be forgotten: when it is dropped, as by a thread that panics, the client is told that the node
/// stopped.
pub struct Completion<T> {
    target: Option<Target<T>>,
    /// The command was handed to the core, so it may take effect.
    is_in_doubt: bool,
    stopwatch: Option<Stopwatch>,
}

enum Target<T> {
    Ticket(Arc<Slot<T>>),
    Callback(Box<dyn FnOnce(Outcome<T>) + Send>),
}

impl<T> Completion<T> {
    /// A ticket for the client, and the duty to fill it.
    pub fn ticket() -> (Self, Ticket<T>) {
        let (ticket, slot) = Ticket::new();
        (Self::new(Target::Ticket(slot)), ticket)
    }

    /// The duty to call `callback`. If it panics, that ends the call and nothing else.
    pub fn callback(callback: impl FnOnce(Outcome<T>) + Send + 'static) -> Self {
        Self::new(Target::Callback(Box::new(callback)))
    }

    fn new(target: Target<T>) -> Self {
        Self { target: Some(target), is_in_doubt: false, stopwatch: None }
    }

    /// Begins to measure how long it takes until the client is told.
    pub(super) fn measured_by(mut self, requests: &Arc<RequestMeasurements>) -> Self {
        self.stopwatch = Some(Stopwatch::start(requests));
        self
    }

    /// Tells the client.
    pub fn complete(mut self, outcome: Outcome<T>) {
        self.tell(outcome);
    }

    /// From now on it may take effect, also if nobody tells.
    pub(super) fn put_in_doubt(&mut self) {
        self.is_in_doubt = true;
    }

    fn tell(&mut self, outcome: Outcome<T>) {
        if let Some(stopwatch) = self.stopwatch.take() {
            stopwatch.stop(&outcome);
        }
        match self.target.take() {
            Some(Target::Ticket(slot)) => slot.fill(outcome),
            Some(Target::Callback(callback)) => call(callback, outcome),
            None => {}
        }
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        self.tell(if self.is_in_doubt {
            Outcome::Unknown(UnknownReason::Stopped)
        } else {
            Outcome::refused(RefusalReason::Stopped, None)
        });
    }
}

/// Calls what a client gave us. Its panic is not ours; the panic hook has reported it.
pub(super) fn call<T>(callback: impl FnOnce(T), argument: T) {
    let _panic = catch_unwind(AssertUnwindSafe(|| callback(argument)));
}
