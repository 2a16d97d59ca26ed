//! Who belonged to the cluster when, and what must be true of it (§6; thesis §4).

use std::collections::{BTreeMap, BTreeSet};

use harness::Node;
use quorate::{
    ChangeStep, ConfChange, Entry, EntryKind, LogIndex, Membership, NodeId, Ready, Status, Transition,
};

use crate::{counts::Counts, profile::Founding};

/// Every membership that was ever committed.
pub(crate) struct Memberships {
    /// Each with the entry that made it, the founding one first.
    sequence: Vec<(LogIndex, Membership)>,
    /// They know of no membership until a snapshot tells them.
    unfounded: BTreeSet<NodeId>,
    spares: BTreeSet<NodeId>,
    /// Who has ever been removed.
    removed: BTreeSet<NodeId>,
    /// How far each node knew the log to be committed as of its last Ready, and the changes in its log beyond.
    uncommitted: BTreeMap<NodeId, (LogIndex, Vec<LogIndex>)>,
    /// Snapshots that were delivered to each node: one that it takes is in force before it is restored.
    delivered: BTreeMap<NodeId, Vec<LogIndex>>,
}

/// Whether so many of the voters are a quorum: arithmetic of its own, so that the core's is put to the test.
pub(crate) fn is_quorum(membership: &Membership, holds: impl Fn(NodeId) -> bool) -> bool {
    let majority = |set: &[NodeId]| set.iter().filter(|node| holds(**node)).count() * 2 > set.len();
    let (incoming, outgoing) = (membership.voters.incoming.voters(), membership.voters.outgoing.voters());
    majority(incoming) && (outgoing.is_empty() || majority(outgoing))
}

impl Memberships {
    pub(crate) fn of(founding: &Founding) -> Self {
        Self {
            sequence: vec![(LogIndex::ZERO, founding.membership.clone())],
            unfounded: founding.unfounded.iter().copied().collect(),
            spares: founding.spares.iter().copied().collect(),
            removed: BTreeSet::new(),
            uncommitted: BTreeMap::new(),
            delivered: BTreeMap::new(),
        }
    }

    pub(crate) fn latest(&self) -> &Membership {
        &self.sequence[self.sequence.len() - 1].1
    }

    fn position(&self, index: LogIndex) -> usize {
        self.sequence.partition_point(|(made, _)| *made <= index) - 1
    }

    /// The membership that the log up to `index` makes.
    pub(crate) fn at(&self, index: LogIndex) -> &Membership {
        &self.sequence[self.position(index)].1
    }

    /// That one, and the one before it. Whoever leads with the entry at `index` in its log has applied all changes
    /// up to there but perhaps the last, so it decides by one of these.
    pub(crate) fn around(&self, index: LogIndex) -> &[(LogIndex, Membership)] {
        let position = self.position(index);
        &self.sequence[position.saturating_sub(1)..=position]
    }

    /// An entry is known to be committed, for the first time; `leader` has appended it.
    pub(crate) fn on_committed(&mut self, entry: &Entry, leader: Option<NodeId>, counts: &mut Counts) {
        if entry.kind() != EntryKind::ConfChange {
            return;
        }
        let change = ConfChange::from_data(entry.data()).unwrap();
        let before = self.latest().clone();
        let Ok(next) = before.after(&change) else {
            panic!("{} was proposed, and makes no sense once it is committed: {before}", entry.id)
        };
        expect_overlap(&before, &next);
        count_change(&before, &change, counts);
        for step in &change.steps {
            self.count_step(&before, *step, counts);
        }
        if leader.is_some_and(|leader| change.steps.contains(&ChangeStep::Remove(leader))) {
            counts.count("leaders removed");
        }
        self.sequence.push((entry.id.index, next));
    }

    fn count_step(&mut self, before: &Membership, step: ChangeStep, counts: &mut Counts) {
        let (ChangeStep::AddVoter(node) | ChangeStep::AddLearner(node) | ChangeStep::Remove(node)) = step;
        let (votes, learns) = (before.voters.contains(node), before.learners.contains(&node));
        match step {
            ChangeStep::AddVoter(_) if learns => counts.count("learners promoted"),
            ChangeStep::AddVoter(_) if !votes => counts.count("voters added"),
            ChangeStep::AddLearner(_) if votes => counts.count("voters demoted"),
            ChangeStep::AddLearner(_) if !learns => counts.count("learners added"),
            ChangeStep::Remove(_) if votes => counts.count("voters removed"),
            ChangeStep::Remove(_) if learns => counts.count("learners removed"),
            ChangeStep::AddVoter(_) | ChangeStep::AddLearner(_) | ChangeStep::Remove(_) => {}
        }
        if matches!(step, ChangeStep::Remove(_)) {
            self.removed.insert(node);
        } else if !before.contains(node) {
            let origins = [
                (&self.removed, "former members added again"),
                (&self.spares, "spares added"),
                (&self.unfounded, "unfounded nodes added"),
            ];
            let origin = origins.into_iter().find(|(nodes, _)| nodes.contains(&node));
            origin.into_iter().for_each(|(_, what)| counts.count(what));
        }
    }

