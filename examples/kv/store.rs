//! The state machine: what Quorate keeps equal on all servers.

use std::{
    collections::BTreeMap,
    io::{BufReader, BufWriter, Read, Write as _},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::Arc,
};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine, sessions::StoredResponse};
use serde::{Deserialize, Serialize};

use crate::{
    protocol::{Change, Pattern, Write},
    watchers::Watchers,
};

/// A list ends after so many keys, or when it has become so large.
const LIST_KEYS_MAX: usize = 1_000;
const LIST_BYTES_MAX: usize = 1 << 20;

/// A map from keys to values, and the addresses of servers that joined later.
///
/// Commands and snapshots are JSON: slower than bytes of one's own, and readable with any tool.
pub struct Store {
    state: Arc<State>,
    watchers: Watchers,
    address_book: Box<dyn AddressBook>,
}

/// Is told where servers are, as the log says: so that one that joins is found by all.
pub trait AddressBook: Send {
    /// Server `node` listens there now, or was taken out of the cluster.
    fn learn(&self, node: u64, address: Option<&str>);
}

/// What is equal on all servers that have applied the same entries.
#[derive(Serialize, Deserialize, Clone, Default)]
struct State {
    /// The last command applied.
    index: u64,
    /// Stands for all commands up to there, in their order.
    history: u64,
    entries: BTreeMap<String, String>,
    /// Nothing for a server that was taken out.
    addresses: BTreeMap<u64, Option<String>>,
}

/// A change, as it stands in the log.
#[derive(Serialize, Deserialize, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Of a key.
    Write(Write),
    /// Of where a server is.
    Address {
        /// Which one.
        node: u64,
        /// Where it listens for the others; nothing if it was taken out.
        address: Option<String>,
    },
}

/// What became of a command.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub enum Response {
    /// It was carried out, and stands there in the log.
    Written(u64),
    /// The key held this, and not what was expected.
    NotSwapped(Option<String>),
    /// It is no command: servers of different versions are in the cluster.
    Unreadable,
}

/// A question to the store.
pub enum Query {
    /// What a key holds.
    Value(String),
    /// Keys that begin with `prefix`, after the key `after`.
    List {
        /// How they begin.
        prefix: String,
        /// Where to go on.
        after: Option<String>,
    },
    /// What these keys hold, and their changes from now on.
    Watch(Pattern),
    /// A number that stands for the whole state.
    Digest,
}

/// The answer to a [`Query`].
pub enum Found {
    /// What the key holds.
    Value(Option<String>),
    /// Keys and values, and whether there are more.
    Entries(Vec<(String, String)>, bool),
    /// Keys and values; and what changes after that, none left out until the channel is closed.
    Watching(Vec<(String, String)>, Receiver<Change>),
    /// The last command applied, and the number.
    Digest(LogIndex, u64),
}

impl Command {
    /// As it is put into the log.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        // Texts and numbers always have a form in JSON.
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Store {
    /// An empty store, which tells `address_book` where servers are.
    #[must_use]
    pub fn new(address_book: Box<dyn AddressBook>) -> Self {
        Self { state: Arc::default(), watchers: Watchers::default(), address_book }
    }

    fn carry_out(&mut self, index: LogIndex, command: Command) -> Response {
        match command {
            Command::Write(Write::Put { key, value }) => self.set(index, key, Some(value)),
            Command::Write(Write::Delete { key }) => self.set(index, key, None),
            Command::Write(Write::Cas { key, from, to }) => match self.state.entries.get(&key) {
                held if held == from.as_ref() => self.set(index, key, Some(to)),
                held => Response::NotSwapped(held.cloned()),
            },
            Command::Address { node, address } => {
                self.address_book.learn(node, address.as_deref());
                Arc::make_mut(&mut self.state).addresses.insert(node, address);
                Response::Written(index.0)
            }
        }
    }

    fn set(&mut self, index: LogIndex, key: String, value: Option<String>) -> Response {
        self.watchers.publish(index.0, &key, value.as_deref());
        let entries = &mut Arc::make_mut(&mut self.state).entries;
        match value {
            Some(value) => entries.insert(key, value),
            None => entries.remove(&key),
        };
        Response::Written(index.0)
    }
}

/// Kept in sessions, for clients that ask again.
impl StoredResponse for Response {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(serde_json::to_vec(self).unwrap_or_default());
    }

