//! Raft, from zero.
//!
//! # The problem
//!
//! A program that must survive the loss of a machine runs on several. To its clients they must look like one
//! that never forgets and never contradicts itself. If every machine starts from the same state and applies
//! the same deterministic commands in the same order, all of them stay equal: so what the machines have to
//! agree on is a **log** of commands. Raft (Ongaro and Ousterhout, *In Search of an Understandable Consensus
//! Algorithm*, cited here as §, and Ongaro's thesis) is a way to agree on a log as long as a majority of
//! machines is up and in contact, however the network delays, reorders, doubles or loses messages, and
//! wherever machines crash.
//!
//! # The log
//!
//! Each machine is a node with a [`NodeId`] and holds a log of entries, each an [`Entry`] at a [`LogIndex`]
//! counted from 1. Time is cut into **terms**, numbered by [`Term`]; each has at most one **leader**, and the
//! leader alone decides what enters the log while its term lasts. An entry is named by its index together
//! with the term in which it was created: an [`EntryId`], printed `index@term`.
//!
//! An entry is **committed** when it is certain that it will stand at its index for ever, on every node. That
//! is so when a leader has it on a majority of disks in the leader's own term (`commit.rs`). Committed
//! entries are **applied** to the state machine, in order. Everything below serves to keep that word.
//!
//! # Who leads: `election.rs`
//!
//! A node is a follower, a pre-candidate, a candidate or a leader ([`RoleKind`]). A follower that hears
//! nothing from a leader for its **election timeout**, whose length it draws anew each time, stands for
//! election: it moves to the next term, votes for itself, and asks the others ([`Message::VoteRequest`]).
//! Whoever gets votes from a majority leads. A node gives one vote a term, and only to a candidate whose log
//! is at least as up to date as its own: the candidate's last [`EntryId`] is not smaller. A majority of
//! voters overlaps every majority that holds a committed entry; so the winner has them all.
//!
//! Two refinements are on by default. A node first asks whether it *would* be elected
//! ([`Message::PreVoteRequest`], thesis §9.6), so that one that was cut off cannot depose a healthy leader by
//! its mere return. And a leader that no majority has answered for an election timeout steps down, while
//! nodes that do hear from a leader refuse to vote at all (thesis §6.2, §4.2.3).
//!
//! # How logs become equal: `replication.rs`
//!
//! The leader sends each follower the entries that it lacks, with the id of the entry just before them
//! ([`Message::AppendRequest`]). A follower that does not hold that entry says so, with a hint at where the
//! logs part; the leader goes back and tries again. A follower that does hold it removes whatever conflicts,
//! appends the rest, and answers **when that is durable** ([`Message::AppendAccepted`]). By induction, two
//! logs that hold the same entry are equal up to there.
//!
//! What the leader knows of each follower is a [`Progress`]. While it does not know where the logs part it
//! *probes*, one append at a time; when it does it *replicates*, appends following one another within a
//! window; if what the follower needs is gone from the log, it sends its state machine instead, as a
//! [`Snapshot`] (`install.rs`).
//!
//! # When an entry is committed: `commit.rs`
//!
//! The leader commits an entry of its own term when a majority, itself included, holds it durably. Entries of
//! earlier terms are committed only along with one of its own: a majority of copies does not protect an old
//! entry from a leader that never saw it (§5.4.2, Figure 8). So that this does not have to wait for a client,
//! a new leader first appends a blank entry (§8). Followers learn the commit index from the next message.
//!
//! # Proposals and reads: `forward.rs`, `read_index.rs`
//!
//! A client's command is **proposed**: the leader appends it, a follower passes it on. To answer a question
//! without writing, the leader notes its commit index and lets a round of heartbeats confirm that nobody has
//! replaced it; the answer then comes from a state machine that has applied that much (thesis §6.4).
//!
//! # Who belongs to the cluster: `membership.rs`, and handing over: `transfer.rs`
//!
//! The members change by entries in the log like any other ([`ConfChange`]). One voter more or less at a time
//! is safe at once, since the majorities before and after overlap; anything else goes through a **joint**
//! configuration in which both the old and the new voters must agree ([`quorum`], §6). A change is in force
//! when it is applied. Learners receive the log and do not vote. A leader that is asked to hands over: it brings
//! the target up to date, holds new proposals back for a moment, and tells it to stand ([`Message::TimeoutNow`]).
//!
//! # What survives a crash: [`Ready`]
//!
//! A node forgets all but its log, its latest snapshot and three numbers ([`HardState`]): its term, its vote
//! in that term, and how far it knew the log to be committed. Nothing that others build on may leave before
//! it is durable: above all a vote, and the acknowledgement of an entry. But the core writes nothing itself,
//! and sends nothing. It is a plain state machine: messages, ticks and proposals go in; a [`Ready`] comes
//! out, which says what to send, write, and apply, in which order. That makes every execution repeatable, and
//! the core the same in a server, in a test, and in a simulation.
//!
//! # How to read the code
//!
//! [`RawNode`] is the public face. `raft.rs` holds the state and `role.rs` what belongs to each role;
//! `transition.rs` is the only place where role, term and vote change; `step.rs` compares terms and holds the
//! table of who handles what. Then one file for each conversation, request and answers together, as above.
//! `log` keeps the positions of the log, on `runs.rs`; `progress` the leader's view of its followers;
//! [`quorum`] the arithmetic of majorities, for two sets of voters at once. `invariants.rs` says what is
//! always true, and checks it after each call in debug builds.
//!
//! # What is not here
//!
//! No threads, clocks, sockets, files or locks, and no chance but from a seed: those are in the runtime. No
//! state machine. No protocol buffers: messages are Rust enums, and `wire` translates. By design not at all:
//! Byzantine faults. A message that no correct node sends is refused ([`StepError`]), but a peer that lies well
//! can break agreement.

mod accepted_forwards;
mod commit;
mod config;
mod election;
mod entries;
mod entry;
mod error;
mod forward;
mod install;
mod invariants;
mod log;
mod membership;
mod message;
mod progress;
pub mod quorum;
mod raft;
mod raw_node;
mod read_index;
mod reads;
mod ready;
mod replication;
mod role;
pub(crate) mod runs;
mod snapshot_data;
mod status;
mod step;
mod storage;
mod transfer;
mod transition;
mod types;

pub use config::{Config, ConfigError};
pub use entries::{Entries, NotContiguous};
pub use entry::{Context, Entry, EntryKind, ForwardId, Proposal};
pub use error::{
    CampaignError, ConfChangeError, NewError, ProposeError, ReadError, StepError, TransferError,
};
pub use message::{Echo, Envelope, Message};
pub use progress::{Inflight, Progress, ProgressState};
pub use quorum::{ChangeError, ChangeStep, ConfChange, Membership, Transition};
pub use raw_node::RawNode;
pub use ready::{
    Forward, ForwardOutcome, Leadership, Proposed, Read, ReadId, ReadOutcome, Ready, Transfer,
    TransferOutcome,
};
pub use role::RoleKind;
pub use snapshot_data::{SnapshotData, SnapshotSource};
pub use status::{Elections, Status};
pub use storage::{HardState, InitialState, Snapshot, Storage, StorageError};
pub use types::{EntryId, LogIndex, NodeId, Term};
