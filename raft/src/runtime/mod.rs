//! Drives a node: threads, channels, a clock.
//!
//! A [`Node`] is a loop with its own thread, which goes round:
//!
//! 1. **wait** for anything: a peer's message, a client's request, a report, the next tick; awake for a moment, if that
//!    has been worth while lately, then asleep;
//! 2. take up what it was **told**: to stop, to stand for election; what was written, what was applied, a snapshot
//!    that was made;
//! 3. take up **messages of peers**, so many at most;
//! 4. take one **tick**, if it is due: one, however late it is, and after the messages, so that a node that
//!    was paused hears its leader before it gives it up;
//! 5. take up **requests of clients**, so many at most: however many there are, the peers have their turn;
//! 6. hand out **what the core wants done**, [`Ready`](crate::Ready) by Ready: send; jobs for the writer; jobs for
//!    the applier, with the clients who wait for them. Notices of a commit wait for the end of the next turn, or for
//!    a moment without anything to do: mostly an append tells of it first;
//! 7. begin a **snapshot** on a thread of its own, if the applier has; tell the world how it stands.
//!
//! Beside the loop, and at the same time,
//!
//! - the **writer** takes all jobs that wait for it, stages each, and makes all of them durable with one sync. When
//!   it reports that, the loop sends what promises it, and counts this node's copy;
//! - the **applier** takes all jobs that wait for it, applies them as one batch, and tells the clients itself: their
//!   outcome does not take the way through the loop, which is woken only if it waits for the report.
//!
//! ```text
//!  clients ──requests──► ┌──────┐ ──write jobs──► writer  (storage)
//!  peers ───messages───► │ loop │ ◄──reports─────
//!  clock ─────ticks────► │      │ ──apply jobs──► applier (state machine) ──outcomes──► clients
//!                        └──────┘ ◄──reports─────
//! ```
//!
//! So a leader sends, ticks and hears its followers while its disk works, and a slow disk or state machine makes
//! nothing slow but itself. What comes while a turn, a sync or a batch is under way waits for the next, and then goes
//! through as one: the busier the node, the larger its batches. Where a thread would cost more than it saves, its jobs
//! are carried out by the loop, in line: those of storage that
//! [waits for no device](crate::StorageWriter::waits_for_device), and those of the state machine as long as
//! [`Options::apply_in_line`] says so.
//!
//! Points 2 to 6 are those of a [`Driver`], which knows no thread, channel or clock; jobs are carried out by a
//! [`Writer`] and an [`Applier`], which do not know on which thread. So a simulation can run all three, and let each
//! job take as long as it likes. The loop decides only the order in which it calls them.
//!
//! **Nothing grows without bound.** A leader takes no more than
//! [`Config::max_uncommitted_bytes`](crate::Config::max_uncommitted_bytes) that are not committed and on its own disk,
//! a follower no more than its leader's window; the applier is handed no more than
//! [`Config::max_applying_bytes`](crate::Config::max_applying_bytes).
//!
//! **Nobody waits for ever.** Each command and query ends with one [`Outcome`], also if the state machine
//! panics, the disk fails, either hangs while the node is stopped. What fails is never called again.

mod administration;
mod applier;
mod apply_reports;
mod bell;
mod cancellation;
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
mod measurements;
mod membership_goal;
mod membership_operation;
mod node;
mod notices;
mod options;
mod outcome;
mod pending_writes;
mod port;
mod queries;
mod status;
mod status_metrics;
mod thread;
mod ticket;
mod waiters;
mod writer;
mod yields;

pub use applier::Applier;
#[cfg(feature = "simulation")]
pub(crate) use clock::Ticker;
pub(crate) use clock::{Clock, SystemClock, milliseconds_since_1970};
pub use compaction::{SnapshotMade, SnapshotRequest, SnapshotTask};
pub use completion::Completion;
pub use consistency::Consistency;
pub use driver::Driver;
#[cfg(feature = "simulation")]
pub(crate) use error::panic_message;
pub use error::{Part, StartError, StopReason};
pub use handle::Handle;
pub use jobs::{ApplyJob, ApplyReport, Batch, WriteJob, WriteReport};
pub use membership_goal::MembershipGoal;
pub use membership_operation::MembershipError;
pub use node::Node;
#[cfg(feature = "simulation")]
pub(crate) use notices::Notices;
pub use options::{Options, OptionsError};
pub use outcome::{Outcome, Refusal, RefusalReason, UnknownReason};
pub use status::{Counters, NodeStatus};
pub use ticket::{StillPending, Ticket};
pub use writer::Writer;
