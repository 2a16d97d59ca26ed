//! An operation on the membership, from what is wanted to the membership that is in force (thesis §4).
//!
//! New voters come in as learners, catch up, and are promoted only then, so that the cluster never waits for a voter
//! that still lacks most of the log (thesis §4.2.1). In the order of events: plan, propose, catch up, propose, done.

use super::{
    membership_goal::MembershipGoal,
    options::Options,
    outcome::{Outcome, RefusalReason, UnknownReason},
};
use crate::consensus::{
    ChangeError, ChangeStep, ConfChange, ConfChangeError, EntryId, Leadership, LogIndex, Membership, NodeId,
    RoleKind, Status, Term, Transition,
};

/// Why an operation on the membership ended without what was wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// One operation at a time.
    #[error("another operation on the membership is under way: wait for its outcome")]
    UnderWay,
    /// The node that is to be replaced does not belong to the cluster.
    #[error("{node} is no member: there is nothing to replace")]
    NotMember {
        /// The node in question.
        node: NodeId,
    },
    /// A new voter was brought in as a learner, and did not catch up. It stays a learner: the same operation may be
    /// tried again, and goes on from there.
    #[error(
        "{node} did not catch up in {ticks} ticks and {rounds} rounds: see whether it is up, then try again"
    )]
    NotCaughtUp {
        /// The node in question.
        node: NodeId,
        /// How many rounds were begun.
        rounds: u32,
        /// How long they took together.
        ticks: u64,
    },
}

/// What an operation asks of its driver.
pub(super) enum Next {
    Wait,
    Propose(ConfChange),
    End(Outcome<Membership>),
}

/// How patient an operation is.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    election_ticks: u64,
    catch_up_rounds: u32,
    catch_up_ticks: u64,
    change_ticks: u64,
}

/// One operation under way, on the leader of one term.
pub(super) struct MembershipOperation {
    term: Term,
    /// From the membership at the begin to the one that is wanted.
    steps: Vec<ChangeStep>,
    new_voters: Vec<NodeId>,
    limits: Limits,
    phase: Phase,
    /// The tick in which the phase began.
    since: u64,
}

/// Where an operation stands.
#[derive(Clone, Copy)]
enum Phase {
    /// The change is to be proposed.
    Proposing(Stage),
    /// The change is in the log.
    InLog(Stage, EntryId),
    /// The joint configuration of the change is in force; the leader leaves it by itself.
    Leaving(Stage),
    /// The new voters are learners, and catch up.
    CatchingUp(Round),
}

/// Which change.
#[derive(Clone, Copy)]
enum Stage {
    /// The one that brings the new voters in as learners.
    Learners,
    /// The one that is wanted.
    Final,
}

/// Replicating what the log held when the round began (thesis §4.2.1).
#[derive(Clone, Copy)]
struct Round {
    number: u32,
    last: LogIndex,
    since: u64,
}

impl Limits {
    pub(super) fn new(options: &Options, election_ticks: u32) -> Self {
        Self {
            election_ticks: u64::from(election_ticks),
            catch_up_rounds: options.catch_up_rounds,
            catch_up_ticks: u64::from(options.catch_up_ticks),
            change_ticks: u64::from(options.unknown_after_ticks),
        }
    }
}

impl MembershipOperation {
    /// Plans the way to `goal`. `None` if the membership is what is wanted.
    ///
    /// # Errors
    /// Why there is no way.
    pub(super) fn plan(
        goal: &MembershipGoal,
        status: &Status,
        limits: Limits,
        now: u64,
    ) -> Result<Option<Self>, RefusalReason> {
        let membership = &status.membership;
        let of_change = |error: ChangeError| RefusalReason::ConfChange(error.into());
        if membership.voters.is_joint() {
            return Err(of_change(ChangeError::AlreadyJoint));
        }
        let steps = goal.steps(membership).map_err(RefusalReason::Membership)?;
        if steps.is_empty() {
            return Ok(None);
        }
        // Whatever makes no sense is refused before anything is done.
        membership.after(&change_of(steps.clone())).map_err(of_change)?;
        let new_voters: Vec<_> = steps.iter().filter_map(|step| added_voter(*step)).collect();
        let first = if new_voters.is_empty() { Stage::Final } else { Stage::Learners };
        let term = status.hard_state.term;
        let phase = Phase::Proposing(first);
        Ok(Some(Self { term, steps, new_voters, limits, phase, since: now }))
    }

    /// What to do now: asked at the begin, and once each tick.
    pub(super) fn on_tick(&mut self, status: &Status, now: u64) -> Next {
        match self.phase {
            Phase::Proposing(Stage::Learners) => {
                let change = self.learners_change(&status.membership);
                if change.steps.is_empty() {
                    // All of them belong to the cluster already.
                    self.begin_catch_up(status.last_index, now);
                    return Next::Wait;
                }
                Next::Propose(change)
            }
            Phase::Proposing(Stage::Final) => Next::Propose(change_of(self.steps.clone())),
            Phase::InLog(..) | Phase::Leaving(_) => {
                if now - self.since > self.limits.change_ticks {
                    return Next::End(Outcome::Unknown(UnknownReason::Undecided));
                }
                Next::Wait
            }
            Phase::CatchingUp(round) => self.catch_up(round, status, now),
        }
    }

