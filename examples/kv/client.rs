//! Asks servers, follows the leader, and knows when it is safe to ask again.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most kinds of answers end the asking, and so may new ones"
)]

use std::{
    io::{self, BufReader},
    net::{TcpStream, ToSocketAddrs as _},
    thread,
    time::{Duration, Instant},
};

use crate::{
    addresses::Addresses,
    lines::{self, ANSWER_BYTES_MAX, Line},
    protocol::{Answer, Pattern, Request, Write},
};

/// How long a server may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_millis(500);

/// How long to wait before asking again: at first, and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));

/// A client of a cluster: connected to one server at a time, and to another when that fails or does not lead.
pub struct Client {
    servers: Addresses,
    /// Whom to ask next.
    at: u64,
    connection: Option<BufReader<TcpStream>>,
    answer_patience: Duration,
    session: Option<Session>,
}

/// A session that this client has opened, and the number of its next write.
struct Session {
    id: u64,
    sequence: u64,
}

impl Client {
    /// A client of these servers, which begins with the first. Connects when there is something to ask.
    #[must_use]
    pub fn new(servers: Addresses) -> Self {
        let at = servers.after(0).unwrap_or_default();
        Self { servers, at, connection: None, answer_patience: Duration::from_secs(10), session: None }
    }

    /// How long a server may take for an answer, until it is taken for lost. Default: 10 s.
    #[must_use]
    pub fn with_patience(mut self, answer_patience: Duration) -> Self {
        self.answer_patience = answer_patience;
        self
    }

    /// Whom it asks next.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Asks this server next.
    pub fn move_to(&mut self, server: u64) {
        if self.at != server {
            self.at = server;
            self.connection = None;
        }
    }

    /// Asks until there is an answer that asking again would not better, or `patience` is over.
    ///
    /// A refusal is followed to the leader. What was surely not done is asked again; what may have been done only if
    /// doing it twice does no harm, as with reads. So an [`Answer::Unknown`] to a write stays one:
    /// [`write_once`](Self::write_once) ends that doubt.
    pub fn call(&mut self, request: &Request, patience: Duration) -> Answer {
        let deadline = Instant::now() + patience;
        self.insist(request, deadline, request.is_read())
    }

    /// Makes a change, and asks until it is known to be made, at most for `patience`. However often that is, it takes
    /// effect once: the write has a number in a session, which is opened for the first of them.
    pub fn write_once(&mut self, write: &Write, patience: Duration) -> Answer {
        let deadline = Instant::now() + patience;
        loop {
            let Session { id, sequence } = match self.take_session(deadline) {
                Ok(session) => session,
                Err(answer) => return answer,
            };
            let request = Request::Once { session: id, sequence, write: write.clone() };
            match self.insist(&request, deadline, true) {
                // It has ended before this write -> nothing was done, and another session can be opened.
                Answer::SessionEnded => {}
                answer => {
                    // If it is not answered it is given up: no later write is made before it, or after it was made.
                    self.session = Some(Session { id, sequence: sequence + 1 });
                    return answer;
                }
            }
        }
    }

