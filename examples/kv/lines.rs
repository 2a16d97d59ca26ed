//! Reading and writing lines of JSON, with a bound on what a stranger may send.

use std::io::{self, BufRead, Read as _, Write};

use serde::Serialize;

/// The longest line of a request, in bytes with its end. So also the bound for a key with its value.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The longest line of an answer. A server keeps below: lists end early, and say so.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

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
    write_all(output, std::slice::from_ref(value))
}

/// Writes each of `values` as one line, all in one piece.
///
/// # Errors
/// What the connection says.
pub fn write_all(output: &mut impl Write, values: &[impl Serialize]) -> io::Result<()> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value)?;
        lines.push(b'\n');
    }
    output.write_all(&lines)
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
    fn half_a_line_is_none() {
        let mut input = &b"{\"get\""[..];
        assert_eq!(read(&mut input, 100).unwrap(), Line::End);
    }
}
