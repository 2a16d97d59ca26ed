//! The smallest workload: clients add to a number, and ask for it.

use std::{io::Read, time::Duration};

use bytes::Bytes;
use quorate::{
    Consistency, LogIndex, RestoreError, SnapshotWriter, StateMachine,
    simulation::{Random, Report, Request, Workload, plan::Plan, run},
};

/// Carries out a plan with it.
#[must_use]
pub fn simulate(plan: Plan, keeps_records: bool) -> Report {
    run(plan, Adding, keeps_records)
}

/// How many bytes were proposed.
#[derive(Default)]
struct Sum(u64);

impl StateMachine for Sum {
    type Response = u64;
    type Query = ();
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> u64 {
        self.0 += command.len() as u64;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }

    fn snapshot(&self) -> SnapshotWriter {
        let sum = self.0;
        Box::new(move |output| output.write_all(&sum.to_le_bytes()))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = [0; 8];
        snapshot.read_exact(&mut bytes)?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

struct Adding;

impl Workload for Adding {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        Sum::default()
    }

    fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
        if random.per_mille(500) {
            Request::Command(Bytes::from(vec![7; 1 + random.index(100)]))
        } else {
            Request::Query((), Consistency::Linearizable)
        }
    }
}
