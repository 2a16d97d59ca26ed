//! A state machine for tests: remembers every command in order.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    consensus::LogIndex,
    state_machine::{RestoreError, SnapshotWriter, StateMachine},
};

/// Its snapshot is its lines, each with a line feed.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) lines: Vec<String>,
    pub(super) batches: Arc<AtomicUsize>,
}

impl StateMachine for Journal {
    /// How many lines there are, with this one.
    type Response = usize;
    type Query = ();
    type Answer = Vec<String>;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> usize {
        self.lines.push(String::from_utf8_lossy(command).into_owned());
        self.lines.len()
    }

    fn end_batch(&mut self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    fn query(&self, (): ()) -> Vec<String> {
        self.lines.clone()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let lines = self.lines.clone();
        Box::new(move |output| lines.iter().try_for_each(|line| writeln!(output, "{line}")))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        self.lines = io::read_to_string(snapshot)?.lines().map(str::to_owned).collect();
        Ok(())
    }
}
