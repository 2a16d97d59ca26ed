//! A small simulation, of a list of numbers.

use std::{io::Read, time::Duration};

use bytes::Bytes;

use super::{plan::Profile, *};
use crate::{LogIndex, RestoreError, SnapshotWriter, StateMachine, runtime::{Consistency, Outcome}};

/// Remembers what was proposed.
#[derive(Default)]
pub(super) struct Sum(u64);

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

/// Adds, and asks for the sum, which must never be less than it was known to be before.
#[derive(Default)]
pub(super) struct Adding {
    /// When a client learned a sum, and the greatest that one had learned by then.
    known: Vec<(Duration, u64)>,
    stale: Option<String>,
}

impl Adding {
    fn learn(&mut self, at: Duration, sum: u64) {
        let greatest = self.known.last().map_or(sum, |(_, known)| sum.max(*known));
        self.known.push((at, greatest));
    }

    fn check_current<T>(&mut self, call: &Call<T>, sum: u64) {
        let before = self.known.partition_point(|(at, _)| *at < call.began);
        let known = self.known[..before].last().map_or(0, |(_, sum)| *sum);
        if sum < known {
            let (node, began) = (call.node, call.began);
            self.stale = Some(format!("asked at {began:?}, {node} said {sum}, but {known} was known before"));
        }
    }
}

impl Workload for Adding {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        Sum::default()
    }

    fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
        if random.per_mille(500) {
            Request::Command(Bytes::from(vec![7; 1 + random.index(100)]))
        } else {
            let is_lease = random.per_mille(500);
            Request::Query((), if is_lease { Consistency::Lease } else { Consistency::Linearizable })
        }
    }

    fn on_command(&mut self, call: Call<u64>) {
        if let Outcome::Applied(sum) = call.outcome {
            self.check_current(&call, sum);
            self.learn(call.ended, sum);
        }
    }

    fn on_query(&mut self, call: Call<u64>) {
        if let Outcome::Applied(sum) = call.outcome {
            self.check_current(&call, sum);
            self.learn(call.ended, sum);
        }
    }

    fn check(&self, _machine: &Sum) -> Result<(), String> {
        self.stale.clone().map_or(Ok(()), Err)
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=20 {
        let [first, again] = [(); 2].map(|()| run(Profile::Calm.draw(seed, Some(3)), Adding::default(), false));
        assert_eq!(first.violation, None, "seed {seed}");
        assert_eq!(first.trace.hash(), again.trace.hash(), "seed {seed}");
        if seed == 1 {
            println!("{} {:?}", first.counts, first.simulated);
        }
    }
}
