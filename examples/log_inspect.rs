//! What a log on disk holds: segments, snapshots, and whether it can be opened.
//!
//! It only reads, so it works on a log that is damaged, and on one that a node has open.
//!
//! Run it with `cargo run --example log_inspect -- DIRECTORY`. Without a directory it makes a small log of its own,
//! breaks it, and shows both. Ends with status 1 if the log of `DIRECTORY` cannot be opened.
#![expect(clippy::print_stdout, reason = "it is there to be watched")]

use std::{
    error::Error,
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use quorate::{
    DiskOptions, DiskStorage, Entries, Entry, EntryId, HardState, LogIndex, Membership, NodeId, Ready,
    StorageWriter as _, Term,
    storage::disk::{Inspection, SegmentReport, SegmentVerdict, SnapshotReport, inspect},
};
use slog::{Discard, Logger, o};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        show_a_log_and_break_it()?;
        return Ok(ExitCode::SUCCESS);
    };
    let inspection = inspect(&directory)?;
    print(&inspection);
    Ok(if inspection.log.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print(inspection: &Inspection) {
    for segment in &inspection.segments {
        print_segment(segment);
    }
    for snapshot in &inspection.snapshots {
        print_snapshot(snapshot);
    }
    for other in &inspection.others {
        println!("{}\n  not in use", name(other));
    }
    println!();
    match &inspection.log {
        Err(error) => println!("this log cannot be opened: {error}"),
        Ok(log) => {
            println!("log {:016x}: entries {} to {}", log.incarnation, log.first, log.last);
            println!("  {}", hard_state(log.hard_state));
            match log.snapshot {
                Some(last) => println!("  snapshot {last}, {}", log.membership),
                None => println!("  no snapshot, founded with {}", log.membership),
            }
            println!("  {}", if log.is_closed { "closed" } else { "in use, or left by a crash" });
        }
    }
}

fn print_segment(segment: &SegmentReport) {
    println!("{}", name(&segment.path));
    if !matches!(segment.verdict, SegmentVerdict::Damaged(_)) || segment.frames > 0 {
        println!("  {} frames up to offset {}", segment.frames, segment.end);
        println!("  {}", hard_state(segment.hard_state));
    }
    // Most segments hold one term or two; one from a time of many elections would fill the screen.
    const RUNS_MAX: usize = 10;
    for (first, last) in segment.runs.iter().take(RUNS_MAX) {
        println!("  entries {} to {} of term {}", first.index, last.index, first.term);
    }
    if let Some(more) = segment.runs.len().checked_sub(RUNS_MAX).filter(|&more| more > 0) {
        println!("  and {more} more runs of entries");
    }
    println!("  {}", segment.verdict);
}

fn print_snapshot(snapshot: &SnapshotReport) {
    println!("{}", name(&snapshot.path));
    match &snapshot.bytes {
        Ok(bytes) => println!("  {bytes} bytes, up to entry {}\n  good", snapshot.last),
        Err(error) => println!("  DAMAGED: {error}"),
    }
}

fn hard_state(hard_state: HardState) -> String {
    let vote = hard_state.vote.map_or("nobody".to_owned(), |node| node.to_string());
    format!("term {}, voted for {vote}, committed up to {}", hard_state.term, hard_state.commit)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn show_a_log_and_break_it() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("log_inspect-{}", std::process::id()));
    let result = write_a_log(&directory).and_then(|()| {
        println!("A log, closed:\n");
        print(&inspect(&directory)?);
        damage(&directory)?;
        println!("\nThe same log, after a byte of an acknowledged entry has changed:\n");
        print(&inspect(&directory)?);
        Ok(())
    });
    fs::remove_dir_all(&directory)?;
    result
}

fn write_a_log(directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut options = DiskOptions::default();
    options.segment_bytes = 64 << 10;
    let founders = Membership::of_voters([1, 2, 3].map(NodeId));
    let mut storage = DiskStorage::open(directory, founders.clone(), options, Logger::root(Discard, o!()))?;
    for index in 1..=100 {
        let term = 1 + index / 60;
        let entry = Entry::command(EntryId::new(term, index), vec![b'x'; 1000]);
        let hard_state =
            HardState { term: Term(term), vote: Some(NodeId(2)), commit: LogIndex(index.saturating_sub(1)) };
        storage.write(&Ready {
            entries: vec![Entries::try_from(vec![entry])?],
            hard_state: Some(hard_state),
            must_sync: true,
            ..Ready::default()
        })?;
    }
    let write = Box::new(|output: &mut dyn io::Write| output.write_all(b"the state machine"));
    let snapshot = storage.snapshot_saver().save(EntryId::new(2, 90), founders, write)?;
    storage.compact(snapshot, 10)?;
    Ok(())
}

/// Changes a byte in the last segment, behind its header and its first frame's.
fn damage(directory: &Path) -> Result<(), Box<dyn Error>> {
    let inspection = inspect(directory)?;
    let segment = inspection.segments.last().ok_or("the log has no segment")?;
    let file = fs::OpenOptions::new().read(true).write(true).open(&segment.path)?;
    const OFFSET: u64 = 4096 + 500;
    let mut byte = [0];
    file.read_exact_at(&mut byte, OFFSET)?;
    file.write_all_at(&[byte[0] ^ 1], OFFSET)?;
    Ok(())
}
