//! The node's end of a command or a query.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    clock::SystemClock,
    measurements::RequestMeasurements,
    outcome::{Outcome, RefusalReason, UnknownReason},
    ticket::{Slot, Ticket, WakeUp},
};

/// The duty to tell a client how its command or query ended.
///
/// It cannot be forgotten: when it is dropped, as by a thread that panics, the client is told that the node
/// stopped.
pub struct Completion<T> {
    /// Until the client is told.
    slot: Option<Arc<Slot<T>>>,
    /// Where it is measured how the request ends.
    measured_for: Option<Arc<RequestMeasurements>>,
    /// The command was handed to the core, so it may take effect.
    is_in_doubt: bool,
}

impl<T> Completion<T> {
    /// A ticket for the client, and the duty to fill it.
    pub fn ticket() -> (Self, Ticket<T>) {
        let (ticket, slot) = Ticket::new();
        (Self::of(slot), ticket)
    }

    /// The duty to call `callback`. If it panics, that ends the call and nothing else.
    pub fn callback(callback: impl FnOnce(Outcome<T>) + Send + 'static) -> Self {
        Self::of(Slot::with_callback(callback))
    }

    fn of(slot: Arc<Slot<T>>) -> Self {
        Self { slot: Some(slot), measured_for: None, is_in_doubt: false }
    }

    /// Has it measured for `requests` how the request ends, and how long that takes from when it was asked for.
    ///
    /// Called by the node, not by clients: many threads that count the owners of `requests` would wait for each other.
    pub(super) fn measure_for(&mut self, requests: &Arc<RequestMeasurements>) {
        self.measured_for = Some(Arc::clone(requests));
    }

    /// Tells the client.
    pub fn complete(mut self, outcome: Outcome<T>) {
        drop(self.tell(outcome, &SystemClock::new()));
    }

    /// As [`complete`](Self::complete), at this moment; but if the client's thread waits, it stays asleep until what is
    /// returned is dropped.
    pub(super) fn complete_at(mut self, outcome: Outcome<T>, moment: &SystemClock) -> WakeUp {
        self.tell(outcome, moment)
    }

    /// From now on it may take effect, also if nobody tells.
    pub(super) fn put_in_doubt(&mut self) {
        self.is_in_doubt = true;
    }

    fn tell(&mut self, outcome: Outcome<T>, moment: &SystemClock) -> WakeUp {
        let Some(slot) = self.slot.take() else { return WakeUp::NOBODY };
        if let Some(requests) = self.measured_for.take() {
            requests.note(&outcome, slot.age(moment));
        }
        slot.fill(outcome)
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        if self.slot.is_none() {
            return;
        }
        let outcome = if self.is_in_doubt {
            Outcome::Unknown(UnknownReason::Stopped)
        } else {
            Outcome::refused(RefusalReason::Stopped, None)
        };
        drop(self.tell(outcome, &SystemClock::new()));
    }
}

/// Calls what a client gave us. Its panic is not ours; the panic hook has reported it.
pub(super) fn call<T>(callback: impl FnOnce(T), argument: T) {
    let _panic = catch_unwind(AssertUnwindSafe(|| callback(argument)));
}
