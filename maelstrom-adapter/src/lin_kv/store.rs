//! The replicated state: a map from keys to values.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};

use super::command::{Command, put_text, take_text};

/// What a snapshot begins with: whose it is, and the version of its format.
const MAGIC: &[u8] = b"lin-kv\x01";

/// A map from keys to values, both canonical JSON.
///
/// A snapshot shares the map; the first change after it copies the map, if the snapshot is still being
/// written then. Texts are shared also after that.
///
/// A snapshot's bytes: `lin-kv`, the byte 1, then each key and its value, as in a [`Command`], in the order of
/// the keys. So equal maps have equal snapshots.
#[derive(Clone, Debug, Default)]
pub struct Store {
    values: Arc<BTreeMap<Arc<str>, Arc<str>>>,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Response {
    /// The key was written.
    Written,
    /// The key held `from`, or was created.
    Swapped,
    /// A cas of a key that is not there.
    KeyDoesNotExist,
    /// A cas of a key that holds something else than `from`.
    PreconditionFailed,
    /// Not a command: nodes of different versions are in the cluster.
    Unreadable,
}

impl Store {
    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Arc<str>> {
        self.values.get(key)
    }

    fn carry_out(&mut self, command: Command<'_>) -> Response {
        match command {
            Command::Write { key, value } => {
                self.set(key, value);
                Response::Written
            }
            Command::Cas { key, from, to, creates } => match self.value(key) {
                Some(value) if **value != *from => Response::PreconditionFailed,
                None if !creates => Response::KeyDoesNotExist,
                Some(_) | None => {
                    self.set(key, to);
                    Response::Swapped
                }
            },
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let values = Arc::make_mut(&mut self.values);
        match values.get_mut(key) {
            Some(place) => *place = value.into(),
            None => drop(values.insert(key.into(), value.into())),
        }
    }
}

impl StateMachine for Store {
    type Response = Response;
    /// A key.
    type Query = String;
    type Answer = Option<Arc<str>>;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> Response {
        Command::decode(command).map_or(Response::Unreadable, |command| self.carry_out(command))
    }

    fn query(&self, key: String) -> Option<Arc<str>> {
        self.value(&key).cloned()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let values = Arc::clone(&self.values);
        Box::new(move |output| {
            output.write_all(MAGIC)?;
            let mut bytes = BytesMut::new();
            for text in values.iter().flat_map(|(key, value)| [key, value]) {
                bytes.clear();
                put_text(&mut bytes, text).map_err(io::Error::other)?;
                output.write_all(&bytes)?;
            }
            Ok(())
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes)?;
        let mut rest = bytes
            .strip_prefix(MAGIC)
            .ok_or_else(|| RestoreError::new("it does not begin as one of lin-kv"))?;
        let mut values = BTreeMap::new();
        while !rest.is_empty() {
            let (Some(key), Some(value)) = (take_text(&mut rest), take_text(&mut rest)) else {
                return Err(RestoreError::new("it is cut short"));
            };
            values.insert(key.into(), value.into());
        }
        self.values = Arc::new(values);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(store: &mut Store, command: Command<'_>) -> Response {
        store.apply(LogIndex(1), &command.encode().unwrap())
    }

    fn snapshot(store: &Store) -> Bytes {
        written(store.snapshot())
    }

    fn written(write: SnapshotWriter) -> Bytes {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        bytes.into()
    }

    #[test]
    fn cas_does_what_its_table_says() {
        // held before, from, creates -> response, held after
        let table = [
            (None, "1", false, Response::KeyDoesNotExist, None),
            (None, "1", true, Response::Swapped, Some("2")),
            (Some("1"), "1", false, Response::Swapped, Some("2")),
            (Some("1"), "1", true, Response::Swapped, Some("2")),
            (Some("3"), "1", false, Response::PreconditionFailed, Some("3")),
            (Some("3"), "1", true, Response::PreconditionFailed, Some("3")),
            (Some("null"), "null", false, Response::Swapped, Some("2")),
        ];
        for (before, from, creates, response, after) in table {
            let mut store = Store::default();
            if let Some(value) = before {
                assert_eq!(apply(&mut store, Command::Write { key: "k", value }), Response::Written);
            }
            let cas = Command::Cas { key: "k", from, to: "2", creates };
            assert_eq!(apply(&mut store, cas), response, "{before:?} {cas:?}");
            assert_eq!(store.query("k".to_owned()).as_deref(), after, "{before:?} {cas:?}");
        }
    }

    #[test]
    fn what_is_no_command_changes_nothing() {
        let mut store = Store::default();
        apply(&mut store, Command::Write { key: "k", value: "1" });
        let before = snapshot(&store);
        for bytes in [&b""[..], b"\x09", b"\0\0\0\0"] {
            assert_eq!(store.apply(LogIndex(2), &Bytes::copy_from_slice(bytes)), Response::Unreadable);
        }
        assert_eq!(snapshot(&store), before);
    }

    #[test]
    fn a_snapshot_shows_the_moment_it_was_begun() {
        let mut store = Store::default();
        apply(&mut store, Command::Write { key: "k", value: "1" });
        let begun = store.snapshot();
        apply(&mut store, Command::Write { key: "k", value: "2" });
        let mut restored = Store::default();
        restored.restore(&mut &*written(begun)).unwrap();
        assert_eq!(restored.value("k").map(|value| &**value), Some("1"));
    }

    #[test]
    fn what_is_no_snapshot_is_refused_and_changes_nothing() {
        let mut store = Store::default();
        apply(&mut store, Command::Write { key: "k", value: "1" });
        let good = snapshot(&store);
        let mut bad: Vec<Bytes> = (0..good.len()).map(|length| good.slice(..length)).collect();
        bad.retain(|bytes| **bytes != *MAGIC);
        for bytes in bad {
            assert!(store.restore(&mut &*bytes).is_err(), "{bytes:?}");
            assert_eq!(snapshot(&store), good);
        }
    }

    proptest! {
        #[test]
        fn a_snapshot_brings_back_the_same_map(
            writes in prop::collection::vec((".{0,4}", any::<String>()), 0..40),
        ) {
            let mut store = Store::default();
            for (key, value) in &writes {
                apply(&mut store, Command::Write { key, value });
            }
            let bytes = snapshot(&store);
            let mut restored = Store::default();
            apply(&mut restored, Command::Write { key: "forgotten", value: "1" });
            restored.restore(&mut &*bytes).unwrap();
            prop_assert_eq!(&restored.values, &store.values);
            prop_assert_eq!(snapshot(&restored), bytes);
        }
    }
}
