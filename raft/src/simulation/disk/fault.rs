//! What can go wrong, and when.

use std::io;

/// What a program asks of a file system: the calls of [`FileSystem`](crate::storage::disk::FileSystem) and
/// [`File`](crate::storage::disk::File).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Operation {
    /// Creating directories.
    CreateDirectories,
    /// Listing a directory.
    List,
    /// Opening or creating a file.
    Open,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Making a directory's names durable.
    SyncDirectory,
    /// Locking a file.
    Lock,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Making a file's contents durable.
    SyncData,
    /// Making a file's contents and attributes durable.
    SyncAll,
    /// Asking for a file's size.
    Size,
    /// Cutting or extending a file.
    SetSize,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::CreateDirectories,
        Self::List,
        Self::Open,
        Self::Rename,
        Self::Remove,
        Self::SyncDirectory,
        Self::Lock,
        Self::Read,
        Self::Write,
        Self::SyncData,
        Self::SyncAll,
        Self::Size,
        Self::SetSize,
    ];
}

/// What can happen to an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Fault {
    /// The power fails while it is under way. It fails, and so does every later one, until
    /// [`restart`](super::SimulatedFileSystem::restart).
    Crash,
    /// The device fails (EIO). A write may have written the first of its bytes. After a file's sync, some pages have
    /// reached the disk and the others never will: they count as clean, so that the next sync reports success. After a
    /// directory's, some names have, and the others do with the next.
    Broken,
    /// The disk is full (ENOSPC), and nothing was done.
    NoSpace,
    /// A signal came in between (EINTR), and nothing was done.
    Interrupted,
    /// A read or a write stops after the first bytes, at least one, and says so. Other operations are not affected.
    Short,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Crash, Self::Broken, Self::NoSpace, Self::Interrupted, Self::Short];

    /// What the operation returns.
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Crash => {
                io::Error::other("the simulated machine has crashed: restart it, and open the files again")
            }
            Self::Broken => io::Error::other("simulated input/output error"),
            Self::NoSpace => io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full"),
            Self::Interrupted | Self::Short => {
                io::Error::new(io::ErrorKind::Interrupted, "a simulated signal interrupted the operation")
            }
        }
    }
}

/// Which operations a fault happens to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) fault: Fault,
}

/// The condition of a [`Rule`].
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// The operation with this number, counted from 1.
    At(u64),
    /// One in so many of a kind, by chance.
    OneIn(Operation, u32),
    /// The next of a kind, and no other.
    Next(Operation),
}
