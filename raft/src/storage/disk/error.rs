//! Why a log could not be opened, read or written.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::consensus::{LogIndex, StorageError};

/// Why a log on disk could not be opened. Nothing on disk was changed, unless the error came from a write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process works on this log, or another storage in this one.
    #[error("{} is in use: stop the other process, or give this node a directory of its own", .0.display())]
    InUse(PathBuf),
    /// An option lies outside of what can work.
    #[error("segment_bytes is {bytes}: it must be at least {min}")]
    SegmentTooSmall {
        /// What was asked for.
        bytes: u64,
        /// What is needed.
        min: u64,
    },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file was written by another version of the library.
    #[error(
        "{} is written in format {found}, and this program knows format {known}: use the program that wrote it",
        path.display()
    )]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format of this program.
        known: u32,
    },
    /// What was once acknowledged is no longer there as it was.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// Bytes that were durable once, and are not what was written.
///
/// A node must not start from what is left: it may have voted, or acknowledged entries, that are gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Which file.
    pub path: PathBuf,
    /// Where in it.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

impl Damage {
    pub(super) fn new(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), offset, what: what.into() }
    }

    pub(super) fn commit_beyond_log(path: &Path, commit: LogIndex, last: LogIndex) -> Self {
        Self::new(path, 0, format!("entry {commit} is committed, but the log ends at {last}"))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is damaged at offset {}: {}; check the disk, remove this node from the cluster and add it again with \
             an empty directory under a new id",
            self.path.display(),
            self.offset,
            self.what
        )
    }
}

impl std::error::Error for Damage {}

impl From<Damage> for StorageError {
    fn from(damage: Damage) -> Self {
        Self::Io(io::Error::new(io::ErrorKind::InvalidData, damage))
    }
}

impl From<Damage> for io::Error {
    fn from(damage: Damage) -> Self {
        Self::new(io::ErrorKind::InvalidData, damage)
    }
}

/// Says with which file an operation failed.
pub(super) trait Naming<T> {
    fn naming(self, action: &'static str, path: &Path) -> Result<T, OpenError>;
}

impl<T> Naming<T> for io::Result<T> {
    fn naming(self, action: &'static str, path: &Path) -> Result<T, OpenError> {
        self.map_err(|source| OpenError::Io { action, path: path.to_owned(), source })
    }
}

impl From<OpenError> for StorageError {
    /// With the kind of the operating system's error, so that a full disk can be told from a broken one.
    fn from(error: OpenError) -> Self {
        let kind = match &error {
            OpenError::Io { source, .. } => source.kind(),
            OpenError::Damaged(_) | OpenError::Version { .. } => io::ErrorKind::InvalidData,
            OpenError::InUse(_) => io::ErrorKind::WouldBlock,
            OpenError::SegmentTooSmall { .. } => io::ErrorKind::InvalidInput,
        };
        Self::Io(io::Error::new(kind, error))
    }
}
