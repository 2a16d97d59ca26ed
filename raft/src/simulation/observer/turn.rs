//! What a node shows of itself, and has given out, in one turn of its loop.

use std::time::Duration;

use super::{
    super::{
        counts::{Count, Counts},
        trace::{Trace, What},
        violation::{Broken, ensure},
    },
    Observer,
    node::Observed,
    promise::{MONOTONIC, ONE_VOTE},
    state_machines::HandedOut,
};
use crate::{
    consensus::{HardState, LogIndex, Membership, NodeId, RoleKind, Term},
    runtime::{ApplyJob, Driver, WriteJob},
    state_machine::StateMachine,
};

/// How many turns of a node pass between two looks at all that it holds: that takes time.
const LOOK_EVERY: u64 = 64;

/// What a driver has done in one turn, before any of it is carried out or sent.
pub(in crate::simulation) struct Turn<'a, S: StateMachine> {
    pub(in crate::simulation) driver: &'a Driver<S>,
    pub(in crate::simulation) writes: &'a [WriteJob],
    pub(in crate::simulation) applies: &'a [ApplyJob<S>],
}

/// What a node shows of itself.
pub(super) struct Shown<'a> {
    pub(super) hard_state: HardState,
    pub(super) role: RoleKind,
    pub(super) leader: Option<NodeId>,
    pub(super) membership: &'a Membership,
}

/// What was seen of a node before this turn.
pub(super) struct Before {
    pub(super) hard_state: HardState,
    pub(super) role: Option<RoleKind>,
    pub(super) leads: Option<Term>,
    pub(super) in_force: LogIndex,
}

impl Observer {
    /// A node's loop has turned.
    pub(in crate::simulation) fn on_turn<S: StateMachine>(
        &mut self,
        id: NodeId,
        now: Duration,
        turn: &Turn<'_, S>,
        trace: &mut Trace,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let raw = turn.driver.raw();
        let (hard_state, role, leader) = (raw.hard_state(), raw.role(), raw.leader());
        let shown = Shown { hard_state, role, leader, membership: raw.membership() };
        let node = self.node(id);
        note_change(id, now, node, &shown, trace);
        node.turns += 1;
        let is_time_to_look = node.turns.is_multiple_of(LOOK_EVERY);
        let handed_out = turn.applies.iter().filter_map(|job| match job {
            ApplyJob::Apply(batch) => Some(HandedOut::Entries(&batch.runs)),
            ApplyJob::Restore { last, .. } => Some(HandedOut::Snapshot(*last)),
            ApplyJob::Answer(_) | ApplyJob::BeginSnapshot(_) => None,
        });
        self.see(id, &shown, turn.writes, handed_out, counts)?;
        if is_time_to_look { self.limits.check_status(&raw.status()) } else { Ok(()) }
    }

    /// Checks all that a turn shows, in the order in which one thing follows from another.
    pub(super) fn see<'a>(
        &mut self,
        id: NodeId,
        shown: &Shown<'_>,
        writes: &[WriteJob],
        handed_out: impl Iterator<Item = HandedOut<'a>>,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let before = self.look_at(id, shown, counts)?;
        let mut elected = None;
        if shown.role == RoleKind::Leader {
            elected = self.note_leader(id, shown.hard_state.term)?;
        }
        for write in writes {
            elected = self.stage(id, &before, shown, write)?.or(elected);
        }
        let is_news = self.note_commit(id, &before, shown, counts)?;
        for given in handed_out {
            self.hand_out(id, shown.hard_state.commit, &given, counts)?;
        }
        if let Some(term) = elected {
            self.check_elected(id, term, &before, counts)?;
        }
        if is_news {
            self.check_is_on_quorum(id, shown.hard_state.commit, &before)?;
        }
        self.check_in_force(id, &before, shown)
    }

    fn look_at(&mut self, id: NodeId, shown: &Shown<'_>, counts: &mut Counts) -> Result<Before, Broken> {
        let node = self.node(id);
        let (leads, in_force) = (node.leads(), node.in_force());
        let was = std::mem::replace(&mut node.hard_state, shown.hard_state);
        let role = node.role.replace(shown.role);
        node.leader = shown.leader;
        let now = shown.hard_state;
        let is_forward = was.term <= now.term && was.commit <= now.commit;
        ensure(is_forward, MONOTONIC, || format!("{was:?} -> {now:?}"))?;
        if was.term < now.term || was.vote.is_none() {
            if now.vote == Some(id) {
                counts.count(Count::Elections);
            }
        } else {
            ensure(was.vote == now.vote, ONE_VOTE, || {
                format!("{id} takes its vote back: {was:?} -> {now:?}")
            })?;
        }
        Ok(Before { hard_state: was, role, leads, in_force })
    }
}

fn note_change(id: NodeId, now: Duration, node: &Observed, shown: &Shown<'_>, trace: &mut Trace) {
    let (was, is) = (node.hard_state, shown.hard_state);
    if was.term != is.term || (node.role, node.leader) != (Some(shown.role), shown.leader) {
        trace.note(now, Some(id), What::Role { term: is.term, role: shown.role, leader: shown.leader });
    }
    if was.commit != is.commit {
        trace.note(now, Some(id), What::Committed(is.commit));
    }
}
