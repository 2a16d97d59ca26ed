//! The public face of the core: one node, driven by whoever holds it.

use std::mem::take;

use bytes::Bytes;
use slog::Logger;

use super::{
    config::Config,
    entries::Entries,
    entry::{EntryKind, Proposal},
    error::{CampaignError, ConfChangeError, NewError, ProposeError, ReadError, StepError, TransferError},
    invariants::Before,
    message::Envelope,
    quorum::{ChangeError, ConfChange, Membership},
    raft::Raft,
    ready::{Leadership, Proposed, ReadId, Ready},
    role::RoleKind,
    status::Status,
    storage::{HardState, Storage, StorageError},
    types::{EntryId, LogIndex, NodeId},
};

/// One Raft node, as a state machine without I/O, threads, or clocks.
///
/// Whoever holds it feeds it [messages](Self::step), [ticks](Self::tick) and [proposals](Self::propose), and
/// carries out what it wants done:
///
/// ```text
/// loop {
///     wait for a message, a proposal, or the next tick, and pass it in: step, propose, read_index, tick
///     while has_ready {
///         ready   → carry it out, in the order that Ready gives
///         advance → give it back
///     }
/// }
/// ```
///
/// `advance` says at once that all was done. A driver that writes on another thread keeps calling
/// [`ready`](Self::ready) instead, and reports with [`on_written`](Self::on_written) and
/// [`on_applied`](Self::on_applied), in order, when it is.
///
/// The same calls in the same order, from the same storage and seed, give the same results, byte for byte.
pub struct RawNode {
    raft: Raft,
    /// As the last Ready said.
    hard_state: HardState,
    leadership: Leadership,
    /// Whether anything was called since the last Ready that may have given the next one something to do.
    has_news: bool,
    /// A Ready that came back empty, whose vectors are to be filled again.
    spare: Option<Box<Ready>>,
}

impl RawNode {
    /// A node as `storage` left it; a follower in the term it last knew.
    ///
    /// Its membership is the one in `storage`: for a new cluster, every node is given the same one first
    /// ([`MemStorage::with_voters`](crate::MemStorage::with_voters)).
    ///
    /// # Errors
    /// [`NewError`] if the configuration cannot work, or storage holds what no crash can leave behind.
    pub fn new(config: Config, storage: impl Storage + 'static, logger: Logger) -> Result<Self, NewError> {
        let raft = Raft::new(config, Box::new(storage), logger)?;
        let (hard_state, leadership) = (raft.hard_state(), raft.leadership());
        Ok(Self { raft, hard_state, leadership, has_news: true, spare: None })
    }

    /// Any call that may give the next Ready something to do.
    fn call<T>(&mut self, call: impl FnOnce(&mut Raft) -> T) -> T {
        self.has_news = true;
        self.checked(call)
    }

    fn checked<T>(&mut self, call: impl FnOnce(&mut Raft) -> T) -> T {
        if cfg!(debug_assertions) {
            let before = Before::note(&self.raft);
            let result = call(&mut self.raft);
            before.check(&self.raft);
            result
        } else {
            call(&mut self.raft)
        }
    }

    /// Takes in a message from another node.
    ///
    /// # Errors
    /// [`StepError`] if no correct node could have sent it, or storage failed. The node carries on unless it
    /// was storage.
    pub fn step(&mut self, envelope: Envelope) -> Result<(), StepError> {
        self.call(|raft| raft.step(envelope))
    }

    /// One tick of the clock: see [`Config`].
    pub fn tick(&mut self) {
        self.call(Raft::tick);
    }

    /// Proposes a command: here if this node leads, else at the leader.
    ///
    /// # Errors
    /// [`ProposeError`], and nothing of the command is or will be in any log.
    pub fn propose(&mut self, data: impl Into<Bytes>) -> Result<Proposed, ProposeError> {
        let proposal = Proposal::command(data.into());
        self.call(|raft| raft.propose(proposal))
    }

    /// Proposes a change of membership. Only a leader can.
    ///
    /// The change is in force when its entry is applied: decode it with
    /// [`ConfChange::from_data`](super::ConfChange::from_data), then call
    /// [`apply_conf_change`](Self::apply_conf_change).
    ///
    /// # Errors
    /// [`ConfChangeError`] if the change is not sound, and why. Nothing is appended in its place.
    pub fn propose_conf_change(&mut self, change: &ConfChange) -> Result<EntryId, ConfChangeError> {
        self.call(|raft| raft.propose_conf_change(change))
    }

