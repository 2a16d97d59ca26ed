//! Replication: how a leader brings its followers' logs to equal its own (§5.3).
//!
//! In the order of the conversation: what the leader sends, the follower's answers, what the leader makes of them.

use slog::debug;

use super::{
    config::Config,
    entries::Entries,
    error::StepError,
    log::Log,
    message::{Echo, Envelope, Message},
    progress::{Inflight, Progress, ProgressState},
    raft::Raft,
    role::Role,
    storage::StorageError,
    types::{EntryId, LogIndex, NodeId},
};

impl Raft {
    /// One tick on the leader.
    pub(super) fn tick_leader(&mut self) {
        self.election_elapsed = self.election_elapsed.saturating_add(1);
        if self.election_elapsed >= self.config.election_ticks {
            self.election_elapsed = 0;
            if self.config.check_quorum {
                self.check_quorum();
            }
        }
        self.tick_transfer();
        self.step_down_if_disk_stalls();
        let (heartbeat_ticks, snapshot_ticks) = (self.config.heartbeat_ticks, self.config.snapshot_ticks);
        let Some(leader) = self.role.as_leader_mut() else { return };
        for (_, progress) in leader.progress.iter_mut() {
            progress.tick_snapshot(snapshot_ticks);
        }
        leader.heartbeat_elapsed += 1;
        if leader.heartbeat_elapsed >= heartbeat_ticks {
            leader.progress.iter_mut().for_each(|(_, progress)| progress.on_heartbeat_due());
            self.send_heartbeats();
        }
    }

    /// §5.2: heartbeats to all, so that nobody starts an election. They carry what each may commit.
    pub(super) fn send_heartbeats(&mut self) {
        let (committed, ticks) = (self.log.committed(), self.ticks);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.heartbeat_elapsed = 0;
        if self.config.lease_reads {
            leader.reads.begin_lease_round(ticks);
        }
        let echo = leader.reads.echo();
        let mut heartbeats = Vec::new();
        for (node, progress) in leader.progress.iter_mut() {
            // Only what the follower is known to hold: its log may go on otherwise than ours.
            let commit = committed.min(progress.matched);
            progress.commit_sent = progress.commit_sent.max(commit);
            heartbeats.push((node, Message::Heartbeat { commit, echo: echo.clone() }));
        }
        for (node, heartbeat) in heartbeats {
            self.send(node, heartbeat);
        }
    }

    /// Tells every follower how much of its log is committed, for a leader that will not be there to do it later.
    pub(super) fn announce_commit(&mut self) {
        let committed = self.log.committed();
        let Role::Leader(leader) = &mut self.role else { return };
        let mut notices = Vec::new();
        for (node, progress) in leader.progress.iter_mut().filter(|(_, p)| p.wants_commit_notice(committed)) {
            progress.commit_sent = committed.min(progress.matched);
            notices.push((node, Message::CommitNotice { commit: progress.commit_sent }));
        }
        for (node, notice) in notices {
            self.send(node, notice);
        }
    }

    /// Whether [`replicate`](Self::replicate) has anything to send.
    pub(super) fn has_unsent(&self) -> bool {
        let (last, committed) = (self.log.last_index(), self.log.committed());
        self.role.as_leader().is_some_and(|leader| {
            leader.reads.has_unsent_round()
                || leader
                    .progress
                    .iter()
                    .any(|(_, p)| p.wants_append(last) || p.wants_commit_notice(committed))
        })
    }

    /// Sends every follower what it lacks and its window allows.
    ///
    /// Called once for each Ready, so that what was proposed and acknowledged in between leaves in one message.
    pub(super) fn replicate(&mut self) -> Result<(), StorageError> {
        if self.is_leader() { self.replicate_to_followers() } else { Ok(()) }
    }

    #[inline(never)]
    fn replicate_to_followers(&mut self) -> Result<(), StorageError> {
        self.send_read_round();
        let Role::Leader(leader) = &mut self.role else { return Ok(()) };
        let (last, committed) = (self.log.last_index(), self.log.committed());
        let (from, term) = (self.id, self.term);
        let mut piece = None;
        for (to, progress) in leader.progress.iter_mut() {
            while progress.wants_append(last) {
                match next_append(progress, &mut piece, &mut self.log, &self.config)? {
                    Some(message) => self.outbox.at_once.push(Envelope { from, to, term, message }),
                    None => break,
                }
            }
            if progress.wants_commit_notice(committed) {
                let commit = committed.min(progress.matched);
                progress.commit_sent = commit;
                let message = Message::CommitNotice { commit };
                self.outbox.at_once.push(Envelope { from, to, term, message });
            }
        }
        Ok(())
    }

