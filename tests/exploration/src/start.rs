//! Where an exploration begins.

use bytes::Bytes;
use quorate::{Entries, Entry, EntryId, HardState, MemStorage, NodeId, Term};

/// What the disks hold at first. The later it begins, the further it gets in what may come then.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Start {
    /// A new cluster: nothing was ever written.
    New,
    /// Figure 8 (b), with three servers: n1 led term 2 and reached nobody but itself, n3 led term 3 and did no better. In
    /// term 4 n1 can bring its entry to a majority, and n3 can still replace it in term 5.
    Figure8,
    /// Three leaders were lost, each with entries that nobody else has.
    Diverged,
}

impl Start {
    /// The terms of each node's entries, and the term in which it is.
    const fn logs(self) -> [(&'static [u64], u64); 3] {
        match self {
            Self::New => [(&[], 0), (&[], 0), (&[], 0)],
            Self::Figure8 => [(&[1, 2], 3), (&[1], 3), (&[1, 3], 3)],
            Self::Diverged => [(&[1, 2, 2], 4), (&[1, 3], 4), (&[1, 4], 4)],
        }
    }

    /// Whether all nodes are alike, so that it is enough if the first timeout is node 1's.
    pub(crate) fn is_symmetric(self) -> bool {
        self == Self::New
    }

    /// The disk of one node.
    pub(crate) fn disk(self, id: NodeId) -> MemStorage {
        let (terms, term) = self.logs()[crate::cluster::position(id)];
        let ids = (1..).zip(terms).map(|(index, term)| EntryId::new(*term, index));
        let entries: Vec<_> = ids.map(|id| Entry::command(id, Bytes::from(id.to_string()))).collect();
        let disk = MemStorage::with_voters(crate::cluster::NODES);
        disk.append(&Entries::try_from(entries).expect("terms never go down")).expect("a log from 1 on");
        disk.set_hard_state(HardState { term: Term(term), ..HardState::default() });
        disk
    }
}
