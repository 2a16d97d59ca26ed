//! What the bytes of commands and snapshots are made of: numbers of variable length, and runs of bytes.

use std::io::{self, Read, Write};

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

    /// All that is left.
    pub(super) fn rest(self) -> Bytes {
        self.bytes
    }

    /// Nothing must be left.
    pub(super) fn end(&self) -> Result<(), FormatError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(FormatError::Damaged) }
    }
}

/// The longest number: ten times seven bits.
const NUMBER_BYTES_MAX: usize = 10;

pub(super) fn write_number(output: &mut dyn Write, number: u64) -> io::Result<()> {
    let mut bytes = [0; NUMBER_BYTES_MAX];
    let mut rest = &mut bytes[..];
    encode_varint(number, &mut rest);
    let length = NUMBER_BYTES_MAX - rest.len();
    output.write_all(bytes.get(..length).unwrap_or_default())
}

pub(super) fn read_byte(input: &mut dyn Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

pub(super) fn read_number(input: &mut dyn Read) -> io::Result<u64> {
    let mut bytes = Vec::with_capacity(NUMBER_BYTES_MAX);
    loop {
        let byte = read_byte(input)?;
        bytes.push(byte);
        let is_last = byte < 0x80;
        if is_last || bytes.len() == NUMBER_BYTES_MAX {
            return decode_varint(&mut &bytes[..]).map_err(|_| damaged());
        }
    }
}

/// Bytes, whose number stands before them. A lie about the number costs no memory.
pub(super) fn read_run(input: &mut dyn Read) -> io::Result<Bytes> {
    let length = read_number(input)?;
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(damaged()) }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, FormatError::Damaged)
}