    /// The leader's log goes on after `previous` with `entries`.
    pub(super) fn on_append_request(
        &mut self,
        leader: NodeId,
        previous: EntryId,
        entries: Entries,
        commit: LogIndex,
    ) -> Result<(), StepError> {
        self.check_append(leader, previous, &entries)?;
        let committed = self.log.committed();
        if previous.index < committed {
            // What is committed is equal everywhere: the leader may go on from there.
            debug!(self.logger, "{previous} is below the commit {committed} -> accept up to there");
            self.send_after_write(leader, Message::AppendAccepted { matched: committed });
            return Ok(());
        }
        if !self.log.contains(previous)? {
            return Ok(self.reject_append(leader, previous)?);
        }
        let last_new = entries.last_id().unwrap_or(previous).index;
        let common = self.log.last_common(previous, &entries)?;
        // §5.3: only what conflicts is removed. A request that comes late or twice, and names less than we
        // hold, removes nothing.
        if common.index < last_new {
            let new = if common == previous { entries } else { entries.slice(common.index.next(), last_new) };
            self.forwards.appended(self.id, &new);
            self.log.replace_tail(common, new);
        }
        // Figure 2, AppendEntries 5: commitIndex = min(leaderCommit, index of last new entry).
        self.log.commit_to(commit.min(last_new));
        // §5.3, and §10.2.1 of the thesis: acknowledged only when durable, also if it was here before.
        self.send_after_write(leader, Message::AppendAccepted { matched: last_new });
        Ok(())
    }

    fn check_append(&self, from: NodeId, previous: EntryId, entries: &Entries) -> Result<(), StepError> {
        let follows = match (entries.first_id(), entries.last_id()) {
            (Some(first), Some(last)) => {
                first.index == previous.index.next() && first.term >= previous.term && last.term <= self.term
            }
            (None, _) | (_, None) => previous.term <= self.term,
        };
        if follows { Ok(()) } else { Err(StepError::MalformedAppend { from, previous, term: self.term }) }
    }

    fn reject_append(&mut self, leader: NodeId, previous: EntryId) -> Result<(), StorageError> {
        // §5.3: all of a conflicting term is skipped in one round trip. The leader holds `previous`, so it has
        // nothing newer than that term at or below it; where we do, the logs differ.
        let hint = self.log.last_at_most(previous.index, previous.term)?;
        debug!(self.logger, "{previous} is not in the log -> reject"; "hint" => %hint);
        self.send(leader, Message::AppendRejected { rejected: previous.index, hint });
        Ok(())
    }

    pub(super) fn on_heartbeat(
        &mut self,
        leader: NodeId,
        commit: LogIndex,
        echo: Echo,
    ) -> Result<(), StepError> {
        let learned = self.on_commit_notice(leader, commit);
        self.send(leader, Message::HeartbeatResponse { echo });
        learned
    }

    /// The leader knows that this much of our log is equal to its own, and committed.
    pub(super) fn on_commit_notice(&mut self, from: NodeId, commit: LogIndex) -> Result<(), StepError> {
        let last = self.log.last_index();
        if commit > last {
            self.lost_entries_in = Some(self.term);
            return Err(StepError::CommitBeyondLog { from, commit, last });
        }
        self.log.commit_to(commit);
        Ok(())
    }

    pub(super) fn on_append_accepted(&mut self, from: NodeId, matched: LogIndex) -> Result<(), StepError> {
        let last = self.log.last_index();
        if matched > last {
            return Err(StepError::MatchedBeyondLog { from, matched, last });
        }
        let progress = self.progress_of(from)?;
        let is_news = progress.on_accepted(matched);
        let can_go_on = match &progress.state {
            ProgressState::Probe { .. } => progress.answers_probe(matched),
            // Whatever brought the follower here: if the log can go on from there, it need not wait.
            ProgressState::Snapshot { .. } => progress.matched.next() >= self.log.first_index()?,
            ProgressState::Replicate { .. } => false,
        };
        if can_go_on {
            let window = Inflight::new(self.config.max_inflight_messages, self.config.max_inflight_bytes);
            self.progress_of(from)?.replicate(window);
        }
        if is_news {
            self.advance_commit(matched);
            self.advance_transfer();
        }
        Ok(())
    }

