//! Many simulations, on several threads. Each of them is single-threaded, so that the threads change nothing.

use std::{
    io::{self, Write},
    path::Path,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use quorate::simulation::{Report, Violation};

use crate::{
    attempt::{Simulate, Times, attempt},
    cases::{Case, Cases},
    finding::Finding,
    progress::Progress,
    summary::Summary,
};

/// Every so many seeds are run twice, to see that they come to the same.
const TWICE: u64 = 50;
/// After so many violations no more seeds are begun.
const VIOLATIONS_MAX: u64 = 20;
/// How often progress is told while nothing ends.
const PERIOD: Duration = Duration::from_millis(200);

/// Which simulations are run, and how.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which.
    pub cases: Cases,
    /// How many.
    pub limits: Limits,
    /// On how many threads.
    pub jobs: usize,
}

/// When it ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// After so many seeds.
    pub seeds: Option<u64>,
    /// No seed is begun after this time.
    pub time: Option<Duration>,
}

impl Batch {
    /// Runs them, until `stop` says that it is enough. What is found is told on `out`, and goes into a folder each below
    /// `store`.
    ///
    /// # Errors
    /// What was found cannot be told or stored.
    pub fn run(
        &self,
        simulate: Simulate,
        store: &Path,
        stop: &AtomicBool,
        out: &mut dyn Write,
    ) -> Result<Summary, io::Error> {
        let until = self.limits.time.map(|time| Instant::now() + time);
        let (next, is_enough) = (AtomicU64::new(0), AtomicBool::new(false));
        let take = || {
            let is_over = stop.load(Ordering::Relaxed)
                || is_enough.load(Ordering::Relaxed)
                || until.is_some_and(|until| Instant::now() >= until);
            let number = next.fetch_add(1, Ordering::Relaxed);
            let is_wanted = !is_over && self.limits.seeds.is_none_or(|seeds| number < seeds);
            is_wanted.then_some(number)
        };
        let work = |reports: &mpsc::Sender<(Case, Report)>| {
            while let Some(number) = take() {
                let case = self.cases.nth(number);
                let times = if number % TWICE == 0 { Times::Twice } else { Times::Once };
                let report = attempt(simulate, &case.plan(), times, false);
                if reports.send((case, report)).is_err() {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            let (sender, reports) = mpsc::channel();
            for _ in 0..self.jobs {
                let sender = sender.clone();
                scope.spawn(move || work(&sender));
            }
            drop(sender);
            let collected = self.collect(&reports, Store { simulate, path: store }, &is_enough, out);
            is_enough.store(true, Ordering::Relaxed);
            collected
        })
    }

    fn collect(
        &self,
        reports: &mpsc::Receiver<(Case, Report)>,
        store: Store<'_>,
        is_enough: &AtomicBool,
        out: &mut dyn Write,
    ) -> Result<Summary, io::Error> {
        let mut summary = Summary::new();
        let mut progress = Progress::new(self.limits);
        loop {
            match reports.recv_timeout(PERIOD) {
                Ok((case, report)) => {
                    let is_news = summary.add(case, &report);
                    if let Some(violation) = report.violation {
                        progress.pause(|| store.keep(case, violation, is_news, out))?;
                    }
                    is_enough.fetch_or(summary.violations() >= VIOLATIONS_MAX, Ordering::Relaxed);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            progress.show(&summary);
        }
        Ok(summary)
    }
}

/// Where findings go.
#[derive(Clone, Copy)]
struct Store<'a> {
    simulate: Simulate,
    path: &'a Path,
}

impl Store<'_> {
    /// The first violation of a promise is made smaller and kept; others are told.
    fn keep(self, case: Case, violation: Violation, is_news: bool, out: &mut dyn Write) -> io::Result<()> {
        if !is_news {
            return writeln!(out, "\n{case}: {violation}\n  once more: {}", case.replay());
        }
        let finding = Finding::explain(self.simulate, case, violation);
        let folder = self.path.join(case.seed.to_string());
        finding.store(&folder)?;
        writeln!(out, "\n{}", finding.words(&folder))
    }
}
