//! Sessions one by one, and against a model.

mod model;
mod random;

use std::{
    collections::BTreeMap,
    io::{self, Read},
    time::Duration,
};

use bytes::Bytes;

use super::{SessionCommand, SessionId, SessionOptions, SessionRefusal, SessionResponse, Sessions};
use crate::{
    consensus::LogIndex,
    state_machine::{RestoreError, SnapshotWriter, StateMachine},
};

/// Counts how often each command was applied; answers how many were in all, so that no two answers are alike.
#[derive(Default, PartialEq, Debug)]
struct Tally {
    times: BTreeMap<Bytes, u64>,
}

impl StateMachine for Tally {
    type Response = u64;
    type Query = Bytes;
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> u64 {
        *self.times.entry(command.clone()).or_default() += 1;
        self.times.values().sum()
    }

    fn query(&self, command: Bytes) -> u64 {
        self.times.get(&command).copied().unwrap_or_default()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let times = self.times.clone();
        Box::new(move |output| {
            times.iter().try_for_each(|(command, times)| {
                writeln!(output, "{} {times}", std::str::from_utf8(command).unwrap())
            })
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let text = io::read_to_string(snapshot)?;
        let lines = text.lines().map(|line| line.split_once(' ').unwrap());
        self.times = lines
            .map(|(command, times)| (Bytes::copy_from_slice(command.as_bytes()), times.parse().unwrap()))
            .collect();
        Ok(())
    }
}

/// All that a snapshot writes.
fn bytes_of(snapshot: SnapshotWriter) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot(&mut bytes).unwrap();
    bytes
}

/// A state machine at the end of a log.
#[derive(Default)]
struct Replica {
    sessions: Sessions<Tally>,
    index: LogIndex,
}

impl Replica {
    fn apply(&mut self, command: &SessionCommand) -> SessionResponse<u64> {
        self.index = self.index.next();
        self.sessions.apply(self.index, &command.encode())
    }

    /// What a node does that starts again from a snapshot.
    fn restart(&mut self) {
        let snapshot = bytes_of(self.sessions.snapshot());
        self.sessions = Sessions::default();
        self.sessions.restore(&mut &snapshot[..]).unwrap();
    }

    fn open(&mut self, time_ms: u64, options: SessionOptions) -> SessionId {
        let response = self.apply(&SessionCommand::Open { time_ms, options });
        let SessionResponse::Opened(id) = response else { panic!("not opened: {response:?}") };
        id
    }

    fn times(&self, command: &'static str) -> u64 {
        self.sessions.query(command.into())
    }
}

fn options() -> SessionOptions {
    SessionOptions { timeout: Duration::from_millis(1_000), window: 4, max_sessions: 3 }
}

/// The command numbered `sequence`, of a client that waits for `first_outstanding` and all later ones.
fn apply(
    session: SessionId,
    sequence: u64,
    first_outstanding: u64,
    time_ms: u64,
    command: &'static str,
) -> SessionCommand {
    SessionCommand::Apply { session, sequence, first_outstanding, time_ms, command: command.into() }
}

const EXPIRED: SessionResponse<u64> = SessionResponse::Refused(SessionRefusal::Expired);

#[test]
fn a_command_that_comes_again_gets_the_first_response_and_changes_nothing() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    let (one, two) = (apply(session, 1, 1, 0, "one"), apply(session, 2, 1, 0, "two"));
    assert_eq!(replica.apply(&one), SessionResponse::Applied(1));
    assert_eq!(replica.apply(&two), SessionResponse::Applied(2));
    assert_eq!(replica.apply(&one), SessionResponse::Applied(1));
    replica.restart();
    assert_eq!(replica.apply(&two), SessionResponse::Applied(2));
    assert_eq!((replica.times("one"), replica.times("two")), (1, 1));
}

#[test]
fn commands_under_way_together_may_come_in_any_order() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    assert_eq!(replica.apply(&apply(session, 3, 1, 0, "three")), SessionResponse::Applied(1));
    assert_eq!(replica.apply(&apply(session, 1, 1, 0, "one")), SessionResponse::Applied(2));
    assert_eq!(replica.apply(&apply(session, 3, 1, 0, "three")), SessionResponse::Applied(1));
}

#[test]
fn a_late_copy_of_an_acknowledged_command_is_refused_and_not_applied_again() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    let one = apply(session, 1, 1, 0, "one");
    assert_eq!(replica.apply(&one), SessionResponse::Applied(1));
    assert_eq!(replica.apply(&apply(session, 2, 2, 0, "two")), SessionResponse::Applied(2));
    replica.restart();
    assert_eq!(replica.apply(&one), SessionResponse::Refused(SessionRefusal::Acknowledged));
    // Also one that was given up before it came for the first time.
    let never = apply(session, 0, 0, 0, "never");
    assert_eq!(replica.apply(&never), SessionResponse::Refused(SessionRefusal::Acknowledged));
    assert_eq!((replica.times("one"), replica.times("never")), (1, 0));
}

