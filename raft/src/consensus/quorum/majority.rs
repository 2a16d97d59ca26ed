//! One set of voters.

use crate::consensus::types::NodeId;

/// A set of voters, any majority of which decides.
///
/// The empty set is no hindrance: everything is agreed on and every election is won. It stands for the half
/// of a [`Joint`](super::Joint) configuration that is not in use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Majority {
    /// Sorted, without duplicates.
    voters: Vec<NodeId>,
}

/// How an election stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VoteResult {
    /// A majority has granted its vote.
    Won,
    /// So many have refused that no majority can be reached any more.
    Lost,
    /// Neither yet.
    Pending,
}

impl Majority {
    /// How many agreements fit on the stack: larger sets work, and allocate.
    const INLINE: usize = 9;

    /// The set of these voters; duplicates count once.
    #[must_use]
    pub fn new(mut voters: Vec<NodeId>) -> Self {
        voters.sort_unstable();
        voters.dedup();
        Self { voters }
    }

    /// The voters, ascending.
    #[must_use]
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// Whether `node` votes.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.voters.binary_search(&node).is_ok()
    }

    /// How many of the voters make a majority.
    #[must_use]
    pub fn size(&self) -> usize {
        self.voters.len() / 2 + 1
    }

    /// The highest value that a majority has reached, given what each voter has reached.
    ///
    /// `None` if there are no voters, so that nothing is held back by them.
    pub fn agreed(&self, mut reached: impl FnMut(NodeId) -> u64) -> Option<u64> {
        let count = self.voters.len();
        if count == 0 {
            return None;
        }
        let mut inline = [0_u64; Self::INLINE];
        let mut heap = Vec::new();
        let values = if count <= Self::INLINE {
            &mut inline[..count]
        } else {
            heap.resize(count, 0);
            &mut heap[..]
        };
        for (value, voter) in values.iter_mut().zip(&self.voters) {
            *value = reached(*voter);
        }
        values.sort_unstable();
        // Ascending: the value at `count - size` is reached by the `size` voters from there on.
        Some(values[count - self.size()])
    }

    /// How an election stands, given each voter's answer: granted, refused, or none yet.
    pub fn vote_result(&self, mut answer: impl FnMut(NodeId) -> Option<bool>) -> VoteResult {
        if self.voters.is_empty() {
            return VoteResult::Won;
        }
        let (mut granted, mut missing) = (0, 0);
        for voter in &self.voters {
            match answer(*voter) {
                Some(true) => granted += 1,
                Some(false) => {}
                None => missing += 1,
            }
        }
        if granted >= self.size() {
            VoteResult::Won
        } else if granted + missing >= self.size() {
            VoteResult::Pending
        } else {
            VoteResult::Lost
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn majority(count: u64) -> Majority {
        Majority::new((1..=count).map(NodeId).collect())
    }

    #[test]
    fn b8_one_and_two_voters_need_all_of_them() {
        assert_eq!(majority(1).agreed(|_| 7), Some(7));
        assert_eq!(majority(2).agreed(|node| node.0), Some(1));
        assert_eq!(majority(4).agreed(|node| node.0), Some(2), "three of four have reached 2");
    }

    #[test]
    fn nobody_holds_nothing_back() {
        assert_eq!(majority(0).agreed(|_| 0), None);
        assert_eq!(majority(0).vote_result(|_| None), VoteResult::Won);
    }

    proptest! {
        #[test]
        fn b8_agreed_is_what_counting_voters_finds(values in prop::collection::vec(0_u64..6, 1..12)) {
            let voters = majority(values.len() as u64);
            let reached = |node: NodeId| values[usize::try_from(node.0).unwrap() - 1];
            let by_counting = (0..6)
                .rev()
                .find(|value| values.iter().filter(|reached| *reached >= value).count() * 2 > values.len());
            prop_assert_eq!(voters.agreed(reached), by_counting);
        }

        #[test]
        fn an_election_is_decided_exactly_when_no_further_answer_can_change_it(
            answers in prop::collection::vec(prop::option::of(any::<bool>()), 1..8),
        ) {
            let count = answers.len();
            let voters = majority(count as u64);
            let granted = answers.iter().filter(|answer| **answer == Some(true)).count();
            let missing = answers.iter().filter(|answer| answer.is_none()).count();
            let expected = match (granted * 2 > count, (granted + missing) * 2 > count) {
                (true, _) => VoteResult::Won,
                (false, true) => VoteResult::Pending,
                (false, false) => VoteResult::Lost,
            };
            let answer = |node: NodeId| answers[usize::try_from(node.0).unwrap() - 1];
            prop_assert_eq!(voters.vote_result(answer), expected);
        }
    }
}
