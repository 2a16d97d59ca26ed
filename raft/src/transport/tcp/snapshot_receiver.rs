//! Taking in a snapshot, on a connection of its own.

use std::io::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};

use super::{
    channel::{Reading, Writing},
    frame::{self, FrameError, FrameReader, Kind},
    reader::{Hearing, HearingError},
    spool::Spool,
    statistics::add,
    time::Deadline,
};
use crate::{
    consensus::{Envelope, Message, SnapshotData},
    wire,
};

/// Takes in one snapshot, gives it to the node, and acknowledges it.
pub(super) fn receive(
    hearing: &Hearing<'_>,
    reading: Reading,
    mut writing: Writing,
) -> Result<(), HearingError> {
    let mut frames = FrameReader::new(reading, hearing.shared.options.max_message_bytes);
    let (head, bytes) = head(hearing, &mut frames)?;

    let budget = &hearing.shared.snapshot_bytes;
    let mut share = budget.share();
    if !share.grow(bytes) {
        say(&mut writing, Kind::SnapshotRefused)?;
        return Err(HearingError::SnapshotTooLarge { bytes, max: budget.max() });
    }
    let spool = hearing.shared.spools.spool(bytes).map_err(HearingError::Spool)?;
    say(&mut writing, Kind::SnapshotWanted)?;
    let data = data(hearing, &mut frames, &mut writing, bytes, spool)?;
    hearing.shared.deliver(put_together(head, data));
    if let Some(peer) = hearing.peer() {
        add(&peer.counters.snapshots_received, 1);
    }
    Ok(say(&mut writing, Kind::SnapshotReceived)?)
}

/// The message without the snapshot's data, and how much of that there is.
fn head(hearing: &Hearing<'_>, frames: &mut FrameReader<Reading>) -> Result<(Envelope, u64), HearingError> {
    let mut body = next(hearing, frames, Kind::SnapshotHead)?;
    let bytes = body.try_get_u64().map_err(|_short| FrameError::Misplaced(Kind::SnapshotHead))?;
    let envelope = hearing.checked(wire::decode(body)?)?;
    if !matches!(envelope.message, Message::SnapshotRequest { .. }) {
        return Err(FrameError::Misplaced(Kind::SnapshotHead).into());
    }
    Ok((envelope, bytes))
}

/// The snapshot's data. Each piece is answered, so that the sender sees that it has passed.
fn data(
    hearing: &Hearing<'_>,
    frames: &mut FrameReader<Reading>,
    writing: &mut Writing,
    mut missing: u64,
    mut spool: Spool,
) -> Result<SnapshotData, HearingError> {
    let deadline = Deadline::after(hearing.shared.options.snapshot_timeout);
    while missing > 0 {
        if deadline.has_passed() {
            return Err(HearingError::SnapshotLate);
        }
        let chunk = next(hearing, frames, Kind::SnapshotChunk)?;
        let is_progress = !chunk.is_empty();
        missing = missing
            .checked_sub(chunk.len() as u64)
            .filter(|_| is_progress)
            .ok_or(FrameError::Misplaced(Kind::SnapshotChunk))?;
        spool.push(&chunk).map_err(HearingError::Spool)?;
        say(writing, Kind::SnapshotWanted)?;
    }
    spool.finish().map_err(HearingError::Spool)
}

fn next(hearing: &Hearing<'_>, frames: &mut FrameReader<Reading>, kind: Kind) -> Result<Bytes, HearingError> {
    let frame = frames.next()?;
    hearing.count_bytes(frame.body.len());
    if frame.kind == kind { Ok(frame.body) } else { Err(FrameError::Misplaced(frame.kind).into()) }
}

fn put_together(mut head: Envelope, data: SnapshotData) -> Envelope {
    if let Message::SnapshotRequest { snapshot } = &mut head.message {
        snapshot.data = data;
    }
    head
}

fn say(writing: &mut Writing, kind: Kind) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    frame::put(&mut buffer, kind, &[]);
    writing.write_all(&buffer)?;
    writing.flush()
}
