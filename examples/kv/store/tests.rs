//! What the store does with commands, snapshots and watches.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::*;

type Learned = Arc<Mutex<BTreeMap<u64, Option<String>>>>;

/// Writes down what it is told.
struct Notebook(Learned);

impl AddressBook for Notebook {
    fn learn(&self, node: u64, address: Option<&str>) {
        self.0.lock().insert(node, address.map(str::to_owned));
    }
}

fn store() -> (Store, Learned) {
    let learned = Learned::default();
    (Store::new(Box::new(Notebook(Arc::clone(&learned)))), learned)
}

fn apply(store: &mut Store, index: u64, write: Write) -> Response {
    store.apply(LogIndex(index), &Command::Write(write).encode())
}

fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.to_owned(), value: value.to_owned() }
}

fn cas(key: &str, from: Option<&str>, to: &str) -> Write {
    Write::Cas { key: key.to_owned(), from: from.map(str::to_owned), to: to.to_owned() }
}

/// What a snapshot that was begun is in the end.
fn written(snapshot: SnapshotWriter) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot(&mut bytes).unwrap();
    bytes
}

fn digest(store: &Store) -> (u64, u64) {
    match store.query(Query::Digest) {
        Found::Digest(index, digest) => (index.0, digest),
        Found::Value(_) | Found::Entries(..) | Found::Watching(..) => panic!("no digest"),
    }
}

fn list(store: &Store, prefix: &str, after: Option<&str>) -> (Vec<String>, bool) {
    let query = Query::List { prefix: prefix.to_owned(), after: after.map(str::to_owned) };
    let Found::Entries(entries, more) = store.query(query) else { panic!("no list") };
    (entries.into_iter().map(|(key, _)| key).collect(), more)
}

#[test]
fn cas_writes_only_over_what_it_expects() {
    let (mut store, _) = store();
    assert_eq!(apply(&mut store, 1, cas("a", Some("1"), "2")), Response::NotSwapped(None));
    assert_eq!(apply(&mut store, 2, cas("a", None, "1")), Response::Written(2));
    assert_eq!(apply(&mut store, 3, cas("a", None, "2")), Response::NotSwapped(Some("1".to_owned())));
    assert_eq!(apply(&mut store, 4, cas("a", Some("1"), "2")), Response::Written(4));
    apply(&mut store, 5, Write::Delete { key: "a".to_owned() });
    assert_eq!(apply(&mut store, 6, cas("a", Some("2"), "3")), Response::NotSwapped(None));
}

#[test]
fn a_list_ends_where_its_prefix_does_and_goes_on_after_a_key() {
    let (mut store, _) = store();
    for (index, key) in (1..).zip(["a", "ab", "abc", "b"]) {
        apply(&mut store, index, put(key, "1"));
    }
    assert_eq!(list(&store, "ab", None), (vec!["ab".to_owned(), "abc".to_owned()], false));
    assert_eq!(list(&store, "a", Some("ab")), (vec!["abc".to_owned()], false));
    assert_eq!(list(&store, "ab", Some("a")).0.len(), 2);
    assert_eq!(list(&store, "c", None), (vec![], false));
}

#[test]
fn a_long_list_comes_in_pages() {
    let (mut store, _) = store();
    for index in 0..2_500 {
        apply(&mut store, index, put(&format!("{index:04}"), "1"));
    }
    let (mut keys, mut pages, mut more) = (Vec::new(), 0, true);
    while more {
        let page = list(&store, "", keys.last().map(String::as_str));
        keys.extend(page.0);
        (pages, more) = (pages + 1, page.1);
    }
    assert_eq!((keys.len(), pages), (2_500, 3));
    assert!(keys.is_sorted());
}

#[test]
fn a_snapshot_brings_back_the_state_and_the_addresses() {
    let (mut store, _) = store();
    apply(&mut store, 1, put("a", "1"));
    let address = Command::Address { node: 4, address: Some("host:7".to_owned()) };
    store.apply(LogIndex(2), &address.encode());
    store.apply(LogIndex(3), &Command::Address { node: 3, address: None }.encode());
    let begun = StateMachine::snapshot(&store);
    let (at_begin, _) = (digest(&store), apply(&mut store, 4, put("a", "2")));
    let (mut restored, learned) = self::store();
    restored.restore(&mut &*written(begun)).unwrap();
    assert_eq!(digest(&restored), at_begin);
    assert_ne!(digest(&store), at_begin);
    let expected = BTreeMap::from([(3, None), (4, Some("host:7".to_owned()))]);
    assert_eq!(*learned.lock(), expected);
}

#[test]
fn the_digest_knows_the_order_of_commands_that_come_to_the_same() {
    let digests = [["a", "b"], ["b", "a"]].map(|keys| {
        let (mut store, _) = store();
        for (index, key) in (1..).zip(keys) {
            apply(&mut store, index, put(key, "1"));
        }
        digest(&store)
    });
    assert_ne!(digests[0], digests[1]);
}

#[test]
fn what_is_no_command_or_snapshot_changes_no_key() {
    let (mut store, _) = store();
    apply(&mut store, 1, put("a", "1"));
    for bytes in ["", "{", "7", r#"{"write":{"put":{}}}"#] {
        assert_eq!(store.apply(LogIndex(2), &Bytes::from(bytes)), Response::Unreadable);
        assert!(store.restore(&mut bytes.as_bytes()).is_err());
    }
    assert_eq!(list(&store, "", None).0, ["a"]);
}

#[test]
fn a_watch_begins_with_what_is_there_and_goes_on_without_a_gap() {
    let (mut store, _) = store();
    apply(&mut store, 1, put("a", "1"));
    apply(&mut store, 2, put("ab", "1"));
    let query = Query::Watch(Pattern::Key("a".to_owned()));
    let Found::Watching(entries, changes) = store.query(query) else { panic!("no watch") };
    assert_eq!(entries, [("a".to_owned(), "1".to_owned())]);
    apply(&mut store, 3, put("a", "2"));
    apply(&mut store, 4, cas("a", Some("1"), "3"));
    apply(&mut store, 5, Write::Delete { key: "a".to_owned() });
    let snapshot = written(StateMachine::snapshot(&store));
    store.restore(&mut &*snapshot).unwrap();
    // Two changes, and then the end: after a snapshot nobody can tell what was missed.
    let heard: Vec<_> = changes.iter().map(|change| (change.index, change.value)).collect();
    assert_eq!(heard, [(3, Some("2".to_owned())), (5, None)]);
}

#[test]
fn a_response_that_was_kept_comes_back_as_it_was() {
    let held = Some("1".to_owned());
    for response in [Response::Written(7), Response::NotSwapped(held), Response::Unreadable] {
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        assert_eq!(Response::decode(bytes.into()).unwrap(), response);
    }
    assert!(Response::decode(Bytes::from("{}")).is_err());
}
