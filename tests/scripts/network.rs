//! What is on its way between nodes. Nothing arrives by itself: a script delivers it, or loses it.

use quorate::{Envelope, NodeId};

use crate::{
    arguments::{Arguments, Refusal},
    journal::Journal,
};

#[derive(Default)]
pub(crate) struct Network {
    /// In the order in which it was sent.
    under_way: Vec<Envelope>,
    /// Whoever stands in none of them is in one with all others of whom that is true.
    partitions: Vec<Vec<NodeId>>,
}

/// Which messages a command is about.
#[derive(Default)]
pub(crate) struct Selection {
    to: Vec<NodeId>,
    from: Option<NodeId>,
    kind: Option<String>,
    count: Option<usize>,
}

impl Selection {
    /// `[to…] [from=…] [type=…] [count=…]`; without anything, all.
    pub(crate) fn of(arguments: &mut Arguments<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            from: arguments.option("from")?,
            kind: arguments.option("type")?,
            count: arguments.option("count")?,
            to: arguments.rest()?,
        })
    }

    fn selects(&self, envelope: &Envelope) -> bool {
        let is_kind = |kind: &String| envelope.message.to_string().split(' ').next() == Some(kind);
        (self.to.is_empty() || self.to.contains(&envelope.to))
            && self.from.is_none_or(|from| from == envelope.from)
            && self.kind.as_ref().is_none_or(is_kind)
    }
}

impl Network {
    pub(crate) fn send(&mut self, envelope: Envelope, journal: &Journal) {
        if self.group(envelope.from) == self.group(envelope.to) {
            journal.write(envelope.to_string());
            self.under_way.push(envelope);
        } else {
            lose(&envelope, journal);
        }
    }

    fn group(&self, node: NodeId) -> Option<usize> {
        self.partitions.iter().position(|group| group.contains(&node))
    }

    /// Nothing passes between the groups any more; what was on its way between them is lost.
    pub(crate) fn partition(&mut self, partitions: Vec<Vec<NodeId>>, journal: &Journal) {
        self.partitions = partitions;
        for envelope in std::mem::take(&mut self.under_way) {
            if self.group(envelope.from) == self.group(envelope.to) {
                self.under_way.push(envelope);
            } else {
                lose(&envelope, journal);
            }
        }
    }

    /// Takes out what is under way now and selected.
    pub(crate) fn take(&mut self, selection: &Selection) -> Vec<Envelope> {
        let most = selection.count.unwrap_or(usize::MAX);
        let mut taken = Vec::new();
        for envelope in std::mem::take(&mut self.under_way) {
            if taken.len() < most && selection.selects(&envelope) {
                taken.push(envelope);
            } else {
                self.under_way.push(envelope);
            }
        }
        taken
    }

    /// The first message between these nodes.
    pub(crate) fn take_first_among(&mut self, nodes: &[NodeId]) -> Option<Envelope> {
        let is_among = |envelope: &Envelope| nodes.contains(&envelope.from) && nodes.contains(&envelope.to);
        let position = self.under_way.iter().position(is_among)?;
        Some(self.under_way.remove(position))
    }

    /// The network doubles what is selected: the copies come last.
    pub(crate) fn duplicate(&mut self, selection: &Selection) {
        let originals = self.under_way.iter().filter(|envelope| selection.selects(envelope));
        let copies: Vec<_> = originals.take(selection.count.unwrap_or(usize::MAX)).cloned().collect();
        self.under_way.extend(copies);
    }

    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Envelope> {
        self.under_way.iter()
    }
}

/// `n1@3 ↛ n2 …`: sent, and never to arrive.
pub(crate) fn lose(envelope: &Envelope, journal: &Journal) {
    journal.write(envelope.to_string().replacen('→', "↛", 1));
}
