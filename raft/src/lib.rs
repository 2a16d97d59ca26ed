//! Raft for programs that use threads.

mod consensus;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "runtime")]
mod state_machine;
#[cfg(feature = "runtime")]
pub mod storage;
#[cfg(feature = "runtime")]
pub mod transport;
#[cfg(feature = "runtime")]
pub mod wire;

pub use consensus::*;
#[cfg(feature = "runtime")]
pub use runtime::{Handle, Node, Options, Outcome, Ticket};
#[cfg(feature = "runtime")]
pub use state_machine::{RestoreError, StateMachine};
#[cfg(feature = "runtime")]
pub use storage::{MemStorage, StorageWriter};
#[cfg(feature = "runtime")]
pub use transport::{Inbox, MemNetwork, Transport};
