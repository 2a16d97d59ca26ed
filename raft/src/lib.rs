//! Raft for programs that use threads.

mod consensus;
#[cfg(feature = "runtime")]
pub mod storage;

pub use consensus::*;
#[cfg(feature = "runtime")]
pub use storage::{MemStorage, StorageWriter};