    pub(super) fn on_append_rejected(
        &mut self,
        from: NodeId,
        rejected: LogIndex,
        hint: EntryId,
    ) -> Result<(), StepError> {
        self.progress_of(from)?;
        // The follower has nothing newer than `hint.term` there; what we have that is newer, it cannot match.
        let candidate = self.log.last_at_most(hint.index, hint.term)?;
        let progress = self.progress_of(from)?;
        if progress.on_rejected(rejected, candidate.index) {
            let next = progress.next;
            debug!(self.logger, "{from} lacks entry {rejected} and hints {hint} -> probe from {next}");
        } else {
            self.ignore(from, "append_rejected", "it answers an append since superseded");
        }
        Ok(())
    }

    pub(super) fn on_heartbeat_response(&mut self, from: NodeId, echo: &Echo) -> Result<(), StepError> {
        self.progress_of(from)?.heartbeat_answered = true;
        self.on_round_answered(from, echo);
        // The word to stand may have been lost.
        self.advance_transfer();
        Ok(())
    }

    /// The progress of a follower that has just been heard from.
    fn progress_of(&mut self, from: NodeId) -> Result<&mut Progress, StepError> {
        let progress = self.role.as_leader_mut().and_then(|leader| leader.progress.of_mut(from));
        let progress = progress.ok_or(StepError::UnknownPeer { from })?;
        progress.recent_active = true;
        Ok(progress)
    }

    /// The transport could not deliver to `node`: what was sent optimistically is likely lost.
    pub(super) fn report_unreachable(&mut self, node: NodeId) {
        let Some(progress) = self.role.as_leader_mut().and_then(|leader| leader.progress.of_mut(node)) else {
            return;
        };
        if matches!(progress.state, ProgressState::Replicate { .. }) {
            progress.probe_from(progress.matched.next());
            debug!(self.logger, "{node} is unreachable -> probe");
        }
    }
}

/// A piece of the log: what an append carries.
struct Piece {
    previous: EntryId,
    entries: Entries,
    /// Its last entry; the previous one, if it has none.
    last: LogIndex,
    /// What its entries weigh.
    bytes: usize,
}

impl Piece {
    fn new(previous: EntryId, entries: Entries) -> Self {
        let last = entries.last_index().unwrap_or(previous.index);
        Self { previous, last, bytes: entries.bytes(), entries }
    }
}

/// The next append for a follower, or the snapshot that must come first; `None` if it has to wait.
///
/// `latest` is the piece that was sent last: followers are nearly always level, and then it is the next one's too.
fn next_append(
    progress: &mut Progress,
    latest: &mut Option<Piece>,
    log: &mut Log,
    config: &Config,
) -> Result<Option<Message>, StorageError> {
    let index = progress.next.previous();
    if latest.as_ref().is_none_or(|piece| piece.previous.index != index) {
        *latest = piece_after(index, log, config.max_message_bytes)?;
    }
    let Some(piece) = latest else { return snapshot_for(progress, log) };
    progress.on_append_sent(piece.last, piece.bytes);
    let commit = log.committed();
    progress.commit_sent = progress.commit_sent.max(commit.min(piece.last));
    let Piece { previous, entries, .. } = piece;
    Ok(Some(Message::AppendRequest { previous: *previous, entries: entries.clone(), commit }))
}

/// The log after `index`, at most `max_bytes` but at least one entry; `None` if that is compacted away.
#[inline(never)]
fn piece_after(index: LogIndex, log: &mut Log, max_bytes: usize) -> Result<Option<Piece>, StorageError> {
    let Some(term) = log.term(index)? else { return Ok(None) };
    let previous = EntryId { term, index };
    if index >= log.last_index() {
        return Ok(Some(Piece::new(previous, Entries::EMPTY)));
    }
    match log.entries(index.next(), max_bytes) {
        Ok(entries) => Ok(Some(Piece::new(previous, entries))),
        Err(StorageError::Compacted(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// §7: the snapshot for a follower whose next entry is compacted away.
#[cold]
fn snapshot_for(progress: &mut Progress, log: &Log) -> Result<Option<Message>, StorageError> {
    // Asked again with the next heartbeat, if the last one was answered; a silent follower would only waste it.
    progress.probe_from(progress.next);
    progress.state = ProgressState::Probe { sent: true };
    if !progress.recent_active {
        return Ok(None);
    }
    match log.snapshot_for_follower() {
        Ok(snapshot) if snapshot.last.index > progress.matched => {
            progress.on_snapshot_sent(snapshot.last.index);
            Ok(Some(Message::SnapshotRequest { snapshot: Box::new(snapshot) }))
        }
        Ok(_) | Err(StorageError::SnapshotTemporarilyUnavailable) => Ok(None),
        Err(error) => Err(error),
    }
}
