//! Client sessions: each command takes effect exactly once, though it is tried again (thesis §6.3).
//!
//! A client whose node or leader is gone does not know whether its command was applied
//! ([`Outcome::Unknown`](crate::Outcome::Unknown)). If it tries again, the command may be applied twice; if it does
//! not, never. A session ends the doubt: the client gives each command a **sequence number**, and the state machine
//! remembers under it what it has answered. A command that comes again gets the first answer, and changes nothing.
//!
//! [`Sessions`] puts this around a state machine of yours. What it remembers is part of the replicated state: it
//! survives changes of leaders, restarts and snapshots.
//!
//! # A counter that counts each increment once
//! ```
//! use std::{io::Read, time::Duration};
//!
//! use bytes::Bytes;
//! use quorate::{
//!     Config, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, RestoreError, SnapshotWriter, StateMachine,
//!     sessions::{Session, SessionOptions, Sessions},
//! };
//! use slog::{Discard, Logger, o};
//!
//! #[derive(Default)]
//! struct Counter(u64);
//!
//! impl StateMachine for Counter {
//!     type Response = u64; // a `StoredResponse`
//!     type Query = ();
//!     type Answer = u64;
//!
//!     fn apply(&mut self, _index: LogIndex, _command: &Bytes) -> u64 {
//!         self.0 += 1;
//!         self.0
//!     }
//!     fn query(&self, (): ()) -> u64 {
//!         self.0
//!     }
//!     fn snapshot(&self) -> SnapshotWriter {
//!         let value = self.0.to_le_bytes();
//!         Box::new(move |output| output.write_all(&value))
//!     }
//!     fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
//!         let mut value = [0; 8];
//!         snapshot.read_exact(&mut value)?;
//!         self.0 = u64::from_le_bytes(value);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let id = NodeId(1);
//! let network = MemNetwork::new();
//! let node = Node::start(
//!     Config::new(id, 1),
//!     Options::default(),
//!     Sessions::new(Counter::default()),
//!     MemStorage::with_voters([id]),
//!     network.transport(id),
//!     Logger::root(Discard, o!()),
//! )?;
//!
//! let patience = Duration::from_secs(10);
//! let session = Session::open(node.handle(), SessionOptions::default(), patience)?;
//! // Tries until it has the answer; however often that was, the counter counts once.
//! assert_eq!(session.call("increment", patience)?, 1);
//!
//! // Several at once: each ticket tries again by itself while it is waited for.
//! let mut tickets: Vec<_> = (0..10).map(|_| session.propose("increment")).collect();
//! for ticket in &mut tickets {
//!     ticket.wait(patience)?;
//! }
//! assert_eq!(node.handle().query(()).wait(patience)?.applied(), Some(11));
//! session.close(patience)?;
//! # Ok(())
//! # }
//! ```
//!
//! # When a session ends
//! Nothing can be remembered for ever. A session ends, on all nodes at the same entry of the log,
//!
//! - when it was not heard of for its [timeout](SessionOptions::timeout). Time is **the log's own**: each command
//!   carries its proposer's clock, and the latest that was told counts. A clock that is far ahead ends sessions too
//!   early; none makes a command apply twice;
//! - when there are [too many](SessionOptions::max_sessions), and it was not used for longest;
//! - when its client closes it.
//!
//! A command of a session that has ended is refused, never applied. Was it under way before, then exactly once can no
//! longer be told, and the client is told that: [`SessionError::InDoubt`].
//!
//! # Without a session
//! [`SessionCommand::Plain`] is a command as without this module. All commands of a [`Sessions`] are
//! [`SessionCommand`]s, in bytes: proposed as they are, through [`Handle::propose`](crate::Handle::propose), they serve
//! clients in other processes.

mod attempts;
mod client;
mod command;
mod error;
mod format;
mod response;
mod snapshot;
mod state_machine;
mod table;
#[cfg(test)]
mod tests;
mod ticket;

pub use client::Session;
pub use command::{SessionCommand, SessionId, SessionOptions};
pub use error::SessionError;
pub use format::FormatError;
pub use response::{SessionRefusal, SessionResponse, StoredResponse};
pub use state_machine::Sessions;
pub use ticket::SessionTicket;
