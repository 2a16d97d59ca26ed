//! The thread that sends to one peer.
//!
//! It connects, and connects again whenever the connection is gone; it writes what the node's loop did not get rid of, as
//! much as there is in one write; it asks from time to time whether the peer is there. A second thread, which lives as long as the connection,
//! hears the answers: so an end of the peer is noticed when it comes, not with the next message.

use std::{io, sync::atomic::Ordering, thread, time::Duration};

use slog::{debug, info};

use super::{
    channel::Reading,
    dial::{Connection, dial},
    frame::{FrameReader, Kind},
    greeting::Purpose,
    handshake::Terms,
    outlet::Outlet,
    peer::Peer,
    queue::Woken,
    shared::Shared,
    time::{Deadline, Stopwatch},
};
use crate::back_off::BackOff;

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
        let Connection { reading, writing, terms, open } = connection;
        *self.peer.outlet.lock() = Some(Outlet::new(writing, terms.max_message_bytes));
        let end = thread::scope(|scope| {
            let name = self.shared.thread_name(&format!("ear-{}", self.peer.id));
            let hear = || {
                self.shared.threads.catch("ear", || self.hear(reading));
                // Wakes the other thread, whether it waits for messages or in a write.
                self.peer.queue.interrupt();
                open.shut();
            };
            let end = match thread::Builder::new().name(name).spawn_scoped(scope, hear) {
                Ok(_ear) => self.speak(terms),
                Err(error) => error,
            };
            open.shut();
            end
        });
        *self.peer.outlet.lock() = None;
        end
    }

    /// Writes what is handed over, and a question three times in the time in which either side waits for a sign of life.
    fn speak(&self, terms: Terms) -> io::Error {
        let ping_interval = self.shared.options.idle_timeout.min(terms.idle) / 3;
        let mut next_ping = Deadline::after(Duration::ZERO);
        loop {
            let is_time = next_ping.has_passed();
            if is_time {
                next_ping = Deadline::after(ping_interval);
            } else {
                match self.peer.queue.wait(next_ping) {
                    Woken::Messages => {}
                    Woken::Time => continue,
                    Woken::Interruption => return io::Error::other("the peer is gone, or has moved"),
                }
            }
            let mut outlet = self.peer.outlet.lock();
            let written = match &mut *outlet {
                Some(outlet) if is_time => outlet.ask(self.peer, self.since.micros().to_be_bytes()),
                Some(outlet) => outlet.write(self.peer),
                None => return io::Error::other("the connection is closed"),
            };
            if let Err(error) = written {
                return error;
            }
        }
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
