//! The log on disk alone: what it costs beyond the disk itself, and how long it takes to open.
//!
//! A batch is staged and synced; in turn with it, as many bytes are written and flushed in a file that was written
//! before: the least that any log can do. The median ratio of the two is the result, since a disk has no speed of its
//! own on a shared machine. Opening is measured in a process of its own, over a log whose writer was killed.
//!
//! Run it with `cargo bench -p quorate-benches --bench disk_log`. `QUORATE_BENCH_DIRECTORY` says on which disk; the
//! default is the build directory's.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that measures and prints")]

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{DiskStorage, LogIndex, Ready, Storage as _, StorageWriter as _};
use quorate_benches::disk::{self, RawFile, frame_bytes};

const ENTRY_BYTES: usize = 256;
const REOPENED_ENTRIES: u64 = 1_000_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write-and-die", directory] => write_and_die(Path::new(directory)),
        ["reopen", directory] => reopen(Path::new(directory)),
        _ => compare_and_reopen(),
    }
}

fn compare_and_reopen() {
    let parent = std::env::var_os("QUORATE_BENCH_DIRECTORY")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let directory = parent.join(format!("disk_log-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    for (batch, rounds) in [(1, 1000), (16, 800), (256, 400)] {
        compare(&directory, batch, rounds);
    }
    measure_reopening(&directory.join("reopened"));
    fs::remove_dir_all(&directory).unwrap();
}

/// Writes batches to the log and to a plain file in turn.
fn compare(directory: &Path, batch: u64, rounds: u64) {
    let mut log = disk::open(&directory.join(format!("log-{batch}"))).unwrap();
    let mut raw = RawFile::create(&directory.join(format!("raw-{batch}"))).unwrap();
    let bytes = frame_bytes(usize::try_from(batch).unwrap(), ENTRY_BYTES);
    let (mut log_times, mut raw_times) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let ready = ready(round * batch + 1, batch);
        let time_log = |log: &mut DiskStorage| time(|| log.write(&ready).unwrap());
        let time_raw = |raw: &mut RawFile| time(|| raw.write(bytes).unwrap());
        // First one, then the other first, so that neither always follows the other's flush.
        if round % 2 == 0 {
            log_times.push(time_log(&mut log));
            raw_times.push(time_raw(&mut raw));
        } else {
            raw_times.push(time_raw(&mut raw));
            log_times.push(time_log(&mut log));
        }
    }
    // Of each pair, since what else the machine does changes from one second to the next.
    let pairs = raw_times.iter().zip(&log_times).map(|(raw, log)| raw.as_secs_f64() / log.as_secs_f64());
    let mut ratios: Vec<_> = pairs.collect();
    ratios.sort_by(f64::total_cmp);
    let (log, raw) = (median(&mut log_times), median(&mut raw_times));
    println!(
        "batch {batch:>3}: log {:>7.1} µs, pwrite + fdatasync {:>7.1} µs, ratio {:.2}",
        log.as_secs_f64() * 1e6,
        raw.as_secs_f64() * 1e6,
        ratios[ratios.len() / 2]
    );
}

/// `count` entries from index `first` on, with a hard state.
fn ready(first: u64, count: u64) -> Ready {
    let payload = Bytes::from_static(&[b'x'; ENTRY_BYTES]);
    disk::ready(first, (0..count).map(|_| payload.clone())).unwrap()
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn measure_reopening(directory: &Path) {
    let program = std::env::current_exe().unwrap();
    let run = |what: &str| Command::new(&program).arg(what).arg(directory).status().unwrap();
    assert!(run("write-and-die").success());
    // Once with what the kill has left, and once more.
    for _ in 0..2 {
        assert!(run("reopen").success());
    }
}

fn write_and_die(directory: &Path) {
    const BATCH: u64 = 1000;
    let mut log = disk::open(directory).unwrap();
    for first in (1..REOPENED_ENTRIES).step_by(usize::try_from(BATCH).unwrap()) {
        log.write(&ready(first, BATCH)).unwrap();
    }
    // Without closing the log.
    std::process::exit(0);
}

fn reopen(directory: &Path) {
    let start = Instant::now();
    let log = disk::open(directory).unwrap();
    let wall = start.elapsed();
    let (cpu, resident) = (cpu_seconds(), resident_megabytes());
    assert_eq!(black_box(log.reader().last_index().unwrap()), LogIndex(REOPENED_ENTRIES));
    println!(
        "opening {REOPENED_ENTRIES} entries: {cpu:.2} s of CPU, {:.2} s in all, {resident} MB resident",
        wall.as_secs_f64()
    );
    // Without closing the log, so that the next finds the same.
    std::process::exit(0);
}

/// What this thread has used, in user and kernel mode; by the scheduler's clock, which does not count in ticks.
fn cpu_seconds() -> f64 {
    let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    statistics.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn resident_megabytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
