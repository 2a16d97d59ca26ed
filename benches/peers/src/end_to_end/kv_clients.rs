//! Clients of `kv_server`, in one thread. On a connection that several share, answers come in the order of questions.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read as _, Write as _},
    net,
    time::{Duration, Instant},
};

use kv::protocol::{Answer, Consistency, Request, Write};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::{
    failure::LoadError,
    load::{Load, Measured, Operation, Run, VALUE_BYTES, value},
};

/// How long all may wait in vain.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is read at a time.
const PIECE_BYTES: usize = 16 << 10;

/// Does all of the load at one server, which should lead.
pub(super) fn run(address: &str, load: &Load) -> Result<Measured, LoadError> {
    let mut poll = Poll::new()?;
    let mut connections = (0..load.connections)
        .map(|number| Connection::open(address, load.operation, &poll, number))
        .collect::<io::Result<Vec<_>>>()?;
    let mut events = Events::with_capacity(load.connections);
    let mut run = load.begin();
    for client in 0..load.clients {
        if let Some(connection) = connections.get_mut(client % load.connections) {
            connection.ask(&mut run)?;
        }
    }
    connections.iter_mut().try_for_each(Connection::send)?;
    while connections.iter().any(Connection::is_asking) {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(LoadError::Silent);
        }
        for event in &events {
            if let Some(connection) = connections.get_mut(event.token().0) {
                connection.go_on(&mut run)?;
            }
        }
    }
    Ok(run.end())
}

/// A connection, and the questions that are under way on it: one of each client that has it.
struct Connection {
    stream: TcpStream,
    operation: Operation,
    /// What is put.
    value: String,
    /// What is still to be sent.
    output: Vec<u8>,
    /// What has come of the next answer.
    input: Vec<u8>,
    /// When they were asked, the oldest first.
    asked: VecDeque<Instant>,
}

impl Connection {
    fn open(address: &str, operation: Operation, poll: &Poll, number: usize) -> io::Result<Self> {
        let stream = net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            operation,
            value: value(),
            output: Vec::new(),
            input: Vec::new(),
            asked: VecDeque::new(),
        })
    }

    fn is_asking(&self) -> bool {
        !self.asked.is_empty()
    }

    /// Puts the next question behind those that are to be sent, if there is one.
    fn ask(&mut self, run: &mut Run) -> io::Result<()> {
        let Some(key) = run.next_key() else { return Ok(()) };
        let request = match self.operation {
            Operation::Put => Request::Write(Write::Put { key, value: self.value.clone() }),
            Operation::Read => Request::Get { key, consistency: Consistency::Linearizable },
        };
        self.asked.push_back(Instant::now());
        serde_json::to_writer(&mut self.output, &request)?;
        self.output.push(b'\n');
        Ok(())
    }

    /// Sends what the system takes. It tells when it takes more.
    fn send(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(sent) => drop(self.output.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what has come. Whose question is answered asks the next; all are sent together.
    fn go_on(&mut self, run: &mut Run) -> Result<(), LoadError> {
        let mut piece = [0; PIECE_BYTES];
        let mut read = PIECE_BYTES;
        // Less than there is room for -> there is no more, and what comes later is told.
        while read == PIECE_BYTES {
            read = match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            self.input.extend(piece.iter().take(read));
            self.take_answers(run)?;
        }
        Ok(self.send()?)
    }

    fn take_answers(&mut self, run: &mut Run) -> Result<(), LoadError> {
        let input = std::mem::take(&mut self.input);
        let mut lines = input.split_inclusive(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next_if(|line| line.ends_with(b"\n")) {
            self.check(&serde_json::from_slice(line).map_err(io::Error::from)?)?;
            if let Some(asked) = self.asked.pop_front() {
                run.on_answer(asked);
            }
            self.ask(run)?;
        }
        self.input.extend(lines.flatten());
        Ok(())
    }

    fn check(&self, answer: &Answer) -> Result<(), LoadError> {
        match (self.operation, answer) {
            (Operation::Put, Answer::Written { .. }) => Ok(()),
            (Operation::Read, Answer::Value { value: Some(value) }) if value.len() == VALUE_BYTES => Ok(()),
            _ => Err(LoadError::Unserved(answer.to_string())),
        }
    }
}
