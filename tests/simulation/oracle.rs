//! What must be true across all nodes (Figure 3), judged by one who sees them all.

use std::collections::BTreeMap;

use harness::Node;
use quorate::{
    Entries, Entry, EntryId, Envelope, LogIndex, MemStorage, Membership, Message, NodeId, Ready, RoleKind,
    Storage, Term,
};

/// Remembers everything that was ever seen.
pub(crate) struct Oracle {
    membership: Membership,
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
}

impl Oracle {
    /// Before anything happens.
    pub(crate) fn of(nodes: &[Node], membership: Membership) -> Self {
        let logs = nodes.iter().map(|node| (node.id(), vec![EntryId::ZERO])).collect();
        Self {
            membership,
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: Vec::new(),
            checked: 0,
            logs,
            progress: BTreeMap::new(),
        }
    }

    /// A node says what it wants done.
    pub(crate) fn on_ready(&mut self, id: NodeId, ready: &Ready) {
        if let Some(snapshot) = &ready.snapshot {
            assert!(ready.committed.is_empty(), "d4: entries are applied in the same Ready as a snapshot");
            self.expect_committed(snapshot.last);
            self.logs.insert(id, vec![snapshot.last]);
        }
        ready.entries.iter().for_each(|run| self.append(id, run));
        ready.committed.iter().flat_map(|run| run.iter()).for_each(|entry| self.commit(id, entry));
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

    fn commit(&mut self, id: NodeId, entry: &Entry) {
        let position = usize::try_from(entry.id.index.0).unwrap() - 1;
        match self.committed.get(position) {
            Some((known, _)) => assert_eq!(known, entry, "{id} applies something else"),
            None => {
                assert_eq!(position, self.committed.len(), "{id} skips entries");
                let term = self.progress.get(&id).map_or(entry.id.term, |(term, ..)| *term);
                self.committed.push((entry.clone(), term));
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

    /// What is applied anywhere is on a quorum of disks.
    pub(crate) fn check_durability(&mut self, nodes: &[Node]) {
        while let Some((entry, _)) = self.committed.get(self.checked) {
            let holds = |voter: NodeId| {
                let disk = nodes[usize::try_from(voter.0).unwrap() - 1].disk();
                let is_compacted = disk.first_index().is_ok_and(|first| first > entry.id.index);
                is_compacted || disk.term(entry.id.index).is_ok_and(|term| term == entry.id.term)
            };
            assert!(self.membership.voters.is_quorum(holds), "{} is applied too early", entry.id);
            self.checked += 1;
        }
    }

    /// A message leaves; its sender's disk must bear it out.
    pub(crate) fn on_sent(&mut self, envelope: &Envelope, disk: &MemStorage) {
        let (from, to, term) = (envelope.from, envelope.to, envelope.term);
        if let Message::VoteRequest { .. } = &envelope.message {
            self.vote(from, term, from, disk);
        }
        if let Message::VoteResponse { granted: true } = &envelope.message {
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
    pub(crate) fn check_node(&mut self, node: &Node) {
        if !node.is_up() {
            return;
        }
        let status = node.status();
        let (id, term) = (status.id, status.hard_state.term);
        if status.role == RoleKind::Leader {
            let first = *self.leaders.entry(term).or_insert(id);
            assert_eq!(first, id, "two nodes lead term {term}");
        }
        let now = (term, status.hard_state.commit, status.applied);
        let before = self.progress.insert(id, now).unwrap_or(now);
        let is_forward = now.0 >= before.0 && now.1 >= before.1 && now.2 >= before.2;
        assert!(is_forward, "{id} went back: {before:?} -> {now:?}");
    }

    /// A node starts again, and knows what its disk holds.
    pub(crate) fn on_restart(&mut self, node: &Node) {
        self.progress.remove(&node.id());
        let disk = node.disk();
        let (first, last) = (disk.first_index().unwrap(), disk.last_index().unwrap());
        let id_at = |index| EntryId { term: disk.term(LogIndex(index)).unwrap(), index: LogIndex(index) };
        self.logs.insert(node.id(), (first.0 - 1..=last.0).map(id_at).collect());
    }

    /// The highest index that any node knows to be committed.
    pub(crate) fn committed_anywhere(&self, nodes: &[Node]) -> LogIndex {
        let running = nodes.iter().filter(|node| node.is_up());
        running.map(|node| node.status().hard_state.commit).max().unwrap_or_default()
    }

    /// At the end nothing that was ever committed is missing anywhere.
    pub(crate) fn check_end(&self, nodes: &[Node]) {
        let last = self.committed.last().map(|(entry, _)| entry.id).unwrap_or_default();
        for node in nodes {
            assert_eq!(node.machine.last(), last, "{} lacks something committed", node.id());
        }
    }
}