    /// Puts a committed change in force, in its turn among the [committed](Ready::committed) entries, and before
    /// the Ready is given back. Returns the membership as of that entry, which is to be kept with the state machine; it
    /// is in force, unless a snapshot has brought a later one meanwhile.
    ///
    /// # Errors
    /// [`ChangeError`] if it makes no sense in the present membership, which then stays. All nodes find the same.
    pub fn apply_conf_change(&mut self, change: &ConfChange) -> Result<Membership, ChangeError> {
        self.call(|raft| raft.apply_conf_change(change))
    }

    /// Hands leadership over to `to` (thesis §3.10). How that ends, a later [`Ready::transfers`] tells; it
    /// takes an election timeout at most. A follower may ask its leader for it, for itself, and sees by who leads.
    ///
    /// # Errors
    /// [`TransferError`] if it cannot be begun.
    pub fn transfer_leader(&mut self, to: NodeId) -> Result<(), TransferError> {
        self.call(|raft| raft.transfer_leader(to))
    }

    /// Stops leading, without a successor in view. A follower stays one.
    pub fn step_down(&mut self) {
        self.call(Raft::step_down);
    }

    /// Stops following its leader, without a new term: this node no longer refuses to vote because the leader is
    /// alive. For who knows by other means that it is not. It follows again at the leader's next sign of life. With
    /// [`Config::lease_reads`] nothing happens: the leader's lease rests on this node's word.
    pub fn forget_leader(&mut self) {
        self.call(Raft::forget_leader);
    }

    /// Begins a linearizable read (thesis §6.4): a later [`Ready::reads`] tells which index the state machine
    /// must have applied to answer it, or that the read was lost. Writes nothing to the log.
    ///
    /// # Errors
    /// [`ReadError`] if nobody is known to lead, or too many reads wait.
    pub fn read_index(&mut self) -> Result<ReadId, ReadError> {
        self.call(Raft::read_index)
    }

    /// Begins a read that a leader answers without asking anybody while its lease lasts; without one, and on a
    /// follower, the same as [`read_index`](Self::read_index).
    ///
    /// Linearizable only under the assumption on clocks that [`Config::lease_reads`] states.
    ///
    /// # Errors
    /// [`ReadError`] if leases are off, nobody is known to lead, or too many reads wait.
    pub fn read_lease(&mut self) -> Result<ReadId, ReadError> {
        self.call(Raft::read_lease)
    }

    /// Tells a leader that time has passed without ticks, since its process stood still: it may have been replaced.
    pub fn expire_lease(&mut self) {
        self.call(Raft::expire_lease);
    }

    /// Stands for election now, without waiting for the timer.
    ///
    /// # Errors
    /// [`CampaignError`] if this node leads, has no vote, or is being brought up to date.
    pub fn campaign(&mut self) -> Result<(), CampaignError> {
        self.call(Raft::campaign)
    }

    /// The transport could not deliver to `node`. Makes a leader careful with it; no more than a hint.
    pub fn report_unreachable(&mut self, node: NodeId) {
        self.call(|raft| raft.report_unreachable(node));
    }

    /// The transport has delivered a snapshot to `node`, or could not. Without a report the leader waits
    /// [`Config::snapshot_ticks`].
    pub fn report_snapshot(&mut self, node: NodeId, arrived: bool) {
        self.call(|raft| raft.report_snapshot(node, arrived));
    }

