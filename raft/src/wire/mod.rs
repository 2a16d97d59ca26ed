//! How messages look as bytes: the gateway between the wire and the domain types.
//!
//! The format is protobuf with the message and field numbers of raft-rs (`eraftpb`), and so of etcd's `raftpb`
//! where the two agree; `proto` holds its structs. Everything that arrives is checked here, once: what
//! [`decode`] returns holds what the types promise, and what cannot be said in them is a [`WireError`].
//!
//! Three things have no field of their own there and travel in `context`: the id of a passed-on proposal (in
//! the entry), the mark of a [`Message::CommitNotice`] (a heartbeat otherwise), and that of a command without
//! bytes (which would look like a leader's blank entry).

mod from_wire;
mod proto;
mod to_wire;

use std::io;

use bytes::{Bytes, BytesMut};
use prost::Message as _;

use crate::consensus::{Entries, Envelope, Message};

/// Marks a heartbeat that wants no answer.
const COMMIT_NOTICE: &[u8] = b"\0commit notice";
/// Marks a request for votes that the leader itself has asked for, as raft-rs does.
const CAMPAIGN_TRANSFER: &[u8] = b"CampaignTransfer";
/// Marks a command of no bytes.
const EMPTY_COMMAND: &[u8] = b"\0";

/// Appends the envelope's bytes to `buffer`.
///
/// # Errors
/// If the data of a snapshot is on a disk that cannot be read; nothing was appended.
pub fn encode(envelope: &Envelope, buffer: &mut BytesMut) -> io::Result<()> {
    let mut message = proto::Message::from(envelope);
    if let Message::SnapshotRequest { snapshot, .. } = &envelope.message
        && let Some(wire) = &mut message.snapshot
    {
        wire.data = snapshot.data.to_bytes()?;
    }
    append(&message, buffer);
    Ok(())
}

/// Appends the envelope's bytes to `buffer`, as if the data of a snapshot were empty: for transports that send it by
/// itself, piece by piece.
pub fn encode_without_data(envelope: &Envelope, buffer: &mut BytesMut) {
    append(&proto::Message::from(envelope), buffer);
}

fn append(message: &proto::Message, buffer: &mut BytesMut) {
    buffer.reserve(message.encoded_len());
    // A `BytesMut` grows, so encoding into it cannot fail.
    let encoded = message.encode(buffer);
    debug_assert!(encoded.is_ok(), "a growing buffer has room");
}

/// The bytes of `entries` as they stand in an append.
///
/// After those of the same append without entries they make the whole: the fields of a message may come in any order.
pub(crate) fn encode_entries(entries: &Entries) -> Bytes {
    Bytes::from(to_wire::only_entries(entries).encode_to_vec())
}

/// Reads one envelope from `bytes`, which hold nothing else. Payloads share the buffer.
///
/// # Errors
/// [`WireError`] if the bytes are no message, or one that no node can send.
pub fn decode(bytes: Bytes) -> Result<Envelope, WireError> {
    let message = proto::Message::decode(bytes)?;
    from_wire::envelope(message)
}

/// Why bytes are not a message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Not protobuf, or cut short.
    #[error("not a message: {0}")]
    Malformed(#[from] prost::DecodeError),
    /// A kind of message that does not exist, or that nodes do not send to each other.
    #[error("messages of type {0} are not sent between nodes")]
    UnknownType(i32),
    /// A kind of entry that does not exist.
    #[error("no entry is of type {0}")]
    UnknownEntryType(i32),
    /// A kind of change of membership, or of transition, that does not exist.
    #[error("no change of membership is of type {0}")]
    UnknownChangeType(i32),
    /// Sender or receiver are missing.
    #[error("the message does not say who sent it, or to whom")]
    Nobody,
    /// The entries have gaps.
    #[error(transparent)]
    NotContiguous(#[from] crate::consensus::NotContiguous),
    /// A field that this kind of message must have is missing, or has the wrong size.
    #[error("a {message} message needs {field}")]
    Missing {
        /// The kind of message.
        message: &'static str,
        /// What it lacks.
        field: &'static str,
    },
}

#[cfg(test)]
mod tests;
