//! What a connection goes through: a socket, or one that is encrypted.

use std::{
    io::{self, IoSlice, Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{handshake::HandshakeError, identity::Identity, options::TcpOptions, time::Deadline};
use crate::consensus::NodeId;

/// What comes.
pub(super) type Reading = Box<dyn Read + Send>;
/// What goes.
pub(super) type Writing = Box<dyn Outgoing>;

/// What goes, by a thread that may wait, or by one that may not.
pub(super) trait Outgoing: Write + Send {
    /// Whether [`write_at_once`](Self::write_at_once) can do anything.
    fn takes_at_once(&self) -> bool {
        false
    }

    /// Writes as much as the system takes now; nothing is [`WouldBlock`](io::ErrorKind::WouldBlock).
    fn write_at_once(&mut self, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// A connection whose two nodes are still introducing themselves.
pub(super) trait Channel {
    /// Reads and writes, but not beyond the deadline: drop by drop does not take for ever.
    fn before(&mut self, deadline: Deadline) -> Box<dyn Conversation + '_>;

    /// The two directions, each for a thread of its own. Either gives up when the other side does nothing for `idle`.
    fn split(self: Box<Self>, idle: Duration) -> io::Result<(Reading, Writing)>;

    /// Whether the other side has proved that it is `claimed`, as far as proofs are asked for.
    fn proves(&self, claimed: &Identity) -> bool;
}

/// Both directions in one hand.
pub(super) trait Conversation: Read + Write {}

impl<T: Read + Write> Conversation for T {}

/// The channel over which `peer` is called on `socket`.
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "only encryption asks who is called"))]
pub(super) fn call(
    options: &TcpOptions,
    socket: TcpStream,
    cluster: u64,
    peer: NodeId,
    deadline: Deadline,
) -> Result<Box<dyn Channel>, HandshakeError> {
    #[cfg(feature = "tls")]
    if let Some(tls) = &options.tls {
        return Ok(Box::new(tls.call(socket, cluster, peer, deadline)?));
    }
    Ok(Box::new(socket))
}

/// The channel over which whoever calls on `socket` is answered.
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "only encryption has options"))]
pub(super) fn answer(
    options: &TcpOptions,
    socket: TcpStream,
    deadline: Deadline,
) -> Result<Box<dyn Channel>, HandshakeError> {
    #[cfg(feature = "tls")]
    if let Some(tls) = &options.tls {
        return Ok(Box::new(tls.answer(socket, deadline)?));
    }
    Ok(Box::new(socket))
}

/// Without encryption.
impl Channel for TcpStream {
    fn before(&mut self, deadline: Deadline) -> Box<dyn Conversation + '_> {
        Box::new(Bounded { socket: self, deadline })
    }

    fn split(self: Box<Self>, idle: Duration) -> io::Result<(Reading, Writing)> {
        limit_waits(&self, idle)?;
        Ok((Box::new(self.try_clone()?), self))
    }

    fn proves(&self, _claimed: &Identity) -> bool {
        true
    }
}

/// Elsewhere, a socket either waits for whoever reads too, or for nobody.
#[cfg(not(target_os = "linux"))]
impl Outgoing for TcpStream {}

#[cfg(target_os = "linux")]
impl Outgoing for TcpStream {
    fn takes_at_once(&self) -> bool {
        true
    }

    fn write_at_once(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};

        // The system takes no more slices in one call.
        let slices = slices.get(..1024).unwrap_or(slices);
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        Ok(sendmsg(&*self, slices, &mut SendAncillaryBuffer::default(), flags)?)
    }
}

/// A socket on which each wait ends with the deadline.
pub(super) struct Bounded<'a> {
    pub(super) socket: &'a TcpStream,
    pub(super) deadline: Deadline,
}

impl Bounded<'_> {
    fn remaining(&self) -> io::Result<Option<Duration>> {
        self.deadline.remaining().map(Some).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.remaining()?)?;
        self.socket.read(buffer)
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.remaining()?)?;
        self.socket.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// From now on, a wait in either direction ends after `idle`.
pub(super) fn limit_waits(socket: &TcpStream, idle: Duration) -> io::Result<()> {
    socket.set_read_timeout(Some(idle))?;
    socket.set_write_timeout(Some(idle))
}

/// Whether an error says that time ran out; the systems have two names for it.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
