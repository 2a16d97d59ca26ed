//! The two directions of a connection, plain or encrypted.

use std::{
    io::{self, IoSlice, Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::time::Deadline;

/// A connection whose two nodes are still introducing themselves.
pub(super) struct Channel {
    socket: TcpStream,
}

impl Channel {
    pub(super) fn plain(socket: TcpStream) -> Self {
        Self { socket }
    }

    /// Reads and writes, but not beyond the deadline.
    pub(super) fn before(&mut self, deadline: Deadline) -> impl Read + Write {
        Before { socket: &self.socket, deadline }
    }

    /// The two directions, each for a thread of its own. Either gives up when the other side does nothing for
    /// `idle`.
    pub(super) fn split(self, idle: Duration) -> io::Result<(Reading, Writing)> {
        self.socket.set_read_timeout(Some(idle))?;
        self.socket.set_write_timeout(Some(idle))?;
        Ok((Reading::Plain(self.socket.try_clone()?), Writing::Plain(self.socket)))
    }
}

/// What comes.
pub(super) enum Reading {
    Plain(TcpStream),
}

/// What goes.
pub(super) enum Writing {
    Plain(TcpStream),
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
        }
    }
}

impl Write for Writing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buffer),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
        }
    }
}

/// A socket on which each wait ends with the deadline, so that drop by drop does not take for ever.
struct Before<'a> {
    socket: &'a TcpStream,
    deadline: Deadline,
}

impl Before<'_> {
    fn remaining(&self) -> io::Result<Option<Duration>> {
        self.deadline.remaining().map(Some).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

impl Read for Before<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.remaining()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Before<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.remaining()?)?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Whether an error says that time ran out; the systems have two names for it.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
