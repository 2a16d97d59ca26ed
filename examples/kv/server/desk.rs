//! A thread that serves many connections.

use std::{
    collections::BTreeMap,
    io, mem, net,
    sync::Arc,
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Registry, Token, Waker, net::TcpStream};
use parking_lot::Mutex;
use slog::{Logger, info, warn};

use super::{
    Guest,
    answered::Answered,
    connection::{Connection, Next},
    errand::Errand,
    requests::Requests,
};

/// How much is read of one connection at a time.
const PIECE_BYTES: usize = 64 << 10;

/// How many connections are taken up at a time that have something to read.
const EVENTS: usize = 256;

/// How often it is looked for clients that do not read what they are told.
const ROUND: Duration = Duration::from_secs(1);

/// What wakes a desk that is no connection.
const WAKER: Token = Token(usize::MAX);

/// Serves its connections.
pub(super) struct Desk {
    poll: Poll,
    queue: Arc<Queue>,
    connections: BTreeMap<usize, Connection>,
    /// Never given twice: an answer that comes late finds no other connection.
    next_number: usize,
    requests: Requests,
    logger: Logger,
}

/// Connections that wait for a desk.
pub(super) struct Queue {
    newcomers: Mutex<Vec<(net::TcpStream, Guest)>>,
    answered: Arc<Answered>,
}

impl Queue {
    /// Gives the desk one more.
    pub(super) fn put(&self, stream: net::TcpStream, guest: Guest) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.newcomers.lock().push((stream, guest));
        self.answered.wake_desk();
        Ok(())
    }
}

impl Desk {
    pub(super) fn new(requests: Requests, logger: Logger) -> io::Result<Self> {
        let poll = Poll::new()?;
        let answered = Arc::new(Answered::new(Waker::new(poll.registry(), WAKER)?));
        let queue = Arc::new(Queue { newcomers: Mutex::default(), answered });
        Ok(Self { poll, queue, connections: BTreeMap::new(), next_number: 0, requests, logger })
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }

    /// Serves for ever.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        let (mut piece, mut ready, mut unfinished) = (vec![0; PIECE_BYTES], Vec::new(), Vec::new());
        let mut last_round = Instant::now();
        loop {
            let patience = if unfinished.is_empty() { ROUND } else { Duration::ZERO };
            if let Err(error) = self.poll.poll(&mut events, Some(patience))
                && error.kind() != io::ErrorKind::Interrupted
            {
                return warn!(self.logger, "cannot wait for clients ({error}) -> they are served no more");
            }
            for event in &events {
                if let Some(connection) = self.connections.get_mut(&event.token().0) {
                    connection.note(event);
                    ready.push(event.token().0);
                }
            }
            self.take_newcomers(&mut ready);
            self.queue.answered.take(&mut ready);
            ready.append(&mut unfinished);
            for number in ready.drain(..) {
                if self.attend(number, &mut piece) {
                    unfinished.push(number);
                }
            }
            if last_round.elapsed() >= ROUND {
                last_round = Instant::now();
                self.end_stalled();
            }
        }
    }

    fn take_newcomers(&mut self, ready: &mut Vec<usize>) {
        for (stream, guest) in mem::take(&mut *self.queue.newcomers.lock()) {
            let number = self.next_number;
            self.next_number += 1;
            match register(self.poll.registry(), stream, number) {
                Ok(stream) => {
                    let waker = self.queue.answered.waker(number);
                    self.connections.insert(number, Connection::new(stream, waker, guest));
                    ready.push(number);
                }
                Err(error) => warn!(self.logger, "a client cannot be served: {error}"),
            }
        }
    }

    /// Goes on with this connection, as far as that is possible now. Whether there is more to do at once.
    fn attend(&mut self, number: usize, piece: &mut [u8]) -> bool {
        let Some(connection) = self.connections.get_mut(&number) else { return false };
        let ended = match connection.go_on(&self.requests, piece) {
            Ok(Next::Wait) => return false,
            Ok(Next::GoOn) => return true,
            Ok(Next::Close) => self.let_go(number, None),
            Ok(Next::Leave(errand)) => self.let_go(number, Some(errand)),
            Err(error) => {
                self.connections.remove(&number);
                Err(error)
            }
        };
        if let Err(error) = ended {
            info!(self.logger, "a client is lost: {error}");
        }
        false
    }

    /// Serves this connection no more; if there is an errand, somebody else does.
    fn let_go(&mut self, number: usize, errand: Option<Errand>) -> io::Result<()> {
        let (Some(connection), Some(errand)) = (self.connections.remove(&number), errand) else {
            return Ok(());
        };
        let (mut stream, guest) = connection.into_parts();
        self.poll.registry().deregister(&mut stream)?;
        errand.begin(stream.into(), guest, self.requests.clone(), self.logger.clone())
    }

    fn end_stalled(&mut self) {
        let logger = &self.logger;
        self.connections.retain(|_, connection| {
            let is_stalled = connection.is_stalled();
            if is_stalled {
                info!(logger, "a client does not read what it is told -> closing its connection");
            }
            !is_stalled
        });
    }
}

fn register(registry: &Registry, stream: net::TcpStream, number: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::from_std(stream);
    registry.register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}
