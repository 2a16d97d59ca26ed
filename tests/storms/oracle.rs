//! What must be true across all nodes (Figure 3), judged by one who sees them all.

use std::collections::BTreeMap;

use harness::Node;
use quorate::{
    Entries, Entry, EntryId, Envelope, LogIndex, MemStorage, Message, NodeId, Ready, RoleKind, Status,
    Storage, Term,
};

use crate::{
    counts::Counts,
    memberships::{Memberships, is_quorum},
};

/// Remembers everything that was ever seen.
pub(crate) struct Oracle {
    pub(crate) memberships: Memberships,
    /// Election Safety: who led each term.
    leaders: BTreeMap<Term, NodeId>,
    /// Whom each node voted for in each term.
    votes: BTreeMap<(NodeId, Term), NodeId>,
    /// Log Matching: each entry that was ever sent or durable, with the one before it.
    entries: BTreeMap<EntryId, (EntryId, Entry)>,
    /// State Machine Safety: what any node applied, from index 1 on, and a term by which it was committed.
    committed: Vec<(Entry, Term)>,
    /// How far `check_durability` has come.
    checked: usize,
    /// Each node's log as of its last Ready, after the entry in front.
    logs: BTreeMap<NodeId, Vec<EntryId>>,
    /// Each node's term, commit index and applied index when it was last looked at.
    progress: BTreeMap<NodeId, (Term, LogIndex, LogIndex)>,
    /// The highest index that any node has ever known to be committed.
    known_committed: LogIndex,
}

impl Oracle {
    /// Before anything happens.
    pub(crate) fn of(nodes: &[Node], memberships: Memberships) -> Self {
        let logs = nodes.iter().map(|node| (node.id(), vec![EntryId::ZERO])).collect();
        Self {
            memberships,
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: Vec::new(),
            checked: 0,
            logs,
            progress: BTreeMap::new(),
            known_committed: LogIndex::ZERO,
        }
    }

    /// A node says what it wants done.
    pub(crate) fn on_ready(&mut self, id: NodeId, ready: &Ready, counts: &mut Counts) {
        self.memberships.on_ready(id, ready, counts);
        if let Some(snapshot) = &ready.snapshot {
            assert!(ready.committed.is_empty(), "d4: entries are applied in the same Ready as a snapshot");
            self.expect_committed(snapshot.last);
            self.logs.insert(id, vec![snapshot.last]);
            counts.count("snapshots installed");
        }
        ready.entries.iter().for_each(|run| self.append(id, run));
        ready.committed.iter().flat_map(|run| run.iter()).for_each(|entry| self.commit(id, entry, counts));
        if let Some(leadership) = ready.leadership.filter(|l| l.role == RoleKind::Leader) {
            self.check_leader(id, leadership.term);
        }
    }

    fn append(&mut self, id: NodeId, run: &Entries) {
        let log = self.logs.entry(id).or_default();
        for entry in run {
            while log.last().is_some_and(|last| last.index >= entry.id.index) {
                log.pop();
            }
            let before = log.last().copied().unwrap_or_default();
            assert_eq!(before.index.next(), entry.id.index, "{id}'s log has a gap before {}", entry.id);
            log.push(entry.id);
            let known = self.entries.entry(entry.id).or_insert_with(|| (before, entry.clone()));
            assert_eq!(known, &(before, entry.clone()), "two entries are called {}", entry.id);
        }
    }

    fn commit(&mut self, id: NodeId, entry: &Entry, counts: &mut Counts) {
        let position = usize::try_from(entry.id.index.0).unwrap() - 1;
        match self.committed.get(position) {
            Some((known, _)) => assert_eq!(known, entry, "{id} applies something else"),
            None => {
                assert_eq!(position, self.committed.len(), "{id} skips entries");
                let term = self.progress.get(&id).map_or(entry.id.term, |(term, ..)| *term);
                self.committed.push((entry.clone(), term));
                self.memberships.on_committed(entry, self.leaders.get(&entry.id.term).copied(), counts);
                counts.count("entries committed");
            }
        }
    }

    fn expect_committed(&self, last: EntryId) {
        let known = usize::try_from(last.index.0).ok().and_then(|index| self.committed.get(index - 1));
        assert_eq!(known.map(|(entry, _)| entry.id), Some(last), "a snapshot holds what nobody committed");
    }

    /// Leader Completeness: what was committed in earlier terms is in the log of every later leader.
    fn check_leader(&self, id: NodeId, term: Term) {
        let log = &self.logs[&id];
        let first = log.first().map_or(LogIndex::ZERO, |first| first.index);
        for (entry, committed_in) in self.committed.iter().filter(|(entry, _)| entry.id.index >= first) {
            let offset = usize::try_from(entry.id.index.0 - first.0).unwrap();
            assert!(
                *committed_in >= term || log.get(offset) == Some(&entry.id),
                "{id} leads term {term} without {}, committed in {committed_in}",
                entry.id
            );
        }
    }

    /// What is applied anywhere is on a quorum of disks: by the membership that the log makes up to there, or by the
    /// one before, if the last change was not yet applied by the leader who counted.
    pub(crate) fn check_durability(&mut self, nodes: &[Node]) {
        while let Some((entry, _)) = self.committed.get(self.checked) {
            let holds = |voter: NodeId| {
                let disk = nodes[usize::try_from(voter.0).unwrap() - 1].disk();
                let is_compacted = disk.first_index().is_ok_and(|first| first > entry.id.index);
                is_compacted || disk.term(entry.id.index).is_ok_and(|term| term == entry.id.term)
            };
            let mut memberships = self.memberships.around(entry.id.index).iter();
            let is_held = memberships.any(|(_, membership)| is_quorum(membership, holds));
            assert!(is_held, "{} is applied too early", entry.id);
            self.checked += 1;
        }
    }

