//! A node of raft-rs, driven in the order of its examples.

use std::cell::RefMut;

use bytes::Bytes;
use protobuf::Message as _;
use quorate::ConfChange;
use raft::{
    Config, Error, RawNode, SnapshotStatus, StateRole,
    eraftpb::{self, ConfChangeSingle, ConfChangeV2, ConfState, Entry, EntryType, Message},
};
use slog::{Discard, Logger, o};

use crate::{
    Machine, Members, Node, Packet, Settings, View,
    change::{theirs_in_words, to_single, to_theirs},
    disk::{Disk, Held},
    machine::{command_in_words, in_words},
};

pub(crate) struct Theirs {
    config: Config,
    raw: Option<RawNode<Disk>>,
    disk: Disk,
    ended: Vec<(u64, Option<u64>)>,
}

impl Theirs {
    /// A node that starts with a log of entries of these terms.
    pub(crate) fn new(id: u64, settings: &Settings, voters: &[u64], terms: &[u64]) -> Self {
        let election_ticks = Settings::ELECTION_TICKS as usize;
        let config = Config {
            id,
            election_tick: election_ticks,
            heartbeat_tick: 1,
            pre_vote: settings.pre_vote,
            check_quorum: settings.check_quorum,
            priority: settings.priority,
            max_size_per_msg: settings.max_message_bytes as u64,
            max_inflight_msgs: settings.max_inflight_messages,
            // It adds entries to an append that has not left, also where they do not follow it, and its followers
            // acknowledge what they do not have.
            batch_append: false,
            ..Config::default()
        };
        let disk = Disk::default();
        let mut held = disk.0.borrow_mut();
        held.members = ConfState::from((voters.to_vec(), Vec::new()));
        // In term 0 it panics if it has to refuse a pre-vote, which one that prefers itself may have to.
        let first_term = u64::from(settings.priority > 0);
        held.hard_state.term = terms.last().copied().unwrap_or(first_term);
        held.append((1..).zip(terms).map(|(index, term)| command(*term, index)).collect());
        drop(held);
        let mut node = Self { config, raw: None, disk, ended: Vec::new() };
        node.restart();
        node
    }

    fn raw(&mut self) -> &mut RawNode<Disk> {
        self.raw.as_mut().expect("the node is up")
    }

    fn held(&self) -> RefMut<'_, Held> {
        self.disk.0.borrow_mut()
    }

    fn apply(&mut self, committed: Vec<Entry>) {
        for entry in committed {
            self.held().machine.apply(entry.term, entry.index, &what(&entry));
            if entry.get_entry_type() == EntryType::EntryNormal {
                continue;
            }
            // A change that makes no sense makes none on any node.
            if let Ok(members) = self.raw().apply_conf_change(&change_in(&entry)) {
                self.held().members = members;
            }
            // A leader that is no longer a voter goes on leading, and panics later: that is the application's to mend.
            let (id, raft) = (self.config.id, &mut self.raw().raft);
            if raft.state == StateRole::Leader && !raft.promotable() {
                let term = raft.term;
                raft.become_follower(term, 0);
                assert_ne!(raft.leader_id, id);
            }
        }
    }

    fn packet(&self, message: &Message) -> Packet {
        let bytes = message.write_to_bytes().expect("raft-rs can write it");
        Packet { from: self.config.id, to: message.to, bytes: bytes.into() }
    }
}

fn command(term: u64, index: u64) -> Entry {
    Entry { term, index, data: format!("of {term}").into_bytes().into(), ..Entry::default() }
}

fn what(entry: &Entry) -> String {
    match entry.get_entry_type() {
        // How an application of raft-rs tells its leader's empty entries from our commands of no bytes.
        EntryType::EntryNormal if entry.data.is_empty() && entry.context.is_empty() => "blank".to_owned(),
        EntryType::EntryNormal => command_in_words(&entry.data),
        EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => theirs_in_words(&change_in(entry)),
    }
}

fn change_in(entry: &Entry) -> ConfChangeV2 {
    if entry.get_entry_type() == EntryType::EntryConfChangeV2 {
        return ConfChangeV2::parse_from_bytes(&entry.data).expect("raft-rs can read it");
    }
    let single = eraftpb::ConfChange::parse_from_bytes(&entry.data).expect("raft-rs can read it");
    let mut step = ConfChangeSingle::default();
    step.set_change_type(single.get_change_type());
    step.node_id = single.node_id;
    let mut change = ConfChangeV2::default();
    change.set_changes(vec![step].into());
    change.context = single.context;
    change
}

