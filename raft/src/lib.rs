//! Raft for programs that use threads.

mod consensus;
#[cfg(feature = "runtime")]
pub mod storage;
#[cfg(feature = "runtime")]
pub mod wire;

pub use consensus::*;
#[cfg(feature = "runtime")]
pub use storage::{MemStorage, StorageWriter};
