//! Where messages to a peer go out while there is a connection.
//!
//! Whoever has the outlet writes: the node's loop, if the connection takes at once all that waits, which it mostly does
//! and which spares waking a thread; else the peer's thread, which may wait. Messages are taken from the queue only by
//! whoever has the outlet, so they go out in the order in which they were queued.

use std::io;

use slog::error;

use super::{
    batch::Batch,
    channel::Writing,
    frame::Kind,
    peer::Peer,
    queue::Queued,
    statistics::{Dropped, add},
};

/// How many bytes of messages are encoded before they are written.
const MAX_BATCH_BYTES: usize = 1 << 20;
/// How many the node's loop encodes and writes itself: it has other things to do.
const MAX_BYTES_AT_ONCE: usize = 64 << 10;

/// A connection to a peer, and what is written to it.
pub(super) struct Outlet {
    writing: Writing,
    /// What is being encoded. Empty in between, and kept for its memory.
    taken: Vec<Queued>,
    /// What was encoded, and not written yet.
    batch: Batch,
    max_message_bytes: usize,
}

impl Outlet {
    pub(super) fn new(writing: Writing, max_message_bytes: usize) -> Self {
        Self { writing, taken: Vec::new(), batch: Batch::default(), max_message_bytes }
    }

    /// Writes what waits, about [`MAX_BATCH_BYTES`] of it at most. Waits until the connection takes it.
    pub(super) fn write(&mut self, peer: &Peer) -> io::Result<()> {
        self.encode(peer, MAX_BATCH_BYTES);
        add(&peer.counters.bytes_sent, self.batch.write_to(&mut self.writing)?);
        Ok(())
    }

    /// Writes a question whether the peer is there.
    pub(super) fn ask(&mut self, peer: &Peer, question: [u8; 8]) -> io::Result<()> {
        self.batch.frame(Kind::Ping, &question);
        add(&peer.counters.bytes_sent, self.batch.write_to(&mut self.writing)?);
        Ok(())
    }

    /// Writes what waits, if the connection takes it at once. Whether that is all; else it is for the peer's thread to
    /// go on, and to hear why if the connection has failed.
    pub(super) fn write_at_once(&mut self, peer: &Peer) -> bool {
        let (_, bytes) = peer.queue.length();
        if !self.writing.takes_at_once() || !self.batch.is_empty() || bytes > MAX_BYTES_AT_ONCE {
            return false;
        }
        self.encode(peer, MAX_BYTES_AT_ONCE);
        let (written, _) = self.batch.write_at_once(&mut *self.writing);
        add(&peer.counters.bytes_sent, written);
        self.batch.is_empty()
    }

    fn encode(&mut self, peer: &Peer, max_bytes: usize) {
        let mut sent = 0;
        peer.queue.take(&mut self.taken, max_bytes);
        for queued in self.taken.drain(..) {
            match self.batch.message(&queued, self.max_message_bytes) {
                Ok(()) => sent += 1,
                Err(error) => {
                    let count = peer.counters.dropped.add(Dropped::TooLarge.word(), 1);
                    if count.is_power_of_two() {
                        error!(peer.logger, "{error} -> it is not sent"; "times" => count,
                            "message" => queued.envelope.message.name());
                    }
                }
            }
        }
        add(&peer.counters.messages_sent, sent);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{IoSlice, Write},
        time::Duration,
    };

    use slog::{Discard, Logger, o};

    use super::*;
    use crate::{
        TcpOptions,
        consensus::{Envelope, Message, NodeId, Term},
        transport::tcp::{channel::Outgoing, queue::Woken, time::Deadline},
    };

    /// Has room for so many bytes.
    struct Narrow(usize);

    impl Write for Narrow {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Outgoing for Narrow {
        fn takes_at_once(&self) -> bool {
            true
        }

        fn write_at_once(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let taken = slices.iter().map(|slice| slice.len()).sum::<usize>().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        }
    }

    fn peer(room: usize) -> Peer {
        let logger = Logger::root(Discard, o!());
        let peer = Peer::new(NodeId(2), String::new(), &TcpOptions::default(), &logger);
        *peer.outlet.lock() = Some(Outlet::new(Box::new(Narrow(room)), 1 << 20));
        peer
    }

    fn enqueue(peer: &Peer) {
        let (from, to, term) = (NodeId(1), NodeId(2), Term(1));
        let envelope = Envelope { from, to, term, message: Message::TimeoutNow };
        assert!(peer.enqueue(Queued::new(envelope, None)));
    }

    /// Whether the peer's thread was told to go on.
    fn is_handed_over(peer: &Peer) -> bool {
        peer.queue.wait(Deadline::after(Duration::ZERO)) == Woken::Messages
    }

    #[test]
    fn what_is_not_taken_at_once_is_handed_over() {
        for (room, expected) in [(1 << 20, false), (10, true), (0, true)] {
            let peer = peer(room);
            enqueue(&peer);
            peer.send_queued();
            assert_eq!(is_handed_over(&peer), expected, "there is room for {room}");
            assert_eq!(peer.queue.length().0, 0, "it was taken");
            let mut outlet = peer.outlet.lock().take().unwrap();
            outlet.write(&peer).unwrap();
            assert!(outlet.batch.is_empty());
        }
    }

    #[test]
    fn what_is_sent_while_somebody_writes_or_nobody_is_connected_is_handed_over() {
        let peer = peer(1 << 20);
        let mut outlet = peer.outlet.lock();
        enqueue(&peer);
        peer.send_queued();
        assert!(is_handed_over(&peer));
        *outlet = None;
        drop(outlet);
        peer.send_queued();
        assert!(is_handed_over(&peer));
        assert_eq!(peer.queue.length().0, 1);
    }
}
