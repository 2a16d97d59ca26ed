//! A `lin-kv` process.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

/// Nothing here takes so long, unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for a node to say something that it should not say.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

/// A `lin-kv` process. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: Option<JoinHandle<String>>,
}

/// Starts `lin-kv` with pipes to all three of its streams.
pub(crate) fn spawn() -> Child {
    spawn_with(&[])
}

fn spawn_with(arguments: &[&OsStr]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lin-kv"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Process {
    /// Starts one; `on_line` gets what it writes, on a thread of its own.
    pub(crate) fn start(on_line: impl FnMut(Value) + Send + 'static) -> Self {
        Self::run(spawn(), on_line)
    }

    /// Starts one that keeps its log below `directory`.
    pub(crate) fn start_on(directory: &Path, on_line: impl FnMut(Value) + Send + 'static) -> Self {
        Self::run(spawn_with(&[OsStr::new("--data-dir"), directory.as_os_str()]), on_line)
    }

    fn run(mut child: Child, mut on_line: impl FnMut(Value) + Send + 'static) -> Self {
        let (stdin, stdout, mut stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout.unwrap());
            let mut line = String::new();
            // One that does not end was cut off by a kill.
            while stdout.read_line(&mut line).is_ok() && line.ends_with('\n') {
                // A line that is not JSON fails the test, as the replies behind it do not come.
                on_line(serde_json::from_str(&line).unwrap());
                line.clear();
            }
        });
        let stderr = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self { child, stdin, stderr: Some(stderr) }
    }

    /// Writes bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Writes a message on a line.
    pub(crate) fn send(&mut self, message: &Value) {
        self.write(format!("{message}\n").as_bytes());
    }

    /// Ends its input, waits for its end, and gives what it logged.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        (status, self.stderr.take().unwrap().join().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