    /// In each log, all changes but the last are known to be committed there: a leader proposes one when it has
    /// applied the one before, and whoever takes the new one from it learns that. So a node that has applied what it
    /// knows to be committed stands for election by the latest membership but one at worst.
    pub(crate) fn on_ready(&mut self, node: NodeId, ready: &Ready, counts: &mut Counts) {
        if let Some(snapshot) = &ready.snapshot {
            let expected = self.at(snapshot.last.index);
            assert_eq!(&snapshot.membership, expected, "the snapshot {} is wrong", snapshot.last);
            if expected.voters.is_joint() {
                counts.count("snapshots in a joint configuration");
            }
        }
        let (committed, changes) = self.uncommitted.entry(node).or_default();
        if ready.snapshot.is_some() {
            changes.clear();
        }
        for entry in ready.entries.iter().flat_map(|run| run.iter()) {
            changes.retain(|change| *change < entry.id.index);
            changes.extend((entry.kind() == EntryKind::ConfChange).then_some(entry.id.index));
        }
        *committed = ready.hard_state.map_or(*committed, |hard_state| hard_state.commit);
        changes.retain(|change| change > committed);
        assert!(changes.len() < 2, "{node} does not know which of the changes {changes:?} are committed");
    }

    pub(crate) fn on_snapshot_delivered(&mut self, node: NodeId, last: LogIndex) {
        self.delivered.entry(node).or_default().push(last);
    }

    /// A node starts again: what is committed, and not known to be there, is found again.
    pub(crate) fn on_restart(&mut self, node: &Node) {
        self.delivered.remove(&node.id());
        // The changes that its log holds are forgotten here: those that it takes from now on are looked at.
        self.uncommitted.insert(node.id(), (node.disk().hard_state().commit, Vec::new()));
    }

    /// In force is what the entries make that were applied here, and nothing else.
    pub(crate) fn check_in_force(&self, node: &Node, status: &Status) {
        let id = node.id();
        let is_unfounded =
            |membership: &Membership| self.unfounded.contains(&id) && *membership == Membership::default();
        let with_machine = node.membership();
        assert!(
            with_machine == self.at(node.machine.index()) || is_unfounded(with_machine),
            "{id} has applied up to {}, and keeps {with_machine}",
            node.machine.index()
        );
        let delivered = self.delivered.get(&id).into_iter().flatten();
        let is_snapshot = |membership: &Membership| {
            delivered.clone().any(|last| *last > status.applied && membership == self.at(*last))
        };
        let in_force = &status.membership;
        assert!(
            in_force == self.at(status.applied) || is_unfounded(in_force) || is_snapshot(in_force),
            "{id} has applied up to {}, and goes by {in_force}",
            status.applied
        );
    }

    /// Whoever stands for election has put in force every change that it knows to be committed: by applying it, or by a
    /// snapshot, which is in force before it is restored.
    pub(crate) fn check_candidate(&self, status: &Status) {
        let expected = self.at(status.hard_state.commit);
        assert_eq!(&status.membership, expected, "{} stands with a change to apply", status.id);
    }

    /// A node has just been elected: by a quorum of voters, and by a membership that is not too old. Of the changes
    /// that earlier leaders committed, all but the last are in force at it; by an older membership, its voters and
    /// those of another leader might have none in common.
    pub(crate) fn check_elected(
        &self,
        status: &Status,
        last_committed_before: LogIndex,
        voted: impl Fn(NodeId) -> bool,
    ) {
        let (id, term) = (status.id, status.hard_state.term);
        let in_force = &status.membership;
        // By the time we look, it may have applied one more change.
        let mut possible = self.around(status.applied).iter().map(|(_, membership)| membership);
        assert!(possible.any(|by| is_quorum(by, &voted)), "{id} leads term {term} without a quorum's votes");
        let (applied, committed) = (self.position(status.applied), self.position(last_committed_before));
        assert!(applied + 1 >= committed, "{id} leads term {term} by an outdated membership: {in_force}");
    }

    pub(crate) fn is_removed(&self, node: NodeId) -> bool {
        self.removed.contains(&node) && !self.latest().contains(node)
    }

    /// Whether the node's log holds a change that it does not know to be committed.
    pub(crate) fn has_uncommitted_change(&self, node: NodeId) -> bool {
        self.uncommitted.get(&node).is_some_and(|(_, changes)| !changes.is_empty())
    }
}

/// No quorum of one can do without the other: else each could elect a leader, or commit an entry, of its own.
fn expect_overlap(before: &Membership, next: &Membership) {
    let mut voters: Vec<_> = before.voters.voters().chain(next.voters.voters()).collect();
    voters.sort_unstable();
    voters.dedup();
    for some in 0_u32..1 << voters.len() {
        let is_among = |node| voters.iter().position(|v| *v == node).is_some_and(|at| some >> at & 1 == 1);
        let parted = is_quorum(before, is_among) && is_quorum(next, |node| !is_among(node));
        assert!(!parted, "quorums of {before} and of {next} need not overlap");
    }
}

fn count_change(before: &Membership, change: &ConfChange, counts: &mut Counts) {
    let is_joint = change.transition != Transition::Auto || change.steps.len() > 1;
    if change.is_leave() {
        counts.count(match before.auto_leave {
            true => "joint configurations left by the leader",
            false => "joint configurations left on request",
        });
    } else if is_joint {
        counts.count("joint configurations entered");
        counts.count(match change.transition {
            Transition::Auto => "changes: auto",
            Transition::Implicit => "changes: implicit",
            Transition::Explicit => "changes: explicit",
        });
    } else {
        counts.count("changes at once");
    }
}
