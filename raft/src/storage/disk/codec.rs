//! Numbers as bytes, all little-endian, and checksums.

use crate::consensus::{
    EntryId, HardState, LogIndex, Membership, NodeId, Term,
    quorum::{Joint, Majority},
};

/// The checksum of `bytes`, from `seed` on.
pub(super) fn checksum(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// What the checksums in a file start from, so that bytes of another log, or of an earlier life of the file, are not
/// taken for its own.
pub(super) fn seed(log: u64, sequence: u64) -> u32 {
    checksum(checksum(0, &log.to_le_bytes()), &sequence.to_le_bytes())
}

/// `size`, rounded up to a multiple of `unit`.
pub(super) const fn round_up(size: u64, unit: u64) -> u64 {
    size.div_ceil(unit) * unit
}

/// Appends fields to a buffer.
pub(super) trait Put {
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);

    fn put_id(&mut self, id: EntryId) {
        self.put_u64(id.index.0);
        self.put_u64(id.term.0);
    }

    fn put_hard_state(&mut self, hard_state: HardState) {
        self.put_u64(hard_state.term.0);
        // 0 is not a node.
        self.put_u64(hard_state.vote.map_or(0, |node| node.0));
        self.put_u64(hard_state.commit.0);
    }

    fn put_nodes(&mut self, nodes: &[NodeId]) {
        self.put_u64(nodes.len() as u64);
        for node in nodes {
            self.put_u64(node.0);
        }
    }

    fn put_membership(&mut self, membership: &Membership) {
        self.put_nodes(membership.voters.incoming.voters());
        self.put_nodes(membership.voters.outgoing.voters());
        self.put_nodes(&membership.learners);
        self.put_nodes(&membership.learners_next);
        self.put_u64(u64::from(membership.auto_leave));
    }
}

impl Put for Vec<u8> {
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
}

/// Takes fields from bytes, in order. `None` when there are too few.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*field))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*field))
    }

    pub(super) fn index(&mut self) -> Option<LogIndex> {
        self.u64().map(LogIndex)
    }

    pub(super) fn id(&mut self) -> Option<EntryId> {
        let index = self.index()?;
        Some(EntryId { index, term: Term(self.u64()?) })
    }

    pub(super) fn hard_state(&mut self) -> Option<HardState> {
        let term = Term(self.u64()?);
        let vote = Some(self.u64()?).filter(|&node| node != 0).map(NodeId);
        Some(HardState { term, vote, commit: self.index()? })
    }

    pub(super) fn nodes(&mut self) -> Option<Vec<NodeId>> {
        let count = usize::try_from(self.u64()?).ok()?;
        // The count comes from the disk: no memory for more than the bytes can hold.
        if count > self.0.len() / 8 {
            return None;
        }
        (0..count).map(|_| self.u64().map(NodeId)).collect()
    }

    pub(super) fn membership(&mut self) -> Option<Membership> {
        let voters = Joint { incoming: Majority::new(self.nodes()?), outgoing: Majority::new(self.nodes()?) };
        let (learners, learners_next) = (self.nodes()?, self.nodes()?);
        Some(Membership { voters, learners, learners_next, auto_leave: self.u64()? != 0 })
    }
}