    /// A message leaves; its sender's disk must bear it out.
    pub(crate) fn on_sent(&mut self, envelope: &Envelope, disk: &MemStorage, counts: &mut Counts) {
        let (from, to, term) = (envelope.from, envelope.to, envelope.term);
        if let Message::VoteRequest { .. } = &envelope.message {
            if !self.votes.contains_key(&(from, term)) {
                counts.count("elections");
                if self.memberships.is_removed(from) {
                    counts.count("removed nodes that stood for election");
                }
            }
            self.vote(from, term, from, disk);
        }
        if let Message::VoteResponse { granted: true, .. } = &envelope.message {
            self.vote(from, term, to, disk);
        }
        if let Message::AppendAccepted { matched } = &envelope.message {
            let (held, last) = (disk.hard_state(), disk.last_index().unwrap());
            assert!(held.term >= term, "the term is not durable: {envelope}");
            // An acknowledgement in a term that the node has left since may name entries replaced since.
            assert!(held.term > term || last >= *matched, "acknowledged, not durable: {envelope}");
        }
        if let Message::AppendRequest { entries, .. } = &envelope.message {
            assert!(disk.hard_state().term >= term, "leads a term that is not durable: {envelope}");
            let known = |entry: &Entry| self.entries.get(&entry.id).is_some_and(|(_, e)| e == entry);
            assert!(entries.iter().all(known), "sent what is in no log: {envelope}");
        }
    }

    fn vote(&mut self, voter: NodeId, term: Term, candidate: NodeId, disk: &MemStorage) {
        let first = *self.votes.entry((voter, term)).or_insert(candidate);
        assert_eq!(first, candidate, "{voter} votes twice in term {term}");
        let held = disk.hard_state();
        let is_durable = held.term > term || (held.term == term && held.vote == Some(candidate));
        assert!(is_durable, "{voter}'s vote in term {term} is not durable");
    }

    /// What each node shows of itself: one leader a term, and nothing goes back.
    pub(crate) fn check_node(&mut self, node: &Node, counts: &mut Counts) {
        if !node.is_up() {
            return;
        }
        let status = node.status();
        let (id, term) = (status.id, status.hard_state.term);
        self.known_committed = self.known_committed.max(status.hard_state.commit);
        self.memberships.check_in_force(node, &status);
        if matches!(status.role, RoleKind::PreCandidate | RoleKind::Candidate) {
            self.memberships.check_candidate(&status);
        }
        if status.role == RoleKind::Leader {
            match self.leaders.get(&term) {
                Some(first) => assert_eq!(*first, id, "two nodes lead term {term}"),
                None => self.check_elected(&status, counts),
            }
            self.check_counted(&status);
        }
        let now = (term, status.hard_state.commit, status.applied);
        let before = self.progress.insert(id, now).unwrap_or(now);
        let is_forward = now.0 >= before.0 && now.1 >= before.1 && now.2 >= before.2;
        assert!(is_forward, "{id} went back: {before:?} -> {now:?}");
    }

    /// A leader commits as soon as it knows that a quorum holds an entry of its term: also when it was a change of
    /// membership that made a quorum of those who do.
    fn check_counted(&self, status: &Status) {
        let (id, term, log) = (status.id, status.hard_state.term, &self.logs[&status.id]);
        let is_own = |index: &LogIndex| log.binary_search(&EntryId { term, index: *index }).is_ok();
        let matched = status.progress.iter().map(|(node, progress)| (*node, progress.matched));
        let copies: Vec<_> = matched.chain([(id, status.durable)]).collect();
        for (_, held) in copies.iter().filter(|(_, held)| *held > status.hard_state.commit && is_own(held)) {
            let holds = |voter| copies.iter().any(|(node, matched)| *node == voter && matched >= held);
            assert!(
                !is_quorum(&status.membership, holds),
                "{id} does not commit {held}, which a quorum holds"
            );
        }
    }

    /// A node leads a term in which nobody was seen to lead.
    fn check_elected(&mut self, status: &Status, counts: &mut Counts) {
        let (id, term) = (status.id, status.hard_state.term);
        let voted = |voter| voter == id || self.votes.get(&(voter, term)) == Some(&id);
        let earlier = self.committed.iter().rev().find(|(_, committed_in)| *committed_in < term);
        let earlier = earlier.map_or(LogIndex::ZERO, |(entry, _)| entry.id.index);
        self.memberships.check_elected(status, earlier, voted);
        counts.count("leaders");
        if self.memberships.has_uncommitted_change(id) {
            counts.count("leaders elected with a change in the log");
        }
        self.leaders.insert(term, id);
    }

    /// A node starts again, and knows what its disk holds.
    pub(crate) fn on_restart(&mut self, node: &Node) {
        self.progress.remove(&node.id());
        self.memberships.on_restart(node);
        let disk = node.disk();
        let (first, last) = (disk.first_index().unwrap(), disk.last_index().unwrap());
        let id_at = |index| EntryId { term: disk.term(LogIndex(index)).unwrap(), index: LogIndex(index) };
        self.logs.insert(node.id(), (first.0 - 1..=last.0).map(id_at).collect());
    }

    /// The highest index that any node has ever known to be committed.
    pub(crate) fn committed_anywhere(&self) -> LogIndex {
        self.known_committed
    }

    /// At the end nothing that was ever committed is missing at any member.
    pub(crate) fn check_end<'a>(&self, members: impl Iterator<Item = &'a Node>) {
        let last = self.committed.last().map(|(entry, _)| entry.id).unwrap_or_default();
        for node in members {
            assert_eq!(node.machine.last(), last, "{} lacks something committed", node.id());
        }
    }
}
