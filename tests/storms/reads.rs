//! The clients who read: none sees a state older than what was committed when it asked (§8; thesis §6.4).

use std::collections::BTreeMap;

use harness::Node;
use quorate::{LogIndex, NodeId, ReadId, ReadOutcome, Ready, RoleKind};

use crate::{counts::Counts, world::World};

/// All reads that were begun and have not ended.
#[derive(Default)]
pub(crate) struct Reads {
    waiting: BTreeMap<(NodeId, ReadId), Waiting>,
}

struct Waiting {
    /// What the answer must not fall short of.
    committed: LogIndex,
    kind: Kind,
    /// No Ready was taken since: an answer now comes from a lease, for nobody was asked.
    is_new: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    AtLeader,
    AtFollower,
    AtLearner,
    /// On a leader of several voters, by its lease if it has one.
    ByLease,
}

impl Reads {
    fn begin(&mut self, node: &mut Node, by_lease: bool, committed: LogIndex) {
        let status = node.status();
        let kind = if status.role != RoleKind::Leader {
            if status.membership.learners.contains(&status.id) { Kind::AtLearner } else { Kind::AtFollower }
        } else if by_lease && status.membership.voters.voters().count() > 1 {
            Kind::ByLease
        } else {
            Kind::AtLeader
        };
        let begun = if by_lease { node.raw().read_lease() } else { node.raw().read_index() };
        if let Ok(id) = begun {
            let waiting = Waiting { committed, kind, is_new: true };
            assert!(self.waiting.insert((node.id(), id), waiting).is_none(), "{id:?} is used twice");
        }
    }

    /// A node's clients are told something.
    pub(crate) fn on_ready(&mut self, node: NodeId, ready: &Ready, counts: &mut Counts) {
        for read in &ready.reads {
            let Some(waiting) = self.waiting.remove(&(node, read.id)) else {
                panic!("{:?} ends, but was not begun, or ended before", read.id)
            };
            let (committed, by_lease) = (waiting.committed, waiting.kind == Kind::ByLease && waiting.is_new);
            let ReadOutcome::At(index) = read.outcome else {
                counts.count("reads lost");
                continue;
            };
            let how = if by_lease { "by a lease" } else { "by asking" };
            assert!(
                index >= committed,
                "{node} answers a stale read {how}: {index} was confirmed, {committed} was committed"
            );
            counts.count(match waiting.kind {
                Kind::AtLeader => "reads on a leader",
                Kind::AtFollower => "reads on a follower",
                Kind::AtLearner => "reads on a learner",
                Kind::ByLease if waiting.is_new => "reads by a lease",
                Kind::ByLease => "reads for want of a lease",
            });
        }
        for ((at, _), waiting) in &mut self.waiting {
            waiting.is_new &= *at != node;
        }
    }

    /// A node died, and its clients with it.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.waiting.retain(|(at, _), _| *at != node);
    }

    pub(crate) fn nobody_waits(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl World {
    pub(crate) fn client_reads(&mut self, at: usize, by_lease: bool) {
        if !self.runs(at) {
            return;
        }
        self.note(format_args!("{} read", self.nodes[at].id()));
        let committed = self.oracle.committed_anywhere();
        self.reads.begin(&mut self.nodes[at], by_lease, committed);
        if by_lease {
            self.process(at);
        }
        self.perhaps_act(at);
    }

    /// Of several who think that they lead, each: the one who does no longer must not answer.
    pub(crate) fn leaders_read_by_lease(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].leads() {
                self.client_reads(at, true);
            }
        }
    }
}
