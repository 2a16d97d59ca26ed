//! The window of appends that are on their way to one follower.

use std::collections::VecDeque;

use crate::consensus::types::LogIndex;

/// Appends that were sent and not answered, bounded in number and in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inflight {
    /// Last index and bytes of each, oldest first.
    appends: VecDeque<(LogIndex, usize)>,
    bytes: usize,
    max_appends: usize,
    max_bytes: usize,
}

impl Inflight {
    /// An empty window. At least one append always fits, however large.
    #[must_use]
    pub fn new(max_appends: usize, max_bytes: usize) -> Self {
        Self { appends: VecDeque::new(), bytes: 0, max_appends, max_bytes }
    }

    /// Whether no more may be sent until an answer comes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.appends.len() >= self.max_appends || (self.bytes >= self.max_bytes && !self.appends.is_empty())
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appends.is_empty()
    }

    /// How many appends are on their way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.appends.len()
    }

    /// How many bytes of entries are on their way.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Notes an append up to `last`.
    pub fn push(&mut self, last: LogIndex, bytes: usize) {
        self.appends.push_back((last, bytes));
        self.bytes += bytes;
    }

    /// All appends up to `matched` have arrived.
    pub fn free_to(&mut self, matched: LogIndex) {
        while let Some((_, bytes)) = self.appends.front().copied().filter(|(last, _)| *last <= matched) {
            self.bytes -= bytes;
            self.appends.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_full_by_number_or_by_bytes() {
        let mut window = Inflight::new(2, 100);
        window.push(LogIndex(1), 10);
        assert!(!window.is_full());
        window.push(LogIndex(2), 10);
        assert!(window.is_full());
        window.free_to(LogIndex(1));
        assert!(!window.is_full());
        window.push(LogIndex(3), 95);
        window.free_to(LogIndex(2));
        assert!(!window.is_full());
        window.push(LogIndex(4), 95);
        window.free_to(LogIndex(3));
        assert_eq!((window.len(), window.bytes()), (1, 95), "h2: bytes are given back with the message");
    }
}
