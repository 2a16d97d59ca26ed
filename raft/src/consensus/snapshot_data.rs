//! The contents of a snapshot: opaque to Raft, and perhaps larger than memory.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};

/// The state machine's state as bytes: in memory, or wherever storage keeps it. Clones share it.
///
/// Raft only passes it on. A storage on disk gives out what reads its file, so that a snapshot of any size goes from
/// disk to network to disk without ever being in memory as a whole.
#[derive(Clone)]
pub struct SnapshotData(Contents);

#[derive(Clone)]
enum Contents {
    InMemory(Bytes),
    Elsewhere(Arc<dyn SnapshotSource>),
}

/// Where the contents of a snapshot can be read from. They must not change.
pub trait SnapshotSource: Send + Sync + 'static {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Reads them from the first on.
    ///
    /// # Errors
    /// The operating system's; and from the reader, if what it finds is not what was written.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}

impl SnapshotData {
    /// Contents that are not in memory.
    pub fn elsewhere(source: impl SnapshotSource) -> Self {
        Self(Contents::Elsewhere(Arc::new(source)))
    }

    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        match &self.0 {
            Contents::InMemory(bytes) => bytes.len() as u64,
            Contents::Elsewhere(source) => source.size(),
        }
    }

    /// Reads them from the first on.
    ///
    /// # Errors
    /// If they are on a disk that cannot be read, or are not what was written there.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        match &self.0 {
            Contents::InMemory(bytes) => Ok(Box::new(bytes.clone().reader())),
            Contents::Elsewhere(source) => source.open(),
        }
    }

    /// All of them, in memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        match &self.0 {
            Contents::InMemory(bytes) => Ok(bytes.clone()),
            Contents::Elsewhere(source) => {
                let mut bytes = Vec::new();
                source.open()?.read_to_end(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

impl<T: Into<Bytes>> From<T> for SnapshotData {
    fn from(bytes: T) -> Self {
        Self(Contents::InMemory(bytes.into()))
    }
}

/// Nothing.
impl Default for SnapshotData {
    fn default() -> Self {
        Self(Contents::InMemory(Bytes::new()))
    }
}

/// Of contents that are elsewhere, only those of one source are known to be equal.
impl PartialEq for SnapshotData {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Contents::InMemory(one), Contents::InMemory(other)) => one == other,
            (Contents::Elsewhere(one), Contents::Elsewhere(other)) => Arc::ptr_eq(one, other),
            (Contents::InMemory(_), Contents::Elsewhere(_))
            | (Contents::Elsewhere(_), Contents::InMemory(_)) => false,
        }
    }
}

impl Eq for SnapshotData {}

impl fmt::Debug for SnapshotData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Contents::InMemory(bytes) => bytes.fmt(f),
            Contents::Elsewhere(source) => write!(f, "{} bytes elsewhere", source.size()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Repeated(u8, u64);

    impl SnapshotSource for Repeated {
        fn size(&self) -> u64 {
            self.1
        }

        fn open(&self) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::repeat(self.0).take(self.1)))
        }
    }

    #[test]
    fn contents_elsewhere_are_read_when_asked_for() {
        let data = SnapshotData::elsewhere(Repeated(7, 3));
        assert_eq!((data.size(), &*data.to_bytes().unwrap()), (3, &[7, 7, 7][..]));
        assert_eq!(SnapshotData::from(data.to_bytes().unwrap()), SnapshotData::from(vec![7, 7, 7]));
    }

    #[test]
    fn contents_elsewhere_are_equal_to_themselves_alone() {
        let data = SnapshotData::elsewhere(Repeated(7, 3));
        assert_eq!(data, data.clone());
        assert_ne!(data, SnapshotData::elsewhere(Repeated(7, 3)));
        assert_ne!(data, SnapshotData::from(vec![7, 7, 7]));
    }
}
