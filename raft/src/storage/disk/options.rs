//! How a log on disk behaves.

/// How a [`DiskStorage`](super::DiskStorage) behaves. Start from the default and change what must differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DiskOptions {
    /// The size of one file of the log, in bytes: 64 MiB by default.
    ///
    /// The log is cut by whole files. Old ones are used again, since a new one is written over before it comes into use:
    /// up to two are kept ready for that, or as many as fill 128 MiB, but no more than eight. Too small: a change of
    /// file, which costs a few flushes of the disk, comes often. Too large: the disk holds more than it must, and
    /// preparing a file takes long. At least [`SEGMENT_BYTES_MIN`](Self::SEGMENT_BYTES_MIN).
    pub segment_bytes: u64,

    /// Whether a thread of its own prepares the next file and clears away old ones: true by default.
    ///
    /// False does it within the call that needs it, so that a simulation sees the same calls in the same order.
    pub background: bool,

    /// The id of a new log, for a simulation that must be the same each time. By default it is drawn by chance, as it
    /// must be where another log may have lain in the same blocks of the disk.
    pub seed: Option<u64>,
}

impl DiskOptions {
    /// The smallest [`segment_bytes`](Self::segment_bytes).
    pub const SEGMENT_BYTES_MIN: u64 = 16 << 10;
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, background: true, seed: None }
    }
}
