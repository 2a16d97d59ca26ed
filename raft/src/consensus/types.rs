//! The ids and positions that everything else is said in.

use std::fmt;

/// A server of the cluster. Unique for the life of the cluster; never reused after a removal.
///
/// Zero is not a node: the wire format writes "nobody" as 0, and [`Config`](super::Config) refuses it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "simulation", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeId(pub u64);

/// A term: the logical clock of Raft (§5.1). At most one leader in each.
///
/// `Term(0)` is the time before the first election: nobody leads it and no entry belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Term(pub u64);

/// A position in the log. The first entry stands at 1; 0 is the position before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogIndex(pub u64);

/// Names one entry for ever: two entries with the same index and term are the same entry (§5.3, Log Matching).
///
/// Ordered by term, then index, which is §5.4.1's "more up to date": a log whose last entry is `a` is at
/// least as up to date as one whose last entry is `b` exactly when `a >= b`. Prints as `index@term`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EntryId {
    /// The term of the leader that created the entry. Compared first.
    pub term: Term,
    /// Where the entry stands.
    pub index: LogIndex,
}

impl Term {
    /// The term before the first election.
    pub const ZERO: Self = Self(0);

    /// No cluster gets here. Whoever claims a later term lies, and is not believed: there must be a next one.
    pub const LAST: Self = Self(u64::MAX / 2);

    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl LogIndex {
    /// The position before the first entry.
    pub const ZERO: Self = Self(0);

    /// No log gets here. Whoever claims a later position is not believed: there must be a next one.
    pub const LAST: Self = Self(u64::MAX / 2);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one; that of 0 is 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl EntryId {
    /// The position before the first entry, in the term before the first election.
    pub const ZERO: Self = Self { term: Term::ZERO, index: LogIndex::ZERO };

    /// The entry of `term` at `index`.
    #[must_use]
    pub const fn new(term: u64, index: u64) -> Self {
        Self { term: Term(term), index: LogIndex(index) }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}

#[cfg(test)]
mod tests {
    use super::EntryId;

    #[test]
    fn a11_a_newer_term_beats_a_longer_log() {
        assert!(EntryId::new(2, 5) > EntryId::new(1, 9));
        assert!(EntryId::new(2, 6) > EntryId::new(2, 5));
    }

    #[test]
    fn an_entry_id_prints_as_index_at_term() {
        assert_eq!(EntryId::new(2, 7).to_string(), "7@2");
    }
}
