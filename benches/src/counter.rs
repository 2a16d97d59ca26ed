//! A state machine that costs nothing, for benches of what is around it.

use std::io::Read;

use bytes::Bytes;
use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};

/// Counts commands.
#[derive(Default)]
pub struct Counter(u64);

impl StateMachine for Counter {
    type Response = u64;
    type Query = ();
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, _command: &Bytes) -> u64 {
        self.0 += 1;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }

    fn snapshot(&self) -> SnapshotWriter {
        let count = self.0;
        Box::new(move |output| output.write_all(&count.to_be_bytes()))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut count = [0; 8];
        snapshot.read_exact(&mut count)?;
        self.0 = u64::from_be_bytes(count);
        Ok(())
    }
}
