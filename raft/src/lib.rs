//! Raft for programs that use threads, not an async runtime.
//!
//! Layers, each of use without the next:
//!
//! - [`consensus`] is the pure core: [`RawNode`] with `step`, `propose`, `tick`, `ready` and `advance`. It does no
//!   I/O and knows no threads or clocks. [`Config`] says how it behaves, [`Ready`] what it wants done and in which
//!   order. The head of that module tells Raft from zero, in the names of this code. Without the feature
//!   `runtime`, which is on by default, it is all there is.
//! - [`runtime`] drives it: a [`Node`] is a thread around a [`StateMachine`] of yours, a [`StorageWriter`], and a
//!   [`Transport`]. A [`Handle`] gives out a [`Ticket`] for each command and each query.
//! - [`storage`] keeps the log: in files ([`DiskStorage`]), or in memory ([`MemStorage`]).
//! - [`transport`] carries messages between nodes: [`TcpTransport`] over TCP, with TLS if the feature `tls` is on, and
//!   [`MemNetwork`] within a process. [`wire`] puts them into the format of raft-rs and etcd, for other transports.
//! - [`sessions`] let clients try again without doing anything twice; [`metrics`] show Prometheus what a node does.
//!
//! The repository's `README.md` shows the loop around a [`RawNode`] in thirty lines, and `docs/ready.md` why each
//! of its steps stands where it stands.
#![cfg_attr(not(feature = "runtime"), allow(rustdoc::broken_intra_doc_links, reason = "the core alone"))]

#[cfg(feature = "runtime")]
mod back_off;
pub mod consensus;
#[cfg(feature = "runtime")]
pub mod metrics;
#[cfg(feature = "runtime")]
pub mod runtime;
#[cfg(feature = "runtime")]
pub mod sessions;
#[cfg(feature = "simulation")]
pub mod simulation;
#[cfg(feature = "runtime")]
mod state_machine;
#[cfg(feature = "runtime")]
pub mod storage;
#[cfg(feature = "runtime")]
pub mod transport;
#[cfg(feature = "runtime")]
pub mod wire;

#[doc(inline)]
pub use consensus::*;
#[cfg(feature = "runtime")]
pub use runtime::{Handle, Node, Options, Outcome, Ticket};
#[cfg(feature = "runtime")]
pub use state_machine::{RestoreError, SnapshotWriter, StateMachine};
#[cfg(feature = "runtime")]
pub use storage::{
    MemStorage, SnapshotSaver, StorageWriter,
    disk::{DiskOptions, DiskStorage},
};
#[cfg(feature = "runtime")]
pub use transport::{Inbox, MemNetwork, TcpOptions, TcpTransport, Transport};

/// The README's loop compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
