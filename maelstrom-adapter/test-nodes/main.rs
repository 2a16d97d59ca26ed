//! A small lin-kv cluster that tests the workbench: correct by default, wrong in a known way on demand.
//!
//! One node is the primary and holds the store; the others forward to it. With `--rotate-ms` the primary
//! hands its store to the next node from time to time. This is no consensus: while a partition or a
//! pause keeps the primary away, the cluster waits. With `--data-dir` a node that was killed goes on where
//! it was.
//!
//! `--bug NAME` plants one mistake:
//!
//! - `local-reads`: nodes answer reads from their own copy, which lags behind.
//! - `early-ack`: the primary confirms a change before it is made, and forgets it when it hands over.
//! - `cas-not-atomic`: a compare-and-set compares now and sets later.
//! - `applied-twice`: a forwarded change is sent again, and the primary makes it again.
//! - `lost-on-leader-change`: the primary hands over a copy that misses the last changes.
//! - `forgets-all`: a node keeps nothing in its directory.
//! - `forgets-hand-over`: a node keeps the store while it is the primary, but not that it gave that office away;
//!   as if a Raft node kept its log and forgot its vote.

mod memory;
mod node;
mod store;

use std::io::{BufRead as _, BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use crossbeam_channel::{Receiver, RecvTimeoutError};

use memory::MemoryFile;
use node::Node;

#[derive(Parser)]
struct Options {
    /// The mistake to make.
    #[arg(long, value_enum)]
    bug: Option<Bug>,
    /// Every so many milliseconds the next node becomes the primary [default: never, or 300 with a bug
    /// that needs it].
    #[arg(long)]
    rotate_ms: Option<u64>,
    /// Where the node keeps what it must remember when it is killed [default: nowhere].
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bug {
    LocalReads,
    EarlyAck,
    CasNotAtomic,
    AppliedTwice,
    LostOnLeaderChange,
    ForgetsAll,
    ForgetsHandOver,
}

/// How often the node looks at its clock.
const TICK: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let options = Options::parse();
    let needs_rotation = matches!(options.bug, Some(Bug::LostOnLeaderChange | Bug::ForgetsHandOver));
    let default_rotation = needs_rotation.then_some(300);
    let rotation = options.rotate_ms.or(default_rotation).map(Duration::from_millis);
    let (sender, lines) = crossbeam_channel::unbounded();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let directory = options.data_dir.filter(|_| options.bug != Some(Bug::ForgetsAll));
    let memory = directory.map(|directory| MemoryFile::in_directory(&directory));
    match serve(&lines, Node::new(options.bug, rotation), memory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Answers lines until stdin ends.
fn serve(lines: &Receiver<String>, mut node: Node, mut memory: Option<MemoryFile>) -> std::io::Result<()> {
    if let Some(memory) = &memory {
        node.recall(memory.load()?);
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut next_tick = Instant::now();
    loop {
        match lines.recv_deadline(next_tick) {
            Ok(line) => {
                node.receive(&line);
                lines.try_iter().for_each(|line| node.receive(&line));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if Instant::now() >= next_tick {
            node.tick(Instant::now());
            next_tick = Instant::now() + TICK;
        }
        if let Some(file) = &mut memory
            && let Some(memory) = node.memory()
        {
            file.save(&memory)?;
        }
        for line in node.drain() {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
    }
}
