//! Many clusters at once: what it costs that each is looked at rarely.

use crate::{
    Failure,
    lockstep::{Applied, Lockstep},
};

/// Groups of nodes that have nothing to do with each other. Each batch goes to the next of them, so that between two of
/// its own a group is out of the processor's caches, if there are many.
pub struct Groups<L> {
    groups: Vec<L>,
    latest: usize,
}

impl<L: Lockstep> Groups<L> {
    /// So many groups, at least one.
    ///
    /// # Errors
    /// What `make` returns, if it cannot make one.
    pub fn new(count: usize, make: impl Fn() -> Result<L, Failure>) -> Result<Self, Failure> {
        let groups = (0..count.max(1)).map(|_| make()).collect::<Result<_, _>>()?;
        Ok(Self { groups, latest: 0 })
    }
}

impl<L: Lockstep> Lockstep for Groups<L> {
    fn commit(&mut self, batch: usize, payload: &[u8]) -> Result<(), Failure> {
        self.latest = (self.latest + 1) % self.groups.len();
        self.groups[self.latest].commit(batch, payload)
    }

    fn compact(&mut self, keep: u64) -> Result<(), Failure> {
        self.groups.iter_mut().try_for_each(|group| group.compact(keep))
    }

    /// Of each group, the node at `position` stays.
    fn keep_only(&mut self, position: usize) {
        self.groups.iter_mut().for_each(|group| group.keep_only(position));
    }

    /// What the nodes at the same position in all groups have applied together.
    fn applied(&self) -> Vec<Applied> {
        let mut sums = Vec::new();
        for group in &self.groups {
            for (position, applied) in group.applied().into_iter().enumerate() {
                match sums.get_mut(position) {
                    None => sums.push(applied),
                    Some(sum) => {
                        *sum = Applied {
                            entries: sum.entries + applied.entries,
                            bytes: sum.bytes + applied.bytes,
                        }
                    }
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockstep::Cluster;

    #[test]
    fn each_batch_goes_to_another_group() {
        let mut groups = Groups::new(3, || Cluster::new(3)).unwrap();
        for _ in 0..6 {
            groups.commit(2, b"four").unwrap();
        }
        assert!(groups.groups.iter().all(|group| group.applied()[0].entries == 4));
        assert_eq!(groups.applied(), [Applied { entries: 12, bytes: 48 }; 3]);
    }
}
