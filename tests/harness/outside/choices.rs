//! Bytes, read as a row of choices.

use arbitrary::Unstructured;
use bytes::Bytes;

/// Bytes, read as a row of choices. When they run out, every choice is the first, and every number 0.
pub(crate) struct Choices<'a>(Unstructured<'a>);

impl<'a> Choices<'a> {
    pub(crate) fn of(data: &'a [u8]) -> Self {
        Self(Unstructured::new(data))
    }

    pub(crate) fn are_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u8) -> u64 {
        u64::from(self.byte() % end.max(1))
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// How many: below `end`.
    pub(crate) fn count(&mut self, end: u8) -> usize {
        usize::from(self.byte() % end.max(1))
    }

    /// Any of these.
    pub(crate) fn of_these<T: Copy>(&mut self, these: &[T]) -> T {
        these[usize::from(self.byte()) % these.len()]
    }

    /// Nearly always small or close to what the node knows, so that messages fit together by chance; sometimes at
    /// the edges.
    pub(crate) fn number(&mut self, known: &[u64]) -> u64 {
        match self.byte() {
            byte @ 0..=99 => u64::from(byte % 10),
            byte @ 100..=244 => {
                let (near, offset) = (self.of_these(known), u64::from(byte % 5));
                near.saturating_add(offset).saturating_sub(2)
            }
            245 => u64::MAX,
            246 => u64::MAX - 1,
            247 => u64::MAX / 2,
            248 => u64::MAX / 2 + 1,
            249.. => self.0.arbitrary().unwrap_or_default(),
        }
    }

    /// Some bytes, fewer than `end`.
    pub(crate) fn bytes(&mut self, end: u8) -> Bytes {
        let count = self.count(end);
        (0..count).map(|_| self.byte()).collect()
    }
}
