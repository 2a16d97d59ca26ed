//! One client: its session, and the change that it is about to make.

use std::time::Duration;

use bytes::Bytes;
use quorate::{
    Outcome,
    sessions::{SessionCommand, SessionId, SessionOptions, SessionRefusal, SessionResponse},
    simulation::Random,
};

use super::machine::{Change, Command};

/// One in so many sessions lives so short that it may end while its client is busy.
const SHORT_SESSIONS: u64 = 3;
/// How long such a session lives.
const SHORT_LIFE: Duration = Duration::from_secs(4);
/// How many of a thousand turns of a client with a session say only that it is there, or end it.
const KEEP_ALIVE: u32 = 30;
const CLOSE: u32 = 10;

/// One client.
pub(super) struct Client {
    number: u64,
    /// It has sessions; without, it tries nothing twice.
    has_sessions: bool,
    /// How far its clock is ahead.
    clock_ahead: Duration,
    session: Option<SessionId>,
    /// How many sessions it has had: each is another author.
    sessions: u64,
    /// The number of the next command in this session.
    next: u64,
    saying: Option<Saying>,
}

/// What a client says until it is answered.
struct Saying {
    bytes: Bytes,
    change: Option<Change>,
    began: Duration,
    /// An earlier attempt may have taken effect.
    is_in_doubt: bool,
}

/// How a change ended.
pub(super) struct Ended {
    pub(super) change: Change,
    pub(super) began: Duration,
    /// Whether it was made; none if nobody knows.
    pub(super) made: Option<bool>,
}

impl Client {
    pub(super) fn new(number: usize) -> Self {
        let number = number as u64;
        Self {
            number,
            has_sessions: number % 3 != 2,
            clock_ahead: Duration::from_millis(number * number * 70),
            session: None,
            sessions: 0,
            next: 1,
            saying: None,
        }
    }

    /// What it says again, or says before anything else.
    pub(super) fn go_on(&mut self, now: Duration, random: &mut Random) -> Option<Bytes> {
        if let Some(saying) = &self.saying {
            return Some(saying.bytes.clone());
        }
        let time_ms = self.time_ms(now);
        let Some(session) = self.session else {
            if !self.has_sessions {
                return None;
            }
            let mut options = SessionOptions::default();
            if random.below(SHORT_SESSIONS) == 0 {
                options.timeout = SHORT_LIFE;
            }
            return Some(self.say(&SessionCommand::Open { time_ms, options }, None, now));
        };
        if random.per_mille(KEEP_ALIVE) {
            return Some(self.say(&SessionCommand::KeepAlive { session, time_ms }, None, now));
        }
        if random.per_mille(CLOSE) {
            return Some(self.say(&SessionCommand::Close { session, time_ms }, None, now));
        }
        None
    }

    /// It makes a change.
    pub(super) fn make(&mut self, change: Change, now: Duration) -> Bytes {
        // Without a session, one that was given up may take effect after the next: each is of another author.
        let life = if self.has_sessions { self.sessions } else { self.next };
        let author = (self.number + 1) << 32 | life;
        let command = Command { author, number: self.next, change }.encode();
        let sequence = self.next;
        self.next += 1;
        let command = match self.session {
            Some(session) => {
                let time_ms = self.time_ms(now);
                SessionCommand::Apply { session, sequence, first_outstanding: sequence, time_ms, command }
            }
            None => SessionCommand::Plain(command),
        };
        self.say(&command, Some(change), now)
    }

    fn say(&mut self, command: &SessionCommand, change: Option<Change>, now: Duration) -> Bytes {
        let bytes = command.encode();
        self.saying = Some(Saying { bytes: bytes.clone(), change, began: now, is_in_doubt: false });
        bytes
    }

    fn time_ms(&self, now: Duration) -> u64 {
        u64::try_from((now + self.clock_ahead).as_millis()).unwrap_or(u64::MAX)
    }

    /// The change of which it has not heard the end, when all is over.
    pub(super) fn give_up(&mut self) -> Option<Ended> {
        let saying = self.saying.take()?;
        saying.change.map(|change| Ended { change, began: saying.began, made: None })
    }

    /// It hears how what it said ended. How its change ended, if it did.
    pub(super) fn hear(&mut self, outcome: &Outcome<SessionResponse<bool>>) -> Option<Ended> {
        let saying = self.saying.as_mut()?;
        let (change, began) = (saying.change, saying.began);
        let is_in_doubt = saying.is_in_doubt;
        let end = |made| change.map(|change| Ended { change, began, made });
        match outcome {
            Outcome::Applied(SessionResponse::Applied(made)) => {
                self.saying = None;
                end(Some(*made))
            }
            Outcome::Applied(SessionResponse::Opened(session)) => {
                self.saying = None;
                (self.session, self.next) = (Some(*session), 1);
                self.sessions += 1;
                None
            }
            Outcome::Applied(SessionResponse::Refused(SessionRefusal::WindowFull)) => None,
            Outcome::Applied(SessionResponse::Closed | SessionResponse::Refused(_)) => {
                self.saying = None;
                self.session = None;
                // It was refused this time; whether an earlier attempt took effect, nobody knows any more.
                if is_in_doubt { end(None) } else { None }
            }
            Outcome::Applied(_) => {
                self.saying = None;
                None
            }
            Outcome::Unknown(_) if self.session.is_some() || change.is_none() => {
                saying.is_in_doubt = true;
                None
            }
            Outcome::Unknown(_) => {
                self.saying = None;
                end(None)
            }
            Outcome::NotAccepted(_) if self.session.is_some() || change.is_none() => None,
            Outcome::NotAccepted(_) => {
                self.saying = None;
                None
            }
        }
    }
}
