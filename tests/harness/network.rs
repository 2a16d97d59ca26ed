//! The network: what is on its way, and which links are cut.

use std::collections::{BTreeSet, VecDeque};

use quorate::{Envelope, NodeId};

/// Messages on their way, oldest first. A cut link loses what is sent over it.
#[derive(Default)]
pub struct Network {
    /// What is on its way.
    pub in_flight: VecDeque<Envelope>,
    cut: BTreeSet<(NodeId, NodeId)>,
}

impl Network {
    /// Sends; what leaves over a cut link is lost.
    ///
    /// # Panics
    /// If a node sends to itself.
    pub fn send(&mut self, messages: impl IntoIterator<Item = Envelope>) {
        let cut = &self.cut;
        let is_sent = |message: &Envelope| {
            assert_ne!(message.from, message.to, "a node sends to itself: {message}");
            !cut.contains(&(message.from, message.to))
        };
        self.in_flight.extend(messages.into_iter().filter(is_sent));
    }

    /// Cuts one direction of a link. What is on its way over it is lost.
    pub fn cut_one_way(&mut self, from: NodeId, to: NodeId) {
        self.cut.insert((from, to));
        self.in_flight.retain(|m| (m.from, m.to) != (from, to));
    }

    /// Cuts both directions of a link.
    pub fn cut(&mut self, one: NodeId, other: NodeId) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// All links work again. What was lost stays lost.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Takes messages off the network.
    pub fn take(&mut self, mut which: impl FnMut(&Envelope) -> bool) -> Vec<Envelope> {
        let (taken, left): (VecDeque<_>, _) = self.in_flight.drain(..).partition(|m| which(m));
        self.in_flight = left;
        taken.into()
    }
}
