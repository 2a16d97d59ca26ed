//! A small simulation, of a list of numbers.

use std::{io::Read, time::Duration};

use bytes::Bytes;

use super::{plan::Profile, *};
use crate::{LogIndex, RestoreError, SnapshotWriter, StateMachine, runtime::Consistency};

/// Remembers what was proposed.
#[derive(Default)]
pub(super) struct Sum(pub(super) u64);

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

/// Adds, and asks for the sum.
#[derive(Clone)]
pub(super) struct Adding;

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

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=20 {
        let [first, again] = [(); 2].map(|()| run(Profile::Calm.draw(seed, Some(3)), Adding, false));
        assert_eq!(first.violation, None, "seed {seed}");
        assert_eq!(first.trace.hash(), again.trace.hash(), "seed {seed}");
        if seed == 1 {
            println!("{} {:?}", first.counts, first.simulated);
        }
    }
}
