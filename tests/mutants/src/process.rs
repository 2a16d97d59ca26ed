//! Running a program that may never end, or take all memory.

use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How a program ended, and what it said.
pub(crate) struct Ended {
    /// `None` if its time was over.
    pub(crate) status: Option<ExitStatus>,
    /// Both of its outputs.
    pub(crate) output: String,
    pub(crate) took: Duration,
}

/// A mutant that takes more is as good as one that crashes. On a machine without this bound, it gets what there is.
#[cfg(target_os = "linux")]
const MEMORY_BYTES: u64 = 4 << 30;

/// How often a program is looked after that has not ended yet.
const GLANCE: Duration = Duration::from_millis(20);

/// Runs `command` to its end, but no longer than `limit`.
pub(crate) fn run_bounded(command: &mut Command, limit: Duration) -> io::Result<Ended> {
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    bound_memory(&child);
    // On threads of their own: a program whose output nobody reads would stand still.
    let outputs = [collect(child.stdout.take()), collect(child.stderr.take())];
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begin.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(GLANCE);
    };
    let output = outputs.map(|output| output.join().unwrap_or_default()).concat();
    Ok(Ended { status, output, took: begin.elapsed() })
}

fn collect(source: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            // What was read before an error is kept.
            let _ = source.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(target_os = "linux")]
fn bound_memory(child: &Child) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(MEMORY_BYTES), maximum: Some(MEMORY_BYTES) };
    // If it cannot be bound, or has ended already, the time still is.
    let _ = prlimit(Some(Pid::from_child(child)), Resource::As, limit);
}

#[cfg(not(target_os = "linux"))]
fn bound_memory(_: &Child) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_that_never_ends_is_ended() {
        let ended = run_bounded(Command::new("sleep").arg("1000"), Duration::from_millis(50)).unwrap();
        assert!(ended.status.is_none());
    }

    #[test]
    fn program_that_ends_is_told_by_its_status_and_both_outputs() {
        let mut command = Command::new("sh");
        let ended =
            run_bounded(command.args(["-c", "echo one; echo two >&2; exit 3"]), Duration::from_secs(60));
        let ended = ended.unwrap();
        assert_eq!(ended.status.and_then(|status| status.code()), Some(3));
        assert_eq!(ended.output, "one\ntwo\n");
    }
}
