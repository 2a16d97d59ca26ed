//! What can go wrong in a cluster, and what takes its time: links, messages, processes, disks.

use quorate::{HardState, LogIndex, NodeId, Term};

use crate::{Cluster, Pace};

impl Cluster {
    /// The node's links are cut, all of them, both ways.
    pub fn isolate(&mut self, id: u64) {
        self.ids().filter(|other| *other != id).for_each(|other| self.network.cut(NodeId(id), NodeId(other)));
    }

    /// Nodes of different groups cannot reach each other.
    pub fn partition(&mut self, groups: &[&[u64]]) {
        for (position, group) in groups.iter().enumerate() {
            for one in *group {
                let others = groups[position + 1..].iter().copied().flatten();
                others.for_each(|other| self.network.cut(NodeId(*one), NodeId(*other)));
            }
        }
    }

    /// All links work again, and no kind of message is lost any more.
    pub fn heal(&mut self) {
        self.network.heal();
        self.lost_kinds.clear();
    }

    /// From now on messages of this kind vanish.
    pub fn lose(&mut self, kind: &'static str) {
        self.lost_kinds.push(kind);
    }

    /// Loses what is on its way.
    pub fn lose_in_flight(&mut self) {
        self.network.in_flight.clear();
    }

    /// An election timeout passes on these nodes, and what they say of it is lost: they follow nobody any more.
    pub fn outwait_leader(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| self.tick(*id, 10));
        self.lose_in_flight();
    }

    /// The process dies. Its disk keeps what was written.
    pub fn crash(&mut self, id: u64) {
        self.node(id).crash();
    }

    /// Starts again from its disk.
    pub fn restart(&mut self, id: u64) {
        self.node(id).restart();
    }

    /// Starts again as if its disk held this hard state.
    pub fn restart_with(&mut self, id: u64, term: u64, vote: Option<u64>, commit: u64) {
        let node = self.node(id);
        node.crash();
        let vote = vote.map(NodeId);
        node.disk().set_hard_state(HardState { term: Term(term), vote, commit: LogIndex(commit) });
        node.restart();
    }

    /// From now on, writes and applies of this node wait for [`finish_writes`](Self::finish_writes).
    pub fn hold_writes(&mut self, id: u64) {
        self.node(id).set_pace(Pace::OnRequest);
    }

    /// The node loses its disk, and starts again with an empty one.
    pub fn wipe(&mut self, id: u64) {
        self.node(id).wipe();
        self.restart(id);
    }

    /// The oldest write under way is done, and what waited for it leaves.
    pub fn finish_write(&mut self, id: u64) {
        let sent = self.node(id).finish_write();
        self.network.send(sent);
        self.process(id);
    }

    /// All that is under way at this node is done, and what follows from it too.
    pub fn finish_writes(&mut self, id: u64) {
        while self.at(id).is_busy() {
            self.finish_write(id);
            self.node(id).finish_apply();
            self.process(id);
        }
    }

    /// The state machine does all that it was told to, while writes go on waiting.
    pub fn finish_applies(&mut self, id: u64) {
        for _ in 0..self.node(id).waiting_applies() {
            self.node(id).finish_apply();
        }
        self.process(id);
    }

    /// Makes a snapshot of all that the node has applied, and drops its entries up to there.
    pub fn compact(&mut self, id: u64) {
        self.node(id).compact(0);
    }

    /// `leader` is elected and compacts what `behind`, which was cut off and no longer is, has none of.
    pub fn leave_behind(&mut self, leader: u64, behind: u64) {
        self.elect(leader);
        self.isolate(behind);
        for text in ["a", "b"] {
            self.propose(leader, text);
            self.settle();
        }
        self.compact(leader);
        self.heal();
    }
}