impl Node for Theirs {
    fn tick(&mut self, timeout: u32) {
        let raft = &mut self.raw().raft;
        if raft.election_elapsed == 0 {
            // It has drawn one from a source that has no seed.
            raft.set_randomized_election_timeout(timeout as usize);
        }
        raft.tick();
    }

    fn step(&mut self, bytes: &Bytes) -> Result<(), String> {
        let message = Message::parse_from_bytes(bytes).map_err(|error| format!("cannot be read: {error}"))?;
        match self.raw().step(message) {
            // It says so where we stay silent.
            Ok(()) | Err(Error::ProposalDropped) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn carry_out(&mut self) -> Vec<Packet> {
        let mut sent = Vec::new();
        while self.raw().has_ready() {
            let mut ready = self.raw().ready();
            sent.extend(ready.take_messages());
            if !ready.snapshot().is_empty() {
                self.held().install(ready.snapshot());
            }
            self.held().append(ready.take_entries());
            let hard_state = self.raw().raft.hard_state();
            self.held().hard_state = hard_state;
            sent.extend(ready.take_persisted_messages());
            self.apply(ready.take_committed_entries());
            for read in ready.take_read_states() {
                let ticket = read.request_ctx[..8].try_into().map(u64::from_be_bytes).unwrap();
                self.ended.push((ticket, Some(read.index)));
            }
            let mut light = self.raw().advance(ready);
            if let Some(commit) = light.commit_index() {
                self.held().hard_state.commit = commit;
            }
            sent.extend(light.take_messages());
            self.apply(light.take_committed_entries());
            self.raw().advance_apply();
        }
        sent.iter().map(|message| self.packet(message)).collect()
    }

    fn campaign(&mut self) {
        if self.raw().raft.promotable() {
            self.raw().campaign().unwrap();
        }
    }

    fn propose(&mut self, text: &str) -> bool {
        self.raw().propose(Vec::new(), text.as_bytes().to_vec()).is_ok()
    }

    fn change(&mut self, change: &ConfChange) -> bool {
        match to_single(change) {
            Some(single) => self.raw().propose_conf_change(Vec::new(), single).is_ok(),
            None => self.raw().propose_conf_change(Vec::new(), to_theirs(change)).is_ok(),
        }
    }

    fn read(&mut self, ticket: u64) -> bool {
        // It must be told from all others in the cluster, and only the application can do that.
        let context = [ticket.to_be_bytes(), self.config.id.to_be_bytes()].concat();
        self.raw().read_index(context);
        true
    }

    fn take_reads(&mut self) -> Vec<(u64, Option<u64>)> {
        std::mem::take(&mut self.ended)
    }

    fn transfer(&mut self, to: u64) {
        self.raw().transfer_leader(to);
    }

    fn report_snapshot(&mut self, to: u64, arrived: bool) {
        let status = if arrived { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw().report_snapshot(to, status);
    }

    fn compact(&mut self, keep: u64) {
        self.held().compact(keep);
    }

    fn crash(&mut self) {
        self.raw = None;
        self.ended.clear();
    }

    fn restart(&mut self) {
        let applied = self.held().machine.index();
        self.config.applied = applied;
        let logger = Logger::root(Discard, o!());
        let raw = RawNode::new(&self.config, self.disk.clone(), &logger);
        self.raw = Some(raw.expect("a crash leaves a sound disk"));
    }

    fn is_up(&self) -> bool {
        self.raw.is_some()
    }

    fn view(&self) -> View {
        let raft = &self.raw.as_ref().expect("the node is up").raft;
        View {
            term: raft.term,
            leads: raft.state == StateRole::Leader,
            leader: Some(raft.leader_id).filter(|leader| *leader != 0),
            commit: raft.raft_log.committed,
            last: raft.raft_log.last_index(),
            members: Members::of_theirs(&self.held().members),
        }
    }

    fn machine(&self) -> Machine {
        self.held().machine.clone()
    }

    fn applied_since(&self, index: usize) -> Vec<String> {
        self.held().machine.history[index..].to_vec()
    }

    fn log(&self) -> Vec<String> {
        let held = self.held();
        held.entries.iter().map(|entry| in_words(entry.term, entry.index, &what(entry))).collect()
    }
}
