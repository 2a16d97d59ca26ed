//! The channels into a node's loop, and what both of their ends share.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use crossbeam_channel::{Receiver, TrySendError, bounded, unbounded};
use parking_lot::{Mutex, RwLock};

use super::{
    bell::{Bell, Inlet},
    compaction::SnapshotMade,
    completion::Completion,
    consistency::Consistency,
    error::{Part, StopReason},
    jobs::WriteReport,
    measurements::Measurements,
    membership_goal::MembershipGoal,
    options::Options,
    outcome::{Outcome, RefusalReason},
    status::NodeStatus,
};
use crate::{
    consensus::{ConfChange, Envelope, Membership, NodeId},
    metrics::AddedSources,
    state_machine::StateMachine,
};

/// What the transport tells. Any of it may be lost.
pub(super) enum PeerEvent {
    Message(Envelope),
    Unreachable(NodeId),
    Snapshot { node: NodeId, arrived: bool },
}

/// What clients ask for.
pub(super) enum Request<S: StateMachine> {
    Propose { command: Bytes, completion: Completion<S::Response> },
    Query { query: S::Query, consistency: Consistency, completion: Completion<S::Answer> },
    ChangeMembership { change: ConfChange, completion: Completion<Membership> },
    Operate { goal: MembershipGoal, completion: Completion<Membership> },
    TransferLeader { to: NodeId, completion: Completion<()> },
}

impl<S: StateMachine> Request<S> {
    /// Has it measured how the request ends.
    pub(super) fn measure_for(&mut self, measurements: &Measurements) {
        match self {
            Self::Propose { completion, .. } => completion.measure_for(&measurements.commands),
            Self::Query { completion, .. } => completion.measure_for(&measurements.queries),
            Self::ChangeMembership { .. } | Self::Operate { .. } | Self::TransferLeader { .. } => {}
        }
    }

    /// Tells whoever waits that nothing of it was or will be done.
    pub(super) fn refuse(self, reason: RefusalReason, leader: Option<NodeId>) {
        match self {
            Self::Propose { completion, .. } => completion.complete(Outcome::refused(reason, leader)),
            Self::Query { completion, .. } => completion.complete(Outcome::refused(reason, leader)),
            Self::ChangeMembership { completion, .. } | Self::Operate { completion, .. } => {
                completion.complete(Outcome::refused(reason, leader));
            }
            Self::TransferLeader { completion, .. } => completion.complete(Outcome::refused(reason, leader)),
        }
    }
}

/// What must not be lost, and is rare.
pub(super) enum Control {
    Campaign,
    Written(WriteReport),
    /// There is something among the [`ApplyReports`](super::apply_reports::ApplyReports).
    Applied,
    /// The writer or the applier can do no more.
    Failed(StopReason),
    SnapshotMade(SnapshotMade),
    /// Hand leadership on first, if there is one.
    HandOverAndStop,
    Stop,
}

/// The ends that the outside holds.
pub(super) struct Senders<S: StateMachine> {
    pub(super) peers: Inlet<PeerEvent>,
    pub(super) requests: Arc<Gate<S>>,
    pub(super) control: Inlet<Control>,
    pub(super) shared: Arc<Shared>,
}

/// Through which clients' requests come, until it is closed.
///
/// A request holds somebody who waits, so none may be left behind in the channel. Once the gate is closed
/// nobody can put one in, and what the loop then finds there is the last.
pub(super) struct Gate<S: StateMachine> {
    sender: RwLock<Option<Inlet<Request<S>>>>,
}

/// The ends that the loop holds.
pub(super) struct Mailbox<S: StateMachine> {
    pub(super) peers: Receiver<PeerEvent>,
    pub(super) requests: Receiver<Request<S>>,
    pub(super) control: Receiver<Control>,
    bell: Bell,
}

/// What both ends see.
pub(super) struct Shared {
    /// As the loop last published it.
    status: Mutex<NodeStatus>,
    stopped: OnceLock<StopReason>,
    /// A part that had not ended when it was given up.
    hung: OnceLock<Part>,
    pub(super) measurements: Arc<Measurements>,
    /// Of what others measure.
    pub(super) metric_sources: Arc<AddedSources>,
    pub(super) messages_dropped: AtomicU64,
    pub(super) requests_refused: AtomicU64,
}