#[test]
fn a_session_ends_when_the_logs_time_has_passed_it_by_and_not_before() {
    let mut replica = Replica::default();
    let (quiet, busy) = (replica.open(5_000, options()), replica.open(5_000, options()));
    assert_eq!(replica.apply(&apply(quiet, 1, 1, 5_000, "quiet")), SessionResponse::Applied(1));
    // The clock of this client is behind: it does not turn the log's time back.
    assert_eq!(replica.apply(&apply(busy, 1, 1, 10, "busy")), SessionResponse::Applied(2));
    assert_eq!(replica.apply(&apply(busy, 2, 2, 6_000, "busy")), SessionResponse::Applied(3));
    let alive = SessionCommand::KeepAlive { session: quiet, time_ms: 6_000 };
    assert_eq!(replica.apply(&alive), SessionResponse::KeptAlive, "1,000 ms are not more than 1,000 ms");
    replica.restart();
    assert_eq!(replica.apply(&apply(busy, 3, 3, 7_000, "busy")), SessionResponse::Applied(4));
    assert_eq!(replica.apply(&apply(busy, 4, 4, 7_001, "busy")), SessionResponse::Applied(5));
    assert_eq!(replica.apply(&apply(quiet, 1, 1, 6_500, "quiet")), EXPIRED);
    assert_eq!(replica.times("quiet"), 1);
}

#[test]
fn the_session_not_used_for_longest_makes_room() {
    let mut replica = Replica::default();
    let [first, second, third] = [(); 3].map(|()| replica.open(0, options()));
    assert_eq!(replica.apply(&apply(first, 1, 1, 0, "one")), SessionResponse::Applied(1));
    let fourth = replica.open(0, options());
    let alive = |session| SessionCommand::KeepAlive { session, time_ms: 0 };
    assert_eq!(replica.apply(&alive(second)), EXPIRED);
    for session in [first, third, fourth] {
        assert_eq!(replica.apply(&alive(session)), SessionResponse::KeptAlive, "{session}");
    }
}

#[test]
fn a_client_that_acknowledges_nothing_is_refused_beyond_its_window_and_goes_on_later() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    for sequence in 1..=4 {
        let applied = replica.apply(&apply(session, sequence, 1, 0, "x"));
        assert_eq!(applied, SessionResponse::Applied(sequence));
    }
    let full = SessionResponse::Refused(SessionRefusal::WindowFull);
    assert_eq!(replica.apply(&apply(session, 5, 1, 0, "x")), full);
    assert_eq!(
        replica.apply(&apply(session, 4, 1, 0, "x")),
        SessionResponse::Applied(4),
        "it was there before"
    );
    assert_eq!(replica.apply(&apply(session, 5, 2, 0, "x")), SessionResponse::Applied(5));
}

#[test]
fn a_session_that_was_closed_takes_nothing_more() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    let close = SessionCommand::Close { session, time_ms: 0 };
    assert_eq!(replica.apply(&close), SessionResponse::Closed);
    assert_eq!(replica.apply(&apply(session, 1, 1, 0, "late")), EXPIRED);
    assert_eq!(replica.apply(&close), SessionResponse::Closed, "a retry gets the same answer");
    assert_eq!(replica.times("late"), 0);
}

#[test]
fn a_command_without_a_session_is_applied_each_time() {
    let mut replica = Replica::default();
    let plain = SessionCommand::Plain("plain".into());
    assert_eq!(replica.apply(&plain), SessionResponse::Applied(1));
    assert_eq!(replica.apply(&plain), SessionResponse::Applied(2));
}

#[test]
fn what_is_no_command_is_answered_so_and_given_to_nobody() {
    let mut sessions = Sessions::<Tally>::default();
    for nonsense in ["", "hello", "\x11", "\x12\x01"] {
        let response = sessions.apply(LogIndex(1), &nonsense.into());
        assert_eq!(response, SessionResponse::Refused(SessionRefusal::NotUnderstood), "{nonsense:?}");
    }
    assert_eq!(sessions.query(Bytes::new()), 0);
}

#[test]
fn a_snapshot_shows_the_moment_it_was_begun_though_sessions_go_on() {
    let mut replica = Replica::default();
    let session = replica.open(0, options());
    let one = apply(session, 1, 1, 0, "one");
    assert_eq!(replica.apply(&one), SessionResponse::Applied(1));
    let snapshot = replica.sessions.snapshot();
    assert_eq!(replica.apply(&apply(session, 2, 2, 900, "two")), SessionResponse::Applied(2));
    let mut restored = Replica { index: replica.index, ..Replica::default() };
    restored.sessions.restore(&mut &bytes_of(snapshot)[..]).unwrap();
    assert_eq!(restored.apply(&one), SessionResponse::Applied(1), "it was not acknowledged then");
    assert_eq!(restored.apply(&apply(session, 2, 2, 900, "two")), SessionResponse::Applied(2));
}

#[test]
fn options_of_nothing_are_taken_for_one() {
    let mut replica = Replica::default();
    let least = SessionOptions { timeout: Duration::MAX, window: 0, max_sessions: 0 };
    let session = replica.open(u64::MAX, least);
    assert_eq!(replica.apply(&apply(session, 1, 1, u64::MAX, "one")), SessionResponse::Applied(1));
    replica.open(0, least);
    assert_eq!(replica.apply(&apply(session, 2, 2, 0, "two")), EXPIRED);
}
