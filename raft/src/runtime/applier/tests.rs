//! Batches and their responses, and the end of a state machine that has panicked.

use std::{
    future::Future,
    io::Read,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake},
};

use bytes::Bytes;
use crossbeam_channel::unbounded;

use super::*;
use crate::{
    consensus::{Entries, Entry, EntryId, LogIndex, SnapshotData},
    runtime::{Ticket, UnknownReason},
    state_machine::{RestoreError, SnapshotWriter},
};

/// Counts commands, and panics at `panic`.
#[derive(Default)]
struct Counter {
    count: usize,
    batches: Arc<AtomicUsize>,
}

impl StateMachine for Counter {
    type Response = usize;
    type Query = ();
    type Answer = usize;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> usize {
        assert_ne!(&**command, b"panic", "it was told to");
        self.count += 1;
        self.count
    }

    fn end_batch(&mut self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    fn query(&self, (): ()) -> usize {
        self.count
    }

    fn snapshot(&self) -> SnapshotWriter {
        Box::new(|_| Ok(()))
    }

    fn restore(&mut self, _snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        Err(RestoreError::new("of another version"))
    }
}

fn completion<T>() -> (Completion<T>, Ticket<T>) {
    let (mut completion, ticket) = Completion::ticket();
    completion.put_in_doubt();
    (completion, ticket)
}

/// Entries with these commands from `first` on, and who waits for some of them.
fn batch(first: u64, commands: &[&'static str], awaited: Vec<(u64, Completion<usize>)>) -> Batch<usize> {
    let ids = (first..).map(|index| EntryId::new(1, index));
    let entries: Vec<_> = ids.zip(commands).map(|(id, command)| Entry::command(id, *command)).collect();
    let (awaited, completions) = awaited.into_iter().map(|(index, who)| (LogIndex(index), who)).unzip();
    Batch { runs: vec![Entries::try_from(entries).unwrap()], awaited, completions }
}

fn apply(first: u64, commands: &[&'static str], awaited: Vec<(u64, Completion<usize>)>) -> ApplyJob<Counter> {
    ApplyJob::Apply(batch(first, commands, awaited))
}

fn query() -> (ApplyJob<Counter>, Ticket<usize>) {
    let (completion, ticket) = completion();
    (ApplyJob::Answer(vec![((), completion)]), ticket)
}

#[test]
fn each_client_gets_the_response_to_its_own_entry() {
    let (first, mut to_first) = completion();
    let (second, mut to_second) = completion();
    let jobs = [apply(1, &["a", "b", "c"], vec![(2, first)]), apply(4, &["d", "e"], vec![(5, second)])];
    let report = Applier::new(Counter::default()).run(jobs).unwrap();
    assert_eq!(to_first.try_take(), Some(Outcome::Applied(2)));
    assert_eq!(to_second.try_take(), Some(Outcome::Applied(5)));
    assert_eq!((report.applied, report.entries, report.responses), (Some(LogIndex(5)), 5, 2));
}

#[test]
fn jobs_that_nothing_stands_between_are_one_batch_that_ends_before_its_responses() {
    let counter = Counter::default();
    let batches = Arc::clone(&counter.batches);
    let (told, ended) = unbounded();
    let tell = |_| {
        let (told, batches) = (told.clone(), Arc::clone(&batches));
        Completion::callback(move |_| told.send(batches.load(Ordering::Relaxed)).unwrap())
    };
    let jobs = [apply(1, &["a"], vec![(1, tell(1))]), apply(2, &["b"], vec![(2, tell(2))])];
    let report = Applier::new(counter).run(jobs).unwrap();
    assert_eq!((report.batches, ended.try_iter().collect::<Vec<_>>()), (1, vec![1, 1]));
}

#[test]
fn a_query_knows_what_was_handed_out_before_it_and_nothing_later() {
    let (before, mut to_before) = query();
    let (between, mut to_between) = query();
    let mut applier = Applier::new(Counter::default());
    let report = applier.run([before, apply(1, &["a", "b"], vec![]), between, apply(3, &["c"], vec![])]);
    assert_eq!(report.map(|report| (report.answers, report.batches)).unwrap(), (2, 2));
    assert_eq!(to_before.try_take(), Some(Outcome::Applied(0)));
    assert_eq!(to_between.try_take(), Some(Outcome::Applied(2)));
}

#[test]
fn i3_a_panic_leaves_nobody_waiting_and_the_state_machine_alone() {
    let (completions, tickets): (Vec<_>, Vec<_>) = (1..=3).map(|_| completion()).unzip();
    let mut applier = Applier::new(Counter::default());
    let awaited = (1..=3).zip(completions).collect();
    let (behind, to_behind) = query();
    let reason = applier.run([apply(1, &["a", "panic", "b"], awaited), behind]).err().unwrap();
    assert!(reason.to_string().contains("the state machine panicked: "), "{reason}");
    for mut ticket in tickets.into_iter().chain([to_behind]) {
        assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
    }
    assert!(applier.run([apply(4, &["c"], vec![])]).is_err());
    assert_eq!(applier.state_machine().count, 1);
}

#[test]
fn a_snapshot_that_is_not_understood_is_the_end() {
    let mut applier = Applier::new(Counter::default());
    let restore = ApplyJob::Restore { last: EntryId::new(1, 9), data: SnapshotData::default() };
    let reason = applier.run([restore]).err().unwrap();
    assert!(matches!(reason, StopReason::Restore(_)), "{reason}");
}

#[test]
fn who_is_given_up_is_told_at_once_and_not_again() {
    let mut applier = Applier::new(Counter::default());
    let clients = applier.clients();
    let (completion, mut ticket) = completion();
    applier.apply(batch(1, &["a"], vec![(1, completion)]), &mut ApplyReport::default());
    assert_eq!(ticket.try_take(), None, "the batch has not ended");
    clients.give_up();
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
    applier.end_batch(&mut ApplyReport::default());
}

/// Looks, when it is woken, whether the other's ticket has its outcome.
struct Neighbour {
    ticket: Mutex<Ticket<usize>>,
    found: Mutex<Option<Outcome<usize>>>,
}

impl Wake for Neighbour {
    fn wake(self: Arc<Self>) {
        *self.found.lock() = self.ticket.lock().try_take();
    }
}

#[test]
fn all_of_a_batch_are_told_before_the_first_one_is_woken() {
    let (first, mut to_first) = completion();
    let (second, to_second) = completion();
    let neighbour = Arc::new(Neighbour { ticket: Mutex::new(to_second), found: Mutex::default() });
    let waker = Arc::clone(&neighbour).into();
    assert!(Pin::new(&mut to_first).poll(&mut Context::from_waker(&waker)).is_pending());
    let jobs = [apply(1, &["a", "b"], vec![(1, first), (2, second)])];
    Applier::new(Counter::default()).run(jobs).unwrap();
    assert_eq!(neighbour.found.lock().take(), Some(Outcome::Applied(2)));
    assert_eq!(to_first.try_take(), Some(Outcome::Applied(1)));
}
