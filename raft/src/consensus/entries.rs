//! A contiguous run of entries, stored once and shared.

use std::{fmt, ops::Deref, sync::Arc};

use super::{
    entry::{Entry, EntryKind},
    types::{EntryId, LogIndex},
};

/// A contiguous run of entries: indexes count up by one, terms never go down.
///
/// Cloning and slicing share the entries; the same run goes to the log, to the writer, to every follower, and
/// to the state machine. Reads as a slice: `for entry in &*entries`.
#[derive(Clone, Default)]
pub struct Entries {
    // `None` is the empty run, which costs no allocation.
    run: Option<Arc<Run>>,
    start: u32,
    end: u32,
}

enum Run {
    /// What a cluster with little to do has most of, so it is all in one allocation.
    One(Entry),
    Many(Many),
}

struct Many {
    entries: Box<[Entry]>,
    /// Where the first of them stands.
    first: LogIndex,
    /// Sum of the entries' sizes.
    bytes: usize,
    /// The last change of membership among them.
    latest_change: Option<LogIndex>,
}

/// Entries that do not follow one another, so are no run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("entry {after} cannot follow entry {before} in a log: indexes count up by one, terms never go down")]
pub struct NotContiguous {
    before: EntryId,
    after: EntryId,
}

impl Entries {
    /// No entries.
    pub const EMPTY: Self = Self { run: None, start: 0, end: 0 };

    /// The most entries that one run may hold.
    pub const MAX_LEN: usize = u32::MAX as usize;

    /// Makes a run of `entries`, which the caller has kept contiguous.
    pub(super) fn from_contiguous(mut entries: Vec<Entry>) -> Self {
        match entries.len() {
            1 => entries.pop().map_or(Self::EMPTY, Self::of_one),
            _ => Self::of_many(entries.into()),
        }
    }

    /// Makes a run of all in `entries`, which the caller has kept contiguous. What is left has no entries, but their room.
    pub(super) fn drained_from(entries: &mut Vec<Entry>) -> Self {
        match entries.len() {
            1 => entries.pop().map_or(Self::EMPTY, Self::of_one),
            _ => Self::of_many(entries.drain(..).collect()),
        }
    }

    fn of_one(entry: Entry) -> Self {
        Self { run: Some(Arc::new(Run::One(entry))), start: 0, end: 1 }
    }

    fn of_many(entries: Box<[Entry]>) -> Self {
        debug_assert!(first_gap(&entries).is_none(), "the caller keeps entries contiguous");
        let Some(first) = entries.first().map(|entry| entry.id.index) else { return Self::EMPTY };
        let bytes = entries.iter().map(Entry::size).sum();
        let latest_change = entries.iter().rev().find_map(change);
        let end = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let run = Run::Many(Many { entries, first, bytes, latest_change });
        Self { run: Some(Arc::new(run)), start: 0, end }
    }

    /// The part within `from..=to`, as far as it is here.
    #[must_use]
    pub fn slice(&self, from: LogIndex, to: LogIndex) -> Self {
        let Some(run) = &self.run else { return Self::EMPTY };
        let offset = |index: LogIndex| {
            let distance = index.0.saturating_sub(run.first().0);
            u32::try_from(distance).unwrap_or(u32::MAX).clamp(self.start, self.end)
        };
        let (start, end) = (offset(from), offset(to.next()));
        if start >= end {
            return Self::EMPTY;
        }
        Self { run: Some(Arc::clone(run)), start, end }
    }

    /// Where the first entry stands, without looking at it unless it is alone.
    pub(super) fn first_index(&self) -> Option<LogIndex> {
        self.run.as_ref().map(|run| LogIndex(run.first().0 + u64::from(self.start)))
    }

