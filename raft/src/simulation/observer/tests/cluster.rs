//! A cluster that shows an observer whatever a test says.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::{Found, Observer, TakenUp, disks::Contents, state_machines::HandedOut, turn::Shown};
use crate::{
    consensus::{
        Entries, Entry, EntryId, Envelope, HardState, LogIndex, Membership, Message, NodeId, Ready, RoleKind,
        Snapshot, Term,
    },
    runtime::WriteJob,
    simulation::{
        counts::Counts,
        plan::{Plan, Profile},
        violation::Broken,
    },
};

/// Three voters and a learner, n4, of which each shows what a test says.
pub(super) struct Cluster {
    pub(super) observer: Observer,
    pub(super) counts: Counts,
    pub(super) membership: Membership,
    nodes: BTreeMap<u64, (HardState, RoleKind)>,
}

/// The entry of this term at this index, as all tests have it.
pub(super) fn entry(term: u64, index: u64) -> Entry {
    Entry::command(EntryId::new(term, index), format!("{index}@{term}"))
}

/// A run of them.
pub(super) fn entries(ids: &[(u64, u64)]) -> Entries {
    let all: Vec<_> = ids.iter().map(|&(term, index)| entry(term, index)).collect();
    Entries::try_from(all).unwrap()
}

/// A write of entries and, if there is one, a hard state.
pub(super) fn write(entries: Entries, hard_state: Option<HardState>) -> WriteJob {
    let ready = Ready { entries: vec![entries], hard_state, must_sync: true, ..Ready::default() };
    WriteJob::Write(Box::new(ready))
}

/// A snapshot up to this entry.
pub(super) fn snapshot(last: (u64, u64), membership: &Membership) -> Snapshot {
    let data = Bytes::from_static(b"state").into();
    Snapshot { last: EntryId::new(last.0, last.1), membership: membership.clone(), data }
}

pub(super) fn hard_state(term: u64, vote: Option<u64>, commit: u64) -> HardState {
    HardState { term: Term(term), vote: vote.map(NodeId), commit: LogIndex(commit) }
}

impl Cluster {
    pub(super) fn new() -> Self {
        let plan = Plan { learners: 1, ..Profile::Calm.draw(1, Some(3)) };
        let (observer, membership) = (Observer::new(&plan), plan.founders());
        Self { observer, counts: Counts::default(), membership, nodes: BTreeMap::new() }
    }

    /// n1 is elected in term 1 by n1 and n2, and all have its first two entries. Nothing is committed.
    pub(super) fn with_a_leader() -> Self {
        let mut cluster = Self::new();
        cluster.elect(1, 1, &[2]).unwrap();
        for id in [1, 2, 3] {
            cluster.append(id, &[(1, 1), (1, 2)]).unwrap();
        }
        cluster
    }

    pub(super) fn state_of(&self, id: u64) -> HardState {
        self.nodes.get(&id).map(|(hard_state, _)| *hard_state).unwrap_or_default()
    }

    fn role_of(&self, id: u64) -> RoleKind {
        self.nodes.get(&id).map_or(RoleKind::Follower, |(_, role)| *role)
    }

    /// A turn of a node: what it is, what it has given out to be written, and for its state machine.
    pub(super) fn turn(
        &mut self,
        id: u64,
        (hard_state, role): (HardState, RoleKind),
        writes: &[WriteJob],
        handed_out: Vec<HandedOut<'_>>,
    ) -> Result<(), Broken> {
        self.nodes.insert(id, (hard_state, role));
        let shown = Shown { hard_state, role, leader: None, membership: &self.membership };
        self.observer.see(NodeId(id), &shown, writes, handed_out.into_iter(), &mut self.counts)
    }

    /// A node shows this of itself, and does nothing.
    pub(super) fn show(&mut self, id: u64, hard_state: HardState, role: RoleKind) -> Result<(), Broken> {
        self.turn(id, (hard_state, role), &[], Vec::new())
    }

    /// A node gives this out to be written, and it becomes durable.
    pub(super) fn write(&mut self, id: u64, job: WriteJob) -> Result<(), Broken> {
        self.stage(id, job)?;
        self.observer.on_begun(NodeId(id));
        self.observer.on_written(NodeId(id), true);
        Ok(())
    }