    /// What became of a proposal of this operation.
    pub(super) fn on_proposed(&mut self, result: Result<EntryId, ConfChangeError>, now: u64) -> Next {
        let Phase::Proposing(stage) = self.phase else { return Next::Wait };
        match result {
            Ok(id) => {
                self.enter(Phase::InLog(stage, id), now);
                Next::Wait
            }
            // These pass by themselves: the proposal is made again each tick.
            Err(
                ConfChangeError::InFlight { .. }
                | ConfChangeError::TermNotCommitted
                | ConfChangeError::TransferringLeadership { .. },
            ) if now - self.since <= self.limits.change_ticks => Next::Wait,
            Err(error) => Next::End(Outcome::refused(RefusalReason::ConfChange(error), None)),
        }
    }

    /// A change was applied: whose, and what is in force now.
    pub(super) fn on_change_applied(
        &mut self,
        id: EntryId,
        result: &Result<Membership, ChangeError>,
        now: u64,
    ) -> Next {
        match (self.phase, result) {
            (Phase::InLog(_, own), Err(error)) if own == id => {
                Next::End(Outcome::refused(RefusalReason::ConfChange((*error).into()), None))
            }
            (Phase::InLog(stage, own), Ok(membership)) if own == id => {
                self.on_in_force(stage, membership, id.index, now)
            }
            (Phase::Leaving(stage), Ok(membership)) => self.on_in_force(stage, membership, id.index, now),
            _ => Next::Wait,
        }
    }

    fn on_in_force(&mut self, stage: Stage, membership: &Membership, index: LogIndex, now: u64) -> Next {
        if membership.voters.is_joint() {
            self.enter(Phase::Leaving(stage), now);
            return Next::Wait;
        }
        match stage {
            Stage::Learners => {
                self.begin_catch_up(index, now);
                Next::Wait
            }
            Stage::Final => Next::End(Outcome::Applied(membership.clone())),
        }
    }

    /// Somebody else may lead, who knows nothing of this operation.
    pub(super) fn on_leadership(&self, leadership: Leadership) -> Next {
        if leadership.role == RoleKind::Leader && leadership.term == self.term {
            return Next::Wait;
        }
        Next::End(Outcome::Unknown(UnknownReason::LeadershipLost))
    }

    fn enter(&mut self, phase: Phase, now: u64) {
        (self.phase, self.since) = (phase, now);
    }

    /// Those of the new voters who do not belong to the cluster yet.
    fn learners_change(&self, membership: &Membership) -> ConfChange {
        let strangers = self.new_voters.iter().filter(|node| !membership.contains(**node));
        change_of(strangers.map(|node| ChangeStep::AddLearner(*node)).collect())
    }

    fn begin_catch_up(&mut self, last: LogIndex, now: u64) {
        self.enter(Phase::CatchingUp(Round { number: 1, last, since: now }), now);
    }

    /// Thesis §4.2.1: once a round takes less than an election timeout, what is still missing takes no longer.
    fn catch_up(&mut self, round: Round, status: &Status, now: u64) -> Next {
        let progress_of = |node| status.progress.iter().find(|(member, _)| *member == node);
        let has_round = |node| progress_of(node).is_some_and(|(_, progress)| progress.matched >= round.last);
        let ticks = now - self.since;
        let laggard = self.new_voters.iter().copied().find(|node| !has_round(*node));
        let is_over = laggard.is_none();
        if is_over && now - round.since < self.limits.election_ticks {
            self.enter(Phase::Proposing(Stage::Final), now);
            return Next::Propose(change_of(self.steps.clone()));
        }
        let is_last = round.number >= self.limits.catch_up_rounds;
        if ticks >= self.limits.catch_up_ticks || (is_over && is_last) {
            let node = laggard.unwrap_or(self.new_voters[0]);
            let error = MembershipError::NotCaughtUp { node, rounds: round.number, ticks };
            return Next::End(Outcome::refused(RefusalReason::Membership(error), None));
        }
        if is_over {
            let round = Round { number: round.number + 1, last: status.last_index, since: now };
            self.phase = Phase::CatchingUp(round);
        }
        Next::Wait
    }
}

fn change_of(steps: Vec<ChangeStep>) -> ConfChange {
    ConfChange::of(steps, Transition::Auto)
}

fn added_voter(step: ChangeStep) -> Option<NodeId> {
    match step {
        ChangeStep::AddVoter(node) => Some(node),
        ChangeStep::AddLearner(_) | ChangeStep::Remove(_) => None,
    }
}
