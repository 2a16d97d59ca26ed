//! Transfers of leadership: each ends, and holds proposals back only until then (thesis §3.10).

use std::collections::{BTreeMap, BTreeSet};

use harness::Node;
use quorate::{NodeId, RawNode, Ready, RoleKind, TransferError, TransferOutcome};

use crate::{counts::Counts, world::World};

/// All transfers that were begun and have not ended.
#[derive(Default)]
pub(crate) struct Handovers {
    /// To whom, and for how many ticks of the leader's clock.
    begun: BTreeMap<NodeId, Vec<(NodeId, u32)>>,
    /// Who has ever asked its leader for it. Whether such a transfer was begun, only the leader knows.
    asked: BTreeSet<NodeId>,
}

impl Handovers {
    /// Whether leadership may be on its way from `from` to `to`.
    pub(crate) fn may_be_under_way(&self, from: NodeId, to: NodeId) -> bool {
        self.asked.contains(&to)
            || self.begun.get(&from).is_some_and(|begun| begun.iter().any(|(target, _)| *target == to))
    }

    /// A node tells how transfers ended.
    pub(crate) fn on_ready(&mut self, from: NodeId, ready: &Ready, counts: &mut Counts) {
        for transfer in &ready.transfers {
            let to = transfer.to;
            let begun = self.begun.entry(from).or_default();
            match begun.iter().position(|(target, _)| *target == to) {
                Some(position) => drop(begun.remove(position)),
                None => assert!(self.asked.contains(&to), "a transfer to {to} ends, but was not begun"),
            }
            match transfer.outcome {
                TransferOutcome::Done => counts.count("transfers: done"),
                TransferOutcome::TimedOut => counts.count("transfers: timed out"),
                TransferOutcome::NotVoter => counts.count("transfers: not voter"),
                TransferOutcome::OtherLeader(leader) => {
                    assert_ne!(leader, to, "the transfer to {to} is done");
                    counts.count("transfers: other leader");
                }
            }
        }
    }

    pub(crate) fn on_tick(&mut self, node: NodeId) {
        self.begun.entry(node).or_default().iter_mut().for_each(|(_, ticks)| *ticks += 1);
    }

    /// A node that leads has told all that it has to tell: what goes on goes to a voter, and not for too long.
    pub(crate) fn check_at_rest(&self, leader: &Node, election_ticks: u32) {
        let begun = self.begun.get(&leader.id()).filter(|begun| !begun.is_empty());
        for (to, ticks) in begun.into_iter().flatten() {
            assert!(*ticks <= election_ticks, "{to} is waited for since {ticks} ticks");
            assert!(leader.status().membership.voters.contains(*to), "{to} has no vote, and is waited for");
        }
    }

    /// A node died, and whoever waited for it.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.begun.remove(&node);
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.begun.values().all(Vec::is_empty)
    }
}

impl World {
    /// Asks a node to hand over, or one that follows to ask for it: to anybody, also to whom it makes no sense.
    pub(crate) fn hand_over(&mut self) {
        let leader = self.any_leader().filter(|_| self.chance(80));
        let (at, to) = (leader.unwrap_or_else(|| self.any_node()), self.any_node());
        // A follower can ask only for itself.
        let to = if leader.is_none() && self.chance(80) { at } else { to };
        self.transfer(at, self.nodes[to].id());
    }

    /// Asks one node to hand over to another. It is refused only for the reason that is given.
    pub(crate) fn transfer(&mut self, at: usize, to: NodeId) {
        if !self.runs(at) {
            return;
        }
        let before = self.nodes[at].status();
        self.note(format_args!("{} transfer to {to}", before.id));
        match self.nodes[at].raw().transfer_leader(to) {
            Ok(()) if before.role == RoleKind::Leader => {
                self.counts.count("transfers begun");
                self.handovers.begun.entry(before.id).or_default().push((to, 0));
            }
            Ok(()) => {
                assert!(to == before.id && before.leader.is_some(), "nobody to ask: {before:#?}");
                self.counts.count("transfers asked for by a follower");
                self.handovers.asked.insert(to);
            }
            Err(error) => {
                let leads = before.role == RoleKind::Leader;
                let is_true = match error {
                    TransferError::NotLeader { leader } => !leads && leader == before.leader,
                    TransferError::AlreadyLeader => leads && to == before.id,
                    TransferError::NotVoter { to } => leads && !before.membership.voters.contains(to),
                    TransferError::InProgress { to } => self.handovers.may_be_under_way(before.id, to),
                    other => panic!("nobody knows this refusal: {other}"),
                };
                assert!(is_true, "{} refuses a transfer for no reason: {error}", before.id);
                self.counts.count("transfers refused");
            }
        }
        self.perhaps_act(at);
    }

    /// Calls that change who leads, at any time.
    pub(crate) fn nudge(&mut self, at: usize) {
        match self.dice(8) {
            0..5 => {
                self.counts.count("campaigns called for");
                self.call(at, "campaign", |raw| drop(raw.campaign()));
            }
            5 => {
                let at = self.any_leader().unwrap_or(at);
                self.counts.count("leaders told to step down");
                self.call(at, "step down", RawNode::step_down);
            }
            _ => {
                self.counts.count("leaders forgotten");
                self.call(at, "forget leader", RawNode::forget_leader);
            }
        }
    }
}
