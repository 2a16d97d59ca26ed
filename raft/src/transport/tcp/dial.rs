//! Connecting to a peer.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
};

use super::{
    channel::{self, Reading, Writing},
    greeting::Purpose,
    handshake::{HandshakeError, Terms},
    peer::Peer,
    shared::Shared,
    sockets::Membership,
    statistics::Refusal,
};

/// A connection to a peer, both sides content.
pub(super) struct Connection {
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    pub(super) terms: Terms,
    /// Dropping it closes the connection.
    pub(super) open: Membership,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("its address does not resolve: {0}")]
    Unresolved(io::Error),
    #[error("its address stands for no place")]
    Nowhere,
    #[error("it does not answer: {0}")]
    Unanswered(io::Error),
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl DialError {
    /// What it is counted as.
    pub(super) const fn refusal(&self) -> Refusal {
        match self {
            Self::Unresolved(_) | Self::Nowhere | Self::Unanswered(_) => Refusal::Unanswered,
            Self::Handshake(error) => error.refusal(),
        }
    }
}

/// Connects to `peer`, wherever its address leads now.
pub(super) fn dial(shared: &Shared, peer: &Peer, purpose: Purpose) -> Result<Connection, DialError> {
    let socket = reach(shared, &peer.address())?;
    let open = peer.sockets.add(&socket).map_err(HandshakeError::from)?;
    // Messages are put together here already; waiting for more would only cost time.
    socket.set_nodelay(true).map_err(HandshakeError::from)?;
    let introduction = shared.introduction();
    let (cluster, deadline) = (shared.identity.cluster, introduction.deadline);
    let mut channel = channel::call(&shared.options, socket, cluster, peer.id, deadline)?;
    let terms = introduction.call(&mut *channel, peer.id, purpose)?;
    let (reading, writing) = channel.split(shared.options.idle_timeout).map_err(HandshakeError::from)?;
    Ok(Connection { reading, writing, terms, open })
}

/// Tries each place that `address` stands for.
fn reach(shared: &Shared, address: &str) -> Result<TcpStream, DialError> {
    let places: Vec<SocketAddr> = address.to_socket_addrs().map_err(DialError::Unresolved)?.collect();
    let mut last = DialError::Nowhere;
    for place in places {
        if shared.threads.are_stopping() {
            break;
        }
        match TcpStream::connect_timeout(&place, shared.options.connect_timeout) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = DialError::Unanswered(error),
        }
    }
    Err(last)
}
