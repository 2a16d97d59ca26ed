//! What clients and servers say to each other: one JSON object a line, over TCP.
//!
//! A connection carries one request after another, and an answer to each, in order. A client need not wait for one answer
//! before it asks for the next; what is under way at the same time may be carried out in any order. Only
//! [`Request::Watch`] is answered by many lines, until one side closes. `nc` will do as a client:
//!
//! ```text
//! {"write":{"put":{"key":"color","value":"red"}}}     -> {"written":{"index":7}}
//! {"get":{"key":"color"}}                             -> {"value":{"value":"red"}}
//! {"get":{"key":"color","consistency":"local"}}       -> {"value":{"value":"red"}}
//! "status"                                            -> {"status":{"node":1,"role":"leader",…}}
//! {"transfer":{"to":2}}                               -> "done"
//! {"get":{}}                                          -> {"malformed":{"reason":"missing field `key` …"}}
//! ```

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a client asks.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The value of a key. Answered by [`Answer::Value`].
    Get {
        /// Which key.
        key: String,
        /// How current it must be.
        #[serde(default)]
        consistency: Consistency,
    },
    /// The keys that begin like this, in their order, and their values. Answered by [`Answer::Entries`].
    List {
        /// How they begin; nothing for all.
        #[serde(default)]
        prefix: String,
        /// Only what comes after this key: to go on with a list that ended early.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
        /// How current it must be.
        #[serde(default)]
        consistency: Consistency,
    },
    /// A change. Answered by [`Answer::Written`] or [`Answer::NotSwapped`].
    Write(Write),
    /// Opens a session, in which each write takes effect once however often it is sent. Answered by [`Answer::Opened`].
    OpenSession,
    /// A change that takes effect once. Answered as [`Write`](Self::Write), the same each time; or by
    /// [`Answer::SessionEnded`].
    Once {
        /// The session.
        session: u64,
        /// The number of the change in this session, from 1 on. All before it were answered, or are given up.
        sequence: u64,
        /// What is to change.
        write: Write,
    },
    /// What some keys hold, and their changes from then on, each once and none left out. Answered by
    /// [`Answer::Entries`] until one says that there are no more, then by an [`Answer::Change`] for each change, and
    /// now and then by [`Answer::NoChange`].
    Watch(Pattern),
    /// The server as it stands, as [`Answer::Status`].
    Status,
    /// What the server has counted, as [`Answer::Metrics`].
    Metrics,
    /// A number that tells this server's state from any other: see [`Answer::Digest`]. For tests.
    Digest,
    /// Makes a server, which must run already, a voter. Answered by [`Answer::Membership`], as all of these.
    AddVoter {
        /// Its id.
        node: u64,
        /// Where it listens for the other servers.
        address: String,
    },
    /// Makes a server, which must run already, a learner: it is sent the log, and does not vote.
    AddLearner {
        /// Its id.
        node: u64,
        /// Where it listens for the other servers.
        address: String,
    },
    /// Takes a server out of the cluster.
    Remove {
        /// Its id, which is never to be used again.
        node: u64,
    },
    /// Puts one server in the place of another.
    Replace {
        /// Who goes.
        old: u64,
        /// Who comes. It must run already.
        new: u64,
        /// Where that one listens for the other servers.
        address: String,
    },
    /// Hands leadership over. Answered by [`Answer::Done`].
    Transfer {
        /// To whom.
        to: u64,
    },
}

/// A change of the store.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Write {
    /// Sets a key, whatever it holds.
    Put {
        /// Which key.
        key: String,
        /// What it holds then.
        value: String,
    },
    /// Sets a key if it holds what is expected (compare and set).
    Cas {
        /// Which key.
        key: String,
        /// What it must hold; `null` if it must not be there.
        from: Option<String>,
        /// What it holds then.
        to: String,
    },
    /// Removes a key, whether it is there or not.
    Delete {
        /// Which key.
        key: String,
    },
}

/// How current an answer must be: see [`quorate::runtime::Consistency`].
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// It knows every change that was answered before the question was asked.
    #[default]
    Linearizable,
    /// The same, from the leader's lease where the server was started with `--lease-reads`.
    Lease,
    /// What the server happens to know; perhaps old.
    Local,
}

