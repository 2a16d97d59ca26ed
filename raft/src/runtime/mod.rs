//! Drives a node: a thread, channels, a clock.
//!
//! A [`Node`] is one thread, which goes round:
//!
//! 1. **wait** for anything: a peer's message, a client's request, the next tick;
//! 2. take up what it was **told** to do: to stop, to stand for election, to keep a snapshot that was made;
//! 3. take up **messages of peers**, so many at most;
//! 4. take one **tick**, if it is due: one, however late it is, and after the messages, so that a node that
//!    was paused hears its leader before it gives it up;
//! 5. take up **requests of clients**, so many at most: however many there are, the peers have their turn;
//! 6. carry out **what the core wants done**, [`Ready`](crate::Ready) by Ready: send, write, send, apply,
//!    answer;
//! 7. begin a **snapshot** on a thread of its own, if the log has grown enough; tell the world how it stands.
//!
//! What comes while a turn is under way waits for the next, and then goes through the log as one batch: the
//! busier the node, the larger its batches.
//!
//! Points 2 to 6 are those of a [`Driver`], which knows no thread, channel or clock and so can be simulated;
//! the loop decides only the order in which it calls it.
//!
//! **Nobody waits for ever.** Each command and query ends with one [`Outcome`], also if the state machine
//! panics, the disk fails or the node is stopped.

mod administration;
mod applier;
mod clock;
mod compaction;
mod completion;
mod consistency;
mod driver;
mod error;
mod event_loop;
mod hand_out;
mod handing_over;
mod handle;
mod jobs;
#[cfg(test)]
mod journal;
mod mailbox;
mod membership_goal;
mod membership_operation;
mod node;
mod options;
mod outcome;
mod pending_writes;
mod port;
mod queries;
mod status;
mod thread;
mod ticket;
mod waiters;
mod writer;

pub use applier::Applier;
pub(crate) use clock::{Clock, SystemClock, milliseconds_since_1970};
pub use compaction::{SnapshotMade, SnapshotRequest, SnapshotTask};
pub use completion::Completion;
pub use consistency::Consistency;
pub use driver::Driver;
pub use error::{Part, StartError, StopReason};
pub use handle::Handle;
pub use jobs::{ApplyJob, ApplyReport, Batch, WriteJob, WriteReport};
pub use membership_goal::MembershipGoal;
pub use membership_operation::MembershipError;
pub use node::Node;
pub use options::{Options, OptionsError};
pub use outcome::{Outcome, Refusal, RefusalReason, UnknownReason};
pub use status::{Counters, NodeStatus};
pub use ticket::{StillPending, Ticket};
pub use writer::Writer;
