//! A node of ours.

use bytes::{Bytes, BytesMut};
use quorate::{
    ConfChange, Config, Entries, Entry, EntryId, EntryKind, Envelope, ForwardOutcome, HardState, LogIndex,
    MemStorage, Membership, NodeId, RawNode, ReadId, ReadOutcome, RoleKind, Snapshot, Storage, StorageWriter,
    Term, wire,
};
use slog::{Discard, Logger, o};

use crate::{
    Machine, Members, Node, Packet, Settings, View,
    change::ours_in_words,
    machine::{command_in_words, in_words},
};

pub(crate) struct Ours {
    config: Config,
    raw: Option<RawNode>,
    disk: MemStorage,
    machine: Machine,
    membership: Membership,
    reads: Vec<(ReadId, u64)>,
    ended: Vec<(u64, Option<u64>)>,
    known_forwards: usize,
}

impl Ours {
    /// A node that starts with a log of entries of these terms.
    pub(crate) fn new(id: u64, seed: u64, settings: &Settings, voters: &[u64], terms: &[u64]) -> Self {
        let mut config = Config::new(NodeId(id), seed);
        config.election_ticks = Settings::ELECTION_TICKS;
        config.pre_vote = settings.pre_vote;
        config.check_quorum = settings.check_quorum;
        config.priority = settings.priority;
        config.max_message_bytes = settings.max_message_bytes;
        config.max_inflight_messages = settings.max_inflight_messages;
        config.snapshot_ticks = settings.snapshot_ticks;
        // What is compacted is not to be had from memory either.
        config.max_log_bytes_in_memory = 0;
        let membership = Membership::of_voters(voters.iter().copied().map(NodeId));
        let disk = MemStorage::with_membership(membership.clone());
        let entry =
            |(index, term): (u64, &u64)| Entry::command(EntryId::new(*term, index), format!("of {term}"));
        let entries: Vec<_> = (1..).zip(terms).map(entry).collect();
        disk.append(&Entries::try_from(entries).expect("a log from 1 on")).expect("the disk is new");
        let term = Term(terms.last().copied().unwrap_or_default());
        disk.set_hard_state(HardState { term, ..HardState::default() });
        let machine = Machine::default();
        let (reads, ended) = (Vec::new(), Vec::new());
        let mut node = Self { config, raw: None, disk, machine, membership, reads, ended, known_forwards: 0 };
        node.restart();
        node
    }

    fn raw(&mut self) -> &mut RawNode {
        self.raw.as_mut().expect("the node is up")
    }

    fn apply(&mut self, entry: &Entry) {
        self.machine.apply(entry.id.term.0, entry.id.index.0, &what(entry));
        if entry.kind() == EntryKind::ConfChange {
            let change = ConfChange::from_data(entry.data()).expect("it was checked when it came");
            // A change that makes no sense makes none on any node.
            if let Ok(membership) = self.raw().apply_conf_change(&change) {
                self.membership = membership;
            }
        }
    }

    fn restore(&mut self, snapshot: &Snapshot) {
        let last = snapshot.last;
        self.machine = Machine::restored(last.term.0, last.index.0, &snapshot.data.to_bytes().unwrap());
        self.membership = snapshot.membership.clone();
    }
}

fn what(entry: &Entry) -> String {
    match entry.kind() {
        EntryKind::Blank => "blank".to_owned(),
        EntryKind::Normal => command_in_words(entry.data()),
        EntryKind::ConfChange => ConfChange::from_data(entry.data()).as_ref().map(ours_in_words).unwrap(),
    }
}

fn packet(envelope: &Envelope) -> Packet {
    let mut buffer = BytesMut::new();
    wire::encode(envelope, &mut buffer).unwrap();
    Packet { from: envelope.from.0, to: envelope.to.0, bytes: buffer.freeze() }
}

impl Node for Ours {
    fn tick(&mut self, _timeout: u32) {
        self.raw().tick();
    }

    fn step(&mut self, bytes: &Bytes) -> Result<(), String> {
        let envelope = wire::decode(bytes.clone()).map_err(|error| format!("cannot be read: {error}"))?;
        self.raw().step(envelope).map_err(|error| error.to_string())
    }

