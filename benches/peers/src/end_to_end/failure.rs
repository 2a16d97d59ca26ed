//! Why the comparison ends without a result.

use std::{io, path::PathBuf};

use kv::processes::ProcessError;

/// Why a load was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// The connection failed.
    #[error("a connection of a client is lost: {0}")]
    Connection(#[from] io::Error),
    /// It could not be made.
    #[error("etcd cannot be reached: {0}")]
    Channel(#[from] tonic::transport::Error),
    /// etcd says no.
    #[error("etcd does not serve: {}", .0.message())]
    Status(#[from] tonic::Status),
    /// An answer that is not the one asked for.
    #[error("the store does not serve: {0}")]
    Unserved(String),
    /// No client hears anything.
    #[error("the store has fallen silent")]
    Silent,
}

/// Why the stores cannot be compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum EndToEndError {
    /// The peer does not start.
    #[error("etcd cannot be run: see that `etcd` and `setpriv` (util-linux) can be started ({0})")]
    Etcd(#[source] io::Error),
    /// Ours does not.
    #[error(transparent)]
    KvServer(#[from] ProcessError),
    /// There is no place for their data.
    #[error("{} cannot be made: see that it can be written ({source})", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Their data would not be on a disk.
    #[error("{} is in memory: build on a disk", path.display())]
    InMemory {
        /// Which directory.
        path: PathBuf,
    },
    /// They do not agree.
    #[error("no server of {name} leads within half a minute: see that the machine has room for six of them")]
    NoLeader {
        /// Whose.
        name: &'static str,
    },
    /// What is measured would be the election.
    #[error("the leader of {name} has changed again and again: try again on a machine with less to do")]
    LeaderChanged {
        /// Whose.
        name: &'static str,
    },
    /// A process has ended.
    #[error("a server of {name} has died: see that the disk has room")]
    Died {
        /// Whose.
        name: &'static str,
    },
    /// The load was not carried out.
    #[error(
        "clients of {name} failed again and again: see that the machine has room for six servers ({source})"
    )]
    Load {
        /// Whose.
        name: &'static str,
        /// Why, in the end.
        source: LoadError,
    },
}
