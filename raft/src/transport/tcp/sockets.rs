//! Open sockets, so that whoever waits on one can be woken by closing it.

use std::{
    io,
    net::{Shutdown, TcpStream},
    sync::Arc,
};

use parking_lot::Mutex;

/// A set of open sockets that can be closed together.
#[derive(Clone, Default)]
pub(super) struct Sockets(Arc<Mutex<Set>>);

#[derive(Default)]
struct Set {
    /// With a number each, which counts up: the oldest stands first.
    open: Vec<(u64, TcpStream)>,
    next: u64,
    is_closed: bool,
}

/// A socket in the set; dropping it closes the socket and takes it out.
pub(super) struct Membership {
    set: Sockets,
    number: u64,
}

impl Sockets {
    /// Adds a socket.
    ///
    /// # Errors
    /// If the system has no handles left, or the set is closed.
    pub(super) fn add(&self, socket: &TcpStream) -> io::Result<Membership> {
        let socket = socket.try_clone()?;
        let mut set = self.0.lock();
        if set.is_closed {
            return Err(io::Error::other("the transport has stopped"));
        }
        let number = set.next;
        set.next += 1;
        set.open.push((number, socket));
        Ok(Membership { set: self.clone(), number })
    }

    /// Closes the oldest sockets beyond `max`. How many that were.
    pub(super) fn close_oldest_beyond(&self, max: usize) -> usize {
        let mut set = self.0.lock();
        let surplus = set.open.len().saturating_sub(max);
        set.open.drain(..surplus).for_each(|(_, socket)| shut(&socket));
        surplus
    }

    /// Closes all that are open now.
    pub(super) fn close_all(&self) {
        self.0.lock().open.drain(..).for_each(|(_, socket)| shut(&socket));
    }

    /// Closes all, and whatever would be added.
    pub(super) fn close(&self) {
        self.0.lock().is_closed = true;
        self.close_all();
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().open.len()
    }
}

impl Membership {
    /// Takes the socket out of the set, open as it is.
    pub(super) fn release(self) {
        self.set.0.lock().open.retain(|(number, _)| *number != self.number);
    }

    /// Closes the socket; it stays in the set.
    pub(super) fn shut(&self) {
        let set = self.set.0.lock();
        let own = set.open.iter().find(|(number, _)| *number == self.number);
        if let Some((_, socket)) = own {
            shut(socket);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut set = self.set.0.lock();
        if let Some(at) = set.open.iter().position(|(number, _)| *number == self.number) {
            shut(&set.open.remove(at).1);
        }
    }
}

/// Ends what is under way on a socket, in all its clones.
pub(super) fn shut(socket: &TcpStream) {
    // It fails if the other side was first, which is as good.
    let _was_open = socket.shutdown(Shutdown::Both);
}
