//! What a node shows of itself, and has given out, in one turn of its loop.

use std::time::Duration;

use super::{
    super::{
        counts::{Count, Counts},
        trace::{Trace, What},
        violation::{Broken, ensure},
    },
    Observer,
    disks::Write,
    log::Log,
    node::Observed,
    promise::{
        CONFIGURATIONS, DURABLE_ON_QUORUM, ELECTED_BY_QUORUM, LEADER_APPEND_ONLY, LOG_MATCHING, MONOTONIC,
        ONE_VOTE, SNAPSHOTS, STATE_MACHINE_SAFETY,
    },
};
use crate::{
    consensus::{
        Entries, Entry, EntryId, EntryKind, HardState, LogIndex, Membership, NodeId, Ready, RoleKind, Term,
    },
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

/// Something given out for a state machine.
pub(super) enum HandedOut<'a> {
    Entries(&'a [Entries]),
    Snapshot(EntryId),
}

/// What was seen of a node before this turn.
struct Before {
    hard_state: HardState,
    role: Option<RoleKind>,
    leads: Option<Term>,
    in_force: LogIndex,
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

    /// A node leads a term, or creates entries of it. The term, if that is news.
    fn note_leader(&mut self, id: NodeId, term: Term) -> Result<Option<Term>, Broken> {
        let Self { nodes, elections, .. } = self;
        let log = &nodes.entry(id).or_default().log;
        Ok(elections.lead(id, term, log)?.then_some(term))
    }

    /// Something was given out to be written. The term that the node was elected in, if that shows by it.
    fn stage(
        &mut self,
        id: NodeId,
        before: &Before,
        shown: &Shown<'_>,
        job: &WriteJob,
    ) -> Result<Option<Term>, Broken> {
        let mut elected = None;
        match job {
            WriteJob::Compact { snapshot, .. } => {
                self.check_snapshot(id, snapshot.last, &snapshot.membership)?;
                let given_out = self.node(id).handed_out;
                ensure(snapshot.last.index <= given_out.index, SNAPSHOTS, || {
                    format!(
                        "snapshot {} is ahead of the state machine, which was given {given_out}",
                        snapshot.last
                    )
                })?;
            }
            WriteJob::Write(ready) => {
                self.stage_snapshot(id, ready)?;
                let leads = before.leads.filter(|term| *term == shown.hard_state.term);
                for entry in ready.entries.iter().flat_map(|run| run.iter()) {
                    elected = self.stage_entry(id, entry, leads, before.hard_state.commit)?.or(elected);
                }
            }
        }
        self.node(id).disk.stage(Write::of(job));
        Ok(elected)
    }

    fn stage_snapshot(&mut self, id: NodeId, ready: &Ready) -> Result<(), Broken> {
        let Some(snapshot) = &ready.snapshot else { return Ok(()) };
        self.check_snapshot(id, snapshot.last, &snapshot.membership)?;
        let node = self.node(id);
        node.log = Log::after(snapshot.last);
        node.installed = snapshot.last.index;
        node.is_unfounded = false;
        node.changes.clear();
        Ok(())
    }

    fn stage_entry(
        &mut self,
        id: NodeId,
        entry: &Entry,
        leads: Option<Term>,
        commit: LogIndex,
    ) -> Result<Option<Term>, Broken> {
        // Only the leader of a term creates its entries.
        let is_new = !self.entries.may_know(entry.id);
        let elected = if is_new { self.note_leader(id, entry.id.term)? } else { None };
        self.limits.weigh(entry);
        let node = self.node(id);
        if entry.id.index <= node.log.last().index {
            ensure(leads.is_none(), LEADER_APPEND_ONLY, || {
                format!("the leader replaces its {} by {}", node.log.last(), entry.id)
            })?;
            ensure(entry.id.index > commit, STATE_MACHINE_SAFETY, || {
                format!("{} replaces an entry that is committed", entry.id)
            })?;
            node.changes.retain(|change| *change < entry.id.index);
        }
        let follows = node.log.append(entry.id).map_err(|gap| {
            Broken::new(LOG_MATCHING, format!("{} follows {} in the log of {id}", entry.id, gap.last))
        })?;
        node.changes.extend((entry.kind == EntryKind::ConfChange).then_some(entry.id.index));
        self.entries.meet(follows, entry)?;
        Ok(elected)
    }

    /// A node knows so much to be committed. Whether nobody has known that before.
    fn note_commit(
        &mut self,
        id: NodeId,
        before: &Before,
        shown: &Shown<'_>,
        counts: &mut Counts,
    ) -> Result<bool, Broken> {
        let commit = shown.hard_state.commit;
        let node = self.nodes.entry(id).or_default();
        node.changes.retain(|change| *change > commit);
        ensure(node.changes.len() <= 1, CONFIGURATIONS, || {
            format!("the log holds changes of membership at {:?}, and is committed to {commit}", node.changes)
        })?;
        if commit == before.hard_state.commit {
            return Ok(false);
        }
        // What a snapshot holds is before all that is known of the log.
        let Some(last) = node.log.id_at(commit) else {
            let (last, base) = (node.log.last(), node.log.base());
            return ensure(commit < base.index, LOG_MATCHING, || {
                format!("{id} takes {commit} for committed, and its log ends at {last}")
            })
            .map(|()| false);
        };
        if commit <= self.commits.last().index {
            return self.commits.check(last).map(|()| false);
        }
        let leads = node.leads().or(before.leads);
        for news in self.commits.extend(last, leads, &node.log)? {
            counts.count(Count::Commits);
            if let Some(change) = self.entries.change(news) {
                self.memberships.change(news, change, counts)?;
            }
        }
        Ok(true)
    }

    /// Something was given out for a state machine: what comes next in the log, committed and durable here.
    fn hand_out(
        &mut self,
        id: NodeId,
        commit: LogIndex,
        given: &HandedOut<'_>,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let node = self.nodes.entry(id).or_default();
        let last = match given {
            HandedOut::Snapshot(last) => {
                counts.count(Count::SnapshotsInstalled);
                ensure(last.index > node.handed_out.index, SNAPSHOTS, || {
                    format!("snapshot {last} is to be restored after {}", node.handed_out)
                })?;
                let held = node.disk.durable().snapshot;
                ensure(held.index >= last.index, SNAPSHOTS, || {
                    format!("snapshot {last} is to be restored; the disk has {held}")
                })?;
                node.applying.push_back((last.index, 0));
                *last
            }
            HandedOut::Entries(runs) => {
                let (mut last, mut bytes) = (node.handed_out, 0);
                for entry in runs.iter().flat_map(|run| run.iter()) {
                    ensure(entry.id.index == last.index.next(), STATE_MACHINE_SAFETY, || {
                        format!("{} is to be applied after {last}", entry.id)
                    })?;
                    self.entries.meet(last, entry)?;
                    (last, bytes) = (entry.id, bytes + entry.size());
                }
                self.limits.check_batch(runs, bytes, node.applying_bytes())?;
                node.applying.push_back((last.index, bytes));
                last
            }
        };
        node.handed_out = last;
        ensure(last.index <= commit, STATE_MACHINE_SAFETY, || {
            format!("{last} is to be applied, and only {commit} is known to be committed")
        })?;
        let durable = node.disk.durable();
        ensure(durable.log.may_hold(last), DURABLE_ON_QUORUM, || {
            format!("{last} is to be applied on {id}, and is not durable there: {durable}")
        })?;
        self.commits.check(last)
    }

    /// A node was elected: by a quorum, by a membership that is not too old, and with all that is committed.
    fn check_elected(
        &mut self,
        id: NodeId,
        term: Term,
        before: &Before,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        counts.count(Count::Leaders);
        self.elections.end_transfer(id, counts);
        let node = &self.nodes[&id];
        self.commits.check_leader(id, term, &node.log)?;
        let (from, to) = (before.in_force, node.in_force());
        let own = node.disk.durable().hard_state;
        let voted = |voter| {
            let is_own = voter == id && own.term == term && own.vote == Some(id);
            is_own || self.elections.has_voted(voter, term, id)
        };
        ensure(self.memberships.has_quorum(from, to, voted), ELECTED_BY_QUORUM, || {
            format!("{id} leads term {term} without the votes of a quorum of {}", self.memberships.at(to))
        })?;
        // By an older one, its voters and those of another leader might have none in common.
        let latest = self.memberships.number_at(self.commits.last_before(term).index);
        ensure(self.memberships.number_at(to) + 1 >= latest, ELECTED_BY_QUORUM, || {
            format!("{id} leads term {term} by an outdated membership: {}", self.memberships.at(to))
        })
    }

    /// A leader has committed more of its log.
    fn check_is_on_quorum(&self, leader: NodeId, commit: LogIndex, before: &Before) -> Result<(), Broken> {
        let last = self.commits.last();
        debug_assert_eq!(last.index, commit);
        let holds = |voter| self.nodes.get(&voter).is_some_and(|node: &Observed| node.has_acknowledged(last));
        let (from, to) = (before.in_force, self.nodes[&leader].in_force());
        ensure(self.memberships.has_quorum(from, to, holds), DURABLE_ON_QUORUM, || {
            let holding: Vec<_> =
                self.nodes.keys().filter(|node| holds(**node)).map(NodeId::to_string).collect();
            let membership = self.memberships.at(to);
            format!("{leader} commits {last}, which is durable on {}, by {membership}", holding.join(" "))
        })
    }

    /// In force is what those entries make that were given out here, or the latest snapshot; and nothing else.
    fn check_in_force(&self, id: NodeId, before: &Before, shown: &Shown<'_>) -> Result<(), Broken> {
        let node = &self.nodes[&id];
        let expected = self.memberships.at(node.in_force());
        let is_unfounded = node.is_unfounded && *shown.membership == Membership::default();
        ensure(shown.membership == expected || is_unfounded, CONFIGURATIONS, || {
            format!(
                "{id} goes by {}, and its log up to {} says {expected}",
                shown.membership,
                node.in_force()
            )
        })?;
        let stands = |role| matches!(role, RoleKind::PreCandidate | RoleKind::Candidate);
        if stands(shown.role) && !before.role.is_some_and(stands) {
            let was = self.memberships.at(before.in_force);
            let votes = [expected, was].iter().any(|membership| membership.voters.contains(id));
            ensure(votes, ELECTED_BY_QUORUM, || {
                format!("{id} stands for election, and does not vote: {expected}")
            })?;
        }
        Ok(())
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
