//! What clients put into the log, and its bytes.

use std::{fmt, time::Duration};

use bytes::{BufMut, Bytes};

use super::format::{FormatError, Reader, put_number};
use crate::consensus::LogIndex;

/// A session, named for ever by the place in the log where it was opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionId(pub LogIndex);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// What a session is to be like. All of it travels in the command that opens it, so all nodes agree on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// How long the session lives without being heard of, in the log's own time; whole milliseconds. Default: 10
    /// minutes.
    ///
    /// Too small: a client that was cut off for a while cannot tell any more what became of its commands. Too large:
    /// sessions of clients that are gone are kept, with their responses.
    pub timeout: Duration,

    /// How many commands may be under way at once, of which responses are kept. Default: 1,024; 0 is taken for 1.
    ///
    /// Too small: a busy client waits. Too large: each session may keep so many responses in memory and in snapshots.
    pub window: u64,

    /// How many sessions there may be, this one among them; those not used for longest are ended to make room.
    /// Default: 10,000; 0 is taken for 1. Should be the same for all clients.
    ///
    /// Too small: clients end each other's sessions. Too large: each of them takes memory and a part of each snapshot.
    pub max_sessions: u64,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(600), window: 1_024, max_sessions: 10_000 }
    }
}

/// A command for a state machine in [`Sessions`](super::Sessions), as it stands in the log.
///
/// A [`Session`](super::Session) makes them by itself. Whoever serves clients in other processes lets them keep their
/// session's id and sequence numbers, and makes them here:
///
/// ```
/// # use quorate::sessions::{SessionCommand, SessionId};
/// # use quorate::LogIndex;
/// let apply = SessionCommand::Apply {
///     session: SessionId(LogIndex(17)),
///     sequence: 5,
///     first_outstanding: 4,
///     time_ms: 1_700_000_000_000,
///     command: "transfer 10".into(),
/// };
/// let bytes = apply.encode(); // for Handle::propose
/// assert_eq!(SessionCommand::decode(&bytes), Ok(apply));
/// ```
///
/// # Bytes
/// The first byte tells format and kind; numbers are of variable length, seven bits a byte; a command ends where the
/// entry ends.
///
/// | first byte | then |
/// |---|---|
/// | `0x10` plain | the command |
/// | `0x11` open | time, timeout in ms, window, most sessions |
/// | `0x12` apply | time, session, sequence number, sequence number less the first outstanding, the command |
/// | `0x13` keep alive | time, session |
/// | `0x14` close | time, session |
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionCommand {
    /// A command without a session: applied once for each time it is in the log.
    Plain(Bytes),
    /// Opens a session, which is answered with its id.
    Open {
        /// The proposer's clock, in milliseconds since 1970.
        time_ms: u64,
        /// What the session is to be like.
        options: SessionOptions,
    },
    /// A command of a session: applied once, however often it is in the log.
    Apply {
        /// Whose.
        session: SessionId,
        /// Which of the session's commands it is. Each gets a new number; a retry keeps it.
        sequence: u64,
        /// The lowest sequence number whose response the client still waits for; this one's at most. Responses below
        /// it are forgotten, and so is the permission to apply what lies below it.
        first_outstanding: u64,
        /// The proposer's clock, in milliseconds since 1970.
        time_ms: u64,
        /// What the state machine is given.
        command: Bytes,
    },
    /// Keeps a session open that has nothing else to say.
    KeepAlive {
        /// Which one.
        session: SessionId,
        /// The proposer's clock, in milliseconds since 1970.
        time_ms: u64,
    },
    /// Ends a session before its time.
    Close {
        /// Which one.
        session: SessionId,
        /// The proposer's clock, in milliseconds since 1970.
        time_ms: u64,
    },
}

const PLAIN: u8 = 0x10;
const OPEN: u8 = 0x11;
const APPLY: u8 = 0x12;
const KEEP_ALIVE: u8 = 0x13;
const CLOSE: u8 = 0x14;

/// Kind, and four numbers of at most ten bytes.
const HEAD_BYTES_MAX: usize = 41;

