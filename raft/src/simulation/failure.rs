//! A simulation in which a promise was broken: what was broken, how little it takes, and how to see it again.

use std::{
    env, fmt, fs,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{plan::Plan, shrink::shrink, simulation::Report, trace, violation::Violation};

/// How many smaller plans are tried at most, and for how long.
const RUNS: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulation in which a promise was broken.
#[derive(Debug)]
pub struct Failure {
    /// What was broken, by the plan that is left.
    pub violation: Violation,
    /// What the seed had planned.
    pub original: Plan,
    /// What of it is enough.
    pub plan: Plan,
    /// How many smaller plans were tried to find that out.
    pub runs: u64,
    /// How the plan that is left went, with its trace.
    pub report: Report,
    /// Where plan and trace were written, if they could be.
    pub directory: Option<PathBuf>,
}

impl Failure {
    /// Finds out what of a plan is enough to break the promise of `violation`. `run` carries out a plan, and keeps records
    /// if it is told to. Nothing is written.
    pub fn explain(original: Plan, violation: Violation, run: &dyn Fn(&Plan, bool) -> Report) -> Self {
        let until = Instant::now() + PATIENCE;
        let shrunk = shrink(original.clone(), violation, RUNS, |plan| {
            if Instant::now() < until { run(plan, false).violation } else { None }
        });
        let report = run(&shrunk.plan, true);
        let violation = match &report.violation {
            Some(violation) => violation.clone(),
            None => {
                let message = format!("once the plan went well, and once not: {}", shrunk.violation);
                Violation { promise: Violation::DETERMINISM, message, ..shrunk.violation }
            }
        };
        let (plan, runs) = (shrunk.plan, shrunk.runs);
        Self { violation, original, plan, runs, report, directory: None }
    }

    /// Stores it where Cargo builds, as well as that can be done.
    pub(super) fn keep(mut self) -> Self {
        let directory = directory_of(self.original.seed);
        self.directory = self.store(&directory).is_ok().then_some(directory);
        self
    }

    /// Writes into a directory what shows the failure: the plans (`plan.json`, `original.json`) and what happened
    /// (`trace.html`, `trace.txt`, `trace.script`).
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn store(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        fs::write(directory.join("plan.json"), serde_json::to_vec_pretty(&self.plan)?)?;
        fs::write(directory.join("original.json"), serde_json::to_vec_pretty(&self.original)?)?;
        fs::write(directory.join("trace.html"), trace::html(&self.plan, &self.report))?;
        fs::write(directory.join("trace.script"), trace::script(&self.report.trace))?;
        let mut file = BufWriter::new(fs::File::create(directory.join("trace.txt"))?);
        write!(file, "{}", self.report.trace)?;
        file.flush()
    }

    /// The command that does it again: this program, or this test, with the seed.
    #[must_use]
    pub fn replay(&self) -> String {
        let seed = self.original.seed;
        match test_name() {
            Some(test) => format!("QUORATE_SEED={seed} cargo test {test}"),
            None => format!("QUORATE_SEED={seed} {}", env::args().collect::<Vec<_>>().join(" ")),
        }
    }
}

/// The test that this is, if it is one: the test runner names a test's thread after it.
fn test_name() -> Option<String> {
    thread::current().name().filter(|name| *name != "main").map(str::to_owned)
}

/// Where to write what shows a failure: `target/simulation/17`, or `target/simulation/tests.transfers/17` in a test, since
/// others may fail at the same time.
fn directory_of(seed: u64) -> PathBuf {
    let directory = build_directory().join("simulation");
    let directory = match test_name() {
        Some(test) => directory.join(test.replace("::", ".")),
        None => directory,
    };
    directory.join(seed.to_string())
}

/// Where Cargo builds, if it has built this program; or else where it would.
fn build_directory() -> PathBuf {
    let is_built_in = |directory: &&Path| directory.join("CACHEDIR.TAG").exists();
    let found =
        env::current_exe().ok().and_then(|path| path.ancestors().find(is_built_in).map(Path::to_owned));
    found.unwrap_or_else(|| "target".into())
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { violation, original, plan, runs, .. } = self;
        let (planned, left) = (original.actions.len(), plan.actions.len());
        writeln!(f, "{violation}")?;
        writeln!(
            f,
            "  seed {}, {}: shrunk from {planned} actions to {left} in {runs} runs",
            plan.seed, plan.profile
        )?;
        let (nodes, clients) = (plan.voters + plan.learners + plan.spares, plan.clients.count);
        writeln!(f, "  nodes: {nodes}, clients: {clients}; what happens:")?;
        for planned in &plan.actions {
            writeln!(f, "    {:>9.3} s  {}", planned.at.as_secs_f64(), planned.action)?;
        }
        if let Some(directory) = &self.directory {
            writeln!(f, "  look at it: {}", directory.join("trace.html").display())?;
        }
        write!(f, "  run it again: {}", self.replay())
    }
}
