//! What is done to a log, from a seed: only what a correct node does.

use quorate::{Entry, EntryId, HardState, LogIndex, Membership, NodeId, Snapshot, quorum::Majority};
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::model::{Action, State, Write, unique_bytes};

/// Thinks of one action after another.
pub(crate) struct Workload {
    random: Pcg64Mcg,
    /// As if all actions had succeeded.
    state: State,
    is_staged: bool,
    /// Makes each entry's and each snapshot's bytes their own.
    number: u64,
}

impl Workload {
    /// Goes on from `state`.
    pub(crate) fn from(seed: u64, state: State) -> Self {
        Self { random: Pcg64Mcg::seed_from_u64(seed), state, is_staged: false, number: seed << 32 }
    }

    /// A row of actions, at the end of which nothing is left to sync.
    pub(crate) fn actions(mut self, count: usize) -> Vec<Action> {
        let mut actions = Vec::new();
        while actions.len() < count || self.is_staged {
            let action = self.next();
            self.state.act(&action);
            self.is_staged = matches!(action, Action::Stage(_));
            actions.push(action);
        }
        actions
    }

    fn next(&mut self) -> Action {
        // Several Readys may wait for one sync, but mostly one.
        if self.is_staged && self.random.random_ratio(2, 3) {
            return Action::Sync;
        }
        match self.random.random_range(0..100) {
            0..40 => Action::Stage(self.append()),
            40..55 => Action::Stage(self.replace_tail()),
            55..65 => Action::Stage(self.vote()),
            65..75 => Action::Stage(self.commit()),
            75..87 => self.compact(),
            87..92 => Action::Stage(self.install()),
            92..96 if !self.is_staged => Action::Reopen,
            96..100 if !self.is_staged => Action::Kill,
            _ => Action::Sync,
        }
    }

    fn entries_after(&mut self, before: LogIndex, term: u64, count: u64) -> Vec<Entry> {
        let entry = |index| {
            self.number += 1;
            let length = match self.random.random_range(0..20) {
                0..12 => self.random.random_range(8..200),
                12..18 => self.random.random_range(200..3000),
                18 => self.random.random_range(3000..9000),
                // More than a segment.
                _ => self.random.random_range(9000..20_000),
            };
            Entry::command(EntryId::new(term, index), unique_bytes(self.number, length))
        };
        (before.0 + 1..=before.0 + count).map(entry).collect()
    }

    fn append(&mut self) -> Write {
        let HardState { term, commit, .. } = self.state.hard_state;
        let last = self.state.last();
        let count = self.random.random_range(1..6);
        let entries = self.entries_after(last.index, term.0.max(last.term.0).max(1), count);
        let commit = LogIndex(self.random.random_range(commit.0..=last.index.0.max(commit.0)));
        let hard_state = HardState { term: entries[0].id.term, commit, ..self.state.hard_state };
        let is_new = hard_state != self.state.hard_state;
        Write { entries, hard_state: is_new.then_some(hard_state), snapshot: None }
    }

    /// A leader of a new term has another opinion of what is not committed.
    fn replace_tail(&mut self) -> Write {
        let HardState { term, commit, .. } = self.state.hard_state;
        let term = term.next();
        let before = LogIndex(self.random.random_range(commit.0..=self.state.last().index.0));
        let count = self.random.random_range(1..5);
        let entries = self.entries_after(before, term.0, count);
        Write { entries, hard_state: Some(HardState { term, vote: None, commit }), snapshot: None }
    }

    fn vote(&mut self) -> Write {
        let HardState { term, commit, .. } = self.state.hard_state;
        let vote = Some(NodeId(self.random.random_range(1..4)));
        Write { hard_state: Some(HardState { term: term.next(), vote, commit }), ..Write::default() }
    }

    fn commit(&mut self) -> Write {
        let hard_state = self.state.hard_state;
        let commit = LogIndex(self.random.random_range(hard_state.commit.0..=self.state.last().index.0));
        Write { hard_state: Some(HardState { commit, ..hard_state }), ..Write::default() }
    }

    /// A snapshot of what is committed; if all of that is in one already, a commit.
    fn compact(&mut self) -> Action {
        let commit = self.state.hard_state.commit;
        let newest = self.state.snapshot.as_ref().map_or(LogIndex::ZERO, |snapshot| snapshot.last.index);
        if newest >= commit {
            return Action::Stage(self.commit());
        }
        let index = LogIndex(self.random.random_range(newest.0 + 1..=commit.0));
        let snapshot = self.snapshot(self.state.id_at(index));
        Action::Compact(snapshot, self.random.random_range(0..6))
    }

    /// A snapshot from a leader: beyond the log, or of another history than what is not committed.
    fn install(&mut self) -> Write {
        let HardState { term, commit, .. } = self.state.hard_state;
        let term = term.next();
        let index = self.random.random_range(commit.0 + 1..self.state.last().index.0 + 20);
        let snapshot = self.snapshot(EntryId::new(term.0, index));
        let count = self.random.random_range(0..3);
        let entries = self.entries_after(LogIndex(index), term.0, count);
        let hard_state = Some(HardState { term, vote: None, commit: LogIndex(index) });
        Write { snapshot: Some(snapshot), entries, hard_state }
    }

    fn snapshot(&mut self, last: EntryId) -> Snapshot {
        self.number += 1;
        let mut membership = Membership::of_voters((1..=self.random.random_range(1..6)).map(NodeId));
        if self.random.random() {
            membership.voters.outgoing = Majority::new(vec![NodeId(1), NodeId(9)]);
            membership.learners = vec![NodeId(self.random.random_range(10..20))];
            membership.auto_leave = self.random.random();
        }
        let length = self.random.random_range(8..6000);
        Snapshot { last, membership, data: unique_bytes(self.number, length).into() }
    }
}
