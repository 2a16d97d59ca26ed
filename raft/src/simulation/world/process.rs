//! A node's process: the real driver, writer and applier, in the turns of the runtime's loop.

use std::{collections::VecDeque, time::Duration};

use crate::{
    consensus::{ConfChange, Envelope, Membership, NodeId},
    runtime::{
        Applier, ApplyJob, ApplyReport, Completion, Consistency, Driver, MembershipGoal, Notices,
        SnapshotMade, SnapshotTask, Ticker, WriteJob, WriteReport, Writer,
    },
    state_machine::StateMachine,
    storage::disk::DiskStorage,
};

/// What a node's process has in memory: all of it ends with it.
pub(in crate::simulation) struct Process<S: StateMachine> {
    pub(in crate::simulation) driver: Driver<S>,
    pub(in crate::simulation) writer: Writer<DiskStorage>,
    pub(in crate::simulation) applier: Applier<S>,
    pub(super) ticker: Ticker,
    pub(super) notices: Notices,
    /// The id of its log.
    pub(super) incarnation: u64,
    /// What has come and was not taken up yet.
    pub(super) inbox: Inbox<S>,
    pub(super) disk: Queue<WriteJob>,
    pub(super) machine: Queue<ApplyJob<S>>,
    /// The snapshot that is being made.
    pub(super) snapshot: Option<SnapshotTask>,
    /// When its next turn is planned.
    pub(super) next_turn: Option<Duration>,
}

/// Jobs that wait while others are carried out.
pub(super) struct Queue<J> {
    pub(super) waiting: Vec<J>,
    /// Those under way, together.
    pub(super) under_way: Vec<J>,
}

/// What waits for the loop.
pub(super) struct Inbox<S: StateMachine> {
    pub(super) written: Vec<WriteReport>,
    pub(super) applied: Vec<ApplyReport>,
    pub(super) snapshot_made: Option<SnapshotMade>,
    pub(super) peers: VecDeque<PeerEvent>,
    pub(super) requests: VecDeque<Order<S>>,
}

/// What comes from the network.
#[derive(Debug)]
pub(super) enum PeerEvent {
    Message(Envelope),
    Unreachable(NodeId),
    Snapshot { node: NodeId, arrived: bool },
}

/// What clients and operators ask for.
pub(in crate::simulation) enum Order<S: StateMachine> {
    Propose(bytes::Bytes, Completion<S::Response>),
    Query(S::Query, Consistency, Completion<S::Answer>),
    ChangeMembership(ConfChange, Completion<Membership>),
    Operate(MembershipGoal, Completion<Membership>),
    Transfer(NodeId, Completion<()>),
    Campaign,
}

impl<S: StateMachine> Process<S> {
    pub(super) fn new(
        (driver, writer, applier): (Driver<S>, Writer<DiskStorage>, Applier<S>),
        incarnation: u64,
        ticker: Ticker,
    ) -> Self {
        let inbox = Inbox {
            written: Vec::new(),
            applied: Vec::new(),
            snapshot_made: None,
            peers: VecDeque::new(),
            requests: VecDeque::new(),
        };
        let (disk, machine) = (Queue::new(), Queue::new());
        Self {
            driver,
            writer,
            applier,
            ticker,
            notices: Notices::default(),
            incarnation,
            inbox,
            disk,
            machine,
            snapshot: None,
            next_turn: None,
        }
    }

    /// Takes up an order.
    pub(super) fn take_up(&mut self, order: Order<S>) {
        let driver = &mut self.driver;
        match order {
            Order::Propose(command, completion) => driver.propose(command, completion),
            Order::Query(query, consistency, completion) => driver.query(query, consistency, completion),
            Order::ChangeMembership(change, completion) => driver.change_membership(&change, completion),
            Order::Operate(goal, completion) => driver.operate(&goal, completion),
            Order::Transfer(to, completion) => driver.transfer_leader(to, completion),
            Order::Campaign => driver.campaign(),
        }
    }
}

impl<S: StateMachine> Inbox<S> {
    pub(super) fn is_empty(&self) -> bool {
        let has_reports =
            !self.written.is_empty() || !self.applied.is_empty() || self.snapshot_made.is_some();
        !has_reports && self.peers.is_empty() && self.requests.is_empty()
    }
}

impl<J> Queue<J> {
    fn new() -> Self {
        Self { waiting: Vec::new(), under_way: Vec::new() }
    }

    /// Begins what waits, all of it together, unless something is under way. Whether it did.
    pub(super) fn begin(&mut self) -> bool {
        if !self.under_way.is_empty() || self.waiting.is_empty() {
            return false;
        }
        std::mem::swap(&mut self.waiting, &mut self.under_way);
        true
    }
}
