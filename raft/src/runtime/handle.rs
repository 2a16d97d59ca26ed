//! What clients and transports hold of a running node.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use crossbeam_channel::TrySendError;

use super::{
    completion::Completion,
    error::StopReason,
    mailbox::{Control, PeerEvent, Request, Senders},
    outcome::{Outcome, RefusalReason},
    status::NodeStatus,
    ticket::Ticket,
};
use crate::{
    consensus::{Envelope, NodeId},
    state_machine::StateMachine,
    transport::Inbox,
};

/// A running node, for whoever has something to ask of it. Clones are handles on the same node.
///
/// No method waits for the node's loop. Callbacks run on the node's own thread, so they must be short and must
/// not wait; where the answer is known at once, as when the node has stopped, they run on the caller's.
pub struct Handle<S: StateMachine> {
    senders: Arc<Senders<S>>,
}

impl<S: StateMachine> Handle<S> {
    pub(super) fn new(senders: Senders<S>) -> Self {
        Self { senders: Arc::new(senders) }
    }

    /// Proposes a command: here if this node leads, else at the leader.
    ///
    /// Without a known leader it is refused at once. Commands of one caller are applied in the order in which
    /// they were proposed, as far as they are applied at all and the leader stays the same.
    pub fn propose(&self, command: impl Into<Bytes>) -> Ticket<S::Response> {
        let (completion, ticket) = Completion::ticket();
        self.request(Request::Propose { command: command.into(), completion });
        ticket
    }

    /// As [`propose`](Self::propose), with a callback for the outcome. It is called once, whatever happens.
    pub fn propose_with(
        &self,
        command: impl Into<Bytes>,
        callback: impl FnOnce(Outcome<S::Response>) + Send + 'static,
    ) {
        let completion = Completion::callback(callback);
        self.request(Request::Propose { command: command.into(), completion });
    }

    /// Asks the state machine. Linearizable: the answer knows every command whose outcome was known anywhere
    /// before the question. Writes nothing to the log.
    ///
    /// Without a leader the question is kept and asked again, for
    /// [`Options::read_timeout_ticks`](super::Options::read_timeout_ticks).
    pub fn query(&self, query: S::Query) -> Ticket<S::Answer> {
        let (completion, ticket) = Completion::ticket();
        self.request(Request::Query { query, completion });
        ticket
    }

    /// As [`query`](Self::query), with a callback for the outcome. It is called once, whatever happens.
    pub fn query_with(&self, query: S::Query, callback: impl FnOnce(Outcome<S::Answer>) + Send + 'static) {
        let completion = Completion::callback(callback);
        self.request(Request::Query { query, completion });
    }

    fn request(&self, request: Request<S>) {
        let (request, reason) = match self.senders.requests.send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => (request, RefusalReason::Busy),
            Err(TrySendError::Disconnected(request)) => (request, RefusalReason::Stopped),
        };
        if reason == RefusalReason::Busy {
            self.senders.shared.requests_refused.fetch_add(1, Ordering::Relaxed);
        }
        let leader = self.senders.shared.leader_to_ask(reason);
        match request {
            Request::Propose { completion, .. } => completion.complete(Outcome::refused(reason, leader)),
            Request::Query { completion, .. } => completion.complete(Outcome::refused(reason, leader)),
        }
    }

    /// A message of a peer has come. Dropped if the node cannot keep up; its peer sends it again.
    pub fn deliver(&self, envelope: Envelope) {
        if let Err(TrySendError::Full(_)) = self.senders.peers.try_send(PeerEvent::Message(envelope)) {
            self.senders.shared.messages_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Messages of peers have come, in this order.
    pub fn deliver_many(&self, envelopes: impl IntoIterator<Item = Envelope>) {
        for envelope in envelopes {
            self.deliver(envelope);
        }
    }

    /// The transport cannot deliver to `node` at present: a hint, after which a leader is careful with it.
    pub fn report_unreachable(&self, node: NodeId) {
        // Lost if the node cannot keep up: no more than a hint.
        let _hint = self.senders.peers.try_send(PeerEvent::Unreachable(node));
    }

    /// The snapshot on its way to `node` has arrived, or will not. Without a report the leader waits
    /// [`Config::snapshot_ticks`](crate::Config::snapshot_ticks).
    pub fn report_snapshot(&self, node: NodeId, arrived: bool) {
        // Lost if the node cannot keep up: the leader finds out by itself, later.
        let _hint = self.senders.peers.try_send(PeerEvent::Snapshot { node, arrived });
    }

    /// Makes the node stand for election now, without waiting for its timer. Whether it wins is seen in
    /// [`status`](Self::status).
    pub fn campaign(&self) {
        // A node that has stopped stands for nothing.
        let _stopped = self.senders.control.send(Control::Campaign);
    }

    /// The node as it last described itself, which it does each tick and whenever the leader changes.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let mut status = self.senders.shared.status();
        status.queued_requests = self.senders.requests.len();
        status.queued_messages = self.senders.peers.len();
        status
    }

    /// Why the node has stopped; `None` while it runs.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.senders.shared.stop_reason()
    }

    pub(super) fn ask_to_stop(&self) {
        // One that has stopped already need not be told.
        let _stopped = self.senders.control.send(Control::Stop);
    }
}

impl<S: StateMachine> Inbox for Handle<S> {
    fn deliver(&self, envelope: Envelope) {
        Self::deliver(self, envelope);
    }

    fn report_unreachable(&self, node: NodeId) {
        Self::report_unreachable(self, node);
    }

    fn report_snapshot(&self, node: NodeId, arrived: bool) {
        Self::report_snapshot(self, node, arrived);
    }
}

impl<S: StateMachine> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { senders: Arc::clone(&self.senders) }
    }
}

impl<S: StateMachine> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("status", &self.status()).finish()
    }
}
