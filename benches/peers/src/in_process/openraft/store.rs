//! What openraft stores: a log in memory and a state machine that keeps nothing, with as little work as its traits
//! allow. As in its own benchmark, but with a ring buffer in place of a tree and its locks, which is faster.

use std::{
    collections::VecDeque,
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use futures_util::{Stream, TryStreamExt};
use openraft::{
    EntryPayload, LogState, OptionalSend, RaftLogReader, RaftSnapshotBuilder,
    storage::{EntryResponder, IOFlushed, RaftLogStorage, RaftStateMachine},
    type_config::alias::{EntryOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf, VoteOf},
};
use parking_lot::Mutex;

use super::Types;

type Entry = EntryOf<Types>;
type LogId = LogIdOf<Types>;
type Vote = VoteOf<Types>;

/// A log in memory. Clones are handles on the same log.
#[derive(Clone, Default)]
pub(super) struct Log {
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    vote: Option<Vote>,
    purged: Option<LogId>,
    /// Contiguous; the first one stands at `first`.
    entries: VecDeque<Entry>,
    first: u64,
}

impl Held {
    /// Where the entry at `index` stands among the entries, or the nearest place to it.
    fn position(&self, index: u64) -> usize {
        usize::try_from(index.saturating_sub(self.first))
            .map_or(usize::MAX, |position| position.min(self.entries.len()))
    }

    fn append(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let was_empty = self.entries.is_empty();
        self.entries.extend(entries);
        if let Some(first) = self.entries.front().filter(|_| was_empty) {
            self.first = first.log_id.index;
        }
    }

    fn range(&self, range: &impl RangeBounds<u64>) -> Vec<Entry> {
        let from = match range.start_bound() {
            Bound::Included(first) => self.position(*first),
            Bound::Excluded(before) => self.position(before + 1),
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => self.position(last + 1),
            Bound::Excluded(end) => self.position(*end),
            Bound::Unbounded => self.entries.len(),
        };
        self.entries.range(from..to.max(from)).cloned().collect()
    }
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, io::Error>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        Ok(self.held.lock().range(&range))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        Ok(self.held.lock().vote)
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let held = self.held.lock();
        let last_log_id = held.entries.back().map(|entry| entry.log_id).or(held.purged);
        Ok(LogState { last_purged_log_id: held.purged, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.held.lock().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.held.lock().append(entries);
        callback.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let mut held = self.held.lock();
        let kept = last.map_or(0, |last| held.position(last.index + 1));
        held.entries.truncate(kept);
        Ok(())
    }

    async fn purge(&mut self, last: LogId) -> Result<(), io::Error> {
        let mut held = self.held.lock();
        let dropped = held.position(last.index + 1);
        held.entries.drain(..dropped);
        held.first = last.index + 1;
        held.purged = Some(last);
        Ok(())
    }
}

/// A state machine that remembers how far it has come, and nothing else. Clones are handles on the same.
#[derive(Clone, Default)]
pub(super) struct StateMachine {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Clone, Default)]
struct Contents {
    last: Option<LogId>,
    membership: StoredMembershipOf<Types>,
    snapshot: Option<SnapshotOf<Types, ()>>,
}

impl Contents {
    fn apply(&mut self, entry: Entry) {
        self.last = Some(entry.log_id);
        if let EntryPayload::Membership(membership) = entry.payload {
            self.membership = StoredMembershipOf::<Types>::new(self.last, membership);
        }
    }
}

impl RaftSnapshotBuilder<Types> for StateMachine {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<Types, ()>, io::Error> {
        let mut contents = self.contents.lock();
        let meta = SnapshotMetaOf::<Types> {
            last_log_id: contents.last,
            last_membership: contents.membership.clone(),
        };
        let snapshot = SnapshotOf::<Types, ()> { meta, snapshot: () };
        contents.snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = ();
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembershipOf<Types>), io::Error> {
        let contents = self.contents.lock();
        Ok((contents.last, contents.membership.clone()))
    }

    async fn apply<E>(&mut self, mut entries: E) -> Result<(), io::Error>
    where
        E: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.contents.lock().apply(entry);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        snapshot: (),
    ) -> Result<(), io::Error> {
        *self.contents.lock() = Contents {
            last: meta.last_log_id,
            membership: meta.last_membership.clone(),
            snapshot: Some(SnapshotOf::<Types, ()> { meta: meta.clone(), snapshot }),
        };
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, ()>>, io::Error> {
        Ok(self.contents.lock().snapshot.clone())
    }
}
