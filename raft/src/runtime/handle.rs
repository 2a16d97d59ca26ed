//! What clients and transports hold of a running node.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use crossbeam_channel::TrySendError;

use super::{
    completion::Completion,
    consistency::Consistency,
    error::{Part, StopReason},
    mailbox::{Control, PeerEvent, Request, Senders},
    membership_goal::MembershipGoal,
    outcome::{Outcome, RefusalReason},
    status::NodeStatus,
    ticket::Ticket,
};
use crate::{
    consensus::{ConfChange, Envelope, Membership, NodeId},
    metrics::{MetricSource, Metrics, Page},
    state_machine::StateMachine,
    transport::Inbox,
};

/// A running node, for whoever has something to ask of it. Clones are handles on the same node.
///
/// No method waits for the node's loop. Callbacks run on the node's own threads, so they must be short and must
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
        self.propose_for(command.into(), completion);
        ticket
    }

    /// As [`propose`](Self::propose), with a callback for the outcome. It is called once, whatever happens.
    pub fn propose_with(
        &self,
        command: impl Into<Bytes>,
        callback: impl FnOnce(Outcome<S::Response>) + Send + 'static,
    ) {
        let completion = Completion::callback(callback);
        self.propose_for(command.into(), completion);
    }

    /// Asks the state machine. Linearizable: the answer knows every command whose outcome was known anywhere
    /// before the question. Writes nothing to the log.
    ///
    /// Without a leader the question is kept and asked again, for
    /// [`Options::read_timeout_ticks`](super::Options::read_timeout_ticks).
    pub fn query(&self, query: S::Query) -> Ticket<S::Answer> {
        let (completion, ticket) = Completion::ticket();
        self.query_for(query, Consistency::Linearizable, completion);
        ticket
    }

    /// As [`query`](Self::query), with a callback for the outcome. It is called once, whatever happens.
    pub fn query_with(&self, query: S::Query, callback: impl FnOnce(Outcome<S::Answer>) + Send + 'static) {
        let completion = Completion::callback(callback);
        self.query_for(query, Consistency::Linearizable, completion);
    }

    /// Asks the state machine, and says how current the answer must be: see [`Consistency`].
    pub fn query_at(&self, query: S::Query, consistency: Consistency) -> Ticket<S::Answer> {
        let (completion, ticket) = Completion::ticket();
        self.query_for(query, consistency, completion);
        ticket
    }

    /// Proposes one change of membership, as it is. Only the leader takes it; the outcome is the membership that is in
    /// force when the change is applied, which for a change in two steps is the joint one.
    ///
    /// A new voter that lacks the log counts at once, and may keep the cluster waiting:
    /// [`add_voter`](Self::add_voter) is for that.
    pub fn change_membership(&self, change: ConfChange) -> Ticket<Membership> {
        let (completion, ticket) = Completion::ticket();
        self.request(Request::ChangeMembership { change, completion });
        ticket
    }

    /// Makes `node` a learner, which is sent the log and has no vote; also a voter, which loses its own.
    ///
    /// As with every operation on the membership: only the leader takes it, one at a time, and the outcome is the
    /// membership in force when it is done; at once, if that is what is in force. If leadership is lost on the way it is
    /// [unknown](super::UnknownReason::LeadershipLost), and may be asked for again.
    ///
    /// A new node must run already, with storage that knows the membership that the cluster began with
    /// ([`MemStorage::with_voters`](crate::MemStorage::with_voters)), as those that were there from the start: the
    /// log tells it of the changes since.
    pub fn add_learner(&self, node: NodeId) -> Ticket<Membership> {
        self.operate(MembershipGoal::AddLearner(node))
    }

    /// Makes `node` a voter. A new node comes in as a learner and is promoted when it has caught up (thesis §4.2.1),
    /// so that the cluster does not wait for it. One that does not within
    /// [`Options::catch_up_rounds`](super::Options::catch_up_rounds) and
    /// [`Options::catch_up_ticks`](super::Options::catch_up_ticks) is
    /// [given up](super::MembershipError::NotCaughtUp), and stays a learner.
    pub fn add_voter(&self, node: NodeId) -> Ticket<Membership> {
        self.operate(MembershipGoal::AddVoter(node))
    }

    /// Takes `node` out of the cluster. It may be the leader itself, which then leads no more. The node that was taken
    /// out may not hear of it: stop it afterwards, but not before another node leads and a majority of those that are
    /// left has the new [membership](crate::Status::membership). Until then they may need it to learn of that.
    pub fn remove(&self, node: NodeId) -> Ticket<Membership> {
        self.operate(MembershipGoal::Remove(node))
    }

    /// Puts `new` in the place of `old`, in one change: a voter, once it has caught up as in
    /// [`add_voter`](Self::add_voter), or a learner.
    pub fn replace(&self, old: NodeId, new: NodeId) -> Ticket<Membership> {
        self.operate(MembershipGoal::Replace { old, new })
    }

    /// Makes these the voters and the learners, in one change, once the new voters have caught up as in
    /// [`add_voter`](Self::add_voter). Who is named as both becomes a voter.
    pub fn set_membership(
        &self,
        voters: impl IntoIterator<Item = NodeId>,
        learners: impl IntoIterator<Item = NodeId>,
    ) -> Ticket<Membership> {
        let (voters, learners) = (voters.into_iter().collect(), learners.into_iter().collect());
        self.operate(MembershipGoal::Set { voters, learners })
    }

    fn operate(&self, goal: MembershipGoal) -> Ticket<Membership> {
        let (completion, ticket) = Completion::ticket();
        self.request(Request::Operate { goal, completion });
        ticket
    }

    /// Hands leadership over to `to` (thesis §3.10). Only the leader takes it. Applied when `to` leads; within an
    /// election timeout, in which commands may be refused for a moment, it does or the
    /// [attempt has ended](RefusalReason::NotHandedOver).
    pub fn transfer_leader(&self, to: NodeId) -> Ticket<()> {
        let (completion, ticket) = Completion::ticket();
        self.request(Request::TransferLeader { to, completion });
        ticket
    }

    fn propose_for(&self, command: Bytes, completion: Completion<S::Response>) {
        self.request(Request::Propose { command, completion });
    }

    fn query_for(&self, query: S::Query, consistency: Consistency, completion: Completion<S::Answer>) {
        self.request(Request::Query { query, consistency, completion });
    }

    fn request(&self, request: Request<S>) {
        let (mut request, reason) = match self.senders.requests.send(request) {
            Ok(()) => return,
            Err(TrySendError::Full(request)) => (request, RefusalReason::Busy),
            Err(TrySendError::Disconnected(request)) => (request, RefusalReason::Stopped),
        };
        if reason == RefusalReason::Busy {
            self.senders.shared.requests_refused.fetch_add(1, Ordering::Relaxed);
        }
        request.measure_for(&self.senders.shared.measurements);
        request.refuse(reason, self.senders.shared.leader_to_ask(reason));
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
        self.tell(Control::Campaign);
    }

    /// The node as it last described itself, which it does each tick and whenever the leader changes.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        let mut status = self.senders.shared.status();
        status.queued_requests = self.senders.requests.len();
        status.queued_messages = self.senders.peers.len();
        status
    }

    /// All that the node measures, to be rendered for Prometheus; and the place to add what others measure.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let shared = &self.senders.shared;
        Metrics::new(shared.id(), Arc::new(self.clone()), Arc::clone(&shared.metric_sources))
    }

    /// Why the node has stopped; `None` while it runs.
    #[must_use]
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.senders.shared.stop_reason()
    }

    pub(super) fn hung(&self) -> Option<Part> {
        self.senders.shared.hung()
    }

    /// The node did not stop in time: nobody shall wait for it any more.
    pub(super) fn give_up(&self, part: Part) {
        self.senders.shared.note_hung(part);
        self.senders.shared.note_stopped(StopReason::Hung(part));
        self.senders.requests.close();
    }

    pub(super) fn tell(&self, control: Control) {
        // One that has stopped already need not be told.
        let _stopped = self.senders.control.send(control);
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

impl<S: StateMachine> MetricSource for Handle<S> {
    fn describe(&self, page: &mut Page<'_>) {
        self.status().describe(page);
        self.senders.shared.measurements.describe(page);
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
