//! The rounds.

use std::{
    io,
    process::ExitStatus,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use kv::processes::{self, ProcessError, Processes};
use tempfile::TempDir;

use crate::{
    options::CommandLine,
    plan::{Deed, Plan},
    report::Report,
    settle::settle,
    writer::Writer,
};

/// How long a read may take when all servers run, on a machine that is busy with other things too.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// Why a test cannot be run. What servers do wrong is no error, but a violation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Servers cannot be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There is no place for their data.
    #[error("no directory for the servers' data: see that {} can be written ({source})", std::env::temp_dir().display())]
    Directory {
        /// What the system says.
        source: io::Error,
    },
}

/// Runs the test, and tells `say` of each round.
///
/// # Errors
/// [`Error`] if it cannot be run.
pub fn run(options: &CommandLine, seed: u64, say: impl FnMut(&str)) -> Result<Report, Error> {
    let binary = processes::server_binary()?;
    let directory = tempfile::Builder::new()
        .prefix("crash-test-")
        .tempdir()
        .map_err(|source| Error::Directory { source })?;
    let flags = server_flags(options);
    let processes = Processes::new(binary, directory.path().to_owned(), options.nodes, flags)?;
    let writers =
        (1..=options.clients).map(|number| Writer::new(number, processes.clients(), seed)).collect();
    Run { options, seed, say, directory, processes, writers, report: Report::default() }.run()
}

/// What all servers are given. Segments and snapshots are small, so that there are many of them.
fn server_flags(options: &CommandLine) -> Vec<String> {
    let mut flags = vec![
        format!("--tick-ms={}", options.tick_ms),
        "--segment-bytes=262144".to_owned(),
        "--compact-after-bytes=65536".to_owned(),
        "--keep-entries=64".to_owned(),
    ];
    flags.extend(options.broken.map(|fault| format!("--broken={}", fault.name())));
    flags
}

struct Run<'a, Say> {
    options: &'a CommandLine,
    seed: u64,
    say: Say,
    directory: TempDir,
    processes: Processes,
    writers: Vec<Writer>,
    report: Report,
}

impl<Say: FnMut(&str)> Run<'_, Say> {
    fn run(mut self) -> Result<Report, Error> {
        for id in 1..=self.options.nodes {
            self.processes.start(id)?;
        }
        while self.report.rounds < self.options.rounds && self.report.violations.is_empty() {
            self.report.rounds += 1;
            self.round()?;
        }
        drop(self.processes);
        if self.options.keep || !self.report.violations.is_empty() {
            self.report.kept = Some(self.directory.keep());
        }
        Ok(self.report)
    }

    fn round(&mut self) -> Result<(), Error> {
        let (round, rounds) = (self.report.rounds, self.options.rounds);
        let plan = Plan::draw(self.seed, round, self.options.nodes);
        let before = self.report.acknowledged;
        self.play(&plan)?;
        self.check();
        self.report.kills += plan.kills();
        self.report.acknowledged = self.writers.iter().map(Writer::acknowledged).sum();
        let acknowledged = self.report.acknowledged - before;
        (self.say)(&format!("round {round} of {rounds}: {plan}; acknowledged {acknowledged}"));
        Ok(())
    }

    /// Kills and starts servers, while clients write.
    fn play(&mut self, plan: &Plan) -> Result<(), Error> {
        let stop = AtomicBool::new(false);
        let (processes, writers) = (&mut self.processes, &mut self.writers);
        let ended = &mut self.report.violations;
        let (played, findings) = thread::scope(|scope| {
            let work = |writer| scope.spawn(|| Writer::work(writer, &stop));
            let workers: Vec<_> = writers.iter_mut().map(work).collect();
            let played = plan.steps.iter().try_for_each(|step| {
                thread::sleep(step.after);
                carry_out(processes, &step.deed, ended)
            });
            stop.store(true, Ordering::Relaxed);
            let ends: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
            (played, ends)
        });
        for end in findings {
            match end {
                Ok(Ok(())) => {}
                Ok(Err(finding)) => self.report.violations.push(finding.to_string()),
                Err(_) => self.report.violations.push("a client of this test has panicked".to_owned()),
            }
        }
        Ok(played?)
    }

    /// All servers run: they must agree, and hold what they may.
    fn check(&mut self) {
        let violations = &mut self.report.violations;
        for writer in &mut self.writers {
            violations.extend(writer.check(READ_PATIENCE).err().map(|finding| finding.to_string()));
        }
        // Servers that have lost something may never agree.
        if violations.is_empty() {
            violations.extend(settle(self.processes.clients()).err().map(|unsettled| unsettled.to_string()));
        }
        for (id, status) in self.processes.ended() {
            violations.push(ended_by_itself(id, status));
        }
    }
}

/// Does it, and notes servers that were to be killed and had ended before.
fn carry_out(
    processes: &mut Processes,
    deed: &Deed,
    violations: &mut Vec<String>,
) -> Result<(), ProcessError> {
    match deed {
        Deed::Kill(servers) => {
            let ends = servers.iter().filter_map(|id| Some((*id, processes.kill(*id)?)));
            violations.extend(ends.map(|(id, status)| ended_by_itself(id, status)));
        }
        Deed::Start(servers) => servers.iter().try_for_each(|id| processes.start(*id))?,
    }
    Ok(())
}

fn ended_by_itself(id: u64, status: ExitStatus) -> String {
    format!("n{id} has ended by itself ({status}): its log says why")
}
