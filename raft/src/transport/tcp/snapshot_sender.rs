//! The thread that sends snapshots to one peer, each on a connection of its own: heartbeats never wait behind them.

use std::io::{self, Read, Write as _};

use bytes::{BufMut, BytesMut};
use slog::{info, warn};

use super::{
    batch::TooLarge,
    channel::{Reading, Writing},
    dial::{Connection, DialError, dial},
    frame::{self, FrameError, FrameReader, HEADER_LENGTH, Kind},
    greeting::Purpose,
    peer::Peer,
    shared::Shared,
    statistics::add,
    time::Deadline,
};
use crate::{
    consensus::{Envelope, Message},
    wire,
};

/// How many pieces may be on their way.
const MAX_UNANSWERED: u32 = 16;

/// Sends snapshots to `peer` until it is closed.
pub(super) fn run(shared: &Shared, peer: &Peer) {
    // One is under way before any was taken up -> sending it made this thread panic.
    if peer.snapshot.finish() {
        shared.report_snapshot(peer.id, false);
    }
    while let Some(envelope) = peer.snapshot.take() {
        let end = send(shared, peer, &envelope);
        peer.snapshot.finish();
        match end {
            Ok(bytes) => {
                add(&peer.counters.snapshots_sent, 1);
                info!(peer.logger, "snapshot arrived"; "bytes" => bytes);
                shared.report_snapshot(peer.id, true);
            }
            Err(SendError::Superseded) => {
                info!(peer.logger, "a newer snapshot is to be sent -> this one is not");
            }
            Err(error) => {
                add(&peer.counters.snapshots_failed, 1);
                warn!(peer.logger, "snapshot did not arrive: {error}"; "address" => peer.address());
                shared.report_snapshot(peer.id, false);
            }
        }
    }
}

/// Why a snapshot did not arrive.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("it cannot be read: {0}; check this node's disk")]
    Unreadable(io::Error),
    #[error("cannot connect: {0}")]
    Dial(#[from] DialError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("the peer has no room for {0} bytes: raise max_snapshot_bytes there")]
    NoRoom(u64),
    #[error("it took longer than snapshot_timeout")]
    Late,
    #[error("a newer one is to be sent")]
    Superseded,
}

impl From<io::Error> for SendError {
    fn from(error: io::Error) -> Self {
        Self::Frame(FrameError::Broken(error))
    }
}

/// Sends one snapshot and waits for the acknowledgement. How many bytes of data it had.
fn send(shared: &Shared, peer: &Peer, envelope: &Envelope) -> Result<u64, SendError> {
    let Message::SnapshotRequest { snapshot } = &envelope.message else { return Err(SendError::Superseded) };
    let data = snapshot.data.open().map_err(SendError::Unreadable)?;
    let deadline = Deadline::after(shared.options.snapshot_timeout);
    let Connection { reading, writing, terms, open: _open } = dial(shared, peer, Purpose::Snapshot)?;
    let mut stream = Stream {
        peer,
        writing,
        answers: FrameReader::new(reading, 0),
        buffer: BytesMut::new(),
        size: snapshot.data.size(),
    };
    stream.head(envelope, terms.max_message_bytes)?;
    stream.data(data, shared.options.snapshot_chunk_bytes.min(terms.max_message_bytes), deadline)?;
    Ok(stream.size)
}

/// The way there, and what is answered.
struct Stream<'a> {
    peer: &'a Peer,
    writing: Writing,
    answers: FrameReader<Reading>,
    buffer: BytesMut,
    /// How many bytes of data the snapshot has.
    size: u64,
}

impl Stream<'_> {
    /// Announces the snapshot.
    fn head(&mut self, envelope: &Envelope, max: usize) -> Result<(), SendError> {
        let start = frame::begin(&mut self.buffer);
        self.buffer.put_u64(self.size);
        wire::encode_without_data(envelope, &mut self.buffer);
        let bytes = self.buffer.len() - HEADER_LENGTH;
        if bytes > max {
            return Err(TooLarge { bytes, max }.into());
        }
        self.send(start, Kind::SnapshotHead)?;
        self.expect(Kind::SnapshotWanted)
    }

    /// Sends the data, a few pieces ahead of the answers: what has passed is seen, also when the system holds much of
    /// it back.
    fn data(&mut self, mut data: impl Read, chunk_bytes: usize, deadline: Deadline) -> Result<(), SendError> {
        let (mut left, mut unanswered) = (self.size, 0);
        while left > 0 {
            if self.peer.snapshot.is_superseded() {
                return Err(SendError::Superseded);
            }
            if deadline.has_passed() {
                return Err(SendError::Late);
            }
            if unanswered == MAX_UNANSWERED {
                self.expect(Kind::SnapshotWanted)?;
                unanswered -= 1;
            }
            let bytes = usize::try_from(left).unwrap_or(chunk_bytes).min(chunk_bytes);
            left -= bytes as u64;
            self.chunk(&mut data, bytes, left == 0)?;
            unanswered += 1;
        }
        (0..unanswered).try_for_each(|_| self.expect(Kind::SnapshotWanted))?;
        self.expect(Kind::SnapshotReceived)
    }

    fn chunk(&mut self, data: &mut impl Read, bytes: usize, is_last: bool) -> Result<(), SendError> {
        let start = frame::begin(&mut self.buffer);
        self.buffer.put_bytes(0, bytes);
        data.read_exact(&mut self.buffer[start + HEADER_LENGTH..]).map_err(SendError::Unreadable)?;
        // A source may tell only at its end that it is damaged -> reach it before the last piece leaves.
        if is_last && data.read(&mut [0]).map_err(SendError::Unreadable)? > 0 {
            return Err(SendError::Unreadable(io::Error::other("it is longer than it says")));
        }
        Ok(self.send(start, Kind::SnapshotChunk)?)
    }

    fn send(&mut self, start: usize, kind: Kind) -> io::Result<()> {
        frame::end(&mut self.buffer, start, kind, None);
        self.writing.write_all(&self.buffer)?;
        self.writing.flush()?;
        add(&self.peer.counters.bytes_sent, self.buffer.len());
        self.buffer.clear();
        Ok(())
    }

    fn expect(&mut self, kind: Kind) -> Result<(), SendError> {
        let answer = self.answers.next()?.kind;
        if answer == kind {
            Ok(())
        } else if answer == Kind::SnapshotRefused {
            Err(SendError::NoRoom(self.size))
        } else {
            Err(FrameError::Misplaced(answer).into())
        }
    }
}