    /// The session, or a new one. Two may be opened if nothing is heard of the first, which ends by itself.
    fn take_session(&mut self, deadline: Instant) -> Result<Session, Answer> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => match self.insist(&Request::OpenSession, deadline, true) {
                Answer::Opened { session } => Ok(Session { id: session, sequence: 1 }),
                // The session is in doubt, not the write.
                Answer::Unknown { reason } => Err(Answer::Refused { reason, retry: true, leader: None }),
                answer => Err(answer),
            },
        }
    }

    /// Asks again and again, also when it is not known whether it was done if that `does_no_harm`.
    fn insist(&mut self, request: &Request, deadline: Instant, does_no_harm: bool) -> Answer {
        let mut back_off = BACK_OFF.0;
        let mut doubt = None;
        loop {
            let answer = self.attempt(request);
            let again = match &answer {
                Answer::Refused { retry, .. } => *retry,
                Answer::Unknown { .. } => does_no_harm,
                _ => false,
            };
            if let Answer::Unknown { reason } = &answer {
                doubt = Some(reason.clone());
            }
            if !again || Instant::now() + back_off > deadline {
                return in_doubt(answer, doubt.filter(|_| !request.is_read()));
            }
            thread::sleep(back_off);
            back_off = (back_off * 2).min(BACK_OFF.1);
        }
    }

    /// Asks once. If the server cannot be reached that is a refusal; if it falls silent, the answer is unknown. After
    /// either the next server is asked, or the leader if the server names it.
    pub fn attempt(&mut self, request: &Request) -> Answer {
        let answer = self.ask(request);
        match &answer {
            Answer::Refused { leader: Some(leader), .. } if self.servers.address(*leader).is_some() => {
                self.move_to(*leader);
            }
            Answer::Refused { retry: true, .. } | Answer::Unknown { .. } => self.move_on(),
            _ => {}
        }
        answer
    }

    fn ask(&mut self, request: &Request) -> Answer {
        let mut connection = match self.connect() {
            Ok(connection) => connection,
            Err(error) => {
                let reason = format!("server {} cannot be reached: {error}", self.at);
                return Answer::Refused { reason, retry: true, leader: None };
            }
        };
        match converse(&mut connection, request) {
            Ok(answer) => {
                self.connection = Some(connection);
                answer
            }
            Err(error) => silent(self.at, &error),
        }
    }

    /// Watches keys at the server at hand: answers as [`Request::Watch`] describes, and in the end why there are no
    /// more.
    pub fn watch(&mut self, pattern: Pattern) -> impl Iterator<Item = Answer> + use<> {
        let mut first = Some(self.attempt(&Request::Watch(pattern)));
        let mut connection = self.connection.take();
        let at = self.at;
        std::iter::from_fn(move || {
            let answer = match first.take() {
                Some(answer) => answer,
                None => read_answer(connection.as_mut()?).unwrap_or_else(|error| silent(at, &error)),
            };
            if !matches!(answer, Answer::Entries { .. } | Answer::Change(_) | Answer::NoChange) {
                connection = None;
            }
            Some(answer)
        })
    }

    fn move_on(&mut self) {
        if let Some(next) = self.servers.after(self.at) {
            self.move_to(next);
        }
    }

    fn connect(&mut self) -> io::Result<BufReader<TcpStream>> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let address = self.servers.address(self.at).ok_or_else(|| io::Error::other("no address is known"))?;
        let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(&address, CONNECT_PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.answer_patience))?;
        stream.set_write_timeout(Some(self.answer_patience))?;
        Ok(BufReader::new(stream))
    }
}

impl Request {
    /// Whether it changes nothing, so that asking twice does no harm.
    #[must_use]
    pub fn is_read(&self) -> bool {
        match self {
            Self::Get { .. } | Self::List { .. } | Self::Watch(_) => true,
            Self::Status | Self::Metrics | Self::Digest => true,
            Self::Write(_) | Self::OpenSession | Self::Once { .. } | Self::Transfer { .. } => false,
            Self::AddVoter { .. } | Self::AddLearner { .. } | Self::Remove { .. } | Self::Replace { .. } => {
                false
            }
        }
    }
}

fn silent(server: u64, error: &io::Error) -> Answer {
    Answer::Unknown { reason: format!("server {server} fell silent: {error}") }
}

/// What was refused in the end may have been done by an earlier attempt.
fn in_doubt(answer: Answer, doubt: Option<String>) -> Answer {
    match (&answer, doubt) {
        (Answer::Refused { .. } | Answer::SessionEnded, Some(reason)) => Answer::Unknown { reason },
        _ => answer,
    }
}

fn converse(connection: &mut BufReader<TcpStream>, request: &Request) -> io::Result<Answer> {
    lines::write(connection.get_mut(), request)?;
    read_answer(connection)
}

fn read_answer(connection: &mut BufReader<TcpStream>) -> io::Result<Answer> {
    match lines::read(connection, ANSWER_BYTES_MAX)? {
        Line::Whole(line) => Ok(serde_json::from_slice(&line)?),
        Line::TooLong => Err(io::Error::other("its answer is too long: is it a server of this kind?")),
        Line::End => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests;
