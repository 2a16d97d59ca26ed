//! Messages that wait for one peer.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

use super::{options::TcpOptions, run::Run, time::Deadline};
use crate::consensus::{Envelope, Message, Proposal};

/// What a message weighs beside its entries, about.
const OVERHEAD: usize = 64;

/// A message that waits.
pub(super) struct Queued {
    pub(super) envelope: Envelope,
    /// Its entries, if they are sent to others too.
    pub(super) run: Option<Arc<Run>>,
    bytes: usize,
}

impl Queued {
    pub(super) fn new(envelope: Envelope, run: Option<Arc<Run>>) -> Self {
        let bytes = OVERHEAD + weight(&envelope.message);
        Self { envelope, run, bytes }
    }
}

fn weight(message: &Message) -> usize {
    match message {
        Message::AppendRequest { entries, .. } => entries.bytes(),
        Message::Propose { proposals } => proposals.iter().map(Proposal::size).sum(),
        Message::ProposeRefused { sequences } => 8 * sequences.len(),
        Message::ReadIndex { token } | Message::ReadIndexResponse { token, .. } => token.len(),
        Message::Heartbeat { echo, .. } | Message::HeartbeatResponse { echo } => echo.0.len(),
        // These go another way.
        Message::SnapshotRequest { .. } => 0,
        Message::PreVoteRequest { .. }
        | Message::PreVoteResponse { .. }
        | Message::VoteRequest { .. }
        | Message::VoteResponse { .. }
        | Message::AppendAccepted { .. }
        | Message::AppendRejected { .. }
        | Message::CommitNotice { .. }
        | Message::TransferRequest
        | Message::TimeoutNow => 0,
    }
}

/// Messages that wait for one peer, bounded; the oldest make room for the newest, for Raft's messages age.
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something was handed over, or the connection is gone, or the peer is.
    changed: Condvar,
    max_messages: usize,
    max_bytes: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Queued>,
    bytes: usize,
    /// There is something to do for the peer's thread.
    is_handed_over: bool,
    /// The connection has ended.
    is_interrupted: bool,
    /// There is reason to try again at once.
    is_hurried: bool,
    is_closed: bool,
}

/// What has ended a wait for messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    Messages,
    Time,
    Interruption,
}

impl Queue {
    pub(super) fn new(options: &TcpOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            max_messages: options.max_queue_messages,
            max_bytes: options.max_queue_bytes,
        }
    }

    /// Adds a message, and wakes nobody. How many older ones had to go; the newest always stays.
    pub(super) fn push(&self, queued: Queued) -> usize {
        let mut state = self.state.lock();
        if state.is_closed {
            return 1;
        }
        state.bytes += queued.bytes;
        state.waiting.push_back(queued);
        let mut dropped = 0;
        while state.waiting.len() > self.max_messages
            || (state.bytes > self.max_bytes && state.waiting.len() > 1)
        {
            let oldest = state.waiting.pop_front();
            state.bytes -= oldest.map_or(0, |oldest| oldest.bytes);
            dropped += 1;
        }
        dropped
    }

    /// Has the peer's thread go on with what waits, or was begun.
    pub(super) fn hand_over(&self) {
        self.state.lock().is_handed_over = true;
        self.changed.notify_one();
    }

    /// Waits until the thread has something to do.
    pub(super) fn wait(&self, deadline: Deadline) -> Woken {
        let mut state = self.state.lock();
        while !(state.is_handed_over || state.is_interrupted || state.is_closed) {
            if self.changed.wait_until(&mut state, deadline.instant()).timed_out() {
                return Woken::Time;
            }
        }
        if state.is_interrupted || state.is_closed {
            return Woken::Interruption;
        }
        state.is_handed_over = false;
        Woken::Messages
    }

    /// Moves the oldest messages into `batch`: at least one if there are any, and no more than weigh `max_bytes`. What is
    /// left is handed over.
    pub(super) fn take(&self, batch: &mut Vec<Queued>, max_bytes: usize) {
        let mut state = self.state.lock();
        let (mut taken, mut bytes) = (0, 0);
        let mut fits = |next: &&Queued| {
            let is_first = taken == 0;
            taken += next.bytes;
            is_first || taken <= max_bytes
        };
        let count = state.waiting.iter().take_while(&mut fits).count();
        for queued in state.waiting.drain(..count) {
            bytes += queued.bytes;
            batch.push(queued);
        }
        state.bytes -= bytes;
        state.is_handed_over |= !state.waiting.is_empty();
    }

    /// Drops everything that waits. How many messages that were.
    pub(super) fn clear(&self) -> usize {
        let mut state = self.state.lock();
        state.bytes = 0;
        std::mem::take(&mut state.waiting).len()
    }

    /// Waits until `wait` has passed, or somebody hurries.
    pub(super) fn pause(&self, wait: Duration) {
        let deadline = Deadline::after(wait);
        let mut state = self.state.lock();
        while !state.is_hurried && !state.is_closed && !deadline.has_passed() {
            self.changed.wait_until(&mut state, deadline.instant());
        }
        state.is_hurried = false;
    }

    /// Ends the pause that is under way, or the next.
    pub(super) fn hurry(&self) {
        self.state.lock().is_hurried = true;
        self.changed.notify_all();
    }

    /// The connection has ended, and with it the wait for messages.
    pub(super) fn interrupt(&self) {
        self.state.lock().is_interrupted = true;
        self.changed.notify_all();
    }

    /// A new connection begins: what interrupted the one before is settled.
    pub(super) fn settle(&self) {
        self.state.lock().is_interrupted = false;
    }

    /// Takes no more messages, and ends every wait.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// How many messages wait, and how many bytes.
    pub(super) fn length(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.waiting.len(), state.bytes)
    }
}
