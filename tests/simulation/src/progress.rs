//! What is told while simulations run: a line that changes, on a terminal; elsewhere a line now and then.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{batch::Limits, summary::Summary};

/// How often a line is printed where it cannot change.
const PLAIN: Duration = Duration::from_secs(30);

/// What is told while simulations run.
pub struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    /// When the last plain line was printed.
    told: Instant,
}

impl Progress {
    /// Nothing has run yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self { bar: io::stderr().is_terminal().then(|| bar(limits)), began: now, told: now }
    }

    /// So much has run.
    pub fn show(&mut self, summary: &Summary) {
        let elapsed = self.began.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(summary.seeds());
            bar.set_message(words(summary, elapsed));
        } else if self.told.elapsed() >= PLAIN {
            self.told = Instant::now();
            eprintln!("{} seeds, {}", summary.seeds(), words(summary, elapsed));
        }
    }

    /// Makes room for something that is printed.
    pub fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(limits: Limits) -> ProgressBar {
    let (bar, template) = match limits.seeds {
        Some(seeds) => (ProgressBar::new(seeds), "{bar:24} {pos}/{len} seeds, {msg}"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} seeds, {msg}"),
    };
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn words(summary: &Summary, elapsed: Duration) -> String {
    let (seconds, simulated) = (elapsed.as_secs_f64().max(0.001), summary.simulated().as_secs_f64());
    let mut words = format!("{:.1}/s, ", summary.seeds() as f64 / seconds);
    let (hours, times, faults) = (simulated / 3600.0, simulated / seconds, summary.faults());
    let _ = write!(words, "{hours:.1} h simulated, {times:.0} × real time, {faults} faults");
    if summary.violations() > 0 {
        let _ = write!(words, ", {} violations", summary.violations());
    }
    words
}
