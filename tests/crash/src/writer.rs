//! A client that writes rising numbers to a key of its own, and reads them.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what does not answer the request is one case, whatever it is"
)]

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kv::{
    Addresses, Client,
    protocol::{Answer, Consistency, Request, Write},
};
use rand::{Rng, SeedableRng as _, seq::IteratorRandom as _};
use rand_pcg::Pcg64;

use crate::ledger::{Ledger, Violation};

/// How long a server may take for an answer. Some election timeouts, since that may be what it waits for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait after a refusal.
const BACK_OFF: Duration = Duration::from_millis(5);

/// A client, its key, and what it knows of that.
pub struct Writer {
    key: String,
    servers: Addresses,
    client: Client,
    chance: Pcg64,
    manner: Manner,
    ledger: Ledger,
}

/// How it sees to it that what it does not know cannot come back later: see [`ledger`](crate::ledger).
enum Manner {
    CompareAndSet,
    Session {
        /// Nothing until it is open.
        id: Option<u64>,
        /// The sequence number of the write under way, or of the next.
        sequence: u64,
        /// What is being written, until that is acknowledged: the number, and the change as it is sent each time.
        outstanding: Option<(u64, Write)>,
    },
}

/// What a client has found that must never be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    key: String,
    server: u64,
    what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    Key(Violation),
    SessionEnded,
    /// A compare and set in a session has found something else than this client wrote last.
    NotOnce(u64),
    /// An answer that does not belong to the request.
    Answer(String),
}

impl Writer {
    /// Client number `number`. Every other one has a session.
    #[must_use]
    pub fn new(number: u64, servers: &Addresses, seed: u64) -> Self {
        let session = Manner::Session { id: None, sequence: 1, outstanding: None };
        Self {
            key: format!("client-{number}"),
            servers: servers.clone(),
            client: Client::new(servers.clone()).with_patience(ANSWER_PATIENCE),
            chance: Pcg64::seed_from_u64(seed.wrapping_mul(31).wrapping_add(number)),
            manner: if number.is_multiple_of(2) { session } else { Manner::CompareAndSet },
            ledger: Ledger::default(),
        }
    }