    /// A node gives this out to be written, and no more.
    pub(super) fn stage(&mut self, id: u64, job: WriteJob) -> Result<(), Broken> {
        let written = if let WriteJob::Write(ready) = &job { ready.hard_state } else { None };
        let (before, role) = (self.state_of(id), self.role_of(id));
        let now = written.unwrap_or(before);
        // Nobody leads the next term as well.
        let role = if now.term > before.term { RoleKind::Follower } else { role };
        self.turn(id, (now, role), &[job], Vec::new())
    }

    pub(super) fn append(&mut self, id: u64, ids: &[(u64, u64)]) -> Result<(), Broken> {
        let term = ids.last().map_or(0, |(term, _)| *term);
        let before = self.state_of(id);
        let later = HardState { term: Term(term), vote: None, ..before };
        let hard_state = (before.term < Term(term)).then_some(later);
        self.write(id, write(entries(ids), hard_state))
    }

    pub(super) fn send(&mut self, from: u64, to: u64, term: u64, message: Message) -> Result<(), Broken> {
        let envelope = Envelope { from: NodeId(from), to: NodeId(to), term: Term(term), message };
        self.observer.on_sent(&envelope, &mut self.counts)
    }

    /// A node votes, durably.
    pub(super) fn vote(&mut self, voter: u64, term: u64, candidate: u64) -> Result<(), Broken> {
        let state = HardState { commit: self.state_of(voter).commit, ..hard_state(term, Some(candidate), 0) };
        self.write(voter, write(Entries::EMPTY, Some(state)))?;
        let message = if voter == candidate {
            let last = EntryId::ZERO;
            Message::VoteRequest { last, priority: 0, committed: None, transfer: false }
        } else {
            Message::VoteResponse { granted: true, committed: None }
        };
        self.send(voter, candidate, term, message)
    }

    /// A node votes for itself, others vote for it, and it leads.
    pub(super) fn elect(&mut self, id: u64, term: u64, voters: &[u64]) -> Result<(), Broken> {
        self.vote(id, term, id)?;
        for voter in voters {
            self.vote(*voter, term, id)?;
        }
        self.show(id, self.state_of(id), RoleKind::Leader)
    }

    /// A node knows so much to be committed.
    pub(super) fn commit(&mut self, id: u64, commit: u64) -> Result<(), Broken> {
        let state = HardState { commit: LogIndex(commit), ..self.state_of(id) };
        self.show(id, state, self.role_of(id))
    }

    /// Entries are given out for the state machine of a node.
    pub(super) fn hand_out(&mut self, id: u64, runs: &[Entries]) -> Result<(), Broken> {
        self.turn(id, (self.state_of(id), self.role_of(id)), &[], vec![HandedOut::Entries(runs)])
    }

    /// A snapshot is given out for the state machine of a node.
    pub(super) fn restore(&mut self, id: u64, last: (u64, u64)) -> Result<(), Broken> {
        let given = vec![HandedOut::Snapshot(EntryId::new(last.0, last.1))];
        self.turn(id, (self.state_of(id), self.role_of(id)), &[], given)
    }

    /// A node's process ends, another is started, and finds this on its disk.
    pub(super) fn restart(&mut self, id: u64, found: &Found) -> Result<(), Broken> {
        let applied = found.contents.snapshot.index;
        let taken = TakenUp { hard_state: found.contents.hard_state, applied, is_unfounded: false };
        self.observer.on_stopped(NodeId(id));
        self.nodes.insert(id, (taken.hard_state, RoleKind::Follower));
        self.observer.take_up(NodeId(id), found, &taken)
    }
}

/// What a disk says that holds these entries and no snapshot.
pub(super) fn found(hard_state: HardState, ids: &[(u64, u64)]) -> Found {
    let mut contents = Contents { hard_state, ..Contents::default() };
    ids.iter().for_each(|&(term, index)| {
        contents.log.append(EntryId::new(term, index)).unwrap();
    });
    Found { contents, entries: entries(ids), membership: None }
}