    /// Whether [`ready`](Self::ready) has something to do.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        debug_assert!(self.has_news || !self.has_work(), "what gave it something to do did not say so");
        self.has_news && self.has_work()
    }

    fn has_work(&self) -> bool {
        let raft = &self.raft;
        !raft.outbox.at_once.is_empty()
            || !raft.outbox.after_write.is_empty()
            || raft.log.has_unwritten()
            || raft.log.has_applicable()
            || raft.has_outcomes()
            || raft.forwards.has_unsent()
            || raft.log.committed() != self.hard_state.commit
            || raft.standing_changed && self.has_other_standing()
            || raft.has_unsent()
    }

    fn has_other_standing(&self) -> bool {
        self.raft.hard_state() != self.hard_state || self.raft.leadership() != self.leadership
    }

    /// What this node wants done since the last Ready. Boxed, since it is large and goes through many hands.
    ///
    /// # Errors
    /// [`StorageError`] if the log cannot be read: stop the node. If it is called again all the same, nothing is
    /// missing from what it then returns.
    pub fn ready(&mut self) -> Result<Box<Ready>, StorageError> {
        let mut ready = self.spare.take().unwrap_or_default();
        self.checked(|raft| -> Result<(), StorageError> {
            raft.send_forwards();
            // What can fail comes first: a Ready that fails takes nothing along that the next one would miss.
            raft.replicate()?;
            raft.log.take_applicable(raft.config.max_committed_bytes_per_ready, &mut ready.committed)?;
            let write = raft.log.take_unwritten(&mut ready.entries);
            ready.number = write.number;
            ready.snapshot = write.snapshot;
            if !raft.outbox.at_once.is_empty() {
                std::mem::swap(&mut raft.outbox.at_once, &mut ready.messages);
            }
            if !raft.outbox.after_write.is_empty() {
                std::mem::swap(&mut raft.outbox.after_write, &mut ready.messages_after_write);
            }
            if raft.has_outcomes() {
                take_outcomes(raft, &mut ready);
            }
            Ok(())
        })?;
        self.add_changes(&mut ready);
        // All else is in this one; what there was too much of to apply at once is not.
        self.has_news = self.raft.log.has_applicable();
        Ok(ready)
    }

    /// Adds what has become of the hard state and of leadership since the last Ready.
    fn add_changes(&mut self, ready: &mut Ready) {
        let mut votes_changed = false;
        if take(&mut self.raft.standing_changed) {
            let leadership = self.raft.leadership();
            ready.leadership = (leadership != self.leadership).then_some(leadership);
            self.leadership = leadership;
            votes_changed = (self.raft.term, self.raft.vote) != (self.hard_state.term, self.hard_state.vote);
        }
        // A node that forgot that a change is in force would ask for the votes of those who are gone -> that commit is
        // not forgotten.
        let log = &self.raft.log;
        let first = ready.committed.first().and_then(Entries::first_index);
        let changes = first.is_some_and(|first| log.may_hold_change_from(first))
            && ready.committed.iter().flatten().any(|entry| entry.kind() == EntryKind::ConfChange);
        ready.must_sync = votes_changed || changes || !ready.entries.is_empty() || ready.snapshot.is_some();
        if votes_changed || self.raft.log.committed() != self.hard_state.commit {
            self.hard_state = self.raft.hard_state();
            ready.hard_state = Some(self.hard_state);
        }
    }

    /// Gives a Ready back: all of it was carried out, the write is durable, the entries are applied.
    pub fn advance(&mut self, mut ready: Box<Ready>) {
        let applied = ready.committed.last().and_then(|run| run.last_id()).map(|id| id.index);
        let restored = ready.snapshot.take().map(|snapshot| snapshot.last.index);
        self.on_written(ready.number);
        if let Some(index) = applied.max(restored) {
            self.on_applied(index);
        }
        ready.clear();
        self.spare = Some(ready);
    }

    /// The write of Ready `number`, and of every Ready before it, is durable.
    ///
    /// Reports may skip numbers, and may come late: an entry that was overwritten since does not count.
    pub fn on_written(&mut self, number: u64) {
        self.has_news |= self.checked(|raft| raft.on_written(number));
    }

    /// The state machine has applied everything up to `index`, or was restored from a snapshot up to there.
    pub fn on_applied(&mut self, index: LogIndex) {
        self.has_news |= self.checked(|raft| raft.on_applied(index));
    }

    /// Whether it waits for [`on_applied`](Self::on_applied): to hand out more, or to go on with a change of membership.
    /// If not, that may be reported whenever there is time, and the memory of what is applied is let go later.
    #[must_use]
    pub fn awaits_applied(&self) -> bool {
        self.raft.awaits_applied()
    }

    /// This node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.raft.id
    }

    /// Who leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        self.raft.leader()
    }

    /// What this node is.
    #[must_use]
    pub fn role(&self) -> RoleKind {
        self.raft.role.kind()
    }

    /// Term, vote and commit index as they are now; what of it is durable, storage knows.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.raft.hard_state()
    }

    /// The membership in force, for whoever observes it.
    #[cfg(feature = "simulation")]
    pub(crate) fn membership(&self) -> &Membership {
        &self.raft.membership
    }

    /// Everything about this node, for people and for tests.
    #[must_use]
    pub fn status(&self) -> Status {
        let raft = &self.raft;
        let leader = raft.role.as_leader();
        let progress =
            leader.map(|leader| leader.progress.iter().map(|(node, p)| (node, p.clone())).collect());
        Status {
            id: raft.id,
            hard_state: raft.hard_state(),
            role: raft.role.kind(),
            leader: raft.leader(),
            membership: raft.membership.clone(),
            last_index: raft.log.last_index(),
            durable: raft.log.durable(),
            applied: raft.log.applied(),
            progress: progress.unwrap_or_default(),
            uncommitted_bytes: leader.map_or(0, |leader| leader.uncommitted_bytes),
            pending_reads: raft.pending_reads(),
            ignored: raft.ignored,
            elections: raft.elections,
        }
    }
}

/// What has become of reads, forwards and transfers: nearly always there are none.
#[cold]
fn take_outcomes(raft: &mut Raft, ready: &mut Ready) {
    raft.reads.take_ended(&mut ready.reads);
    raft.forwards.take_ended(&mut ready.forwards);
    ready.transfers.append(&mut raft.transfers);
}
