//! Which of the proposals that followers pass on a leader has taken already.

use std::collections::BTreeMap;

use super::{entry::ForwardId, types::NodeId};

/// The upper half of a sequence number tells the lives of its node apart, the lower half counts.
pub(super) const LIFE_SHIFT: u32 = 32;

/// Which passed-on proposals a leader has taken in its term.
#[derive(Default)]
pub(super) struct AcceptedForwards {
    /// One window for each life of a node, for what an earlier life passed on may still be on its way.
    lives: BTreeMap<NodeId, BTreeMap<u64, SequenceWindow>>,
}

/// What a leader does with a proposal that was passed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Acceptance {
    /// It comes for the first time: append it.
    New,
    /// It may have come before.
    Seen,
    /// Its node has started so often that its lives cannot be told apart any more. Surely not taken before, nor later.
    TooManyLives,
}

impl AcceptedForwards {
    /// So many lives of one node are told apart in one term. A node that starts once a minute, and each time passes
    /// something on, gets there after a week under the same leader; until the next one it is refused. None can be
    /// forgotten: what it passed on may arrive at any time, and would be taken for new.
    const LIVES_MAX: usize = 10_000;

    /// Whether `id` is to be taken; from now on it is not.
    pub(super) fn take(&mut self, id: ForwardId) -> Acceptance {
        let lives = self.lives.entry(id.origin).or_default();
        let life = id.sequence >> LIFE_SHIFT;
        if let Some(window) = lives.get_mut(&life) {
            return if window.is_new(id.sequence) { Acceptance::New } else { Acceptance::Seen };
        }
        if lives.len() >= Self::LIVES_MAX {
            return Acceptance::TooManyLives;
        }
        // The others are over, most likely, and nobody waits for what they passed on: it is enough to know how far
        // they had got.
        lives.values_mut().for_each(SequenceWindow::forget_gaps);
        lives.insert(life, SequenceWindow::at(id.sequence));
        Acceptance::New
    }
}

/// Which numbers of a sequence were seen, near its highest one.
///
/// A number far below it comes from a message so late that its sender has given up on it.
struct SequenceWindow {
    highest: u64,
    /// A bit for each number: `number % SIZE`. Without, all up to the highest are taken for seen.
    seen: Option<Box<[u64; Self::WORDS]>>,
}

impl SequenceWindow {
    const WORDS: usize = 64;
    const SIZE: u64 = 64 * 64;

    fn at(sequence: u64) -> Self {
        let mut seen = Box::new([0; Self::WORDS]);
        let (word, bit) = Self::slot(sequence);
        seen[word] |= bit;
        Self { highest: sequence, seen: Some(seen) }
    }

    fn slot(sequence: u64) -> (usize, u64) {
        let word = usize::from((sequence / 64 % 64).to_le_bytes()[0]);
        (word, 1 << (sequence % 64))
    }

    /// Takes all up to the highest for seen, which needs no memory.
    fn forget_gaps(&mut self) {
        self.seen = None;
    }

    fn is_new(&mut self, sequence: u64) -> bool {
        let ahead = sequence.wrapping_sub(self.highest);
        let is_ahead = ahead != 0 && ahead < u64::MAX / 2;
        let is_far_below = self.highest.wrapping_sub(sequence) >= Self::SIZE;
        if !is_ahead && (self.seen.is_none() || is_far_below) {
            return false;
        }
        let seen = self.seen.get_or_insert_with(|| Box::new([u64::MAX; Self::WORDS]));
        if is_ahead {
            // The window moves on; what enters it was not seen yet.
            for entering in 1..=ahead.min(Self::SIZE) {
                let (word, bit) = Self::slot(sequence.wrapping_sub(entering - 1));
                seen[word] &= !bit;
            }
            self.highest = sequence;
        }
        let (word, bit) = Self::slot(sequence);
        let is_new = seen[word] & bit == 0;
        seen[word] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn of_life(life: u64, count: u64) -> ForwardId {
        ForwardId { origin: NodeId(3), sequence: (life << LIFE_SHIFT) + count }
    }

    proptest! {
        #[test]
        fn i2_a_proposal_is_new_once(start in any::<u64>(), steps in prop::collection::vec(0_u64..300, 1..200)) {
            let mut window = SequenceWindow::at(start);
            let mut seen = HashSet::from([start]);
            for step in steps {
                let sequence = start.wrapping_add(step);
                prop_assert_eq!(window.is_new(sequence), seen.insert(sequence));
            }
        }

        #[test]
        fn i2_a_proposal_is_taken_once_whatever_life_it_is_of(
            ids in prop::collection::vec((0_u64..4, 0_u64..50), 1..300)
        ) {
            let mut accepted = AcceptedForwards::default();
            let mut taken = HashSet::new();
            for (life, count) in ids {
                let id = of_life(life, count);
                if accepted.take(id) == Acceptance::New {
                    prop_assert!(taken.insert(id), "{id:?} is taken twice");
                }
            }
        }
    }

    #[test]
    fn a_number_from_far_below_is_taken_for_seen() {
        let mut window = SequenceWindow::at(10_000);
        assert!(!window.is_new(10_000 - SequenceWindow::SIZE));
        assert!(window.is_new(10_001 - SequenceWindow::SIZE));
        assert!(window.is_new(50_000));
        assert!(!window.is_new(10_001));
    }

    #[test]
    fn i2_a_life_that_another_seems_to_have_replaced_goes_on() {
        let mut accepted = AcceptedForwards::default();
        accepted.take(of_life(7, 5));
        accepted.take(of_life(8, 0));
        assert_eq!(accepted.take(of_life(7, 4)), Acceptance::Seen, "it cannot be told from one that was");
        assert_eq!(accepted.take(of_life(7, 9)), Acceptance::New);
        assert_eq!(accepted.take(of_life(7, 8)), Acceptance::New);
        assert_eq!(accepted.take(of_life(7, 3)), Acceptance::Seen);
    }

    #[test]
    fn i2_lives_without_number_take_no_memory_without_bound() {
        let mut accepted = AcceptedForwards::default();
        let max = AcceptedForwards::LIVES_MAX as u64;
        assert!((0..max).all(|life| accepted.take(of_life(life, 0)) == Acceptance::New));
        let lives = &accepted.lives[&NodeId(3)];
        assert_eq!(
            lives.values().filter(|window| window.seen.is_some()).count(),
            1,
            "only the latest is large"
        );
        assert_eq!(accepted.take(of_life(max, 0)), Acceptance::TooManyLives);
        assert_eq!(accepted.lives[&NodeId(3)].len(), AcceptedForwards::LIVES_MAX);
        assert_eq!(accepted.take(of_life(0, 0)), Acceptance::Seen, "and none of them is forgotten");
        let other = ForwardId { origin: NodeId(2), ..of_life(max, 0) };
        assert_eq!(accepted.take(other), Acceptance::New, "nobody else pays for it");
    }
}
