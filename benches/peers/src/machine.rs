//! Where and when it was measured, and what: without this a number says nothing.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::SystemTime,
};

use serde::Serialize;

/// The libraries that take part, as the lock file calls them.
const PEERS: &[&str] = &["raft", "raft-engine", "openraft"];

/// What a result depends on beside the code that is measured.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Machine {
    /// When it was measured, in UTC.
    pub date: String,
    /// The commit, marked `-dirty` if the files differ from it.
    pub commit: String,
    /// How many threads run at once.
    pub cores: usize,
    /// The processor.
    pub processor: String,
    /// The operating system's kernel.
    pub kernel: String,
    /// The compiler.
    pub compiler: String,
    /// The peers' libraries, each with its version.
    pub peers: Vec<String>,
}

impl Machine {
    /// This one, now. What cannot be found out is `unknown`.
    #[must_use]
    pub fn of_this_moment() -> Self {
        Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            commit: output_of("git", &["describe", "--always", "--dirty", "--exclude=*"]),
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: processor(),
            kernel: output_of("uname", &["-sr"]),
            compiler: output_of("rustc", &["--version"]),
            peers: PEERS.iter().map(|name| format!("{name} {}", version_of(name))).collect(),
        }
    }

    /// Writes it, for people.
    ///
    /// # Errors
    /// Of `output`.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { date, commit, cores, processor, kernel, compiler, peers } = self;
        writeln!(output, "{date}, commit {commit}")?;
        writeln!(output, "{cores} × {processor}, {kernel}")?;
        writeln!(output, "{compiler}; {}", peers.join(", "))
    }
}

/// The version of a library, as this package was built with it; `unknown` if it was not.
#[must_use]
pub fn version_of(name: &str) -> &'static str {
    let lock: &'static str = include_str!("../Cargo.lock");
    let begin = format!("name = \"{name}\"");
    let mut after = lock.lines().skip_while(|line| *line != begin);
    let version = after.nth(1).and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"'))
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map_or(here.clone(), PathBuf::from)
}

/// The type of the file system that a directory is on; `unknown` if it cannot be found out.
#[must_use]
pub fn file_system_of(directory: &Path) -> String {
    let table = text_of(Command::new("df").arg("--output=fstype").arg(directory).output());
    table.lines().last().map_or_else(|| "unknown".to_owned(), str::to_owned)
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    text_of(Command::new(program).args(arguments).current_dir(repository()).output())
}

fn text_of(output: io::Result<Output>) -> String {
    let text = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    text.map_or_else(|| "unknown".to_owned(), |text| String::from_utf8_lossy(&text).trim().to_owned())
}

fn processor() -> String {
    let description = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = description.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}
