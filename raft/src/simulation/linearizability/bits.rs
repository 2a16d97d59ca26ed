//! Which operations were taken.

/// A set of indices that fills from the front.
pub(super) struct Bits {
    length: usize,
    pub(super) words: Vec<u64>,
    /// How many words at the front are full.
    full: usize,
}

impl Bits {
    pub(super) fn new(length: usize) -> Self {
        Self { length, words: vec![0; length.div_ceil(64)], full: 0 }
    }

    pub(super) fn contains(&self, index: usize) -> bool {
        self.words[index / 64] & (1 << (index % 64)) != 0
    }

    pub(super) fn insert(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
        while self.words.get(self.full) == Some(&u64::MAX) {
            self.full += 1;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        self.words[index / 64] &= !(1 << (index % 64));
        self.full = self.full.min(index / 64);
    }

    /// The number of full words, and the words after them up to the last that is not empty.
    pub(super) fn compact(&self) -> (usize, &[u64]) {
        let end = self.words.iter().rposition(|word| *word != 0).map_or(self.full, |last| last + 1);
        (self.full, &self.words[self.full..end.max(self.full)])
    }

    /// The indices that are not in the set, from `start` on.
    pub(super) fn zeros_from(&self, start: usize) -> impl Iterator<Item = usize> + '_ {
        let first = start.max(self.full * 64);
        let mut word_index = first / 64;
        let mut zeros = self.words.get(word_index).map_or(0, |word| !word & (u64::MAX << (first % 64)));
        std::iter::from_fn(move || {
            while zeros == 0 {
                word_index += 1;
                zeros = !*self.words.get(word_index)?;
            }
            let index = word_index * 64 + zeros.trailing_zeros() as usize;
            zeros &= zeros - 1;
            (index < self.length).then_some(index)
        })
    }
}
