//! Anything done to a node whose disk and state machine are honest.

use std::collections::{BTreeMap, VecDeque};

use quorate::{Envelope, MemStorage, Message, NodeId, Ready, Status, Storage, Term};

use super::{
    calls::{Call, Drive},
    choices::Choices,
    messages::Known,
    start::{config, disk},
};
use crate::{Node, Pace};

/// What is sent and not answered is forgotten when it is more than this.
const SENT_MAX: usize = 32;
/// So many turns are more than any call needs: a node that still has a Ready would spin.
const TURNS_MAX: usize = 1000;

/// Makes a node as `data` says, does to it what `data` says, and checks after each call that it is sound.
///
/// With `is_told`, each call is printed before it is made.
///
/// # Panics
/// If the node is not sound, or panics itself.
pub fn step(data: &[u8], is_told: bool) {
    let mut choices = Choices::of(data);
    let config = config(&mut choices);
    let pace = if choices.coin() { Pace::OnRequest } else { Pace::AtOnce };
    let disk = disk(&mut choices);
    if is_told {
        eprintln!("{config:#?}, {pace:?}, {:?}, {}", disk.initial_state(), entries_of(&disk));
    }
    let mut world = World::around(Node::new(config, disk, pace));
    while !choices.are_over() {
        let call = Call::next(&mut choices, &world.known(), &mut world.sent);
        if is_told {
            eprintln!("{call}");
        }
        world.make(call);
        world.check();
        if is_told {
            world.tell();
        }
    }
}

fn entries_of(disk: &MemStorage) -> String {
    let last = disk.last_index().expect("memory can be read");
    let entries = disk.entries(quorate::LogIndex(1), last, usize::MAX);
    entries.map(|entries| entries.to_string()).unwrap_or_default()
}

struct World {
    node: Node,
    /// What the node has sent and nobody has answered, the newest last.
    sent: VecDeque<Envelope>,
    before: Status,
    /// To whom the node's vote went. Others remember that, also if it crashes.
    votes: BTreeMap<Term, NodeId>,
}

impl World {
    fn around(node: Node) -> Self {
        let before = node.status();
        Self { node, sent: VecDeque::new(), before, votes: BTreeMap::new() }
    }

    fn known(&self) -> Known {
        let mut known = Known::of(&self.before, self.node.disk());
        (known.written, known.applied) = (self.node.written(), self.node.machine.index().0);
        known
    }

    fn make(&mut self, call: Call) {
        let Some(drive) = call.make(self.node.raw()) else { return };
        match drive {
            Drive::Ready => self.take_readys(),
            Drive::Write(count) => self.finish_writes(count),
            Drive::Apply(count) => self.node.finish_applies(count),
            Drive::Settle => self.settle(),
            Drive::Converse(times) => (0..times).for_each(|_| self.converse()),
            Drive::Compact(keep) => self.node.compact(keep),
            Drive::Restart { keeps_machine } => {
                self.node.crash();
                if keeps_machine {
                    self.node.restart_with_machine();
                } else {
                    self.node.restart();
                }
                self.before = self.node.status();
            }
        }
    }

    fn take_readys(&mut self) {
        for _ in 0..TURNS_MAX {
            let disk = self.node.disk().clone();
            let Some(sent) = self.node.take_ready(|ready| check_ready(ready, &disk)) else { return };
            self.leave(sent);
        }
        panic!("it would spin");
    }

    fn finish_writes(&mut self, count: usize) {
        let sent = self.node.finish_writes(count);
        self.leave(sent);
    }

    fn settle(&mut self) {
        self.take_readys();
        while self.node.is_busy() {
            self.finish_writes(1);
            self.node.finish_applies(1);
            self.take_readys();
        }
    }

    fn converse(&mut self) {
        self.settle();
        self.before = self.node.status();
        let known = self.known();
        let answers: Vec<_> = self.sent.drain(..).filter_map(|sent| known.answer(&sent, true)).collect();
        Call::Step(answers).make(self.node.raw());
        self.settle();
    }

    /// What leaves the node must be for others, and no vote may leave that its disk does not hold.
    fn leave(&mut self, messages: Vec<Envelope>) {
        for sent in messages {
            let id = self.node.id();
            assert!(sent.from == id && sent.to != id, "{sent} is for itself");
            if matches!(sent.message, Message::VoteRequest { .. }) {
                self.vote(&sent, id);
            } else if matches!(sent.message, Message::VoteResponse { granted: true, .. }) {
                self.vote(&sent, sent.to);
            }
            self.sent.push_back(sent);
        }
        let forgotten = self.sent.len().saturating_sub(SENT_MAX);
        self.sent.drain(..forgotten);
    }

    /// §5.2: one vote in each term, and never before it is on the disk.
    fn vote(&mut self, sent: &Envelope, candidate: NodeId) {
        let earlier = *self.votes.entry(sent.term).or_insert(candidate);
        assert_eq!(earlier, candidate, "{sent}: a second vote in the term");
        let held = self.node.disk().hard_state();
        let is_durable = held.term > sent.term || (held.term == sent.term && held.vote == Some(candidate));
        assert!(is_durable, "{sent} leaves when the disk holds {held:?}");
    }

    fn check(&mut self) {
        let (before, after) = (&self.before, self.node.status());
        let (was, is) = (before.hard_state, after.hard_state);
        assert!(is.term >= was.term, "the term went back: {was:?} → {is:?}");
        assert!(is.commit >= was.commit, "the commit index went back: {was:?} → {is:?}");
        let keeps_vote = is.term > was.term || was.vote.is_none() || is.vote == was.vote;
        assert!(keeps_vote, "the vote changed: {was:?} → {is:?}");
        assert!(after.applied >= before.applied, "applied went back: {after:?}");
        assert!(after.applied <= is.commit && is.commit <= after.last_index, "{after:?}");
        assert!(after.durable <= after.last_index, "{after:?}");
        assert!(self.node.machine.index() <= is.commit, "applied what is not committed: {after:?}");
        let follows_itself = after.progress.iter().any(|(node, _)| *node == after.id);
        assert!(!follows_itself, "it follows itself: {after:?}");
        self.before = after;
    }

    fn tell(&self) {
        let Status { hard_state, role, last_index, durable, applied, membership, .. } = &self.before;
        eprintln!(
            "  {role} {hard_state:?} last={last_index} durable={durable} applied={applied} {membership}"
        );
    }
}

/// What promises something waits for the write; only what is on the node's own disk is applied.
fn check_ready(ready: &Ready, disk: &MemStorage) {
    for sent in &ready.messages {
        let promises = matches!(
            sent.message,
            Message::VoteRequest { .. }
                | Message::VoteResponse { granted: true, .. }
                | Message::AppendAccepted { .. }
        );
        assert!(!promises, "{sent} does not wait for the write");
    }
    for entry in ready.committed.iter().flatten() {
        let held = disk.term(entry.id.index).ok();
        assert_eq!(held, Some(entry.id.term), "{} is committed, and not on the disk", entry.id);
    }
}
