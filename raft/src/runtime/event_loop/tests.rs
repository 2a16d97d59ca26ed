//! Single turns of the loop, at times that the test chooses.

use std::{cell::Cell, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use slog::{Discard, Logger, o};

use super::*;
use crate::{
    consensus::{Config, Envelope, LogIndex, Message, NodeId, Term},
    runtime::{
        completion::Completion,
        consistency::Consistency,
        journal::Journal,
        mailbox::{Senders, channels},
        outcome::{Outcome, RefusalReason},
    },
    storage::MemStorage,
    transport::Transport,
};

mod leases;
mod notices;

/// Stands still until it is moved.
#[derive(Default)]
struct Watch {
    now: Cell<Duration>,
    /// A pause that begins when the time was next asked for.
    pause: Cell<Duration>,
}

impl Watch {
    fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

impl Clock for Watch {
    fn now(&self) -> Duration {
        let now = self.now.get();
        self.pass(self.pause.take());
        now
    }
}

#[derive(Clone, Default)]
struct Sent(Arc<Mutex<Vec<Envelope>>>);

impl Sent {
    fn count(&self, name: &str) -> usize {
        self.0.lock().iter().filter(|envelope| envelope.message.name() == name).count()
    }
}

impl Transport for Sent {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        self.0.lock().append(messages);
    }
}

struct Bench {
    event_loop: EventLoop<Journal, MemStorage, Watch>,
    senders: Senders<Journal>,
    mailbox: Mailbox<Journal>,
    ticker: Ticker,
    sent: Sent,
}

const TICK: Duration = Duration::from_millis(50);

impl Bench {
    /// Node 1 of `size`.
    fn new(size: u64) -> Self {
        Self::with_config(size, Config::new(NodeId(1), 1))
    }

    fn with_config(size: u64, config: Config) -> Self {
        let options =
            Options { tick: TICK, max_requests_per_turn: 10, max_messages_per_turn: 5, ..Options::default() };
        let storage = MemStorage::with_voters((1..=size).map(NodeId));
        let logger = Logger::root(Discard, o!());
        let (driver, writer, applier) =
            Driver::open(config, options.clone(), Journal::default(), storage, logger).unwrap();
        let (senders, mailbox) = channels(&options, driver.status());
        let sent = Sent::default();
        let event_loop = EventLoop {
            driver,
            clients: applier.clients(),
            writer: Port::InLine(writer),
            applier: Port::InLine(applier),
            reports: Arc::default(),
            outgoing: Outgoing::new(Box::new(sent.clone())),
            gate: Arc::clone(&senders.requests),
            shared: Arc::clone(&senders.shared),
            to_control: senders.control.clone(),
            clock: Watch::default(),
            options,
            name: "test".to_owned(),
            snapshot_thread: None,
        };
        Self { event_loop, senders, mailbox, ticker: Ticker::new(TICK, Duration::ZERO), sent }
    }

    fn turn(&mut self) {
        self.event_loop.turn(&self.mailbox, &mut self.ticker).unwrap();
    }

    fn propose(&self, count: usize) {
        for _ in 0..count {
            let completion = Completion::callback(drop);
            let request = Request::Propose { command: Bytes::from_static(b"x"), completion };
            assert!(self.senders.requests.send(request).is_ok());
        }
    }

    fn deliver(&self, message: Message) {
        let envelope = Envelope { from: NodeId(2), to: NodeId(1), term: Term(5), message };
        assert!(self.senders.peers.try_send(PeerEvent::Message(envelope)).is_ok());
    }

    /// n2 answers what it was sent, as a follower that lacks nothing.
    fn answer(&self) {
        for Envelope { to, term, message, .. } in self.sent.0.lock().drain(..) {
            let answer = if let Message::PreVoteRequest { .. } = message {
                Message::PreVoteResponse { granted: true, committed: None }
            } else if let Message::VoteRequest { .. } = message {
                Message::VoteResponse { granted: true, committed: None }
            } else if let Message::AppendRequest { previous, entries, .. } = message {
                Message::AppendAccepted { matched: entries.last_id().unwrap_or(previous).index }
            } else if let Message::Heartbeat { echo, .. } = message {
                Message::HeartbeatResponse { echo }
            } else {
                continue;
            };
            if to == NodeId(2) {
                let envelope = Envelope { from: to, to: NodeId(1), term, message: answer };
                assert!(self.senders.peers.try_send(PeerEvent::Message(envelope)).is_ok());
            }
        }
    }

    fn heartbeat() -> Message {
        Message::Heartbeat { commit: LogIndex::ZERO, echo: crate::Echo::default() }
    }
}

#[test]
fn i7_a_flood_of_clients_keeps_neither_peers_nor_ticks_waiting() {
    let mut bench = Bench::new(3);
    bench.propose(1_000);
    for turn in 1..=20_u64 {
        bench.deliver(Bench::heartbeat());
        bench.event_loop.clock.pass(TICK);
        bench.turn();
        assert_eq!(bench.event_loop.driver.status().counters.ticks, turn);
    }
    assert_eq!(
        bench.sent.count("heartbeat_response"),
        20,
        "each heartbeat is answered in the turn in which it came"
    );
    assert_eq!(bench.mailbox.requests.len(), 1_000 - 20 * 10);
    assert_eq!(bench.event_loop.driver.status().core.leader, Some(NodeId(2)));
}

#[test]
fn i7_a_flood_of_peers_keeps_neither_clients_nor_ticks_waiting() {
    let mut bench = Bench::new(3);
    for _ in 0..100 {
        bench.deliver(Bench::heartbeat());
    }
    bench.propose(1);
    bench.event_loop.clock.pass(TICK);
    bench.turn();
    assert_eq!(bench.mailbox.peers.len(), 95);
    assert_eq!(bench.mailbox.requests.len(), 0);
    assert_eq!(bench.event_loop.driver.status().counters.ticks, 1);
}

#[test]
fn after_a_long_pause_the_leader_is_heard_before_it_is_given_up() {
    let mut bench = Bench::new(3);
    bench.deliver(Bench::heartbeat());
    bench.turn();
    // As when the process was stopped for a minute: far more than an election timeout.
    bench.event_loop.clock.pass(Duration::from_secs(60));
    bench.deliver(Bench::heartbeat());
    for _ in 0..3 {
        bench.turn();
    }
    let status = bench.event_loop.driver.status();
    assert_eq!(status.counters.ticks, 1);
    assert_eq!(status.core.leader, Some(NodeId(2)));
}

#[test]
fn what_waits_in_one_turn_goes_through_the_log_as_one_batch() {
    let mut bench = Bench::new(1);
    bench.senders.control.send(Control::Campaign).unwrap();
    bench.turn();
    let before = bench.event_loop.driver.status();
    bench.propose(10);
    bench.turn();
    let after = bench.event_loop.driver.status();
    assert_eq!(after.counters.entries_applied - before.counters.entries_applied, 10);
    assert!(after.counters.readys - before.counters.readys <= 2, "one to write, one to apply");
}

#[test]
fn i6_it_stops_when_it_is_told_to_however_much_there_is_to_do() {
    let mut bench = Bench::new(1);
    bench.propose(1_000);
    (0..100).for_each(|_| bench.deliver(Bench::heartbeat()));
    bench.senders.control.send(Control::Stop).unwrap();
    assert!(matches!(bench.event_loop.run(&bench.mailbox), StopReason::Requested));
    assert_eq!((bench.mailbox.requests.len(), bench.mailbox.peers.len()), (1_000, 100));
    bench.event_loop.clock.pass(TICK * 100);
    assert_eq!(bench.event_loop.driver.status().counters.ticks, 0, "nobody else makes it tick");
}

#[test]
fn i3_a_request_that_is_still_queued_when_the_node_stops_is_refused() {
    let bench = Bench::new(1);
    let (completion, mut ticket) = Completion::ticket();
    let request = Request::Propose { command: Bytes::from_static(b"x"), completion };
    assert!(bench.senders.requests.send(request).is_ok());
    bench.event_loop.close(StopReason::Requested, &bench.mailbox);
    assert_eq!(ticket.try_take(), Some(Outcome::refused(RefusalReason::Stopped, None)));

    let (completion, _ticket) = Completion::ticket();
    let request = Request::Query { query: (), consistency: Consistency::Linearizable, completion };
    assert!(bench.senders.requests.send(request).is_err(), "nobody can come after the last was refused");
}
