//! The thread that sends to one peer.
//!
//! It connects, and connects again whenever the connection is gone; it writes what waits, as much as there is in one
//! write; it asks from time to time whether the peer is there. A second thread, which lives as long as the connection,
//! hears the answers: so an end of the peer is noticed when it comes, not with the next message.

use std::{io, sync::atomic::Ordering, thread, time::Duration};

use slog::{debug, info};

use super::{
    batch::Batch,
    channel::{Reading, Writing},
    dial::{Connection, dial},
    frame::{FrameReader, Kind},
    greeting::Purpose,
    handshake::Terms,
    peer::Peer,
    queue::{Queued, Woken},
    shared::Shared,
    statistics::{Dropped, add},
    time::{Deadline, Stopwatch},
};
use crate::back_off::BackOff;

/// How many bytes of messages are encoded before they are written.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// How many bytes an answer has.
const PONG_BYTES: usize = 8;

/// Sends to `peer` until it is closed.
pub(super) fn run(shared: &Shared, peer: &Peer) {
    let mut back_off = shared.back_off(peer.id.0);
    while !peer.is_closed() {
        peer.set_connected(false);
        attempt(shared, peer, &mut back_off);
        peer.set_connected(false);
        // What waits has aged, and Raft sends it again -> begin the next connection with what is new.
        peer.drop_waiting();
        if !peer.is_closed() {
            shared.report_unreachable(peer.id);
            peer.queue.pause(back_off.next());
        }
    }
}

/// Connects, and sends while the connection lasts.
fn attempt(shared: &Shared, peer: &Peer, back_off: &mut BackOff) {
    match dial(shared, peer, Purpose::Messages) {
        Ok(connection) => {
            peer.queue.settle();
            peer.note_connected();
            let link = Link { shared, peer, since: Stopwatch::start() };
            let end = link.carry(connection);
            info!(peer.logger, "connection lost -> connecting again"; "why" => end.to_string());
            // Not the greeting shows that a connection works, but that it lasts.
            if link.since.elapsed() >= shared.options.max_back_off {
                back_off.reset();
            }
        }
        Err(error) if !peer.is_closed() => peer.note_failure(error.refusal(), &error),
        Err(_) => {}
    }
}

/// A connection that lasts.
struct Link<'a> {
    shared: &'a Shared,
    peer: &'a Peer,
    since: Stopwatch,
}

impl Link<'_> {
    /// Sends and listens until either fails; why.
    fn carry(&self, connection: Connection) -> io::Error {
        let Connection { reading, mut writing, terms, open } = connection;
        thread::scope(|scope| {
            let name = self.shared.thread_name(&format!("ear-{}", self.peer.id));
            let hear = || {
                self.shared.threads.catch("ear", || self.hear(reading));
                // Wakes the other thread, whether it waits for messages or in a write.
                self.peer.queue.interrupt();
                open.shut();
            };
            let end = match thread::Builder::new().name(name).spawn_scoped(scope, hear) {
                Ok(_ear) => self.speak(&mut writing, terms),
                Err(error) => error,
            };
            open.shut();
            end
        })
    }

    /// Writes what waits, and a question three times in the time in which either side waits for a sign of life.
    fn speak(&self, writing: &mut Writing, terms: Terms) -> io::Error {
        let ping_interval = self.shared.options.idle_timeout.min(terms.idle) / 3;
        let (mut batch, mut taken) = (Batch::default(), Vec::new());
        let mut next_ping = Deadline::after(Duration::ZERO);
        loop {
            if next_ping.has_passed() {
                batch.frame(Kind::Ping, &self.since.micros().to_be_bytes());
                next_ping = Deadline::after(ping_interval);
            } else {
                match self.peer.queue.take(&mut taken, MAX_BATCH_BYTES, next_ping) {
                    Woken::Messages => self.encode(&mut taken, &mut batch, terms.max_message_bytes),
                    Woken::Time => continue,
                    Woken::Interruption => return io::Error::other("the peer is gone, or has moved"),
                }
            }
            match batch.write_to(writing) {
                Ok(bytes) => add(&self.peer.counters.bytes_sent, bytes),
                Err(error) => return error,
            }
        }
    }

    fn encode(&self, taken: &mut Vec<Queued>, batch: &mut Batch, max_bytes: usize) {
        let mut sent = 0;
        for queued in taken.drain(..) {
            match batch.message(&queued, max_bytes) {
                Ok(()) => sent += 1,
                Err(error) => {
                    let count = self.peer.counters.dropped.add(Dropped::TooLarge.word(), 1);
                    if count.is_power_of_two() {
                        slog::error!(self.peer.logger, "{error} -> it is not sent"; "times" => count,
                            "message" => queued.envelope.message.name());
                    }
                }
            }
        }
        add(&self.peer.counters.messages_sent, sent);
    }

    /// Hears answers until there are no more.
    fn hear(&self, reading: Reading) {
        let mut frames = FrameReader::new(reading, PONG_BYTES);
        loop {
            match frames.next() {
                Ok(frame) if frame.kind == Kind::Pong && frame.body.len() == PONG_BYTES => {
                    let asked = frame.body.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                    let round_trip = self.since.micros().saturating_sub(asked).max(1);
                    self.peer.counters.round_trip.store(round_trip, Ordering::Relaxed);
                }
                Ok(frame) => return debug!(self.peer.logger, "unexpected {:?} -> closing", frame.kind),
                Err(error) => return debug!(self.peer.logger, "no answers: {error} -> closing"),
            }
        }
    }
}
