//! One life of a node: a process, the threads at its pipes, and its end.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::launch;
use super::pipes::{self, Inbox, Outbox, Speaker};

/// What a node is run from.
#[derive(Debug, Clone)]
pub(super) struct NodeProgram {
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<String>,
    /// The flag with which it takes a directory, if it gets one.
    pub(super) data_directory_flag: Option<String>,
    pub(super) is_stderr_shown: bool,
}

/// While a node is paused this many messages wait for it beyond what fits into its pipe, and further
/// ones are lost. Maelstrom does the same, with the same number.
const MESSAGES_FOR_PAUSED_MAX: usize = 10;

/// How often we look whether a process has ended.
const POLL: Duration = Duration::from_millis(2);

/// A process that runs a node.
pub(super) struct Process {
    child: Child,
    /// The thread that writes the log; it ends with the node's stderr.
    log_keeper: Option<JoinHandle<()>>,
    outbox: Arc<Outbox>,
    /// Messages since the last flush.
    unsent: Vec<u8>,
    unsent_count: usize,
    is_paused: bool,
}

impl Process {
    /// Starts a process that ends with the calling thread. Its stderr goes to `log`.
    ///
    /// # Errors
    /// The operating system's.
    pub(super) fn start(
        program: &NodeProgram,
        data_directory: &Path,
        speaker: Speaker,
        log: File,
        inbox: &Arc<Inbox>,
    ) -> std::io::Result<Self> {
        let mut command = launch::node_command(&program.binary, &program.arguments)?;
        if let Some(flag) = &program.data_directory_flag {
            command.arg(flag).arg(data_directory);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let outbox = Arc::new(Outbox::default());
        if let Some(stdin) = child.stdin.take() {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || pipes::fill_stdin(stdin, &outbox));
        }
        if let Some(stdout) = child.stdout.take() {
            let inbox = Arc::clone(inbox);
            thread::spawn(move || pipes::read_stdout(stdout, speaker, &inbox));
        }
        let is_shown = program.is_stderr_shown;
        let stderr = child.stderr.take();
        let log_keeper =
            stderr.map(|stderr| thread::spawn(move || pipes::keep_stderr(stderr, speaker, log, is_shown)));
        Ok(Self { child, log_keeper, outbox, unsent: Vec::new(), unsent_count: 0, is_paused: false })
    }

    /// Queues a line; `flush` sends it.
    pub(super) fn send(&mut self, line: &[u8]) {
        if self.is_paused && self.outbox.waiting() + self.unsent_count >= MESSAGES_FOR_PAUSED_MAX {
            return;
        }
        self.unsent.extend_from_slice(line);
        self.unsent_count += 1;
    }

    /// Hands everything queued to the writer.
    pub(super) fn flush(&mut self) {
        if !self.unsent.is_empty() {
            self.outbox.append(&mut self.unsent, std::mem::take(&mut self.unsent_count));
        }
    }

    /// Stops the process where it stands.
    pub(super) fn pause(&mut self) {
        self.is_paused = true;
        self.signal(Signal::STOP);
    }

    /// Lets it go on if it was paused.
    pub(super) fn resume(&mut self) {
        self.is_paused = false;
        self.signal(Signal::CONT);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Kills the process, without waiting until it is gone: a write to its disk may hold it.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.unsent.clear();
        self.unsent_count = 0;
        self.outbox.close();
    }

    /// Closes the process's stdin once everything is written, which asks it to end by itself.
    pub(super) fn ask_to_end(&mut self) {
        self.resume();
        self.outbox.close();
    }

    /// Kills the process, and waits until it is gone.
    pub(super) fn end(&mut self) {
        self.kill();
        // An error means that it is gone already.
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        // A process that is gone needs no signal; that it is gone is reported by its reader.
        let _ = kill_process(pid, signal);
    }

    /// How the process ended, if it does so in time.
    pub(super) fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until everything the node wrote to its stderr is in its log.
    pub(super) fn wait_for_log(&self, deadline: Instant) {
        let is_writing = |keeper: &JoinHandle<()>| !keeper.is_finished();
        while self.log_keeper.as_ref().is_some_and(is_writing) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}
