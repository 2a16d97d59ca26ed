//! The thread that hears one caller.

use std::{
    cell::OnceCell,
    io::{self, Write as _},
    net::TcpStream,
    sync::{Arc, atomic::Ordering},
};

use bytes::BytesMut;
use slog::{debug, info, warn};

use super::{
    channel::{self, Reading, Writing},
    frame::{self, FrameError, FrameReader, Kind},
    greeting::Purpose,
    handshake::{Caller, HandshakeError},
    peer::Peer,
    shared::Shared,
    snapshot_receiver,
    sockets::Membership,
    statistics::add,
};
use crate::{
    consensus::{Envelope, NodeId},
    wire::{self, WireError},
};

/// Hears who calls, and then what.
pub(super) fn run(shared: &Shared, socket: &TcpStream, stranger: Membership) {
    match welcome(shared, socket) {
        Ok((caller, reading, writing)) => serve(shared, caller, socket, stranger, reading, writing),
        Err(error) => refuse(shared, socket, &error),
    }
}

fn welcome(shared: &Shared, socket: &TcpStream) -> Result<(Caller, Reading, Writing), HandshakeError> {
    socket.set_nodelay(true)?;
    let introduction = shared.introduction();
    let mut channel = channel::answer(&shared.options, socket.try_clone()?, introduction.deadline)?;
    let is_ours = |node| shared.peer(node).is_some();
    let caller = introduction.answer(&mut *channel, is_ours)?;
    let (reading, writing) = channel.split(shared.options.idle_timeout)?;
    Ok((caller, reading, writing))
}

/// Counts a caller that was not let in, and tells of it: the first, the second, the fourth, the eighth of its kind.
fn refuse(shared: &Shared, socket: &TcpStream, error: &HandshakeError) {
    let count = shared.counters.refused.add(error.refusal().word(), 1);
    if count.is_power_of_two() && !shared.threads.are_stopping() {
        let from = socket.peer_addr().map_or_else(|_| "unknown".to_owned(), |address| address.to_string());
        warn!(shared.logger, "caller refused: {error}"; "from" => from, "times" => count);
    }
}

fn serve(
    shared: &Shared,
    caller: Caller,
    socket: &TcpStream,
    stranger: Membership,
    reading: Reading,
    writing: Writing,
) {
    let node = caller.node;
    let entered = match shared.incoming.enter(caller, socket, shared.options.max_connections) {
        Ok(Some(entered)) => entered,
        Ok(None) => return add(&shared.counters.connections_refused, 1),
        Err(error) => return debug!(shared.logger, "no handle for a connection: {error} -> closing it"),
    };
    stranger.release();
    let hearing = Hearing { shared, node, peer: OnceCell::new() };
    // It is there: no reason to wait longer before calling it.
    if let Some(peer) = hearing.peer().filter(|peer| !peer.is_connected()) {
        peer.queue.hurry();
    }
    info!(shared.logger, "peer has called -> it is heard"; "peer" => %node);
    let end = match caller.purpose {
        Purpose::Messages => hearing.messages(reading, writing),
        Purpose::Snapshot => snapshot_receiver::receive(&hearing, reading, writing),
    };
    hearing.note_end(caller.purpose, end);
    drop(entered);
}

/// A caller that was let in.
pub(super) struct Hearing<'a> {
    pub(super) shared: &'a Shared,
    pub(super) node: NodeId,
    peer: OnceCell<Arc<Peer>>,
}

/// Why a caller is heard no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HearingError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("it sent what is no message: {0}")]
    Message(#[from] WireError),
    #[error("it sent a message from {from} to {to}, which is not its to send")]
    Forged { from: NodeId, to: NodeId },
    #[error(
        "a snapshot of {bytes} bytes is above what is left of the {max} allowed: raise max_snapshot_bytes"
    )]
    SnapshotTooLarge { bytes: u64, max: u64 },
    #[error("an arriving snapshot cannot be kept: {0}; is there room in snapshot_directory?")]
    Spool(io::Error),
    #[error("it took too long to send a snapshot")]
    SnapshotLate,
}

impl From<io::Error> for HearingError {
    fn from(error: io::Error) -> Self {
        Self::Frame(FrameError::Broken(error))
    }
}

impl Hearing<'_> {
    /// Where it is counted, if it is one of ours. It may become one while it is heard.
    pub(super) fn peer(&self) -> Option<&Peer> {
        if self.peer.get().is_none()
            && let Some(peer) = self.shared.peer(self.node)
        {
            // It was empty a moment ago, and no other thread has it.
            let _set = self.peer.set(peer);
        }
        self.peer.get().map(|peer| &**peer)
    }

    /// Gives the node what comes, and answers questions, until that fails.
    fn messages(&self, reading: Reading, mut writing: Writing) -> Result<(), HearingError> {
        let mut frames = FrameReader::new(reading, self.shared.options.max_message_bytes);
        let mut answer = BytesMut::new();
        loop {
            let frame = frames.next()?;
            self.count_bytes(frame.body.len());
            if frame.kind == Kind::Message {
                let envelope = self.checked(wire::decode(frame.body)?)?;
                if let Some(peer) = self.peer() {
                    add(&peer.counters.messages_received, 1);
                }
                self.shared.deliver(envelope);
            } else if frame.kind == Kind::Ping {
                frame::put(&mut answer, Kind::Pong, &frame.body);
                writing.write_all(&answer)?;
                writing.flush()?;
                answer.clear();
            } else {
                return Err(FrameError::Misplaced(frame.kind).into());
            }
        }
    }

    /// The message, if it is from the caller and for this node.
    pub(super) fn checked(&self, envelope: Envelope) -> Result<Envelope, HearingError> {
        let Envelope { from, to, .. } = envelope;
        let is_honest = from == self.node && to == self.shared.identity.node;
        if is_honest { Ok(envelope) } else { Err(HearingError::Forged { from, to }) }
    }

    pub(super) fn count_bytes(&self, body: usize) {
        if let Some(peer) = self.peer() {
            add(&peer.counters.bytes_received, frame::HEADER_LENGTH + body);
        }
    }

    fn note_end(&self, purpose: Purpose, end: Result<(), HearingError>) {
        let Err(error) = end else { return };
        let logger = &self.shared.logger;
        if matches!(error, HearingError::Frame(FrameError::Broken(_))) {
            return info!(logger, "{error} -> waiting for the peer to call again"; "peer" => %self.node);
        }
        let count = self.shared.counters.malformed.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            warn!(logger, "{error} -> closing its connection"; "peer" => %self.node, "purpose" => ?purpose,
                "times" => count);
        }
    }
}
