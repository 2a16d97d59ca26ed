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

/// Sends snapshots to `peer` until it is closed.
pub(super) fn run(shared: &Shared, peer: &Peer) {
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
                info!(peer.logger, "a newer snapshot is to be sent -> this one is not")
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
    let (size, data) = (snapshot.data.size(), snapshot.data.open().map_err(SendError::Unreadable)?);
    let deadline = Deadline::after(shared.options.snapshot_timeout);
    let Connection { reading, writing, terms, open: _open } = dial(shared, peer, Purpose::Snapshot)?;
    let mut answers = FrameReader::new(reading, 0);
    let mut stream = Stream { peer, writing, buffer: BytesMut::new() };

    stream.head(envelope, size, terms.max_message_bytes)?;
    expect(&mut answers, Kind::SnapshotWanted, size)?;
    let chunk_bytes = shared.options.snapshot_chunk_bytes.min(terms.max_message_bytes);
    stream.data(data, size, chunk_bytes, deadline)?;
    expect(&mut answers, Kind::SnapshotReceived, size)?;
    Ok(size)
}

/// The way there.
struct Stream<'a> {
    peer: &'a Peer,
    writing: Writing,
    buffer: BytesMut,
}

impl Stream<'_> {
    fn head(&mut self, envelope: &Envelope, size: u64, max: usize) -> Result<(), SendError> {
        let start = frame::begin(&mut self.buffer);
        self.buffer.put_u64(size);
        wire::encode_without_data(envelope, &mut self.buffer);
        let bytes = self.buffer.len() - HEADER_LENGTH;
        if bytes > max {
            return Err(TooLarge { bytes, max }.into());
        }
        Ok(self.send(start, Kind::SnapshotHead)?)
    }

    fn data(
        &mut self,
        mut data: Box<dyn Read + Send>,
        mut left: u64,
        chunk_bytes: usize,
        deadline: Deadline,
    ) -> Result<(), SendError> {
        while left > 0 {
            if self.peer.snapshot.is_superseded() {
                return Err(SendError::Superseded);
            }
            if deadline.has_passed() {
                return Err(SendError::Late);
            }
            let bytes = usize::try_from(left).unwrap_or(chunk_bytes).min(chunk_bytes);
            left -= bytes as u64;
            let start = frame::begin(&mut self.buffer);
            self.buffer.put_bytes(0, bytes);
            data.read_exact(&mut self.buffer[start + HEADER_LENGTH..]).map_err(SendError::Unreadable)?;
            // A source may tell only at its end that it is damaged -> reach it before the last piece leaves.
            if left == 0 && data.read(&mut [0]).map_err(SendError::Unreadable)? > 0 {
                return Err(SendError::Unreadable(io::Error::other("it is longer than it says")));
            }
            self.send(start, Kind::SnapshotChunk)?;
        }
        Ok(())
    }

    fn send(&mut self, start: usize, kind: Kind) -> io::Result<()> {
        frame::end(&mut self.buffer, start, kind, None);
        self.writing.write_all(&self.buffer)?;
        self.writing.flush()?;
        add(&self.peer.counters.bytes_sent, self.buffer.len());
        self.buffer.clear();
        Ok(())
    }
}

fn expect(answers: &mut FrameReader<Reading>, kind: Kind, bytes: u64) -> Result<(), SendError> {
    let answer = answers.next()?;
    if answer.kind == kind {
        Ok(())
    } else if answer.kind == Kind::SnapshotRefused {
        Err(SendError::NoRoom(bytes))
    } else {
        Err(FrameError::Misplaced(answer.kind).into())
    }
}
