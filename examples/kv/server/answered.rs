//! How a desk hears that answers have come.

use std::{
    sync::Arc,
    task::{Wake, Waker},
};

use parking_lot::Mutex;

/// The connections of one desk for which an answer has come.
///
/// A ticket of the node is awaited with a waker, as a future is; here, the waker notes the connection and wakes the
/// desk. The node calls the wakers of a batch one after another, so the desk mostly is woken for the first and finds
/// the others noted.
pub(super) struct Answered {
    /// By their numbers.
    connections: Mutex<Vec<usize>>,
    desk: mio::Waker,
}

/// Stands for one connection.
struct Caller {
    connection: usize,
    answered: Arc<Answered>,
}

impl Answered {
    pub(super) fn new(desk: mio::Waker) -> Self {
        Self { connections: Mutex::default(), desk }
    }

    /// What is to be woken when an answer for this connection has come.
    pub(super) fn waker(self: &Arc<Self>, connection: usize) -> Waker {
        Arc::new(Caller { connection, answered: Arc::clone(self) }).into()
    }

    /// Moves to `connections` those for which an answer has come since the last call.
    pub(super) fn take(&self, connections: &mut Vec<usize>) {
        connections.append(&mut self.connections.lock());
    }

    /// Has the desk look up.
    pub(super) fn wake_desk(&self) {
        // It fails only if the desk has ended, and nobody is served any more.
        let _ended = self.desk.wake();
    }

    fn add(&self, connection: usize) {
        let is_first = {
            let mut connections = self.connections.lock();
            connections.push(connection);
            connections.len() == 1
        };
        // Whoever was first has woken the desk, and it takes all.
        if is_first {
            self.wake_desk();
        }
    }
}

impl Wake for Caller {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.answered.add(self.connection);
    }
}
