//! A node that this one sends to.

use std::sync::atomic::Ordering;

use parking_lot::{Condvar, Mutex};
use slog::{Logger, info, o, warn};

use super::{
    options::TcpOptions,
    outlet::Outlet,
    queue::{Queue, Queued},
    sockets::Sockets,
    statistics::{Dropped, PeerCounters, PeerStatistics, Refusal, add},
};
use crate::consensus::{Envelope, Message, NodeId};

/// A node that this one sends to: where it is, what waits for it, and what became of what was sent.
pub(super) struct Peer {
    pub(super) id: NodeId,
    address: Mutex<String>,
    /// Why the last attempts to connect failed, all for the same reason, and how many those were.
    streak: Mutex<Option<(Refusal, u64)>>,
    pub(super) queue: Queue,
    /// Held while somebody writes. Empty while there is no connection.
    pub(super) outlet: Mutex<Option<Outlet>>,
    pub(super) snapshot: SnapshotSlot,
    /// The connections to it that are open now.
    pub(super) sockets: Sockets,
    pub(super) counters: PeerCounters,
    pub(super) logger: Logger,
}

/// A snapshot that waits to be sent; there is room for one, as a newer one makes an older one useless.
#[derive(Default)]
pub(super) struct SnapshotSlot {
    state: Mutex<SlotState>,
    changed: Condvar,
}

#[derive(Default)]
struct SlotState {
    waiting: Option<Envelope>,
    under_way: Option<Envelope>,
    is_closed: bool,
}

impl Peer {
    pub(super) fn new(id: NodeId, address: String, options: &TcpOptions, logger: &Logger) -> Self {
        Self {
            id,
            address: Mutex::new(address),
            streak: Mutex::default(),
            queue: Queue::new(options),
            outlet: Mutex::default(),
            snapshot: SnapshotSlot::default(),
            sockets: Sockets::default(),
            counters: PeerCounters::default(),
            logger: logger.new(o!("peer" => id.to_string())),
        }
    }

    pub(super) fn address(&self) -> String {
        self.address.lock().clone()
    }

    /// It is somewhere else now. Whatever goes to the old place ends.
    pub(super) fn move_to(&self, address: String) {
        {
            let mut own = self.address.lock();
            if *own == address {
                return;
            }
            *own = address;
        }
        self.sockets.close_all();
        self.queue.hurry();
    }

    /// Queues a message, until [`send_queued`](Self::send_queued). Whether it took no other's place.
    pub(super) fn enqueue(&self, queued: Queued) -> bool {
        let dropped = self.queue.push(queued);
        self.drop_messages(Dropped::QueueFull, dropped);
        dropped == 0
    }

    /// Sends what is queued: here and now, if the connection takes it and nobody else is writing; else the peer's thread
    /// does. Never waits.
    pub(super) fn send_queued(&self) {
        if self.queue.length().0 == 0 {
            return;
        }
        let mut outlet = self.outlet.try_lock();
        let is_sent = match outlet.as_mut().map(|outlet| outlet.as_mut()) {
            Some(Some(outlet)) => outlet.write_at_once(self),
            // Somebody writes, who may have looked at the queue before; or there is no connection.
            None | Some(None) => false,
        };
        drop(outlet);
        if !is_sent {
            self.queue.hand_over();
        }
    }

    /// Sends a snapshot as soon as nothing newer is to be sent.
    pub(super) fn send_snapshot(&self, envelope: Envelope) {
        if self.snapshot.put(envelope) {
            self.drop_messages(Dropped::Superseded, 1);
        }
    }

    /// What waits has no way to go.
    pub(super) fn drop_waiting(&self) {
        self.drop_messages(Dropped::Disconnected, self.queue.clear());
    }

    pub(super) fn drop_messages(&self, reason: Dropped, count: usize) {
        if count > 0 {
            self.counters.dropped.add(reason.word(), count as u64);
        }
    }

    /// Counts an attempt in vain, and tells of it: the first, the second, the fourth, the eighth in a row of its kind.
    pub(super) fn note_failure(&self, reason: Refusal, error: &dyn std::error::Error) {
        add(&self.counters.failed_attempts, 1);
        self.counters.refused.add(reason.word(), 1);
        let mut streak = self.streak.lock();
        *streak = match *streak {
            Some((before, count)) if before == reason => Some((reason, count + 1)),
            _ => Some((reason, 1)),
        };
        if let Some((_, count)) = *streak
            && count.is_power_of_two()
        {
            warn!(self.logger, "cannot connect: {error} -> trying again"; "address" => self.address(), "times" => count);
        }
    }

    /// Counts an attempt that was not in vain.
    pub(super) fn note_connected(&self) {
        add(&self.counters.connections, 1);
        *self.streak.lock() = None;
        self.set_connected(true);
        info!(self.logger, "connected -> messages are sent"; "address" => self.address());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queue.is_closed()
    }

    /// Nothing more is sent to it; its threads end.
    pub(super) fn close(&self) {
        self.queue.close();
        self.snapshot.close();
        self.sockets.close();
    }

    pub(super) fn statistics(&self) -> PeerStatistics {
        self.counters.statistics(self.id, self.queue.length())
    }

    pub(super) fn is_connected(&self) -> bool {
        self.counters.is_connected.load(Ordering::Relaxed)
    }

    pub(super) fn set_connected(&self, is_connected: bool) {
        self.counters.is_connected.store(is_connected, Ordering::Relaxed);
    }
}

/// Whether both carry the same snapshot in the same term; without looking into it, as it may be large.
fn is_same(one: &Envelope, other: &Envelope) -> bool {
    let last = |envelope: &Envelope| {
        let Message::SnapshotRequest { snapshot } = &envelope.message else { return None };
        Some(snapshot.last)
    };
    one.term == other.term && last(one) == last(other)
}

impl SnapshotSlot {
    /// Puts a snapshot in, unless it is the one that is under way. Whether another had to give way.
    fn put(&self, envelope: Envelope) -> bool {
        let mut state = self.state.lock();
        if state.is_closed || state.under_way.as_ref().is_some_and(|other| is_same(other, &envelope)) {
            return false;
        }
        let superseded = state.waiting.replace(envelope).is_some() || state.under_way.is_some();
        self.changed.notify_all();
        superseded
    }

    /// Waits for a snapshot to send; `None` if there will be none any more.
    pub(super) fn take(&self) -> Option<Envelope> {
        let mut state = self.state.lock();
        while state.waiting.is_none() && !state.is_closed {
            self.changed.wait(&mut state);
        }
        state.under_way = state.waiting.take();
        state.under_way.clone()
    }

    /// Whether the one that is under way is of use no more.
    pub(super) fn is_superseded(&self) -> bool {
        let state = self.state.lock();
        state.is_closed || state.waiting.is_some()
    }

    /// The one that was under way has arrived, or never will. Whether there was one.
    pub(super) fn finish(&self) -> bool {
        self.state.lock().under_way.take().is_some()
    }

    fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }
}