impl SessionCommand {
    /// The command as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Plain(command) => encode(PLAIN, &[], command),
            Self::Open { time_ms, options } => encode(
                OPEN,
                &[*time_ms, milliseconds(options.timeout), options.window, options.max_sessions],
                b"",
            ),
            Self::Apply { session, sequence, first_outstanding, time_ms, command } => {
                // A client that waits for nothing so early waits for this one at least.
                let behind = sequence.saturating_sub(*first_outstanding);
                encode(APPLY, &[*time_ms, session.0.0, *sequence, behind], command)
            }
            Self::KeepAlive { session, time_ms } => encode(KEEP_ALIVE, &[*time_ms, session.0.0], b""),
            Self::Close { session, time_ms } => encode(CLOSE, &[*time_ms, session.0.0], b""),
        }
    }

    /// The command that `bytes` are. The state machine's part shares their memory.
    ///
    /// # Errors
    /// [`FormatError`] if they are none.
    pub fn decode(bytes: &Bytes) -> Result<Self, FormatError> {
        let mut reader = Reader::new(bytes.clone());
        match reader.byte()? {
            PLAIN => Ok(Self::Plain(reader.rest())),
            OPEN => {
                let time_ms = reader.number()?;
                let timeout = Duration::from_millis(reader.number()?);
                let options =
                    SessionOptions { timeout, window: reader.number()?, max_sessions: reader.number()? };
                reader.end()?;
                Ok(Self::Open { time_ms, options })
            }
            APPLY => {
                let (time_ms, session) = (reader.number()?, reader.session()?);
                let (sequence, behind) = (reader.number()?, reader.number()?);
                let first_outstanding = sequence.checked_sub(behind).ok_or(FormatError::Damaged)?;
                let command = reader.rest();
                Ok(Self::Apply { session, sequence, first_outstanding, time_ms, command })
            }
            kind @ (KEEP_ALIVE | CLOSE) => {
                let (time_ms, session) = (reader.number()?, reader.session()?);
                reader.end()?;
                Ok(match kind {
                    CLOSE => Self::Close { session, time_ms },
                    _ => Self::KeepAlive { session, time_ms },
                })
            }
            unknown => Err(FormatError::UnknownFormat(unknown)),
        }
    }
}

fn encode(kind: u8, numbers: &[u64], command: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(HEAD_BYTES_MAX + command.len());
    out.put_u8(kind);
    numbers.iter().for_each(|number| put_number(&mut out, *number));
    out.put_slice(command);
    out.into()
}

/// Whole milliseconds; the longest time that can be told, for what is longer.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: SessionId = SessionId(LogIndex(300));

    #[test]
    fn every_kind_comes_back_as_it_was() {
        let commands = [
            SessionCommand::Plain("x".into()),
            SessionCommand::Open { time_ms: u64::MAX, options: SessionOptions::default() },
            SessionCommand::Apply {
                session: SESSION,
                sequence: u64::MAX,
                first_outstanding: 0,
                time_ms: 1,
                command: Bytes::new(),
            },
            SessionCommand::KeepAlive { session: SESSION, time_ms: 7 },
            SessionCommand::Close { session: SESSION, time_ms: 8 },
        ];
        for command in commands {
            assert_eq!(SessionCommand::decode(&command.encode()), Ok(command));
        }
    }

    #[test]
    fn a_session_costs_a_command_a_dozen_bytes() {
        let apply = SessionCommand::Apply {
            session: SESSION,
            sequence: 1_000,
            first_outstanding: 990,
            time_ms: 1_800_000_000_000,
            command: "payload".into(),
        };
        assert_eq!(apply.encode().len(), 12 + "payload".len());
    }

    #[test]
    fn what_stands_behind_the_end_is_an_error() {
        let mut bytes = SessionCommand::Close { session: SESSION, time_ms: 8 }.encode().to_vec();
        bytes.push(0);
        assert_eq!(SessionCommand::decode(&bytes.into()), Err(FormatError::Damaged));
        assert_eq!(SessionCommand::decode(&"hello".into()), Err(FormatError::UnknownFormat(b'h')));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_command_or_an_error(kind in 0x10u8..0x16, tail in prop::collection::vec(any::<u8>(), 0..60)) {
            let bytes = Bytes::from([&[kind][..], &tail].concat());
            if let Ok(command) = SessionCommand::decode(&bytes) {
                prop_assert_eq!(SessionCommand::decode(&command.encode()), Ok(command));
            }
        }
    }
}
