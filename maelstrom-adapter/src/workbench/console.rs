//! What people see: a live line while the run goes on, and the report at its end. All printing is here.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::nemesis::Nemesis;
use super::record::Outcome;

/// The live line, on stderr.
pub(super) struct Progress {
    start: Instant,
    next: Instant,
    is_terminal: bool,
    ok: u64,
    failed: u64,
    unknown: u64,
}

impl Progress {
    pub(super) fn new(start: Instant) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let mut progress = Self { start, next: start, is_terminal, ok: 0, failed: 0, unknown: 0 };
        progress.next += progress.interval();
        progress
    }

    fn interval(&self) -> Duration {
        if self.is_terminal { Duration::from_millis(250) } else { Duration::from_secs(5) }
    }

    /// Counts an operation that has its outcome.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok(_) => self.ok += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    /// When the line is to be shown next.
    pub(super) fn next_due(&self) -> Instant {
        self.next
    }

    /// Shows the line if it is due.
    pub(super) fn show(&mut self, now: Instant, nemesis: &Nemesis) {
        if now < self.next {
            return;
        }
        self.next = now + self.interval();
        let seconds = now.duration_since(self.start).as_secs_f64();
        let line = format!(
            "{seconds:7.1} s  ok {}  failed {}  unknown {}  faults: {}",
            self.ok,
            self.failed,
            self.unknown,
            nemesis.in_force()
        );
        // On a terminal the line is written over, and the rest of the old one cleared.
        notice_raw(&if self.is_terminal { format!("\r{line}\x1b[K") } else { format!("{line}\n") });
    }

    /// Leaves the line behind.
    pub(super) fn finish(&self) {
        if self.is_terminal {
            notice_raw("\n");
        }
    }
}

/// Writes a line to stderr.
pub(super) fn notice(text: &str) {
    notice_raw(&format!("{text}\n"));
}

fn notice_raw(text: &str) {
    // Nobody is left to be told if stderr is closed.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes the report to stdout.
pub(super) fn print(report: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(report.as_bytes())?;
    stdout.flush()
}