    /// Where the last entry stands, without looking at it unless it is alone.
    pub(super) fn last_index(&self) -> Option<LogIndex> {
        self.run.as_ref().map(|run| LogIndex(run.first().0 + u64::from(self.end - 1)))
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        // Not the slice's: that looks at the run.
        (self.end - self.start) as usize
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The longest prefix that weighs at most `max_bytes`, but at least one entry.
    #[must_use]
    pub fn prefix_of_bytes(mut self, max_bytes: usize) -> Self {
        // Nearly always all of it fits, and the run knows its weight.
        if self.run.as_ref().is_none_or(|run| run.bytes() <= max_bytes) {
            return self;
        }
        let mut bytes = 0_usize;
        let fitting = self.iter().take_while(|entry| {
            bytes = bytes.saturating_add(entry.size());
            bytes <= max_bytes
        });
        let count = u32::try_from(fitting.count().max(1)).unwrap_or(u32::MAX);
        self.end = self.start.saturating_add(count).min(self.end);
        self
    }

    /// The sum of the entries' [sizes](Entry::size), in bytes.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> usize {
        match self.run.as_deref() {
            None => 0,
            Some(Run::One(entry)) => entry.size(),
            Some(Run::Many(many)) if self.len() == many.entries.len() => many.bytes,
            Some(Run::Many(_)) => self.bytes_one_by_one(),
        }
    }

    #[cold]
    fn bytes_one_by_one(&self) -> usize {
        self.iter().map(Entry::size).sum()
    }

    /// Where the last change of membership stands; perhaps beyond this slice, but within its run.
    pub(super) fn latest_change(&self) -> Option<LogIndex> {
        self.run.as_ref().and_then(|run| run.latest_change())
    }

    /// Whether a change of membership is among them; perhaps it is only in the same run.
    #[cfg(feature = "runtime")]
    pub(crate) fn may_hold_change(&self) -> bool {
        self.latest_change().is_some()
    }

    /// Whether the two are the same part of the same run, so that what is known of one holds for the other.
    #[cfg(feature = "runtime")]
    pub(crate) fn is_same_run(&self, other: &Self) -> bool {
        let is_same = match (&self.run, &other.run) {
            (Some(own), Some(others)) => Arc::ptr_eq(own, others),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same && (self.start, self.end) == (other.start, other.end)
    }

    /// The id of the first entry.
    #[must_use]
    pub fn first_id(&self) -> Option<EntryId> {
        self.first().map(|entry| entry.id)
    }

    /// The id of the last entry.
    #[must_use]
    pub fn last_id(&self) -> Option<EntryId> {
        self.last().map(|entry| entry.id)
    }

    /// The entry at `index`, if it is in this run.
    #[must_use]
    pub fn at(&self, index: LogIndex) -> Option<&Entry> {
        let distance = index.0.checked_sub(self.first()?.id.index.0)?;
        self.get(usize::try_from(distance).ok()?)
    }
}

impl Run {
    /// Where the first of them stands.
    fn first(&self) -> LogIndex {
        match self {
            Self::One(entry) => entry.id.index,
            Self::Many(many) => many.first,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::One(entry) => entry.size(),
            Self::Many(many) => many.bytes,
        }
    }

    fn latest_change(&self) -> Option<LogIndex> {
        match self {
            Self::One(entry) => change(entry),
            Self::Many(many) => many.latest_change,
        }
    }
}

/// Where the entry stands, if it is a change of membership.
fn change(entry: &Entry) -> Option<LogIndex> {
    (entry.kind() == EntryKind::ConfChange).then_some(entry.id.index)
}

impl TryFrom<Vec<Entry>> for Entries {
    type Error = NotContiguous;

