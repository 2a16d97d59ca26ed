//! Those who watch keys of one server's store.

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::protocol::{Change, Pattern};

/// How many changes may wait for one watcher; beyond, its watch ends.
const CHANGES_WAITING_MAX: usize = 1_024;

/// Those who watch, and what each wants to know. No part of the replicated state.
#[derive(Default)]
pub struct Watchers {
    watchers: Mutex<Vec<Watcher>>,
}

struct Watcher {
    pattern: Pattern,
    changes: Sender<Change>,
}

impl Watchers {
    /// The changes of what `pattern` matches, from now on. The channel is closed when one would be left out.
    pub fn watch(&self, pattern: Pattern) -> Receiver<Change> {
        let (changes, receiver) = bounded(CHANGES_WAITING_MAX);
        self.watchers.lock().push(Watcher { pattern, changes });
        receiver
    }

    /// A key has changed, and holds that now, or is gone. Never waits: who is too slow, or gone, is a watcher no more.
    pub fn publish(&self, index: u64, key: &str, value: Option<&str>) {
        let change = || Change { index, key: key.to_owned(), value: value.map(str::to_owned) };
        self.watchers
            .lock()
            .retain(|watcher| !watcher.pattern.matches(key) || watcher.changes.try_send(change()).is_ok());
    }

    /// The state was replaced, and nobody can tell what has changed on the way.
    pub fn end_all(&self) {
        self.watchers.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::TryRecvError;

    use super::*;

    fn change(key: &str, index: u64) -> Change {
        Change { index, key: key.to_owned(), value: None }
    }

    #[test]
    fn a_watcher_hears_of_its_keys_alone() {
        let watchers = Watchers::default();
        let one = watchers.watch(Pattern::Key("a".to_owned()));
        let all = watchers.watch(Pattern::Prefix("a".to_owned()));
        for (index, key) in [(1, "a"), (2, "ab"), (3, "b")] {
            watchers.publish(index, key, None);
        }
        assert_eq!(one.try_iter().collect::<Vec<_>>(), [change("a", 1)]);
        assert_eq!(all.try_iter().collect::<Vec<_>>(), [change("a", 1), change("ab", 2)]);
    }

    #[test]
    fn a_watcher_that_is_too_slow_gets_no_gaps_but_an_end() {
        let watchers = Watchers::default();
        let slow = watchers.watch(Pattern::Key("a".to_owned()));
        for index in 1..=CHANGES_WAITING_MAX as u64 + 2 {
            watchers.publish(index, "a", None);
        }
        let heard: Vec<_> = slow.try_iter().map(|change| change.index).collect();
        assert_eq!(heard, (1..=CHANGES_WAITING_MAX as u64).collect::<Vec<_>>());
        assert_eq!(slow.try_recv(), Err(TryRecvError::Disconnected));
    }
}
