//! One node with its disk and its state machine, and how it carries out a Ready.

use std::collections::VecDeque;

use quorate::{
    ConfChange, Config, Entries, Entry, EntryKind, Envelope, ForwardOutcome, LogIndex, MemStorage,
    Membership, NodeId, RawNode, ReadOutcome, Ready, Snapshot, Storage, StorageWriter, Term,
};

use crate::{
    arguments::Refusal,
    journal::{Decisions, Journal},
    machine::Machine,
    membership, show,
};

pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) storage: MemStorage,
    pub(crate) decisions: Decisions,
    /// What a new disk holds.
    founders: Membership,
    raw: Option<RawNode>,
    /// It writes and applies only when the script says so.
    pub(crate) is_slow: bool,
    writes: VecDeque<Box<Ready>>,
    applies: VecDeque<Apply>,
    machine: Machine,
    /// How often it has started.
    lives: u64,
    /// Reads and forwards, in the order in which they began: their numbers come from the seed and mean nothing.
    tickets: Vec<(String, usize)>,
}

/// What a slow state machine still has to do.
struct Apply {
    /// The Ready it came with.
    number: u64,
    snapshot: Option<Box<Snapshot>>,
    committed: Vec<Entries>,
}

impl Server {
    pub(crate) fn new(
        config: Config,
        storage: MemStorage,
        founders: Membership,
        decisions: Decisions,
    ) -> Self {
        Self {
            founders,
            config,
            storage,
            decisions,
            raw: None,
            is_slow: false,
            writes: VecDeque::new(),
            applies: VecDeque::new(),
            machine: Machine::default(),
            lives: 0,
            tickets: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> NodeId {
        self.config.id
    }

    /// Starts with what is on the disk; with `applied`, its state machine remembers that much.
    pub(crate) fn start(&mut self, applied: Option<LogIndex>, journal: &Journal) -> Result<(), Refusal> {
        self.lives += 1;
        self.config.seed = self.config.id.0 + 1000 * (self.lives - 1);
        self.config.applied = applied.unwrap_or_default();
        if let Some(applied) = applied {
            self.machine.forget_after(applied);
            self.storage.set_membership(self.machine.membership_at(applied)?);
        } else {
            let start = self.storage.first_index()?.previous();
            let membership = self.storage.initial_state()?.membership;
            self.machine = Machine { memberships: vec![(start, membership)], commands: Vec::new() };
        }
        let raw = RawNode::new(self.config.clone(), self.storage.clone(), self.decisions.logger())?;
        self.raw = Some(raw);
        self.tell_decisions(journal);
        Ok(())
    }

    /// All is lost but what is on the disk.
    pub(crate) fn crash(&mut self) {
        self.raw = None;
        self.writes.clear();
        self.applies.clear();
    }

    /// The disk is lost too: an empty one takes its place.
    pub(crate) fn wipe(&mut self) {
        self.crash();
        self.storage = MemStorage::with_membership(self.founders.clone());
    }

    pub(crate) fn is_up(&self) -> bool {
        self.raw.is_some()
    }

    pub(crate) fn raw(&self) -> Result<&RawNode, Refusal> {
        self.raw.as_ref().ok_or_else(|| format!("{} is down", self.config.id).into())
    }

    pub(crate) fn term(&self) -> Term {
        self.raw.as_ref().map_or(Term::ZERO, |raw| raw.status().hard_state.term)
    }

    /// Calls the node, and tells what it has decided.
    pub(crate) fn call<T>(
        &mut self,
        journal: &Journal,
        call: impl FnOnce(&mut RawNode) -> T,
    ) -> Result<T, Refusal> {
        let raw = self.raw.as_mut().ok_or_else(|| format!("{} is down", self.config.id))?;
        let result = call(raw);
        self.tell_decisions(journal);
        Ok(result)
    }

    fn tell_decisions(&self, journal: &Journal) {
        self.decisions.tell(self.id(), self.term(), journal);
    }

    /// A line that begins with the node and its term.
    pub(crate) fn tell(&self, line: impl std::fmt::Display, journal: &Journal) {
        journal.write(format!("{}@{} {line}", self.id(), self.term()));
    }

    /// Carries out whatever it wants done, unless it is slow. Returns what it sends.
    pub(crate) fn settle(&mut self, journal: &Journal) -> Result<Vec<Envelope>, Refusal> {
        let mut sent = Vec::new();
        while !self.is_slow && self.raw.as_ref().is_some_and(RawNode::has_ready) {
            let mut ready = self.call(journal, RawNode::ready)??;
            sent.append(&mut ready.messages);
            self.storage.write(&ready)?;
            sent.append(&mut ready.messages_after_write);
            self.apply(ready.snapshot.as_deref(), &ready.committed, journal)?;
            self.tell_answers(&ready, journal);
            self.call(journal, |raw| raw.advance(ready))?;
        }
        Ok(sent)
    }

    /// Takes a Ready, sends what may leave at once, and leaves the rest to `write` and `apply`.
    pub(crate) fn take_ready(&mut self, journal: &Journal) -> Result<Option<Vec<Envelope>>, Refusal> {
        if !self.raw()?.has_ready() {
            return Ok(None);
        }
        let mut ready = self.call(journal, RawNode::ready)??;
        self.tell(show::ready(&ready), journal);
        self.tell_answers(&ready, journal);
        let sent = std::mem::take(&mut ready.messages);
        let committed = std::mem::take(&mut ready.committed);
        if ready.snapshot.is_some() || !committed.is_empty() {
            self.applies.push_back(Apply {
                number: ready.number,
                snapshot: ready.snapshot.clone(),
                committed,
            });
        }
        self.writes.push_back(ready);
        Ok(Some(sent))
    }

    /// The oldest write is done.
    pub(crate) fn finish_write(&mut self, journal: &Journal) -> Result<Option<Vec<Envelope>>, Refusal> {
        let Some(ready) = self.writes.pop_front() else { return Ok(None) };
        self.storage.write(&ready)?;
        self.tell(format_args!("the write of Ready {} is durable", ready.number), journal);
        self.call(journal, |raw| raw.on_written(ready.number))?;
        Ok(Some(ready.messages_after_write))
    }

    /// The state machine does the next that is waiting for it. Whether there was anything.
    pub(crate) fn finish_apply(&mut self, journal: &Journal) -> Result<bool, Refusal> {
        let is_unwritten = |apply: &Apply| {
            apply.snapshot.is_some() && self.writes.iter().any(|ready| ready.number == apply.number)
        };
        if self.applies.front().is_none_or(is_unwritten) {
            return Ok(false);
        }
        let Some(apply) = self.applies.pop_front() else { return Ok(false) };
        self.apply(apply.snapshot.as_deref(), &apply.committed, journal)?;
        let last = apply.committed.last().and_then(Entries::last_id);
        let last = last.max(apply.snapshot.map(|snapshot| snapshot.last));
        if let Some(last) = last {
            self.call(journal, |raw| raw.on_applied(last.index))?;
        }
        Ok(true)
    }

    fn apply(
        &mut self,
        snapshot: Option<&Snapshot>,
        committed: &[Entries],
        journal: &Journal,
    ) -> Result<(), Refusal> {
        if let Some(snapshot) = snapshot {
            self.machine.restore(snapshot);
            let membership = &snapshot.membership;
            self.tell(format_args!("restores snapshot {} ({membership})", snapshot.last), journal);
        }
        let entries: Vec<_> = committed.iter().flat_map(|run| run.iter()).collect();
        if !entries.is_empty() {
            let shown: Vec<_> = entries.iter().map(|entry| show::entry(entry)).collect();
            self.tell(format_args!("applies {}", shown.join(", ")), journal);
        }
        for entry in entries {
            self.apply_entry(entry, journal)?;
        }
        Ok(())
    }

    fn apply_entry(&mut self, entry: &Entry, journal: &Journal) -> Result<(), Refusal> {
        let index = entry.id.index;
        match entry.kind() {
            EntryKind::Normal => {
                self.machine.commands.push((index, String::from_utf8_lossy(entry.data()).into_owned()));
            }
            EntryKind::Blank => {}
            EntryKind::ConfChange => {
                let change = ConfChange::from_data(entry.data()).ok_or("the log holds no change there")?;
                match self.call(journal, |raw| raw.apply_conf_change(&change))? {
                    Ok(membership) => self.machine.memberships.push((index, membership)),
                    Err(error) => self.tell(
                        format_args!("{error} -> leave out {}", membership::show_change(&change)),
                        journal,
                    ),
                }
            }
        }
        Ok(())
    }

    fn tell_answers(&mut self, ready: &Ready, journal: &Journal) {
        for forward in &ready.forwards {
            let ticket = self.ticket("forward", &forward.id);
            match forward.outcome {
                ForwardOutcome::Appended(id) => self.tell(format_args!("{ticket} -> {id}"), journal),
                ForwardOutcome::Refused => self.tell(format_args!("{ticket} -> refused"), journal),
                ForwardOutcome::Unknown => self.tell(format_args!("{ticket} -> unknown"), journal),
            }
        }
        for read in &ready.reads {
            let ticket = self.ticket("read", &read.id);
            match read.outcome {
                ReadOutcome::At(index) => self.tell(format_args!("{ticket} -> sees entry {index}"), journal),
                ReadOutcome::Lost => self.tell(format_args!("{ticket} -> lost"), journal),
            }
        }
        for transfer in &ready.transfers {
            self.tell(format_args!("transfer to {} -> {}", transfer.to, transfer.outcome), journal);
        }
    }

    /// `read 2`: the second read that began here.
    pub(crate) fn ticket(&mut self, kind: &str, id: &impl std::fmt::Debug) -> String {
        let name = format!("{kind} {id:?}");
        let of_kind = |name: &str| name.split(' ').next() == Some(kind);
        let known = self.tickets.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
        let number = known.unwrap_or_else(|| {
            let number = 1 + self.tickets.iter().filter(|(known, _)| of_kind(known)).count();
            self.tickets.push((name, number));
            number
        });
        format!("{kind} {number}")
    }

    /// Makes what was applied up to `index` a snapshot, and drops all entries before it but the last `keep`.
    pub(crate) fn compact(&self, index: LogIndex, keep: u64) -> Result<(), Refusal> {
        let last = quorate::EntryId { term: self.storage.term(index)?, index };
        let membership = self.machine.membership_at(index)?;
        let snapshot = Snapshot { last, membership, data: self.machine.data_at(index).into() };
        Ok(self.storage.clone().compact(snapshot, keep)?)
    }

    /// What the state machine has been told, in order.
    pub(crate) fn commands(&self) -> Vec<&str> {
        self.machine.commands.iter().map(|(_, command)| command.as_str()).collect()
    }
}
