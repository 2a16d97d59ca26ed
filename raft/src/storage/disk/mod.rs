//! A durable log in files.
//!
//! [`DiskStorage`] keeps hard state, entries and snapshots in a directory of its own. `docs/disk-format.md` gives every
//! byte; this is how the parts play together.
//!
//! # Layout
//!
//! ```text
//! lock                          held by the process that works on the log
//! segment-0000000000000007      header │ frame frame frame …         sealed: it ends where the next one's header says
//! segment-0000000000000008      header │ frame frame …   zeros or old bytes          this one is being written
//! spare-0000000000000003        ready to be the next segment, and the reserve for when the disk is full
//! snapshot-<index>-<term>       the state machine as of that entry
//! ```
//!
//! A segment has a fixed size, and every block of it was written before it came into use. So a write changes neither
//! the file's size nor its block map, and is durable after **one** flush of the device. On files that grow, it takes
//! two.
//!
//! # The run of a write
//!
//! 1. [`stage`](crate::StorageWriter::stage) checks a Ready and appends it to a buffer as one **frame**: the hard
//!    state, the entries, a snapshot's mark. A segment that is full is left before that (see below). A snapshot from
//!    the leader is saved as a file first.
//! 2. [`sync`](crate::StorageWriter::sync) writes the buffer with one call, and flushes: however many Readys were staged,
//!    they share it (group commit). Then, not before, readers see what was staged.
//! 3. If either fails, the log is **given up**: the kernel may drop what it could not write and report success the next
//!    time, so nothing is tried again in this life of the storage. The next one writes again what was in doubt.
//!
//! A frame holds a whole Ready or nothing of it counts: its checksum covers all of it. It also says how much of the
//! segment was **durable** when it was written, which is what tells damage from a write that was cut off.
//!
//! # Going on in the next segment
//!
//! The order is what makes it safe: all of the old segment is durable; then the spare gets its header, which says where
//! the old one ends; then its name, and the directory is flushed; then the old one is sealed; then the first frame goes
//! into the new one. A thread (`housekeeping`) makes a spare of an old segment when a snapshot sets one free. If there is
//! none when a segment is half full, it writes one of zeros, which is dear. Frames of an earlier life of the file do no
//! harm: a frame names its segment, and checksums start from the log's id and the segment's number.
//!
//! # Compaction
//!
//! A snapshot is a file that gets its name when it is durable, and counts when a frame says so. Only when that frame is
//! durable are the segments before the first one needed cleared away, whole, oldest first. One older snapshot stays.
//!
//! # Recovery
//!
//! Opening replays the segments, and `recovery` concludes, for the first frame that is not good:
//!
//! - in a segment that has a successor: before its end, **damage**;
//! - in the last one: if a later frame says that it was durable, **damage**; else a **torn tail**, which was never
//!   acknowledged. It is overwritten, and what precedes it is flushed, before anything new is written.
//!
//! Damage is refused, with file and offset. A node must not start from the rest: it would have forgotten votes and
//! entries that others count on.
//!
//! # What is not here
//!
//! No repair of damage: the other nodes have the log. No compression, no encryption. One log a directory: many groups
//! in one process each flush by themselves.

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
mod snapshot_file;
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