    /// How many of its writes were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.ledger.acknowledged()
    }

    /// Writes and reads until it is told to stop.
    ///
    /// # Errors
    /// [`Finding`], and then it has stopped by itself.
    pub fn work(&mut self, stop: &AtomicBool) -> Result<(), Finding> {
        while !stop.load(Ordering::Relaxed) {
            if self.chance.random_ratio(1, 8) {
                self.move_anywhere();
            }
            let has_worked = if self.chance.random_ratio(1, 4) { self.read()? } else { self.write()? };
            if !has_worked {
                thread::sleep(BACK_OFF);
            }
        }
        Ok(())
    }

    /// Reads the key until there is an answer.
    ///
    /// # Errors
    /// [`Finding`]; and if there is no answer in time.
    pub fn check(&mut self, patience: Duration) -> Result<(), Finding> {
        let server = self.client.at();
        let answer = self.client.call(&self.question(), patience);
        match answer {
            Answer::Value { value } => self.found(server, value.as_deref()),
            other => Err(self.finding(server, What::Answer(format!("{other:?}")))),
        }
    }

    fn move_anywhere(&mut self) {
        if let Some(server) = self.servers.ids().choose(&mut self.chance) {
            self.client.move_to(server);
        }
    }

    fn question(&self) -> Request {
        Request::Get { key: self.key.clone(), consistency: Consistency::Linearizable }
    }

    /// Whether there was an answer.
    fn read(&mut self) -> Result<bool, Finding> {
        let server = self.client.at();
        match self.client.attempt(&self.question()) {
            Answer::Value { value } => self.found(server, value.as_deref()).map(|()| true),
            other => self.nothing_done(server, &other),
        }
    }

    fn write(&mut self) -> Result<bool, Finding> {
        match self.manner {
            Manner::CompareAndSet => self.compare_and_set(),
            Manner::Session { id: None, .. } => self.open_session(),
            Manner::Session { id: Some(session), .. } => self.write_once(session),
        }
    }

    /// The number of the next attempt, and the change that replaces by it what the key is known to hold.
    fn next_write(&mut self) -> (u64, Write) {
        let from = Some(self.ledger.known()).filter(|known| *known != 0).map(|known| known.to_string());
        let number = self.ledger.attempt();
        (number, Write::Cas { key: self.key.clone(), from, to: number.to_string() })
    }

    fn compare_and_set(&mut self) -> Result<bool, Finding> {
        let server = self.client.at();
        let (number, write) = self.next_write();
        let judged = match self.client.attempt(&Request::Write(write)) {
            Answer::Written { .. } => self.ledger.acknowledge(number),
            Answer::NotSwapped { value } => {
                self.ledger.refuse(number);
                self.ledger.find_instead(number_in(value.as_deref()))
            }
            other => {
                if matches!(other, Answer::Refused { .. }) {
                    self.ledger.refuse(number);
                }
                return self.nothing_done(server, &other);
            }
        };
        judged.map(|()| true).map_err(|violation| self.finding(server, What::Key(violation)))
    }

    fn open_session(&mut self) -> Result<bool, Finding> {
        let server = self.client.at();
        match self.client.attempt(&Request::OpenSession) {
            Answer::Opened { session } => {
                self.manner = Manner::Session { id: Some(session), sequence: 1, outstanding: None };
                Ok(true)
            }
            other => self.nothing_done(server, &other),
        }
    }

    /// Sends the write under way again, or else begins another. If it took effect twice, the second time would find what
    /// the first has written.
    fn write_once(&mut self, session: u64) -> Result<bool, Finding> {
        let server = self.client.at();
        let Manner::Session { sequence, outstanding, .. } = &mut self.manner else { return Ok(false) };
        let sequence = *sequence;
        let (number, write) = outstanding.take().unwrap_or_else(|| self.next_write());
        let answer = self.client.attempt(&Request::Once { session, sequence, write: write.clone() });
        let is_written = matches!(answer, Answer::Written { .. });
        let outstanding = (!is_written).then_some((number, write));
        let sequence = sequence + u64::from(is_written);
        self.manner = Manner::Session { id: Some(session), sequence, outstanding };
        match answer {
            Answer::Written { .. } => {
                let judged = self.ledger.acknowledge(number);
                judged.map(|()| true).map_err(|violation| self.finding(server, What::Key(violation)))
            }
            Answer::NotSwapped { value } => {
                Err(self.finding(server, What::NotOnce(number_in(value.as_deref()))))
            }
            other => self.nothing_done(server, &other),
        }
    }

    /// That is as it should be, if the server says so.
    fn nothing_done(&self, server: u64, answer: &Answer) -> Result<bool, Finding> {
        match answer {
            Answer::Refused { .. } | Answer::Unknown { .. } => Ok(false),
            Answer::SessionEnded => Err(self.finding(server, What::SessionEnded)),
            other => Err(self.finding(server, What::Answer(format!("{other:?}")))),
        }
    }

    fn found(&mut self, server: u64, value: Option<&str>) -> Result<(), Finding> {
        let judged = self.ledger.find(number_in(value));
        judged.map_err(|violation| self.finding(server, What::Key(violation)))
    }

    fn finding(&self, server: u64, what: What) -> Finding {
        Finding { key: self.key.clone(), server, what }
    }
}

/// The number that a key holds. Nobody writes the largest one, or what is no number.
fn number_in(value: Option<&str>) -> u64 {
    value.map_or(0, |value| value.parse().unwrap_or(u64::MAX))
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, server, what } = self;
        match what {
            What::Key(violation) => write!(f, "{key}, asked through n{server}, {violation}"),
            What::SessionEnded => write!(f, "the session of {key} has ended, says n{server}"),
            What::NotOnce(found) => {
                write!(f, "{key}, asked through n{server}, holds {found}: a write took effect not once")
            }
            What::Answer(answer) => write!(f, "{key}, asked through n{server}, was answered {answer}"),
        }
    }
}
