//! The node processes: started, written to, paused, and never left behind.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::Error;
use super::launch;
use super::pipes::{self, FromNode, Inbox, Outbox};

/// What a node is run from.
#[derive(Debug, Clone)]
pub(super) struct NodeProgram {
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) is_stderr_shown: bool,
}

/// While a node is paused this many messages wait for it beyond what fits into its pipe, and further
/// ones are lost. Maelstrom does the same, with the same number.
const MESSAGES_FOR_PAUSED_MAX: usize = 10;

/// How long nodes have to end by themselves once their stdin is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often we look whether a process has ended.
const POLL: Duration = Duration::from_millis(2);

/// All node processes.
pub(super) struct Cluster {
    nodes: Vec<Node>,
    inbox: Arc<Inbox>,
}

struct Node {
    process: Child,
    log_path: PathBuf,
    /// The thread that writes the log; it ends with the node's stderr.
    log_keeper: Option<JoinHandle<()>>,
    outbox: Arc<Outbox>,
    /// Messages since the last flush.
    unsent: Vec<u8>,
    unsent_count: usize,
    is_paused: bool,
}

impl Cluster {
    /// Starts `count` nodes. They end with the calling thread.
    pub(super) fn start(program: &NodeProgram, count: usize, log_directory: &Path) -> Result<Self, Error> {
        let mut cluster = Self { nodes: Vec::with_capacity(count), inbox: Arc::default() };
        for node in 0..count {
            let log_path = log_directory.join(format!("n{node}.log"));
            let started = Node::start(program, node, count, log_path, &cluster.inbox)?;
            cluster.nodes.push(started);
        }
        Ok(cluster)
    }

    /// What nodes have written; waits for something until `deadline`.
    pub(super) fn news(&self, deadline: Instant) -> Vec<FromNode> {
        self.inbox.take(deadline)
    }

    /// Queues a line for a node; `flush` sends it.
    pub(super) fn send(&mut self, node: usize, line: &[u8]) {
        let node = &mut self.nodes[node];
        if node.is_paused && node.outbox.waiting() + node.unsent_count >= MESSAGES_FOR_PAUSED_MAX {
            return;
        }
        node.unsent.extend_from_slice(line);
        node.unsent_count += 1;
    }

    /// Hands everything queued to the writers.
    pub(super) fn flush(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| !node.unsent.is_empty()) {
            node.outbox.append(&mut node.unsent, std::mem::take(&mut node.unsent_count));
        }
    }

    /// Stops a node where it stands.
    pub(super) fn pause(&mut self, node: usize) {
        self.nodes[node].is_paused = true;
        self.nodes[node].signal(Signal::STOP);
    }

    /// Lets a paused node go on.
    pub(super) fn resume(&mut self, node: usize) {
        self.nodes[node].is_paused = false;
        self.nodes[node].signal(Signal::CONT);
    }

    /// How a node that closed its stdout ended; it is killed if it lives on regardless.
    pub(super) fn burial(&mut self, node: usize) -> String {
        let deadline = Instant::now() + Duration::from_millis(500);
        let node = &mut self.nodes[node];
        let status = node.wait_until(deadline);
        node.wait_for_log(deadline);
        match status {
            Some(status) => status.to_string(),
            None => "it closed its stdout but goes on running".to_owned(),
        }
    }

    /// The last lines a node wrote to its stderr.
    pub(super) fn last_words(&self, node: usize) -> String {
        const LINES: usize = 20;
        let bytes = std::fs::read(&self.nodes[node].log_path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        match lines.len() {
            0 => "(it wrote nothing)".to_owned(),
            count => lines[count.saturating_sub(LINES)..].join("\n"),
        }
    }

    /// Asks all nodes to end by closing their stdin, and ends those that do not.
    pub(super) fn shut_down(&mut self) {
        for node in &mut self.nodes {
            node.signal(Signal::CONT);
            node.outbox.close();
        }
        let deadline = Instant::now() + FAREWELL;
        for node in &mut self.nodes {
            if node.wait_until(deadline).is_none() {
                node.kill();
            }
            node.wait_for_log(deadline);
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }
}

impl Node {
    fn start(
        program: &NodeProgram,
        node: usize,
        count: usize,
        log_path: PathBuf,
        inbox: &Arc<Inbox>,
    ) -> Result<Self, Error> {
        let failed = |source| Error::Start { node: format!("n{node}"), source };
        let log =
            File::create(&log_path).map_err(|source| Error::Store { path: log_path.clone(), source })?;
        let mut process = launch::node_command(&program.binary, &program.arguments)
            .and_then(|mut command| {
                command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
            })
            .map_err(failed)?;
        let outbox = Arc::new(Outbox::default());
        if let Some(stdin) = process.stdin.take() {
            let outbox = Arc::clone(&outbox);
            thread::spawn(move || pipes::fill_stdin(stdin, &outbox));
        }
        if let Some(stdout) = process.stdout.take() {
            let inbox = Arc::clone(inbox);
            thread::spawn(move || pipes::read_stdout(stdout, node, count, &inbox));
        }
        let is_shown = program.is_stderr_shown;
        let stderr = process.stderr.take();
        let log_keeper =
            stderr.map(|stderr| thread::spawn(move || pipes::keep_stderr(stderr, node, log, is_shown)));
        Ok(Self {
            process,
            log_path,
            log_keeper,
            outbox,
            unsent: Vec::new(),
            unsent_count: 0,
            is_paused: false,
        })
    }

    fn signal(&self, signal: Signal) {
        let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) else { return };
        // A process that is gone needs no signal; that it is gone is reported by its reader.
        let _ = kill_process(pid, signal);
    }

    fn wait_until(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(POLL);
        }
    }

    /// Waits until everything the node wrote to its stderr is in its log.
    fn wait_for_log(&self, deadline: Instant) {
        let is_writing = |keeper: &JoinHandle<()>| !keeper.is_finished();
        while self.log_keeper.as_ref().is_some_and(is_writing) && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }

    fn kill(&mut self) {
        self.outbox.close();
        // An error means that it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
