//! The crate `raft-engine`, with its own defaults.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use raft::eraftpb::{Entry, HardState};
use raft_engine::{Config, Engine, LogBatch, MessageExt};

use super::Writer;
use crate::Failure;

/// An engine keeps the logs of many groups.
const GROUP: u64 = 1;

pub(super) struct Log {
    engine: Engine,
    next: u64,
}

/// How it is told of the entries' type.
struct Entries;

impl MessageExt for Entries {
    type Entry = Entry;

    fn index(entry: &Entry) -> u64 {
        entry.index
    }
}

impl Log {
    pub(super) fn open(directory: &Path) -> Result<Self, Failure> {
        let config = Config { dir: directory.to_string_lossy().into_owned(), ..Config::default() };
        Ok(Self { engine: Engine::open(config)?, next: 1 })
    }
}

impl Writer for Log {
    fn write(&mut self, payloads: Vec<Bytes>) -> Result<Duration, Failure> {
        let entry = |(index, data)| Entry { term: 1, index, data, ..Entry::default() };
        let hard_state = HardState { term: 1, vote: 1, commit: self.next - 1, ..HardState::default() };
        let entries: Vec<_> = (self.next..).zip(payloads).map(entry).collect();
        self.next += entries.len() as u64;
        let begin = Instant::now();
        let mut batch = LogBatch::with_capacity(1);
        batch.add_entries::<Entries>(GROUP, &entries)?;
        batch.put_message(GROUP, b"hard state".to_vec(), &hard_state)?;
        self.engine.write(&mut batch, true)?;
        Ok(begin.elapsed())
    }
}
