//! How a connection is cut into frames.
//!
//! A frame is a checksum, a length, a kind, and a body; `docs/wire-format.md` has the table. The checksum covers all
//! that follows it: what a network changes is not taken for a message.

use std::io::{self, BufReader, Read};

use bytes::{BufMut, Bytes, BytesMut};
use crc32fast::Hasher;

/// How many bytes come before a frame's body.
pub(super) const HEADER_LENGTH: usize = 9;
const CHECKSUM_LENGTH: usize = 4;
/// How many bytes are read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What a frame holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// One message.
    Message = 1,
    /// A question whether the other side is there: 8 bytes, to be given back.
    Ping = 2,
    /// The answer, with the bytes of the question.
    Pong = 3,
    /// How a snapshot begins: how many bytes of data it has, and its message without them.
    SnapshotHead = 4,
    /// There is room for it, or a piece has come: go on.
    SnapshotWanted = 5,
    /// There is none.
    SnapshotRefused = 6,
    /// The next piece of its data.
    SnapshotChunk = 7,
    /// All of it was given to the node.
    SnapshotReceived = 8,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Message,
            2 => Self::Ping,
            3 => Self::Pong,
            4 => Self::SnapshotHead,
            5 => Self::SnapshotWanted,
            6 => Self::SnapshotRefused,
            7 => Self::SnapshotChunk,
            8 => Self::SnapshotReceived,
            _ => return None,
        })
    }
}

/// What came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) body: Bytes,
}

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    #[error(
        "a frame of {bytes} bytes is above the limit of {max}: raise max_message_bytes here, or lower it there"
    )]
    TooLarge { bytes: usize, max: usize },
    #[error("a frame's checksum does not fit: it was damaged on its way")]
    Damaged,
    #[error("no frame is of kind {0}")]
    UnknownKind(u8),
    #[error("a frame of kind {0:?} has no place here")]
    Misplaced(Kind),
}

/// Reads frames.
pub(crate) struct FrameReader<R> {
    reader: BufReader<R>,
    max_bytes: usize,
}

impl<R: Read> FrameReader<R> {
    /// Takes frames whose body has at most `max_bytes`.
    pub(crate) fn new(reader: R, max_bytes: usize) -> Self {
        let buffer_bytes = BUFFER_BYTES.min(max_bytes.saturating_add(HEADER_LENGTH));
        Self { reader: BufReader::with_capacity(buffer_bytes, reader), max_bytes }
    }

    /// Waits for the next frame.
    pub(crate) fn next(&mut self) -> Result<Frame, FrameError> {
        let mut header = [0; HEADER_LENGTH];
        self.reader.read_exact(&mut header)?;
        let [a, b, c, d, lengths @ .., kind] = header;
        let bytes = usize::try_from(u32::from_be_bytes(lengths)).unwrap_or(usize::MAX);
        if bytes > self.max_bytes {
            return Err(FrameError::TooLarge { bytes, max: self.max_bytes });
        }
        let body = self.body(bytes)?;
        let mut hasher = Hasher::new();
        hasher.update(&header[CHECKSUM_LENGTH..]);
        hasher.update(&body);
        if hasher.finalize() != u32::from_be_bytes([a, b, c, d]) {
            return Err(FrameError::Damaged);
        }
        let kind = Kind::of(kind).ok_or(FrameError::UnknownKind(kind))?;
        // Its own allocation, of its own size -> a small entry that stays in memory keeps no large buffer there.
        Ok(Frame { kind, body: Bytes::from(body) })
    }

