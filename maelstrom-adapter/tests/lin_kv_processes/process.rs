//! A `lin-kv` process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
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
    Command::new(env!("CARGO_BIN_EXE_lin-kv"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Process {
    /// Starts one; `on_line` gets what it writes, on a thread of its own.
    pub(crate) fn start(mut on_line: impl FnMut(Value) + Send + 'static) -> Self {
        let mut child = spawn();
        let (stdin, stdout, mut stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stdout.unwrap()).lines() {
                // A line that is not JSON fails the test, as the replies behind it do not come.
                on_line(serde_json::from_str(&line.unwrap()).unwrap());
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
