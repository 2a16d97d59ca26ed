//! What the bytes of commands and snapshots are made of: numbers of variable length, and runs of bytes.

use bytes::{Buf, BufMut, Bytes};
// Seven bits a byte, as protobuf has them: it is here already, and well tested.
use prost::encoding::{decode_varint, encode_varint};

use super::SessionId;
use crate::consensus::LogIndex;

/// Bytes that this version does not understand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// They end too early, or hold a number that is too large.
    #[error("the bytes are cut short or damaged: encode them with `SessionCommand`")]
    Damaged,
    /// They are of another version, or were never meant for sessions.
    #[error("format {0:#04x} is not known here: run a version that can read it")]
    UnknownFormat(u8),
    /// They name sessions or responses in an order in which no version writes them.
    #[error("the table of sessions contradicts itself: the snapshot was not made by this library")]
    Contradiction,
}

pub(super) fn put_number(out: &mut impl BufMut, number: u64) {
    encode_varint(number, out);
}

/// Takes bytes apart from their front, and trusts none of them.
pub(super) struct Reader {
    bytes: Bytes,
}

impl Reader {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self { bytes }
    }

    pub(super) fn byte(&mut self) -> Result<u8, FormatError> {
        self.bytes.try_get_u8().map_err(|_| FormatError::Damaged)
    }

    pub(super) fn number(&mut self) -> Result<u64, FormatError> {
        decode_varint(&mut self.bytes).map_err(|_| FormatError::Damaged)
    }

    pub(super) fn index(&mut self) -> Result<LogIndex, FormatError> {
        self.number().map(LogIndex)
    }

    pub(super) fn session(&mut self) -> Result<SessionId, FormatError> {
        self.index().map(SessionId)
    }

    /// The next bytes, whose number stands before them. Shares memory, so a lie about the number costs nothing.
    pub(super) fn run(&mut self) -> Result<Bytes, FormatError> {
        let length = usize::try_from(self.number()?).map_err(|_| FormatError::Damaged)?;
        if length > self.bytes.len() {
            return Err(FormatError::Damaged);
        }
        Ok(self.bytes.split_to(length))
    }

    /// All that is left.
    pub(super) fn rest(self) -> Bytes {
        self.bytes
    }

    /// Nothing must be left.
    pub(super) fn end(&self) -> Result<(), FormatError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(FormatError::Damaged) }
    }
}
