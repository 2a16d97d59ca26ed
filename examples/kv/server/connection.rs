//! A connection that is served together with others, so that nothing here may wait.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use mio::{event::Event, net::TcpStream};

use super::{Guest, WRITE_PATIENCE, errand::Errand, requests::Requests};
use crate::{
    lines::{self, KEPT_BYTES, LineBuffer, REQUEST_BYTES_MAX, Taken},
    pending::{Pending, malformed},
    protocol::{Answer, Request},
};

/// How many requests of one client are passed on together.
const BATCH_MAX: usize = 256;

/// After how many batches it is the turn of other connections. Only a client whose requests are answered at once gets so
/// far.
const BATCHES_PER_TURN: usize = 4;

/// A connection: requests come in batches. All of a batch are passed on before one is answered, and answered in one
/// piece: so they share a write to the log, and one to the connection. Then the next batch is taken.
pub(super) struct Connection {
    stream: TcpStream,
    /// There may be something to read.
    is_readable: bool,
    /// The other side sends no more, so the end is all that comes.
    is_ending: bool,
    input: LineBuffer,
    /// Requests that are passed on, and not known to be answered.
    batch: Vec<Pending>,
    /// The answers to those that came after them, the last one first.
    answers: Vec<Answer>,
    /// Is woken when the last of the batch is answered.
    waker: Waker,
    /// What comes when the batch is answered.
    after: After,
    output: Vec<u8>,
    /// How much of it was sent.
    sent: usize,
    /// Since when nothing of it is taken.
    stalled_since: Option<Instant>,
    guest: Guest,
}

/// What comes after a batch of requests.
#[derive(Default)]
enum After {
    #[default]
    Batch,
    End,
    Errand(Errand),
}

/// How a connection goes on.
pub(super) enum Next {
    /// When others have had their turn.
    GoOn,
    /// When something has come, or the client takes more of what it is told, or an answer is there.
    Wait,
    /// Not at all.
    Close,
    /// Elsewhere.
    Leave(Errand),
}

impl Connection {
    pub(super) fn new(stream: TcpStream, waker: Waker, guest: Guest) -> Self {
        Self {
            stream,
            is_readable: true,
            is_ending: false,
            input: LineBuffer::default(),
            batch: Vec::new(),
            answers: Vec::new(),
            waker,
            after: After::Batch,
            output: Vec::new(),
            sent: 0,
            stalled_since: None,
            guest,
        }
    }

    /// Something has happened to it.
    pub(super) fn note(&mut self, event: &Event) {
        self.is_readable |= event.is_readable();
        self.is_ending |= event.is_read_closed() || event.is_error();
    }

    /// Goes on as far as that is possible now.
    pub(super) fn go_on(&mut self, requests: &Requests, piece: &mut [u8]) -> io::Result<Next> {
        for _ in 0..BATCHES_PER_TURN {
            if !self.gather()? || !self.send()? {
                return Ok(Next::Wait);
            }
            match std::mem::take(&mut self.after) {
                After::Batch => {}
                After::End => return Ok(Next::Close),
                After::Errand(errand) => return Ok(Next::Leave(errand)),
            }
            if !self.take_batch(requests, piece)? {
                return Ok(Next::Wait);
            }
        }
        Ok(Next::GoOn)
    }

    /// Whether the client has not read anything for too long.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_since.is_some_and(|since| since.elapsed() >= WRITE_PATIENCE)
    }

    /// To be served by somebody who may wait.
    pub(super) fn into_parts(self) -> (TcpStream, Guest) {
        (self.stream, self.guest)
    }

    /// Passes on all whole requests that have come. Whether that changes anything.
    fn take_batch(&mut self, requests: &Requests, piece: &mut [u8]) -> io::Result<bool> {
        while self.batch.len() < BATCH_MAX {
            match self.input.take_line(REQUEST_BYTES_MAX) {
                Taken::Line(line) => match serde_json::from_slice(line) {
                    Ok(Request::Watch(pattern)) => {
                        self.after = After::Errand(Errand::Watch(pattern));
                        return Ok(true);
                    }
                    Ok(request) => self.batch.push(requests.take(request)),
                    Err(error) => self.batch.push(malformed(&error.to_string()).into()),
                },
                Taken::TooLong => {
                    self.after = After::Errand(Errand::RefuseLongLine);
                    return Ok(true);
                }
                Taken::Nothing if !self.batch.is_empty() => break,
                Taken::Nothing => match self.read(piece)? {
                    Some(0) => {
                        self.after = After::End;
                        return Ok(true);
                    }
                    Some(_) => {}
                    None => return Ok(false),
                },
            }
        }
        Ok(true)
    }

    /// Reads what has come: how many bytes, none at the end; nothing, if there is none now.
    fn read(&mut self, piece: &mut [u8]) -> io::Result<Option<usize>> {
        while self.is_readable {
            match self.stream.read(piece) {
                Ok(read) => {
                    // There was no more, and what comes later is told. The end that is known to be there is not.
                    self.is_readable = read == piece.len() || self.is_ending;
                    self.input.extend(piece.get(..read).unwrap_or_default());
                    return Ok(Some(read));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Makes lines of the answers, if all are there. The last one is awaited first: the others mostly come before it, and
    /// then nobody is woken for them.
    fn gather(&mut self) -> io::Result<bool> {
        while let Some(last) = self.batch.last_mut() {
            match Pin::new(last).poll(&mut Context::from_waker(&self.waker)) {
                Poll::Ready(answer) => self.answers.push(answer),
                Poll::Pending => return Ok(false),
            }
            self.batch.pop();
        }
        for answer in self.answers.drain(..).rev() {
            lines::encode(&mut self.output, &answer)?;
        }
        Ok(true)
    }

    /// Sends what the client takes. Whether that was all.
    fn send(&mut self) -> io::Result<bool> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    self.sent += sent;
                    self.stalled_since = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stalled_since.get_or_insert_with(Instant::now);
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output.shrink_to(KEPT_BYTES);
        self.sent = 0;
        Ok(true)
    }
}
