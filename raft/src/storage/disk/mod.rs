//! A durable log in files.

mod batch;
mod codec;
mod error;
mod file_system;
mod frame;
mod header;
mod housekeeping;
mod inspect;
mod names;
mod opening;
mod options;
mod reader;
mod recovery;
mod scan;
mod segment;
mod shared;
mod snapshots;
mod state;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{Damage, OpenError};
pub use file_system::{File, FileSystem, LocalFileSystem, OpenMode};
pub use inspect::{
    Inspection, LogReport, SegmentReport, SegmentVerdict, SnapshotReport, inspect, inspect_in,
};
pub use options::DiskOptions;
pub use reader::DiskReader;
pub use writer::DiskStorage;
