//! The log on disk alone: a batch is staged and synced, beside two others that take turns with it.
//!
//! - `raft-engine`, the log of TiKV, with its own defaults, writing with `sync`. A write is the same entries and the
//!   same hard state; its entries are those of raft-rs, as it wants them.
//! - `write`: as many bytes as our log writes for a batch, written and flushed in a plain file that was written before.
//!   The least that any log can do: 1 is as fast as the disk.
//!
//! The payloads are of random bytes, so that compression, which raft-engine does from 8 KiB on, makes them no fewer.
//! Making the entries is not in the time; encoding them is. A round's value is the median of its writes: a disk of a
//! shared machine now and then makes somebody wait for long. Nothing is compacted.

mod raft_engine;

use std::{
    fmt, fs,
    path::Path,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{DiskStorage, StorageWriter as _};
use quorate_benches::disk::{self, RawFile, frame_bytes};
use rand::{RngCore as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::{
    Failure, Options, machine,
    report::{Better, Comparison, Row, Spread},
};

const ENTRY_BYTES: usize = 256;
const BATCHES: [usize; 3] = [1, 16, 256];
/// How long one side works in a round.
const TURN: Duration = Duration::from_millis(250);
/// The same payloads on each run.
const SEED: u64 = 1;
/// Longer than the largest batch, so that what follows another is not the same.
const POOL_BYTES: usize = 1 << 20;

/// Beside whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    RaftEngine,
    Write,
}

struct Case {
    batch: usize,
    peer: Peer,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = match self.peer {
            Peer::RaftEngine => "raft-engine",
            Peer::Write => "write",
        };
        write!(f, "batch={} peer={peer}", self.batch)
    }
}

/// Measures the time of a synced write, in all cases.
///
/// # Errors
/// If no case is selected, the directory is not on a disk, or somebody could not write.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let of_batch = |batch| [Peer::RaftEngine, Peer::Write].map(|peer| Case { batch, peer });
    options.select(BATCHES.into_iter().flat_map(of_batch))?;
    let file_system = machine::file_system_of(&options.directory);
    if file_system == "tmpfs" {
        return Err(format!("{} is in memory: build on a disk", options.directory.display()).into());
    }
    let directory = options.directory.join(format!("disk-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let rows: Result<Vec<_>, Failure> =
        BATCHES.into_iter().map(|batch| measure(batch, &directory, options)).collect();
    fs::remove_dir_all(&directory)?;
    let mut rows: Vec<_> = rows?.into_iter().flatten().collect();
    rows.retain(|row| options.selects(&row.case));
    let peer = format!("raft-engine {}, and a bare write", machine::version_of("raft-engine"));
    Ok(Comparison { name: "disk", peer, rows, notes: vec![format!("on {file_system}")] })
}

/// All three in turns, for one size of batch.
fn measure(batch: usize, directory: &Path, options: &Options) -> Result<[Row; 2], Failure> {
    let path = |name| directory.join(format!("{name}-{batch}"));
    let mut writers: [Box<dyn Writer>; 3] = [
        Box::new(Log { log: disk::open(&path("log"))?, next: 1 }),
        Box::new(raft_engine::Log::open(&path("raft-engine"))?),
        Box::new(Raw(RawFile::create(&path("raw"))?)),
    ];
    let mut payloads = Payloads::new();
    let row = |peer| Row::new(Case { batch, peer }.to_string(), "µs/write", Better::Lower);
    let mut rows = [Peer::RaftEngine, Peer::Write].map(row);
    let turn = options.turn(TURN);
    // The first files are being prepared, and there may be much else that was not flushed yet.
    time_writes(batch, turn / 2, &mut writers, &mut payloads)?;
    for _ in 0..options.rounds {
        let [ours, raft_engine, raw] = time_writes(batch, turn, &mut writers, &mut payloads)?;
        for (row, theirs) in rows.iter_mut().zip([raft_engine, raw]) {
            row.ours.push(ours);
            row.theirs.push(theirs);
        }
    }
    Ok(rows)
}

/// Writes with each in turn until each has had its time; the median of each, in microseconds.
fn time_writes(
    batch: usize,
    turn: Duration,
    writers: &mut [Box<dyn Writer>; 3],
    payloads: &mut Payloads,
) -> Result<[f64; 3], Failure> {
    let mut times = [const { Vec::new() }; 3];
    let mut round = 0;
    let begin = Instant::now();
    while begin.elapsed() < 3 * turn {
        for step in 0..3 {
            // Forwards and backwards in turn, so that nobody always follows the same one's flush.
            let position = if round % 2 == 0 { step } else { 2 - step };
            let entries: Vec<_> = payloads.take(batch).collect();
            let time = writers[(position + round / 2) % 3].write(entries)?;
            times[(position + round / 2) % 3].push(time.as_secs_f64() * 1e6);
        }
        round += 1;
    }
    Ok(times.map(|times| Spread::of(&times).median))
}

/// Whoever makes entries durable.
trait Writer {
    /// Writes an entry for each of the payloads; how long it took until they were durable.
    fn write(&mut self, payloads: Vec<Bytes>) -> Result<Duration, Failure>;
}

/// The log of this library.
struct Log {
    log: DiskStorage,
    next: u64,
}

impl Writer for Log {
    fn write(&mut self, payloads: Vec<Bytes>) -> Result<Duration, Failure> {
        let count = payloads.len() as u64;
        let ready = disk::ready(self.next, payloads)?;
        self.next += count;
        let begin = Instant::now();
        self.log.write(&ready)?;
        Ok(begin.elapsed())
    }
}

struct Raw(RawFile);

impl Writer for Raw {
    fn write(&mut self, payloads: Vec<Bytes>) -> Result<Duration, Failure> {
        let begin = Instant::now();
        self.0.write(frame_bytes(payloads.len(), ENTRY_BYTES))?;
        Ok(begin.elapsed())
    }
}

/// Random bytes to write, again and again.
struct Payloads {
    pool: Bytes,
    offset: usize,
}

impl Payloads {
    fn new() -> Self {
        let mut pool = vec![0; POOL_BYTES];
        Pcg64Mcg::seed_from_u64(SEED).fill_bytes(&mut pool);
        Self { pool: pool.into(), offset: 0 }
    }

    fn take(&mut self, count: usize) -> impl Iterator<Item = Bytes> {
        (0..count).map(|_| {
            let offset = self.offset;
            // One off each time around, so that the same entry never comes again.
            self.offset = (offset + ENTRY_BYTES) % (POOL_BYTES - ENTRY_BYTES - 1);
            self.pool.slice(offset..offset + ENTRY_BYTES)
        })
    }
}