    fn try_from(entries: Vec<Entry>) -> Result<Self, NotContiguous> {
        match first_gap(&entries) {
            None => Ok(Self::from_contiguous(entries)),
            Some(gap) => Err(gap),
        }
    }
}

fn first_gap(entries: &[Entry]) -> Option<NotContiguous> {
    let mut ids = entries.windows(2).map(|pair| (pair[0].id, pair[1].id));
    ids.find(|(before, after)| {
        before.index.0.checked_add(1) != Some(after.index.0) || after.term < before.term
    })
    .map(|(before, after)| NotContiguous { before, after })
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        match self.run.as_deref() {
            None => &[],
            Some(Run::One(entry)) => std::slice::from_ref(entry),
            Some(Run::Many(many)) => &many.entries[self.start as usize..self.end as usize],
        }
    }
}

impl<'a> IntoIterator for &'a Entries {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Entries {}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.iter().map(|entry| entry.id.to_string()).collect();
        write!(f, "[{}]", ids.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ids: &[(u64, u64)]) -> Result<Entries, NotContiguous> {
        let entries: Vec<_> =
            ids.iter().map(|&(term, index)| Entry::command(EntryId::new(term, index), "x")).collect();
        Entries::try_from(entries)
    }

    #[test]
    fn b5_entries_with_a_gap_are_no_run() {
        assert!(run(&[(1, 1), (1, 3)]).is_err());
        assert!(run(&[(2, 1), (1, 2)]).is_err());
        assert!(run(&[(1, u64::MAX), (1, 0)]).is_err());
        assert!(run(&[(1, 1), (1, 2), (3, 3)]).is_ok());
    }

    #[test]
    fn a_run_takes_no_more_room_than_its_entries() {
        // A run of one lies beside its two reference counts, and the mark that it is one.
        assert!(size_of::<Run>() <= size_of::<Entry>() + size_of::<usize>());
        let mut open = Vec::with_capacity(100);
        open.extend((1..=3).map(|index| Entry::command(EntryId::new(1, index), "x")));
        let entries = Entries::drained_from(&mut open);
        assert_eq!(entries.to_string(), "[1@1 2@1 3@1]");
        assert_eq!((open.len(), open.capacity()), (0, 100), "its room is for those that come next");
    }

    #[test]
    fn a_slice_is_what_lies_within_both_bounds() {
        let entries = run(&[(1, 5), (1, 6), (2, 7)]).unwrap();
        assert_eq!(entries.slice(LogIndex(6), LogIndex(99)).to_string(), "[6@1 7@2]");
        assert_eq!(entries.slice(LogIndex(1), LogIndex(5)).to_string(), "[5@1]");
        assert!(entries.slice(LogIndex(8), LogIndex(9)).is_empty());
        assert!(entries.slice(LogIndex(1), LogIndex(4)).is_empty(), "what lies below the run is not in it");
        assert_eq!(
            entries.slice(LogIndex(6), LogIndex(7)).slice(LogIndex(7), LogIndex(7)).to_string(),
            "[7@2]"
        );
    }

    #[test]
    fn a_run_knows_where_it_begins_and_ends() {
        let entries = run(&[(1, 5), (1, 6), (2, 7), (2, 8)]).unwrap().slice(LogIndex(6), LogIndex(7));
        assert_eq!((entries.first_index(), entries.last_index()), (Some(LogIndex(6)), Some(LogIndex(7))));
        let furthest = run(&[(1, u64::MAX)]).unwrap();
        assert_eq!(furthest.last_index(), Some(LogIndex(u64::MAX)));
        assert_eq!((Entries::EMPTY.first_index(), Entries::EMPTY.last_index()), (None, None));
    }

    #[test]
    fn a_prefix_holds_at_least_one_entry() {
        let entries = run(&[(1, 5), (1, 6), (2, 7)]).unwrap();
        let one = Entry::OVERHEAD + 1;
        assert_eq!(entries.clone().prefix_of_bytes(0).len(), 1);
        assert_eq!(entries.clone().prefix_of_bytes(2 * one).len(), 2);
        assert_eq!(entries.clone().prefix_of_bytes(3 * one).len(), 3);
        assert_eq!(entries.prefix_of_bytes(2 * one).bytes(), 2 * one);
    }
}
