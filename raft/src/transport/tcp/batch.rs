//! Many messages in one write.

use std::io::{self, IoSlice, Write};

use bytes::{Bytes, BytesMut};

use super::{
    channel::Outgoing,
    frame::{self, HEADER_LENGTH, Kind},
    queue::Queued,
};
use crate::{
    consensus::{Entries, Envelope, Message},
    wire,
};

/// Frames that are to be written together.
///
/// What belongs to one peer alone is encoded into one buffer, which is used again and again. Runs of entries that other
/// peers are sent too stay where they are; the system collects both in one call.
#[derive(Default)]
pub(super) struct Batch {
    buffer: BytesMut,
    /// A shared run, and how much of the buffer comes before it.
    shared: Vec<(usize, Bytes)>,
    /// How much of all that was written already.
    written: usize,
}

/// A message that is larger than the peer takes.
#[derive(Debug, thiserror::Error)]
#[error("a message of {bytes} bytes is above the {max} that the peer takes: raise max_message_bytes there")]
pub(super) struct TooLarge {
    pub(super) bytes: usize,
    pub(super) max: usize,
}

impl Batch {
    /// Adds a message, unless it has more than `max` bytes.
    pub(super) fn message(&mut self, queued: &Queued, max: usize) -> Result<(), TooLarge> {
        let start = frame::begin(&mut self.buffer);
        let shared = queued.run.as_deref().map(|run| run.encoded());
        match (&queued.envelope.message, shared) {
            (Message::AppendRequest { previous, commit, .. }, Some(_)) => {
                let (previous, commit, entries) = (*previous, *commit, Entries::EMPTY);
                let message = Message::AppendRequest { previous, entries, commit };
                let Envelope { from, to, term, .. } = queued.envelope;
                wire::encode_without_data(&Envelope { from, to, term, message }, &mut self.buffer);
            }
            _ => wire::encode_without_data(&queued.envelope, &mut self.buffer),
        }
        let own = self.buffer.len() - start - HEADER_LENGTH;
        let bytes = own + shared.map_or(0, |run| run.bytes.len());
        if bytes > max {
            self.buffer.truncate(start);
            return Err(TooLarge { bytes, max });
        }
        let tail = shared.map(|run| (&run.hash, run.bytes.len()));
        frame::end(&mut self.buffer, start, Kind::Message, tail);
        // Fields may come in any order: the append goes on with its entries.
        self.shared.extend(shared.map(|run| (self.buffer.len(), run.bytes.clone())));
        Ok(())
    }

    /// Adds a frame of another kind.
    pub(super) fn frame(&mut self, kind: Kind, body: &[u8]) {
        frame::put(&mut self.buffer, kind, body);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Writes the rest of it, and is empty again. How many bytes that were.
    pub(super) fn write_to(&mut self, writer: &mut impl Write) -> io::Result<usize> {
        let (written, result) = self.write_with(|slices| writer.write_vectored(slices));
        result?;
        writer.flush()?;
        Ok(written)
    }

    /// Writes what is taken at once; is empty again if that was the rest. How many bytes that were, and how it ended.
    pub(super) fn write_at_once(&mut self, writer: &mut dyn Outgoing) -> (usize, io::Result<()>) {
        self.write_with(|slices| writer.write_at_once(slices))
    }

    fn write_with(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> (usize, io::Result<()>) {
        let mut slices = Vec::with_capacity(2 * self.shared.len() + 1);
        let mut from = 0;
        for (to, run) in &self.shared {
            slices.push(IoSlice::new(&self.buffer[from..*to]));
            slices.push(IoSlice::new(run));
            from = *to;
        }
        slices.push(IoSlice::new(&self.buffer[from..]));
        let before = self.written;
        let mut rest = &mut slices[..];
        // Also, empty slices would look like a connection that takes nothing.
        IoSlice::advance_slices(&mut rest, before);
        while !rest.is_empty() {
            match write(rest) {
                Ok(0) => return (self.written - before, Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.written += written;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (self.written - before, Err(error)),
            }
        }
        let written = std::mem::take(&mut self.written) - before;
        self.buffer.clear();
        self.shared.clear();
        (written, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time, and nothing every other time.
    struct Slow {
        bytes_at_once: usize,
        is_full: bool,
        taken: Vec<u8>,
    }

    impl Write for Slow {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            self.taken.extend_from_slice(buffer);
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Outgoing for Slow {
        fn write_at_once(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.is_full = !self.is_full;
            if self.is_full {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let bytes = slices.iter().flat_map(|slice| slice.iter()).take(self.bytes_at_once);
            let before = self.taken.len();
            self.taken.extend(bytes);
            Ok(self.taken.len() - before)
        }
    }

    fn batch() -> Batch {
        let mut batch = Batch::default();
        for run in [&b"a run"[..], b"", b"another"] {
            batch.frame(Kind::Ping, b"question");
            batch.shared.push((batch.buffer.len(), Bytes::from_static(run)));
        }
        batch.frame(Kind::Pong, b"answer");
        batch
    }

    #[test]
    fn what_is_written_in_parts_is_the_same_as_in_one_piece() {
        let mut whole = Vec::new();
        let length = batch().write_to(&mut whole).unwrap();
        assert_eq!(length, whole.len());
        for bytes_at_once in 1..=length {
            for parts in 0..=length / bytes_at_once + 1 {
                let (mut batch, mut written) = (batch(), 0);
                let mut slow = Slow { bytes_at_once, is_full: false, taken: Vec::new() };
                for _ in 0..parts {
                    let (more, end) = batch.write_at_once(&mut slow);
                    written += more;
                    assert_eq!(end.is_ok(), batch.is_empty());
                }
                // The rest is written by whoever may wait.
                written += batch.write_to(&mut slow).unwrap();
                assert_eq!(
                    (slow.taken == whole, written),
                    (true, length),
                    "{parts} of {bytes_at_once} bytes"
                );
            }
        }
    }
}
