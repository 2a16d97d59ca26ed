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
    Handle, LogIndex, Membership, NodeId, Outcome, Ticket,
    runtime::{self, RefusalReason},
    sessions::{SessionCommand, SessionId, SessionOptions, SessionRefusal, SessionResponse, Sessions},
};
use slog::{Logger, info, warn};

use crate::{
    lines::{self, Line, REQUEST_BYTES_MAX},
    protocol::{Answer, Change, Consistency, Pattern, Request, Status, Write},
    store::{Command, Found, Query, Response, Store},
};

/// How many clients may be connected. Each costs a thread, and a line of memory at worst.
const CONNECTIONS_MAX: usize = 256;

/// How long a client may take to read what it is told.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// The node ends every request by itself, and long before: this is for the longest, a voter that catches up.
const REQUEST_PATIENCE: Duration = Duration::from_secs(15 * 60);

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

    /// Answers one request after another, until the client closes.
    fn converse(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let mut input = BufReader::new(stream.try_clone()?);
        loop {
            let answer = match lines::read(&mut input, REQUEST_BYTES_MAX)? {
                Line::End => return Ok(()),
                Line::TooLong => return refuse_long_line(stream, &mut input),
                Line::Whole(line) => match serde_json::from_slice(&line) {
                    Ok(Request::Watch(pattern)) => return self.watch(pattern, stream),
                    Ok(request) => self.answer(request),
                    Err(error) => Answer::Malformed { reason: error.to_string() },
                },
            };
            lines::write(stream, &answer)?;
        }
    }

    fn answer(&self, request: Request) -> Answer {
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
            Request::Status => Answer::Status(self.status()),
            Request::Metrics => Answer::Metrics { text: handle.metrics().render() },
            Request::AddVoter { node, address } => {
                self.bring_in(node, address, || handle.add_voter(NodeId(node)))
            }
            Request::AddLearner { node, address } => {
                self.bring_in(node, address, || handle.add_learner(NodeId(node)))
            }
            Request::Remove { node } => self.take_out(node, handle.remove(NodeId(node))),
            Request::Replace { old, new, address } => {
                let answer = self.bring_in(new, address, || handle.replace(NodeId(old), NodeId(new)));
                self.forget_if_done(old, answer)
            }
            Request::Transfer { to } => wait(handle.transfer_leader(NodeId(to)), |()| Answer::Done),
            Request::Watch(_) => malformed("a watch takes a connection of its own"),
        }
    }

    fn ask(&self, query: Query, consistency: Consistency) -> Answer {
        wait(self.handle.query_at(query, of_runtime(consistency)), |found| match found {
            Found::Value(value) => Answer::Value { value },
            Found::Entries(entries, more) => Answer::Entries { entries, more },
            Found::Digest(index, digest) => {
                Answer::Digest { index: index.0, digest: format!("{digest:016x}") }
            }
            Found::Watching(..) => malformed("a watch takes a connection of its own"),
        })
    }

    fn propose(&self, command: &Command) -> Answer {
        self.propose_in(&SessionCommand::Plain(command.encode()))
    }

    fn open_session(&self) -> Answer {
        self.propose_in(&SessionCommand::Open { time_ms: now_ms(), options: SessionOptions::default() })
    }

    /// The same number again gets the first answer, and changes nothing.
    fn write_once(&self, session: u64, sequence: u64, write: Write) -> Answer {
        self.propose_in(&SessionCommand::Apply {
            session: SessionId(LogIndex(session)),
            sequence,
            // A client has one write under way at a time.
            first_outstanding: sequence,
            time_ms: now_ms(),
            command: Command::Write(write).encode(),
        })
    }

    fn propose_in(&self, command: &SessionCommand) -> Answer {
        wait(self.handle.propose(command.encode()), applied)
    }

    /// Tells all servers where `node` is, then does what makes it a member.
    fn bring_in(&self, node: u64, address: String, operate: impl FnOnce() -> Ticket<Membership>) -> Answer {
        let command = Command::Address { node, address: Some(address) };
        let answer = self.propose(&command);
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
            let _forgotten = self.propose(&command);
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

/// Waits for the outcome, and says it in the words of the protocol.
fn wait<T>(ticket: Ticket<T>, answer: impl FnOnce(T) -> Answer) -> Answer {
    match ticket.wait(REQUEST_PATIENCE) {
        Ok(Outcome::Applied(response)) => answer(response),
        Ok(Outcome::NotAccepted(refusal)) => {
            let leader = refusal.leader.map(|leader| leader.0);
            refused(&refusal.reason.to_string(), may_be_taken_later(refusal.reason), leader)
        }
        Ok(Outcome::Unknown(reason)) => Answer::Unknown { reason: reason.to_string() },
        Err(pending) => Answer::Unknown { reason: pending.to_string() },
    }
}

/// Whether the same request may be taken at another time, or by another server.
fn may_be_taken_later(reason: RefusalReason) -> bool {
    !matches!(
        reason,
        RefusalReason::TooLarge { .. }
            | RefusalReason::ConfChange(_)
            | RefusalReason::Membership(_)
            | RefusalReason::Transfer(_)
            | RefusalReason::NotHandedOver(_)
    )
}

fn applied(response: SessionResponse<Response>) -> Answer {
    match response {
        SessionResponse::Applied(Response::Written(index)) => Answer::Written { index },
        SessionResponse::Applied(Response::NotSwapped(value)) => Answer::NotSwapped { value },
        SessionResponse::Opened(session) => Answer::Opened { session: session.0.0 },
        SessionResponse::Refused(SessionRefusal::Expired) => Answer::SessionEnded,
        SessionResponse::Refused(refusal) => refused(&refusal.to_string(), false, None),
        SessionResponse::Applied(Response::Unreadable) => {
            refused("a server of another version does not understand it", false, None)
        }
        SessionResponse::KeptAlive | SessionResponse::Closed => Answer::Done,
    }
}

/// For the log's own time, by which sessions end.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what a ticket hands over")]
fn membership(membership: Membership) -> Answer {
    Answer::Membership { membership: membership.to_string() }
}

fn refused(reason: &str, retry: bool, leader: Option<u64>) -> Answer {
    Answer::Refused { reason: reason.to_owned(), retry, leader }
}

fn malformed(reason: &str) -> Answer {
    Answer::Malformed { reason: reason.to_owned() }
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
