//! Lines out of a stream of bytes, many at a time, none longer than a bound.

use std::io::{self, Read};

/// How much is asked of the stream at once. A pipe on Linux holds 64 KiB.
const CHUNK_BYTES: usize = 256 << 10;

/// Splits a stream into lines.
///
/// A line that exceeds the bound is skipped up to its end, and counted; memory stays within the bound.
pub(super) struct LineReader<R> {
    source: R,
    /// `buffer[..filled]` was read; it begins with a line, or with the rest of one that is skipped.
    buffer: Vec<u8>,
    filled: usize,
    line_bytes_max: usize,
    is_skipping: bool,
    skipped: u64,
}

impl<R: Read> LineReader<R> {
    pub(super) fn new(source: R, line_bytes_max: usize) -> Self {
        let buffer = vec![0; CHUNK_BYTES];
        Self { source, buffer, filled: 0, line_bytes_max, is_skipping: false, skipped: 0 }
    }

    /// Waits for more input and passes on every line that it completes, without its end; false at the end of
    /// the stream.
    ///
    /// Input after the last line end is passed on as a line of its own.
    ///
    /// # Errors
    /// Whatever the stream says, except that it was interrupted.
    pub(super) fn read_lines(&mut self, mut on_line: impl FnMut(&[u8])) -> io::Result<bool> {
        let count = loop {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if count == 0 {
            if self.filled > 0 && !self.is_skipping {
                on_line(&self.buffer[..self.filled]);
            }
            self.filled = 0;
            return Ok(false);
        }
        let searched = self.filled;
        self.filled += count;
        let rest = self.split(searched, on_line);
        self.keep_from(rest);
        Ok(true)
    }

    /// How many lines were too long, up to now.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Passes on the complete lines; there is no line end before `searched`. Returns where the rest begins.
    fn split(&mut self, searched: usize, mut on_line: impl FnMut(&[u8])) -> usize {
        let (mut start, mut from) = (0, searched);
        while let Some(offset) = position_of_newline(&self.buffer[from..self.filled]) {
            let end = from + offset;
            if !std::mem::take(&mut self.is_skipping) {
                on_line(&self.buffer[start..end]);
            }
            start = end + 1;
            from = start;
        }
        start
    }

    /// Moves the incomplete line to the front, and makes room to read on.
    fn keep_from(&mut self, start: usize) {
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        if self.filled > self.line_bytes_max && !self.is_skipping {
            self.is_skipping = true;
            self.skipped += 1;
        }
        if self.is_skipping {
            self.filled = 0;
        }
        if self.filled == 0 && self.buffer.len() > CHUNK_BYTES {
            // A long line has passed; its memory is not needed for the next ones.
            self.buffer = vec![0; CHUNK_BYTES];
        } else if self.buffer.len() - self.filled < CHUNK_BYTES / 4 {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
    }
}

/// Where the first line ends.
fn position_of_newline(bytes: &[u8]) -> Option<usize> {
    // In blocks, which the compiler turns into vector instructions.
    const BLOCK: usize = 64;
    let is_newline = |byte: &u8| *byte == b'\n';
    let blocks = bytes.chunks(BLOCK).enumerate();
    let has_newline = |block: &[u8]| block.iter().fold(false, |found, byte| found | is_newline(byte));
    let (number, block) = blocks.into_iter().find(|(_, block)| has_newline(block))?;
    Some(number * BLOCK + block.iter().position(is_newline)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces of the given lengths, over and over.
    struct Pieces {
        bytes: Vec<u8>,
        position: usize,
        lengths: Vec<usize>,
        turn: usize,
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let wanted = self.lengths[self.turn % self.lengths.len()];
            self.turn += 1;
            let count = wanted.min(buffer.len()).min(self.bytes.len() - self.position);
            buffer[..count].copy_from_slice(&self.bytes[self.position..self.position + count]);
            self.position += count;
            Ok(count)
        }
    }

    fn lines_of(bytes: &[u8], lengths: &[usize], bound: usize) -> (Vec<Vec<u8>>, u64) {
        let source = Pieces { bytes: bytes.to_vec(), position: 0, lengths: lengths.to_vec(), turn: 0 };
        let mut reader = LineReader::new(source, bound);
        let mut lines = Vec::new();
        while reader.read_lines(|line| lines.push(line.to_vec())).unwrap() {}
        (lines, reader.skipped())
    }

    proptest! {
        #[test]
        fn lines_come_out_however_the_stream_is_cut(
            lines in prop::collection::vec("[a-z]{0,100}", 0..30),
            lengths in prop::collection::vec(1_usize..300, 1..10),
        ) {
            let bytes: Vec<u8> = lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let (found, skipped) = lines_of(&bytes, &lengths, 1000);
            let expected: Vec<_> = lines.iter().map(|line| line.clone().into_bytes()).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(skipped, 0);
        }
    }

    #[test]
    fn input_without_a_last_line_end_is_a_line() {
        assert_eq!(lines_of(b"a\nb", &[1], 10).0, [b"a", b"b"]);
    }

    #[test]
    fn a_line_over_the_bound_is_skipped_and_the_next_one_is_read() {
        let mut bytes = b"before\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 3 * CHUNK_BYTES));
        bytes.extend(b"\nafter\n");
        let (lines, skipped) = lines_of(&bytes, &[10_000], CHUNK_BYTES);
        assert_eq!(lines, [b"before".to_vec(), b"after".to_vec()]);
        assert_eq!(skipped, 1);
    }

    #[test]
    fn a_long_line_within_the_bound_is_read_and_its_memory_given_back() {
        let long = vec![b'x'; 10 * CHUNK_BYTES];
        let bytes = [&long[..], b"\n"].concat();
        let source = Pieces { bytes, position: 0, lengths: vec![usize::MAX], turn: 0 };
        let mut reader = LineReader::new(source, 16 * CHUNK_BYTES);
        let mut found = 0;
        while reader.read_lines(|line| found += usize::from(line == long)).unwrap() {}
        assert_eq!(found, 1);
        assert_eq!(reader.buffer.len(), CHUNK_BYTES);
    }
}