/// Which keys to watch.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// This one.
    Key(String),
    /// Those that begin like this.
    Prefix(String),
}

/// What a server answers.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What the key holds; `null` if it is not there.
    Value {
        /// That.
        value: Option<String>,
    },
    /// Keys and values.
    Entries {
        /// Them, in the order of the keys.
        entries: Vec<(String, String)>,
        /// Whether there are more. A list is to be asked for again, `after` the last of these; a watch goes on.
        more: bool,
    },
    /// The change was made.
    Written {
        /// Where it stands in the log.
        index: u64,
    },
    /// The change was not made, since the key holds something else than expected.
    NotSwapped {
        /// What it holds.
        value: Option<String>,
    },
    /// A session is open.
    Opened {
        /// Its id.
        session: u64,
    },
    /// There is no such session any more: it was silent for too long. Whether the change was made is not known.
    SessionEnded,
    /// A key has changed.
    Change(Change),
    /// Nothing has changed for a while. The connection lives.
    NoChange,
    /// The watch has ended, because changes may have been missed: watch again.
    WatchEnded,
    /// A server.
    Status(Status),
    /// Counters, in the text format of Prometheus.
    Metrics {
        /// That text.
        text: String,
    },
    /// Servers with the same index have the same number, or their states differ. The number stands for all that is
    /// held and for all commands that led there.
    Digest {
        /// The last command that was applied.
        index: u64,
        /// The number, in hexadecimal.
        digest: String,
    },
    /// Who belongs to the cluster now.
    Membership {
        /// In words.
        membership: String,
    },
    /// It was done.
    Done,
    /// It was surely not done, and never will be.
    Refused {
        /// Why.
        reason: String,
        /// Whether the same request may be taken later, or elsewhere.
        retry: bool,
        /// Who leads, if that is known: ask there.
        leader: Option<u64>,
    },
    /// It may have been done, or may still be, or not.
    Unknown {
        /// Why that is not known.
        reason: String,
    },
    /// The request makes no sense.
    Malformed {
        /// Why.
        reason: String,
    },
}

/// A key that has changed.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Where the change stands in the log.
    pub index: u64,
    /// Which key.
    pub key: String,
    /// What it holds now; `null` if it is gone.
    pub value: Option<String>,
}

/// A server at one moment.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Its id.
    pub node: u64,
    /// What it is.
    pub role: String,
    /// Its term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<u64>,
    /// The last entry in its log.
    pub last: u64,
    /// How far the log is committed, as far as it knows.
    pub commit: u64,
    /// How far the store has applied the log.
    pub applied: u64,
    /// Who belongs to the cluster, in words.
    pub membership: String,
}

/// A word that names no [`Consistency`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write `linearizable`, `lease`, or `local`")]
pub struct ConsistencyError;

impl FromStr for Consistency {
    type Err = ConsistencyError;

    fn from_str(word: &str) -> Result<Self, ConsistencyError> {
        match word {
            "linearizable" => Ok(Self::Linearizable),
            "lease" => Ok(Self::Lease),
            "local" => Ok(Self::Local),
            _ => Err(ConsistencyError),
        }
    }
}

impl Pattern {
    /// Whether it is about this key.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        match self {
            Self::Key(watched) => watched == key,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }
}

impl Write {
    /// Which key it changes.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Cas { key, .. } | Self::Delete { key } => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_this_page_are_requests() {
        let put = Write::Put { key: "color".to_owned(), value: "red".to_owned() };
        let get = |consistency| Request::Get { key: "color".to_owned(), consistency };
        let table = [
            (r#"{"write":{"put":{"key":"color","value":"red"}}}"#, Request::Write(put)),
            (r#"{"get":{"key":"color"}}"#, get(Consistency::Linearizable)),
            (r#"{"get":{"key":"color","consistency":"local"}}"#, get(Consistency::Local)),
            (r#""status""#, Request::Status),
            (r#"{"transfer":{"to":2}}"#, Request::Transfer { to: 2 }),
        ];
        for (line, request) in table {
            assert_eq!(serde_json::from_str::<Request>(line).unwrap(), request);
        }
        assert!(serde_json::from_str::<Request>(r#"{"get":{}}"#).is_err());
        assert!(serde_json::from_str::<Request>(r#"{"get":{"key":"a","valeu":"b"}}"#).is_err());
    }
}
