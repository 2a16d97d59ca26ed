//! A state machine that is wrong on purpose, and clients that do not notice.

use std::{cell::Cell, io::Read, time::Duration};

use bytes::Bytes;
use quorate::{
    LogIndex, RestoreError, SnapshotWriter, StateMachine,
    simulation::{Random, Report, Request, Workload, plan::Plan, run},
};

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// A node that was started again takes commands for longer than they are.
    AnotherAfterRestart,
    /// A number that comes to 3,000 is too much for an assertion.
    Panic,
    /// Each simulation goes on where the one before has ended.
    Memory,
}

/// With a bug that takes a restart to be seen.
pub(crate) fn another_after_restart(plan: Plan, keeps_records: bool) -> Report {
    run(plan, Planted::new(Bug::AnotherAfterRestart), keeps_records)
}

/// With an assertion that does not hold.
pub(crate) fn panics(plan: Plan, keeps_records: bool) -> Report {
    run(plan, Planted::new(Bug::Panic), keeps_records)
}

/// With a workload that is not deterministic.
pub(crate) fn remembers(plan: Plan, keeps_records: bool) -> Report {
    run(plan, Planted::new(Bug::Memory), keeps_records)
}

thread_local! {
    /// How many simulations this thread has begun.
    static BEGUN: Cell<usize> = const { Cell::new(0) };
}

/// Clients that add to a number.
struct Planted {
    bug: Bug,
    /// How many nodes have started.
    starts: Cell<u64>,
    begun: usize,
}

impl Planted {
    fn new(bug: Bug) -> Self {
        BEGUN.set(BEGUN.get() + 1);
        Self { bug, starts: Cell::new(0), begun: BEGUN.get() }
    }
}

/// How many bytes were proposed.
pub(crate) struct Sum {
    sum: u64,
    /// What each command is longer by.
    more: u64,
    most: u64,
}

impl StateMachine for Sum {
    type Response = u64;
    type Query = ();
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> u64 {
        self.sum += command.len() as u64 + self.more;
        assert!(self.sum < self.most, "{} is too much", self.sum);
        self.sum
    }

    fn query(&self, (): ()) -> u64 {
        self.sum
    }

    fn snapshot(&self) -> SnapshotWriter {
        let sum = self.sum;
        Box::new(move |output| output.write_all(&sum.to_le_bytes()))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = [0; 8];
        snapshot.read_exact(&mut bytes)?;
        self.sum = u64::from_le_bytes(bytes);
        Ok(())
    }
}

impl Workload for Planted {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        self.starts.set(self.starts.get() + 1);
        let is_again = self.bug == Bug::AnotherAfterRestart && self.starts.get() > 7;
        let most = if self.bug == Bug::Panic { 3000 } else { u64::MAX };
        Sum { sum: 0, more: u64::from(is_again), most }
    }

    fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
        let begun = if self.bug == Bug::Memory { self.begun } else { 0 };
        Request::Command(Bytes::from(vec![7; 1 + begun + random.index(100)]))
    }
}
