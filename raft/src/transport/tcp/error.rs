//! Why a transport cannot start.

use std::{io, path::PathBuf};

use super::options::TcpOptionsError;

/// Why a transport cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TcpError {
    /// The options contradict themselves.
    #[error("these options cannot be run with: {0}")]
    Options(#[from] TcpOptionsError),
    /// The identity is none.
    #[error("0 is no node's id: give the node one from 1 on")]
    Identity,
    /// The address cannot be listened on.
    #[error(
        "cannot listen for peers: {0}; is the address this machine's, and is no other node running on it?"
    )]
    Listen(#[source] io::Error),
    /// The system has no thread to give.
    #[error("cannot start a thread: {0}; raise the limit on threads or stop something else")]
    Thread(#[source] io::Error),
    /// The directory for snapshots cannot be used.
    #[error("cannot keep arriving snapshots in {}: {source}; make the directory, and let this process write to it",
            path.display())]
    SnapshotDirectory {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The file with the peers' incarnations cannot be read.
    #[error("cannot read the peers' incarnations in {}: {source}; restore the file, or delete it if no peer has lost its \
             data", path.display())]
    Incarnations {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}
