//! Connections from nodes that have introduced themselves: one for each node and purpose.

use std::{collections::BTreeMap, io, net::TcpStream, sync::Arc};

use parking_lot::Mutex;

use super::{greeting::Purpose, handshake::Caller, sockets::shut};
use crate::consensus::NodeId;

/// Connections from peers. A newer one of the same node for the same purpose closes the older: the node has lost that,
/// and nobody else has noticed.
#[derive(Clone, Default)]
pub(super) struct Connected(Arc<Mutex<Set>>);

#[derive(Default)]
struct Set {
    open: BTreeMap<(NodeId, Purpose), (u64, TcpStream)>,
    next: u64,
    is_closed: bool,
}

/// A connection in the set; dropping it closes the connection and takes it out.
pub(super) struct Entered {
    set: Connected,
    caller: Caller,
    number: u64,
}

impl Connected {
    /// Enters a connection; `None` if there are `max` already, or the end has come.
    ///
    /// # Errors
    /// If the system has no handles left.
    pub(super) fn enter(
        &self,
        caller: Caller,
        socket: &TcpStream,
        max: usize,
    ) -> io::Result<Option<Entered>> {
        let socket = socket.try_clone()?;
        let mut set = self.0.lock();
        let key = (caller.node, caller.purpose);
        let is_full = set.open.len() >= max && !set.open.contains_key(&key);
        if set.is_closed || is_full {
            return Ok(None);
        }
        let number = set.next;
        set.next += 1;
        if let Some((_, older)) = set.open.insert(key, (number, socket)) {
            shut(&older);
        }
        Ok(Some(Entered { set: self.clone(), caller, number }))
    }

    /// Closes those of one node.
    pub(super) fn close_of(&self, node: NodeId) {
        let mut set = self.0.lock();
        for purpose in [Purpose::Messages, Purpose::Snapshot] {
            if let Some((_, socket)) = set.open.remove(&(node, purpose)) {
                shut(&socket);
            }
        }
    }

    /// Closes all, and whatever would enter.
    pub(super) fn close(&self) {
        let mut set = self.0.lock();
        set.is_closed = true;
        std::mem::take(&mut set.open).values().for_each(|(_, socket)| shut(socket));
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().open.len()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut set = self.set.0.lock();
        let key = (self.caller.node, self.caller.purpose);
        // The place may be a newer connection's by now.
        if set.open.get(&key).is_some_and(|(number, _)| *number == self.number)
            && let Some((_, socket)) = set.open.remove(&key)
        {
            shut(&socket);
        }
    }
}