    fn decode(bytes: Bytes) -> Result<Self, RestoreError> {
        serde_json::from_slice(&bytes).map_err(RestoreError::new)
    }
}

impl State {
    /// The entries that begin with `prefix`, after the key `after`.
    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a String, &'a String)> {
        let from = after.filter(|after| *after >= prefix).map_or(Included(prefix), Excluded);
        let later = self.entries.range::<str, _>((from, Unbounded));
        later.take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// The same, until that is enough for one answer; and whether there are more.
    fn page(&self, prefix: &str, after: Option<&str>) -> (Vec<(String, String)>, bool) {
        let mut page = Vec::new();
        let mut bytes = 0;
        for (key, value) in self.list(prefix, after) {
            bytes += key.len() + value.len();
            if page.len() == LIST_KEYS_MAX || (bytes > LIST_BYTES_MAX && !page.is_empty()) {
                return (page, true);
            }
            page.push((key.clone(), value.clone()));
        }
        (page, false)
    }

    fn digest(&self) -> u64 {
        let texts = self.entries.iter().flat_map(|(key, value)| [key, value]);
        texts.fold(self.history, |digest, text| hash(digest, text.as_bytes()))
    }
}

impl StateMachine for Store {
    type Response = Response;
    type Query = Query;
    type Answer = Found;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Response {
        let state = Arc::make_mut(&mut self.state);
        state.index = index.0;
        state.history = hash(hash(state.history, &index.0.to_le_bytes()), command);
        match serde_json::from_slice(command) {
            Ok(command) => self.carry_out(index, command),
            Err(_) => Response::Unreadable,
        }
    }

    fn query(&self, query: Query) -> Found {
        match query {
            Query::Value(key) => Found::Value(self.state.entries.get(&key).cloned()),
            Query::List { prefix, after } => {
                let (entries, more) = self.state.page(&prefix, after.as_deref());
                Found::Entries(entries, more)
            }
            // Nothing is applied between these two -> no change is left out, and none comes twice.
            Query::Watch(pattern) => {
                let (Pattern::Key(prefix) | Pattern::Prefix(prefix)) = &pattern;
                let matching = self.state.list(prefix, None).filter(|(key, _)| pattern.matches(key));
                let entries = matching.map(|(key, value)| (key.clone(), value.clone())).collect();
                Found::Watching(entries, self.watchers.watch(pattern))
            }
            Query::Digest => Found::Digest(LogIndex(self.state.index), self.state.digest()),
        }
    }

    /// Shares the state; the first command after it copies that, if the snapshot is still being written then.
    fn snapshot(&self) -> SnapshotWriter {
        let state = Arc::clone(&self.state);
        Box::new(move |output| {
            let mut output = BufWriter::new(output);
            serde_json::to_writer(&mut output, &*state)?;
            output.flush()
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let state: State = serde_json::from_reader(BufReader::new(snapshot)).map_err(RestoreError::new)?;
        for (node, address) in &state.addresses {
            self.address_book.learn(*node, address.as_deref());
        }
        self.watchers.end_all();
        self.state = Arc::new(state);
        Ok(())
    }
}

/// Goes on with the hash `digest` over `bytes` and their number: eight at a time, since every command goes through here.
/// The same on all machines, and no defence against anybody.
fn hash(digest: u64, bytes: &[u8]) -> u64 {
    let mix = |digest: u64, word: u64| (digest.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let mut words = bytes.chunks_exact(8);
    let digest = words.by_ref().map(word).fold(mix(digest, bytes.len() as u64), mix);
    mix(digest, word(words.remainder()))
}

#[cfg(test)]
mod tests;
