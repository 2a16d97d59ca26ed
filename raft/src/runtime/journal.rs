//! A state machine for tests: remembers every command in order.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use crate::{
    consensus::LogIndex,
    state_machine::{RestoreError, StateMachine},
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

    fn snapshot(&self) -> Box<dyn FnOnce() -> Bytes + Send> {
        let lines = self.lines.clone();
        Box::new(move || lines.iter().map(|line| format!("{line}\n")).collect::<String>().into())
    }

    fn restore(&mut self, snapshot: &Bytes) -> Result<(), RestoreError> {
        let text = std::str::from_utf8(snapshot).map_err(RestoreError::new)?;
        self.lines = text.lines().map(str::to_owned).collect();
        Ok(())
    }
}
