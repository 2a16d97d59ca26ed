//! Sees everything that happens in a cluster, and says when a promise of Raft is broken.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    counts::{Count, Counts},
    plan::Plan,
    trace::{Trace, What},
    violation::{Broken, ensure},
};
use crate::{
    consensus::{Envelope, HardState, LogIndex, Membership, NodeId, RoleKind, Term},
    runtime::{ApplyJob, Driver, WriteJob, Writer},
    state_machine::StateMachine,
    storage::disk::DiskStorage,
};

/// Remembers everything that was ever seen.
pub(super) struct Observer {
    /// Election Safety (§5.2): who led each term.
    leaders: BTreeMap<Term, NodeId>,
    nodes: BTreeMap<NodeId, Seen>,
}

/// What was last seen of a node.
#[derive(Default)]
struct Seen {
    hard_state: HardState,
    role: Option<(RoleKind, Option<NodeId>)>,
    applied: Option<LogIndex>,
    may_be_damaged: bool,
}

impl Observer {
    /// Before anything happens.
    pub(super) fn new(_plan: &Plan, _founders: &Membership) -> Self {
        Self { leaders: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    fn seen(&mut self, id: NodeId) -> &mut Seen {
        self.nodes.entry(id).or_default()
    }

    /// A process was started from what its disk holds.
    pub(super) fn on_started<S: StateMachine>(
        &mut self,
        id: NodeId,
        driver: &Driver<S>,
        _writer: &Writer<DiskStorage>,
    ) -> Result<(), Broken> {
        let hard_state = driver.raw().hard_state();
        let applied = driver.status().core.applied;
        let seen = self.seen(id);
        (seen.hard_state, seen.role) = (hard_state, None);
        seen.applied = Some(applied);
        Ok(())
    }

    /// A driver has given this out to be written.
    pub(super) fn on_staged(&mut self, _id: NodeId, _job: &WriteJob) -> Result<(), Broken> {
        Ok(())
    }

    /// All that was begun to be written is durable: up to where the log now is, if that is news.
    pub(super) fn on_written(&mut self, _id: NodeId) -> Result<Option<LogIndex>, Broken> {
        Ok(None)
    }

    /// A node sends something: what it promises must be durable.
    pub(super) fn on_sent(&mut self, _envelope: &Envelope) -> Result<(), Broken> {
        Ok(())
    }

    /// A driver has given this out for the state machine.
    pub(super) fn on_apply<S: StateMachine>(
        &mut self,
        _id: NodeId,
        job: &ApplyJob<S>,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        match job {
            ApplyJob::Restore { .. } => counts.count(Count::SnapshotsInstalled),
            ApplyJob::Apply(_) | ApplyJob::Answer(_) | ApplyJob::BeginSnapshot(_) => {}
        }
        Ok(())
    }

    /// A state machine contains everything up to here.
    pub(super) fn on_applied(&mut self, id: NodeId, index: LogIndex) -> Result<(), Broken> {
        let seen = self.seen(id);
        let before = seen.applied.replace(index);
        ensure(before <= Some(index), "monotonic applied index", || format!("{before:?} -> {index}"))
    }

    /// A node has done something: what it shows of itself.
    pub(super) fn on_step<S: StateMachine>(
        &mut self,
        id: NodeId,
        now: Duration,
        driver: &Driver<S>,
        trace: &mut Trace,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let raw = driver.raw();
        let (hard_state, role, leader) = (raw.hard_state(), raw.role(), raw.leader());
        let seen = self.seen(id);
        let before = std::mem::replace(&mut seen.hard_state, hard_state);
        let role_before = seen.role.replace((role, leader));
        if before.term != hard_state.term || role_before != Some((role, leader)) {
            trace.note(now, Some(id), What::Role { term: hard_state.term, role, leader });
        }
        if before.commit != hard_state.commit {
            trace.note(now, Some(id), What::Committed(hard_state.commit));
        }
        let is_forward = before.term <= hard_state.term && before.commit <= hard_state.commit;
        ensure(is_forward, "monotonic term and commit index", || format!("{before:?} -> {hard_state:?}"))?;
        if role == RoleKind::Leader {
            let first = *self.leaders.entry(hard_state.term).or_insert_with(|| {
                counts.count(Count::Leaders);
                id
            });
            ensure(first == id, "election safety", || format!("{first} and {id} lead {}", hard_state.term))?;
        }
        Ok(())
    }

    /// A process has ended.
    pub(super) fn on_stopped(&mut self, id: NodeId) {
        self.seen(id).role = None;
    }

    /// A node's disk is lost, with all that it had promised.
    pub(super) fn on_disk_lost(&mut self, id: NodeId) {
        self.seen(id).may_be_damaged = true;
        self.seen(id).hard_state = HardState::default();
        self.seen(id).applied = None;
    }

    /// A node's log was damaged on its disk.
    pub(super) fn on_damaged(&mut self, id: NodeId) {
        self.seen(id).may_be_damaged = true;
    }

    /// Whether a node may refuse its log.
    pub(super) fn may_be_damaged(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|seen| seen.may_be_damaged)
    }

    /// How far a node's state machine has come.
    pub(super) fn applied(&self, id: NodeId) -> Option<LogIndex> {
        self.nodes.get(&id)?.applied
    }

    /// What must hold of these members when all is over.
    pub(super) fn check_end(&self, _members: &BTreeSet<NodeId>) -> Result<(), Broken> {
        Ok(())
    }
}
