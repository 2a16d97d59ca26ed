//! The thread that sends snapshots to one peer, each on a connection of its own: heartbeats never wait behind them.

use std::io::{self, Write as _};

use bytes::{BufMut, Bytes, BytesMut};
use slog::{info, warn};

use super::{
    batch::TooLarge,
    channel::Reading,
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
        let end = send(shared, peer, envelope);
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
    #[error("cannot connect: {0}")]
    Dial(#[from] DialError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("the peer has no room for {0} bytes: raise max_snapshot_bytes there")]
    NoRoom(usize),
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
fn send(shared: &Shared, peer: &Peer, envelope: Envelope) -> Result<usize, SendError> {
    let deadline = Deadline::after(shared.options.snapshot_timeout);
    let (head, data) = take_apart(envelope);
    let Connection { reading, mut writing, max_message_bytes, open: _open } =
        dial(shared, peer, Purpose::Snapshot)?;
    let mut answers = FrameReader::new(reading, 0);
    let mut buffer = BytesMut::new();
    let mut write = |buffer: &mut BytesMut| -> io::Result<()> {
        writing.write_all(buffer)?;
        writing.flush()?;
        add(&peer.counters.bytes_sent, buffer.len());
        buffer.clear();
        Ok(())
    };

    put_head(&mut buffer, &head, data.len(), max_message_bytes)?;
    write(&mut buffer)?;
    expect(&mut answers, Kind::SnapshotWanted, data.len())?;
    for chunk in data.chunks(shared.options.snapshot_chunk_bytes.min(max_message_bytes).max(1)) {
        if peer.snapshot.is_superseded() {
            return Err(SendError::Superseded);
        }
        if deadline.has_passed() {
            return Err(SendError::Late);
        }
        frame::put(&mut buffer, Kind::SnapshotChunk, chunk);
        write(&mut buffer)?;
    }
    expect(&mut answers, Kind::SnapshotReceived, data.len())?;
    Ok(data.len())
}

/// The message without the snapshot's data, and the data.
fn take_apart(mut envelope: Envelope) -> (Envelope, Bytes) {
    let data = match &mut envelope.message {
        Message::SnapshotRequest { snapshot } => std::mem::take(&mut snapshot.data),
        _ => Bytes::new(),
    };
    (envelope, data)
}

fn put_head(buffer: &mut BytesMut, head: &Envelope, data_bytes: usize, max: usize) -> Result<(), TooLarge> {
    let start = frame::begin(buffer);
    buffer.put_u64(data_bytes as u64);
    wire::encode(head, buffer);
    frame::end(buffer, start, Kind::SnapshotHead, None);
    let bytes = buffer.len() - start - HEADER_LENGTH;
    if bytes > max { Err(TooLarge { bytes, max }) } else { Ok(()) }
}

fn expect(answers: &mut FrameReader<Reading>, kind: Kind, bytes: usize) -> Result<(), SendError> {
    let answer = answers.next()?;
    if answer.kind == kind {
        Ok(())
    } else if answer.kind == Kind::SnapshotRefused {
        Err(SendError::NoRoom(bytes))
    } else {
        Err(FrameError::Misplaced(answer.kind).into())
    }
}
