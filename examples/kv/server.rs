//! Takes requests from clients and passes them to the node.
//!
//! A few threads serve all connections, each its share of them (`desk`). So one wake-up of a thread takes up the
//! requests of many clients, and those reach the node together; and one takes up all answers that have come together. A
//! thread for each connection would be woken for each request, and once more for its answer. Nothing else here waits:
//!
//! - `connection`: what has come over a connection, what is being answered, and what is still to be sent.
//! - `requests`: what is done for each request.
//! - `answered`: how the node's threads tell a desk that an answer has come.
//! - `errand`: what takes a thread of its own after all, such as a watch.

mod answered;
mod connection;
mod desk;
mod errand;
mod requests;

use std::{
    io,
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use quorate::{Handle, sessions::Sessions};
use slog::{Logger, info, warn};

use self::{
    desk::{Desk, Queue},
    requests::Requests,
};
use crate::{lines, pending::refused, store::Store};

/// How many clients may be connected. Each costs memory for a batch of requests and their answers.
pub(crate) const CONNECTIONS_MAX: usize = 512;

/// How many threads serve them at most. The node's own threads need processors too.
const DESKS_MAX: usize = 4;

/// How long a client may take to read what it is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The client side of one server.
pub struct Server {
    /// Where new connections wait for each of the threads.
    queues: Vec<Arc<Queue>>,
    clients: Arc<AtomicUsize>,
    logger: Logger,
}

/// A client that is connected. Dropping it makes room for another.
struct Guest(Arc<AtomicUsize>);

impl Server {
    /// Serves the node of this handle, with threads of its own.
    ///
    /// # Errors
    /// What the system says if it gives no threads, or not what they wait on.
    pub fn start(handle: Handle<Sessions<Store>>, logger: Logger) -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let requests = Requests::new(handle);
        let start = |number| {
            let desk = Desk::new(requests.clone(), logger.clone())?;
            let queue = desk.queue();
            thread::Builder::new().name(format!("clients-{number}")).spawn(move || desk.run())?;
            Ok(queue)
        };
        let desks = (processors / 2).clamp(1, DESKS_MAX);
        let queues = (0..desks).map(start).collect::<io::Result<_>>()?;
        Ok(Self { queues, clients: Arc::default(), logger })
    }

    /// Takes connections for ever, and deals them out.
    pub fn serve(&self, listener: &TcpListener) {
        for queue in self.queues.iter().cycle() {
            let welcomed = listener.accept().and_then(|(stream, _)| self.welcome(stream, queue));
            if let Err(error) = welcomed {
                warn!(self.logger, "a client cannot be taken ({error}) -> wait a moment");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn welcome(&self, mut stream: TcpStream, queue: &Queue) -> io::Result<()> {
        let before = self.clients.fetch_add(1, Ordering::Relaxed);
        let guest = Guest(Arc::clone(&self.clients));
        if before < CONNECTIONS_MAX {
            return queue.put(stream, guest);
        }
        // There is room for a line in a connection that has carried none.
        let told = lines::write(&mut stream, &refused("too many clients: ask another server", true, None));
        if let Err(error) = told {
            info!(self.logger, "a client is lost: {error}");
        }
        Ok(())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