/// The channels of a node whose status is `status`.
pub(super) fn channels<S: StateMachine>(options: &Options, status: NodeStatus) -> (Senders<S>, Mailbox<S>) {
    let (to_peers, peers) = bounded(options.max_pending_messages);
    let (to_requests, requests) = bounded(options.max_pending_requests);
    let (to_control, control) = unbounded();
    let bell = Bell::new();
    let gate = Gate { sender: RwLock::new(Some(bell.inlet(to_requests))) };
    let shared = Shared {
        status: Mutex::new(status),
        stopped: OnceLock::new(),
        hung: OnceLock::new(),
        measurements: Arc::new(Measurements::new()),
        metric_sources: Arc::default(),
        messages_dropped: AtomicU64::new(0),
        requests_refused: AtomicU64::new(0),
    };
    let senders = Senders {
        peers: bell.inlet(to_peers),
        requests: Arc::new(gate),
        control: bell.inlet(to_control),
        shared: Arc::new(shared),
    };
    (senders, Mailbox { peers, requests, control, bell })
}

impl<S: StateMachine> Gate<S> {
    /// Puts a request into the channel, if there is room and the gate is open.
    pub(super) fn send(&self, request: Request<S>) -> Result<(), TrySendError<Request<S>>> {
        match &*self.sender.read() {
            Some(sender) => sender.try_send(request),
            None => Err(TrySendError::Disconnected(request)),
        }
    }

    /// How many are in the channel.
    pub(super) fn len(&self) -> usize {
        self.sender.read().as_ref().map_or(0, Inlet::len)
    }

    pub(super) fn close(&self) {
        *self.sender.write() = None;
    }
}

impl<S: StateMachine> Mailbox<S> {
    /// Whether there is something, now or in a moment.
    pub(super) fn fills_soon(&self) -> bool {
        self.bell.stay_awake(|| !self.is_empty())
    }

    /// Sleeps until there is something, at most for `timeout`; perhaps less.
    pub(super) fn sleep(&self, timeout: Duration) {
        self.bell.sleep(timeout, || !self.is_empty());
    }

    fn is_empty(&self) -> bool {
        self.peers.is_empty() && self.requests.is_empty() && self.control.is_empty()
    }

    /// Drops what nobody will take up any more. Clients' requests are refused by that.
    pub(super) fn discard(&self, measurements: &Measurements) {
        self.requests.try_iter().for_each(|mut request| request.measure_for(measurements));
        self.peers.try_iter().for_each(drop);
    }
}

impl Shared {
    pub(super) fn publish(&self, status: NodeStatus) {
        *self.status.lock() = status;
    }

    /// Which node it is.
    pub(super) fn id(&self) -> NodeId {
        self.status.lock().core.id
    }

    /// Who leads, as last published, for a client that is refused.
    pub(super) fn leader_to_ask(&self, reason: RefusalReason) -> Option<NodeId> {
        let core = &self.status.lock().core;
        // A node that has stopped leads no more, whatever it last said.
        core.leader.filter(|leader| reason != RefusalReason::Stopped || *leader != core.id)
    }

    /// The status as last published, completed with what can be known without the loop.
    pub(super) fn status(&self) -> NodeStatus {
        let mut status = self.status.lock().clone();
        status.counters.messages_dropped = self.messages_dropped.load(Ordering::Relaxed);
        status.counters.requests_refused += self.requests_refused.load(Ordering::Relaxed);
        status.stopped = self.stop_reason();
        status
    }

    /// Notes why the node has stopped. The first reason stays.
    pub(super) fn note_stopped(&self, reason: StopReason) {
        self.stopped.get_or_init(|| reason);
    }

    /// Notes which part was left behind. The first stays.
    pub(super) fn note_hung(&self, part: Part) {
        self.hung.get_or_init(|| part);
    }

    pub(super) fn hung(&self) -> Option<Part> {
        self.hung.get().copied()
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        self.stopped.get().cloned()
    }
}