    fn carry_out(&mut self) -> Vec<Packet> {
        let mut sent = Vec::new();
        while self.raw().has_ready() {
            let mut ready = self.raw().ready().expect("the log can be read");
            sent.extend(ready.messages.drain(..).map(|message| packet(&message)));
            self.disk.write(&ready).expect("the write fits what the disk holds");
            sent.extend(ready.messages_after_write.drain(..).map(|message| packet(&message)));
            if let Some(snapshot) = &ready.snapshot {
                self.restore(snapshot);
            }
            for entry in ready.committed.iter().flat_map(|run| run.iter()) {
                self.apply(entry);
            }
            for read in ready.reads.drain(..) {
                let position = self.reads.iter().position(|(id, _)| *id == read.id).expect("it was begun");
                let (_, ticket) = self.reads.remove(position);
                let index = match read.outcome {
                    ReadOutcome::At(index) => Some(index.0),
                    ReadOutcome::Lost => None,
                };
                self.ended.push((ticket, index));
            }
            let is_appended = |outcome| matches!(outcome, ForwardOutcome::Appended(_));
            self.known_forwards += ready.forwards.iter().filter(|f| is_appended(f.outcome)).count();
            self.raw().advance(ready);
        }
        sent
    }

    fn campaign(&mut self) {
        // A node that may not stand says so.
        let _ = self.raw().campaign();
    }

    fn propose(&mut self, text: &str) -> bool {
        self.raw().propose(text.to_owned()).is_ok()
    }

    fn change(&mut self, change: &ConfChange) -> bool {
        self.raw().propose_conf_change(change).is_ok()
    }

    fn read(&mut self, ticket: u64) -> bool {
        let Ok(id) = self.raw().read_index() else { return false };
        self.reads.push((id, ticket));
        true
    }

    fn take_reads(&mut self) -> Vec<(u64, Option<u64>)> {
        std::mem::take(&mut self.ended)
    }

    fn transfer(&mut self, to: u64) {
        // Refused where it makes no sense.
        let _ = self.raw().transfer_leader(NodeId(to));
    }

    fn report_snapshot(&mut self, to: u64, arrived: bool) {
        self.raw().report_snapshot(NodeId(to), arrived);
    }

    fn compact(&mut self, keep: u64) {
        let held = Storage::snapshot(&self.disk).map_or(0, |snapshot| snapshot.last.index.0);
        if self.machine.index() > held {
            let last = EntryId::new(self.machine.term, self.machine.index());
            let data = Bytes::from(self.machine.to_bytes());
            let snapshot = Snapshot { last, membership: self.membership.clone(), data: data.into() };
            self.disk.compact(snapshot, keep).expect("the disk takes a newer snapshot");
        }
    }

    fn crash(&mut self) {
        self.raw = None;
        self.reads.clear();
        self.ended.clear();
    }

    fn restart(&mut self) {
        // Each life has a seed of its own.
        self.config.seed = self.config.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        self.config.applied = LogIndex(self.machine.index());
        self.disk.set_membership(self.membership.clone());
        let logger = Logger::root(Discard, o!());
        let raw = RawNode::new(self.config.clone(), self.disk.clone(), logger);
        self.raw = Some(raw.expect("a crash leaves a sound disk"));
    }

    fn is_up(&self) -> bool {
        self.raw.is_some()
    }

    fn view(&self) -> View {
        let status = self.raw.as_ref().expect("the node is up").status();
        View {
            term: status.hard_state.term.0,
            leads: status.role == RoleKind::Leader,
            leader: status.leader.map(|leader| leader.0),
            commit: status.hard_state.commit.0,
            last: status.last_index.0,
            members: Members::of_ours(&status.membership),
        }
    }

    fn machine(&self) -> Machine {
        self.machine.clone()
    }

    fn applied_since(&self, index: usize) -> Vec<String> {
        self.machine.history[index..].to_vec()
    }

    fn log(&self) -> Vec<String> {
        let (first, last) = (self.disk.first_index().unwrap(), Storage::last_index(&self.disk).unwrap());
        if last < first {
            return Vec::new();
        }
        let entries = self.disk.entries(first, last, usize::MAX).unwrap();
        entries.iter().map(|entry| in_words(entry.id.term.0, entry.id.index.0, &what(entry))).collect()
    }

    fn known_forwards(&self) -> usize {
        self.known_forwards
    }
}