    /// Reads a body. Memory grows with what has come, not with what was announced.
    fn body(&mut self, bytes: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        while body.len() < bytes {
            let step = (bytes - body.len()).min(body.len().max(BUFFER_BYTES));
            body.reserve_exact(step);
            let came = self.reader.by_ref().take(step as u64).read_to_end(&mut body)?;
            if came < step {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(body)
    }
}

/// Begins a frame at the end of `buffer`; its body is what is then put behind. Where it begins.
pub(super) fn begin(buffer: &mut BytesMut) -> usize {
    let start = buffer.len();
    buffer.put_bytes(0, HEADER_LENGTH);
    start
}

/// Ends the frame that began at `start`. Of its body, `buffer` holds all but `tail`, which is sent behind it.
pub(super) fn end(buffer: &mut BytesMut, start: usize, kind: Kind, tail: Option<(&Hasher, usize)>) {
    let (hash, tail_length) = tail.unzip();
    let length = buffer.len() - start - HEADER_LENGTH + tail_length.unwrap_or_default();
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let frame = &mut buffer[start..];
    frame[CHECKSUM_LENGTH..HEADER_LENGTH - 1].copy_from_slice(&length.to_be_bytes());
    frame[HEADER_LENGTH - 1] = kind as u8;
    let mut hasher = Hasher::new();
    hasher.update(&frame[CHECKSUM_LENGTH..]);
    if let Some(hash) = hash {
        hasher.combine(hash);
    }
    frame[..CHECKSUM_LENGTH].copy_from_slice(&hasher.finalize().to_be_bytes());
}

/// Puts a whole frame at the end of `buffer`.
pub(crate) fn put(buffer: &mut BytesMut, kind: Kind, body: &[u8]) {
    let start = begin(buffer);
    buffer.put_slice(body);
    end(buffer, start, kind, None);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(kind: Kind, body: &[u8]) -> BytesMut {
        let mut buffer = BytesMut::new();
        put(&mut buffer, kind, body);
        buffer
    }

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut buffer = framed(Kind::Ping, b"12345678");
        put(&mut buffer, Kind::Message, &vec![7; 300_000]);
        put(&mut buffer, Kind::SnapshotReceived, b"");
        let mut reader = FrameReader::new(&buffer[..], 300_000);
        let frame = reader.next().unwrap();
        assert_eq!((frame.kind, &frame.body[..]), (Kind::Ping, &b"12345678"[..]));
        let frame = reader.next().unwrap();
        assert_eq!((frame.kind, frame.body), (Kind::Message, Bytes::from(vec![7; 300_000])));
        assert_eq!(reader.next().unwrap().kind, Kind::SnapshotReceived);
        assert!(matches!(reader.next(), Err(FrameError::Broken(_))));
    }

    #[test]
    fn a_tail_that_is_sent_behind_is_covered_too() {
        let tail = b"what all followers get";
        let mut hash = Hasher::new();
        hash.update(tail);
        let mut buffer = BytesMut::new();
        let start = begin(&mut buffer);
        buffer.put_slice(b"what one follower gets, ");
        end(&mut buffer, start, Kind::Message, Some((&hash, tail.len())));
        buffer.put_slice(tail);
        assert_eq!(buffer, framed(Kind::Message, b"what one follower gets, what all followers get"));
    }

    #[test]
    fn any_bit_that_flips_is_noticed() {
        let whole = framed(Kind::Message, b"body");
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(FrameReader::new(&damaged[..], 1 << 20).next().is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_above_the_limit_is_refused_before_its_body_comes() {
        let mut header = framed(Kind::Message, b"");
        header[CHECKSUM_LENGTH..HEADER_LENGTH - 1].fill(0xff);
        let error = FrameReader::new(&header[..], 1 << 20).next().unwrap_err();
        assert!(matches!(error, FrameError::TooLarge { max: 0x10_0000, .. }), "{error}");
    }

    #[test]
    fn memory_grows_with_what_has_come() {
        let announced = 1 << 30;
        let mut reader = FrameReader::new(&[0; 1000][..], announced);
        let mut largest = 0;
        // A reader that tells how much it is asked for, which is what was reserved.
        struct Asked<'a>(&'a mut usize);
        impl Read for Asked<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                *self.0 = buffer.len().max(*self.0);
                Ok(0)
            }
        }
        assert!(reader.body(announced).is_err());
        assert!(FrameReader::new(Asked(&mut largest), announced).body(announced).is_err());
        assert!(largest <= BUFFER_BYTES, "{largest}");
    }
}
