//! Reading and writing lines of JSON, with a bound on what a stranger may send.

use std::io::{self, BufRead, Read as _, Write};

use serde::Serialize;

/// The longest line of a request, in bytes with its end. So also the bound for a key with its value.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The longest line of an answer. A server keeps below: lists end early, and say so.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Up to which size a buffer is kept for what comes next.
pub(crate) const KEPT_BYTES: usize = 64 << 10;

/// What came over a connection.
#[derive(PartialEq, Eq, Debug)]
pub enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// A line longer than is allowed. Where the next one begins is not known: close the connection.
    TooLong,
    /// The other side has closed, perhaps in the middle of a line, which then does not count.
    End,
}

/// Reads one line of at most `max` bytes, and holds no more than that in memory.
///
/// # Errors
/// What the connection says, also that its time is over.
pub fn read(input: &mut impl BufRead, max: usize) -> io::Result<Line> {
    let mut line = Vec::new();
    let read = input.by_ref().take(max as u64).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        return Ok(Line::Whole(line));
    }
    Ok(if read == max { Line::TooLong } else { Line::End })
}

/// Writes `value` as one line, in one piece.
///
/// # Errors
/// What the connection says.
pub fn write(output: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = Vec::new();
    encode(&mut line, value)?;
    output.write_all(&line)
}

/// Puts `value` behind those lines.
///
/// # Errors
/// If it has no form in JSON.
pub fn encode(lines: &mut Vec<u8>, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}

/// Lines that come piece by piece, for whoever must not wait for the rest of one.
#[derive(Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
    /// Up to where it is known not to end.
    searched: usize,
}

/// What [`LineBuffer::take_line`] finds.
#[derive(PartialEq, Eq, Debug)]
pub enum Taken<'a> {
    /// A whole line, without its end.
    Line(&'a [u8]),
    /// A line longer than is allowed: close the connection.
    TooLong,
    /// No whole line yet.
    Nothing,
}

impl LineBuffer {
    /// Puts what has come behind the rest.
    pub fn extend(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// Takes the next line, of at most `max` bytes with its end. It holds no more than that and a piece in memory, if
    /// lines are taken before each [`extend`](Self::extend) until there is none.
    pub fn take_line(&mut self, max: usize) -> Taken<'_> {
        let new = self.bytes.get(self.searched..).unwrap_or_default();
        let Some(at) = new.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.bytes.len();
            self.give_back_room();
            return if self.bytes.len() - self.begin >= max { Taken::TooLong } else { Taken::Nothing };
        };
        let (begin, end) = (self.begin, self.searched + at);
        (self.begin, self.searched) = (end + 1, end + 1);
        if end + 1 - begin > max { Taken::TooLong } else { Taken::Line(&self.bytes[begin..end]) }
    }

    /// A long line is rare: what it took is not kept.
    fn give_back_room(&mut self) {
        if self.begin == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            (self.begin, self.searched) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_does_not_end_costs_no_more_than_its_bound() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert_eq!(read(&mut endless, 1_000).unwrap(), Line::TooLong);
    }

    #[test]
    fn a_line_of_just_the_bound_is_whole() {
        let mut input = &b"abc\nabcd\n"[..];
        assert_eq!(read(&mut input, 4).unwrap(), Line::Whole(b"abc".to_vec()));
        assert_eq!(read(&mut input, 4).unwrap(), Line::TooLong);
    }

    #[test]
    fn lines_that_come_in_pieces_are_taken_whole_and_in_order() {
        let text = b"one\n\nthree and more\nfour";
        for size in 1..=text.len() {
            let (mut buffer, mut taken) = (LineBuffer::default(), Vec::new());
            for piece in text.chunks(size) {
                buffer.extend(piece);
                while let Taken::Line(line) = buffer.take_line(15) {
                    taken.push(line.to_vec());
                }
            }
            assert_eq!(taken, [&b"one"[..], b"", b"three and more"], "in pieces of {size}");
            assert_eq!(buffer.take_line(5), Taken::Nothing);
            assert_eq!(buffer.take_line(4), Taken::TooLong, "there is no room for its end");
            buffer.extend(b"\n");
            assert_eq!(buffer.take_line(5), Taken::Line(b"four"));
        }
    }

    #[test]
    fn a_line_that_comes_whole_may_be_too_long_too() {
        let mut buffer = LineBuffer::default();
        buffer.extend(b"abc\nabcd\n");
        assert_eq!(buffer.take_line(4), Taken::Line(b"abc"));
        assert_eq!(buffer.take_line(4), Taken::TooLong);
    }

    #[test]
    fn half_a_line_is_none() {
        let mut input = &b"{\"get\""[..];
        assert_eq!(read(&mut input, 100).unwrap(), Line::End);
    }
}
