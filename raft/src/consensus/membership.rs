//! Changes of membership: proposing them, and putting them in force (§6; thesis §4).
//!
//! Deviation: the paper puts a change in force when it is appended. Here, as in etcd and raft-rs, that happens when it
//! is **applied**. It is as safe, as long as at most one change in the log is not applied yet, and nobody stands for
//! election while a committed change waits to be applied.

use slog::{debug, info};

use super::{
    entry::{EntryKind, Proposal},
    error::ConfChangeError,
    progress::Progress,
    quorum::{ChangeError, ConfChange, Membership},
    raft::Raft,
    role::Role,
    types::{EntryId, NodeId},
};

impl Raft {
    /// Proposes a change, on the leader.
    pub(super) fn propose_conf_change(&mut self, change: &ConfChange) -> Result<EntryId, ConfChangeError> {
        let Role::Leader(leader) = &self.role else {
            return Err(ConfChangeError::NotLeader { leader: self.leader() });
        };
        let applied = self.log.applied();
        if leader.latest_change > applied {
            return Err(ConfChangeError::InFlight { index: leader.latest_change, applied });
        }
        // A leader that has committed nothing yet cannot know whether a predecessor's change is committed; two
        // changes from the same parent, each with a majority of its own, would make two clusters (thesis §4.1).
        if self.log.committed() < leader.first_of_term {
            return Err(ConfChangeError::TermNotCommitted);
        }
        if let Some(to) = leader.transfer_target() {
            return Err(ConfChangeError::TransferringLeadership { to });
        }
        self.membership.after(change)?;
        Ok(self.append_conf_change(change))
    }

    /// A follower of another library passes a change on: ours refuse them, since they have no way to tell what
    /// became of one.
    pub(super) fn on_forwarded_change(&mut self, from: NodeId, proposal: &Proposal) {
        let Some(change) = ConfChange::from_data(&proposal.data) else {
            self.ignore(from, "propose", "it is no change of membership");
            return;
        };
        if let Err(error) = self.propose_conf_change(&change) {
            debug!(self.logger, "{error} -> refuse a change from {from}");
        }
    }

    fn append_conf_change(&mut self, change: &ConfChange) -> EntryId {
        let proposal = Proposal { kind: EntryKind::ConfChange, ..Proposal::command(change.to_data()) };
        // Not refused for want of room: small, rare, and perhaps what brings the quorum back.
        let size = proposal.size();
        let id = self.log.propose(self.term, proposal);
        if let Role::Leader(leader) = &mut self.role {
            leader.uncommitted_bytes += size;
            leader.latest_change = id.index;
        }
        id
    }

    /// Puts a committed change in force. Called once for each, in the order of the log.
    pub(super) fn apply_conf_change(&mut self, change: &ConfChange) -> Result<Membership, ChangeError> {
        if self.log.is_restoring() {
            return self.apply_overtaken_change(change);
        }
        let membership = self.membership.after_committed(change)?;
        info!(self.logger, "a change of membership is committed -> put it in force";
            "membership" => %membership);
        self.membership = membership;
        self.adjust_progress();
        self.on_membership_changed();
        Ok(self.membership.clone())
    }

    /// A snapshot has come before this change was applied: what it says stays in force. But the state machine is still
    /// where the change stands, and that is what a crash leaves if the snapshot is not written yet.
    fn apply_overtaken_change(&mut self, change: &ConfChange) -> Result<Membership, ChangeError> {
        let membership = self.overtaken.as_ref().unwrap_or(&self.membership).after(change)?;
        debug!(self.logger, "a snapshot has brought a later membership -> keep that"; "membership" => %self.membership);
        self.overtaken = Some(membership.clone());
        Ok(membership)
    }

    /// New members get a progress, former ones lose theirs.
    fn adjust_progress(&mut self) {
        let (id, next) = (self.id, self.log.last_index().next());
        let membership = &self.membership;
        let Role::Leader(leader) = &mut self.role else { return };
        leader.progress.retain(|node| membership.contains(node));
        for node in membership.members().filter(|node| *node != id) {
            if leader.progress.of(node).is_none() {
                // Taken for active, or CheckQuorum could depose the leader before the new one is reached.
                leader.progress.insert(node, Progress { recent_active: true, ..Progress::new(next) });
            }
        }
    }

    /// With other voters, whatever waits for a quorum is judged anew.
    fn on_membership_changed(&mut self) {
        self.recount_votes();
        self.advance_commit(self.log.last_index());
        self.finish_reads();
        self.check_transfer_target();
        // §6: a leader that is not part of the new configuration steps down once it is committed.
        if self.is_leader() && !self.membership.voters.contains(self.id) {
            info!(self.logger, "no longer a voter -> step down");
            self.announce_commit();
            self.become_follower(self.term, None);
        }
    }

    /// The leader of a joint configuration leaves it by itself, as soon as the change into it is applied.
    ///
    /// Looked at whenever something was applied or committed, so that it is not lost with the leader that made the
    /// change: whoever leads then does it. Whether it was due.
    #[inline]
    pub(super) fn leave_joint_if_due(&mut self) -> bool {
        self.membership.auto_leave && self.membership.voters.is_joint() && self.leave_joint_if_applied()
    }

    #[cold]
    fn leave_joint_if_applied(&mut self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let is_due =
            leader.latest_change <= self.log.applied() && self.log.committed() >= leader.first_of_term;
        if is_due {
            debug!(self.logger, "the joint configuration is in force -> leave it");
            self.append_conf_change(&ConfChange::leave_joint());
        }
        is_due
    }
}
