//! Takes requests from clients and passes them to the node.

use std::{
    io::{self, BufReader, Read as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use quorate::{
    Handle, LogIndex, Membership, NodeId, Ticket, runtime,
    sessions::{SessionCommand, SessionId, SessionOptions, Sessions},
};
use slog::{Logger, info, warn};

use crate::{
    lines::{self, Line, REQUEST_BYTES_MAX},
    pending::{Pending, malformed, membership, refused, wait, wait_for_all},
    protocol::{Answer, Change, Consistency, Pattern, Request, Status, Write},
    store::{Command, Found, Query, Store},
};

/// How many clients may be connected. Each costs a thread, and memory for a batch of requests and their answers.
const CONNECTIONS_MAX: usize = 512;

/// How many requests of one client are passed on together, and how many bytes of them are read at a time.
const BATCH_MAX: usize = 256;
const BATCH_BYTES: usize = 64 << 10;

/// How long a client may take to read what it is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// How often a watcher is told that nothing has changed. Only so is it noticed that one is gone.
const WATCH_SILENCE: Duration = Duration::from_secs(1);

/// The client side of one server: a thread for each connection.
#[derive(Clone)]
pub struct Server {
    handle: Handle<Sessions<Store>>,
    connections: Arc<AtomicUsize>,
    logger: Logger,
}

impl Server {
    /// Serves the node of this handle.
    #[must_use]
    pub fn new(handle: Handle<Sessions<Store>>, logger: Logger) -> Self {
        Self { handle, connections: Arc::default(), logger }
    }

    /// Takes connections for ever, each on a thread of its own.
    pub fn serve(&self, listener: &TcpListener) {
        for stream in listener.incoming() {
            let server = self.clone();
            let spawned = stream.and_then(|stream| {
                thread::Builder::new().name("client".to_owned()).spawn(move || server.connection(stream))
            });
            if let Err(error) = spawned {
                warn!(self.logger, "a client cannot be taken ({error}) -> wait a moment");
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn connection(&self, mut stream: TcpStream) {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let result = if before < CONNECTIONS_MAX {
            self.converse(&mut stream)
        } else {
            lines::write(&mut stream, &refused("too many clients: ask another server", true, None))
        };
        self.connections.fetch_sub(1, Ordering::Relaxed);
        if let Err(error) = result {
            info!(self.logger, "a client is lost: {error}");
        }
    }

    /// Answers requests, until the client closes. All that have come are passed on before the first is waited for, and
    /// answered in one piece: so they share a write to the log, and one to the connection.
    fn converse(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let mut input = BufReader::with_capacity(BATCH_BYTES, stream.try_clone()?);
        loop {
            let mut batch = Vec::new();
            let after = self.take_batch(&mut input, &mut batch)?;
            lines::write_all(stream, &wait_for_all(batch))?;
            match after {
                After::Batch => {}
                After::End => return Ok(()),
                After::TooLong => return refuse_long_line(stream, &mut input),
                After::Watch(pattern) => return self.watch(pattern, stream),
            }
        }
    }

    /// Waits for a request, and passes it on, with all whole ones that have come behind it. What comes after them.
    fn take_batch(&self, input: &mut BufReader<TcpStream>, batch: &mut Vec<Pending>) -> io::Result<After> {
        loop {
            match lines::read(input, REQUEST_BYTES_MAX)? {
                Line::End => return Ok(After::End),
                Line::TooLong => return Ok(After::TooLong),
                Line::Whole(line) => match serde_json::from_slice(&line) {
                    Ok(Request::Watch(pattern)) => return Ok(After::Watch(pattern)),
                    Ok(request) => batch.push(self.take(request)),
                    Err(error) => batch.push(malformed(&error.to_string()).into()),
                },
            }
            if batch.len() == BATCH_MAX || !input.buffer().contains(&b'\n') {
                return Ok(After::Batch);
            }
        }
    }

    /// Passes a request on; what is known at once, or takes several steps, is answered here.
    fn take(&self, request: Request) -> Pending {
        let handle = &self.handle;
        match request {
            Request::Get { key, consistency } => self.ask(Query::Value(key), consistency),
            Request::List { prefix, after, consistency } => {
                self.ask(Query::List { prefix, after }, consistency)
            }
            Request::Digest => self.ask(Query::Digest, Consistency::Local),
            Request::Write(write) => self.propose(&Command::Write(write)),
            Request::OpenSession => self.open_session(),
            Request::Once { session, sequence, write } => self.write_once(session, sequence, write),
            Request::Status => Answer::Status(self.status()).into(),
            Request::Metrics => Answer::Metrics { text: handle.metrics().render() }.into(),
            Request::AddVoter { node, address } => {
                self.bring_in(node, address, || handle.add_voter(NodeId(node))).into()
            }
            Request::AddLearner { node, address } => {
                self.bring_in(node, address, || handle.add_learner(NodeId(node))).into()
            }
            Request::Remove { node } => self.take_out(node, handle.remove(NodeId(node))).into(),
            Request::Replace { old, new, address } => {
                let answer = self.bring_in(new, address, || handle.replace(NodeId(old), NodeId(new)));
                self.forget_if_done(old, answer).into()
            }
            Request::Transfer { to } => wait(handle.transfer_leader(NodeId(to)), |()| Answer::Done).into(),
            Request::Watch(_) => malformed("a watch takes a connection of its own").into(),
        }
    }

    fn ask(&self, query: Query, consistency: Consistency) -> Pending {
        Pending::Query(self.handle.query_at(query, of_runtime(consistency)))
    }

    fn propose(&self, command: &Command) -> Pending {
        self.propose_in(&SessionCommand::Plain(command.encode()))
    }

    fn open_session(&self) -> Pending {
        self.propose_in(&SessionCommand::Open { time_ms: now_ms(), options: SessionOptions::default() })
    }

    /// The same number again gets the first answer, and changes nothing.
    fn write_once(&self, session: u64, sequence: u64, write: Write) -> Pending {
        self.propose_in(&SessionCommand::Apply {
            session: SessionId(LogIndex(session)),
            sequence,
            // A client has one write under way at a time.
            first_outstanding: sequence,
            time_ms: now_ms(),
            command: Command::Write(write).encode(),
        })
    }

    fn propose_in(&self, command: &SessionCommand) -> Pending {
        Pending::Write(self.handle.propose(command.encode()))
    }

    /// Tells all servers where `node` is, then does what makes it a member.
    fn bring_in(&self, node: u64, address: String, operate: impl FnOnce() -> Ticket<Membership>) -> Answer {
        let command = Command::Address { node, address: Some(address) };
        let answer = self.propose(&command).wait();
        if matches!(answer, Answer::Written { .. }) { wait(operate(), membership) } else { answer }
    }

    fn take_out(&self, node: u64, ticket: Ticket<Membership>) -> Answer {
        let answer = wait(ticket, membership);
        self.forget_if_done(node, answer)
    }

    /// Once `node` is out of the cluster, nobody need try to reach it. If this fails, they go on trying.
    fn forget_if_done(&self, node: u64, answer: Answer) -> Answer {
        if matches!(answer, Answer::Membership { .. }) {
            let command = Command::Address { node, address: None };
            let _forgotten = self.propose(&command).wait();
        }
        answer
    }

    fn status(&self) -> Status {
        let core = self.handle.status().core;
        Status {
            node: core.id.0,
            role: core.role.to_string(),
            term: core.hard_state.term.0,
            leader: core.leader.map(|leader| leader.0),
            last: core.last_index.0,
            commit: core.hard_state.commit.0,
            applied: core.applied.0,
            membership: core.membership.to_string(),
        }
    }

    fn watch(&self, pattern: Pattern, stream: &mut TcpStream) -> io::Result<()> {
        let mut watching = None;
        let ticket = self.handle.query_at(Query::Watch(pattern), runtime::Consistency::Linearizable);
        let answer = wait(ticket, |found| match found {
            Found::Watching(entries, changes) => {
                watching = Some((entries, changes));
                Answer::Done
            }
            Found::Value(_) | Found::Entries(..) | Found::Digest(..) => malformed("this is no watch"),
        });
        match watching {
            None => lines::write(stream, &answer),
            Some((entries, changes)) => tell_changes(entries, &changes, stream),
        }
    }
}

/// Tells what is there, in pages that no reader finds too long, and then each change, until the watch ends.
fn tell_changes(
    entries: Vec<(String, String)>,
    changes: &Receiver<Change>,
    stream: &mut TcpStream,
) -> io::Result<()> {
    for entry in entries {
        lines::write(stream, &Answer::Entries { entries: vec![entry], more: true })?;
    }
    lines::write(stream, &Answer::Entries { entries: Vec::new(), more: false })?;
    loop {
        let answer = match changes.recv_timeout(WATCH_SILENCE) {
            Ok(change) => Answer::Change(change),
            Err(RecvTimeoutError::Timeout) => Answer::NoChange,
            Err(RecvTimeoutError::Disconnected) => return lines::write(stream, &Answer::WatchEnded),
        };
        lines::write(stream, &answer)?;
    }
}

/// What comes after a batch of requests.
enum After {
    Batch,
    End,
    TooLong,
    Watch(Pattern),
}

/// For the log's own time, by which sessions end.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn of_runtime(consistency: Consistency) -> runtime::Consistency {
    match consistency {
        Consistency::Linearizable => runtime::Consistency::Linearizable,
        Consistency::Lease => runtime::Consistency::Lease,
        Consistency::Local => runtime::Consistency::Local,
    }
}

/// Says what was wrong. What the client still sends is thrown away for a moment: if the connection were closed on it,
/// the client might never see the answer.
fn refuse_long_line(stream: &mut TcpStream, input: &mut BufReader<TcpStream>) -> io::Result<()> {
    let reason = format!("a request has at most {REQUEST_BYTES_MAX} bytes: make it smaller");
    lines::write(stream, &malformed(&reason))?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    io::copy(&mut input.take(64 << 20), &mut io::sink()).map(drop)
}
