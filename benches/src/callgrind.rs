//! Counts the instructions of a function, by running a program under callgrind: the same each time, on any machine.
//!
//! Callgrind is a tool of valgrind. It executes the program instruction by instruction, about fifty times more slowly,
//! and counts only inside of the function that it is told to look at.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::Failure;

/// Whether there is a valgrind to run.
#[must_use]
pub fn is_installed() -> bool {
    let mut command = Command::new("valgrind");
    command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// How to install it.
pub const REMEDY: &str = "install valgrind, on Debian by `apt-get install valgrind`";

/// Runs a program under callgrind; how many instructions it executed in the functions whose names contain `function`,
/// and in all that they called. None of them may call another.
///
/// # Errors
/// If valgrind or the program failed, or there is no such function.
pub fn count<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    function: &str,
) -> Result<u64, Failure> {
    let profile = std::env::temp_dir().join(format!("callgrind.out.{}", std::process::id()));
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--toggle-collect=*{function}*"));
    command.arg(format!("--callgrind-out-file={}", profile.display()));
    command.arg("--quiet").arg(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot run valgrind, {REMEDY}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = fs::read_to_string(&profile)?;
    fs::remove_file(&profile)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals:"));
    match total.and_then(|count| count.trim().parse().ok()) {
        None | Some(0) => Err(format!("no function is called like {function}: was it inlined?").into()),
        Some(count) => Ok(count),
    }
}
