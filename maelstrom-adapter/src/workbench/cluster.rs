//! All nodes, through all their lives: started, told who they are, killed, started again, and never left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::pipes::{FromNode, Inbox, Speaker};
use super::process::{NodeProgram, Process};
use super::store::Store;
use super::wire::init_line;

/// How long nodes have to answer `init`.
pub(super) const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nodes have to end by themselves once their stdin is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// All nodes.
pub(super) struct Cluster {
    program: NodeProgram,
    nodes: Vec<Node>,
    inbox: Arc<Inbox>,
}

struct Node {
    log_path: PathBuf,
    data_directory: PathBuf,
    /// Counted from 1.
    life: u64,
    state: State,
    process: Process,
}

/// Where a node stands in its present life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It was told who it is, and has until then to confirm it.
    Starting {
        deadline: Instant,
    },
    Up,
    Killed,
}

impl Cluster {
    /// Starts `count` nodes and tells them who they are. They end with the calling thread.
    pub(super) fn start(program: NodeProgram, count: usize, store: &Store) -> Result<Self, Error> {
        let mut cluster = Self { program, nodes: Vec::with_capacity(count), inbox: Arc::default() };
        for node in 0..count {
            let name = format!("n{node}");
            let log_path = store.logs().join(format!("{name}.log"));
            let data_directory = store.data().join(name);
            if cluster.program.data_directory_flag.is_some() {
                let failed = |source| Error::Store { path: data_directory.clone(), source };
                fs::create_dir_all(&data_directory).map_err(failed)?;
            }
            let speaker = Speaker { node, node_count: count, life: 1 };
            let process =
                start_process(&cluster.program, &data_directory, speaker, &log_path, &cluster.inbox)?;
            let state = State::Starting { deadline: Instant::now() + INIT_TIMEOUT };
            cluster.nodes.push(Node { log_path, data_directory, life: 1, state, process });
        }
        (0..count).for_each(|node| cluster.tell_who_it_is(node));
        Ok(cluster)
    }

    /// What nodes have written; waits for something until `deadline`.
    pub(super) fn news(&self, deadline: Instant) -> Vec<FromNode> {
        self.inbox.take(deadline)
    }

    /// Queues a line for a node; `flush` sends it. A node that was killed hears nothing.
    pub(super) fn send(&mut self, node: usize, line: &[u8]) {
        let node = &mut self.nodes[node];
        if node.state != State::Killed {
            node.process.send(line);
        }
    }

    /// Hands everything queued to the writers.
    pub(super) fn flush(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.process.flush());
    }

    /// Stops a node where it stands.
    pub(super) fn pause(&mut self, node: usize) {
        self.nodes[node].process.pause();
    }

    /// Lets a paused node go on.
    pub(super) fn resume(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.process.resume();
        if let State::Starting { deadline } = &mut node.state {
            *deadline = Instant::now() + INIT_TIMEOUT;
        }
    }

    /// Kills a node.
    pub(super) fn kill(&mut self, node: usize) {
        let node = &mut self.nodes[node];
        node.process.kill();
        node.state = State::Killed;
    }

    /// Starts a node that was killed on the directory that it has left, and tells it who it is.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn restart(&mut self, node: usize) -> Result<(), Error> {
        let speaker = Speaker { node, node_count: self.nodes.len(), life: self.nodes[node].life + 1 };
        let killed = &mut self.nodes[node];
        // A process holds its files until it is gone.
        killed.process.end();
        let (data_directory, log_path) = (&killed.data_directory, &killed.log_path);
        killed.process = start_process(&self.program, data_directory, speaker, log_path, &self.inbox)?;
        killed.life = speaker.life;
        killed.state = State::Starting { deadline: Instant::now() + INIT_TIMEOUT };
        self.tell_who_it_is(node);
        Ok(())
    }

    /// The `msg_id` of `init` is the number of the node's life.
    fn tell_who_it_is(&mut self, node: usize) {
        let line = init_line(node, self.nodes.len(), self.nodes[node].life);
        self.nodes[node].process.send(line.as_bytes());
    }

    /// Whether a node is in that life, and alive.
    pub(super) fn lives(&self, node: usize, life: u64) -> bool {
        let node = &self.nodes[node];
        node.life == life && node.state != State::Killed
    }

    /// Notes that a node has confirmed who it is. False if it had done so before.
    pub(super) fn confirm(&mut self, node: usize) -> bool {
        let state = &mut self.nodes[node].state;
        let is_starting = matches!(state, State::Starting { .. });
        if is_starting {
            *state = State::Up;
        }
        is_starting
    }

    /// A node that has not confirmed yet who it is, if there is one.
    pub(super) fn any_starting(&self) -> Option<usize> {
        self.nodes.iter().position(|node| matches!(node.state, State::Starting { .. }))
    }

    /// The node that has had the most time to confirm who it is, and until when it may. A node that is paused cannot.
    pub(super) fn next_deadline(&self) -> Option<(Instant, usize)> {
        let deadline = |(number, node): (usize, &Node)| match node.state {
            State::Starting { deadline } if !node.process.is_paused() => Some((deadline, number)),
            State::Starting { .. } | State::Up | State::Killed => None,
        };
        self.nodes.iter().enumerate().filter_map(deadline).min()
    }

    /// How a node that closed its stdout ended.
    pub(super) fn burial(&mut self, node: usize) -> String {
        let deadline = Instant::now() + Duration::from_millis(500);
        let process = &mut self.nodes[node].process;
        let status = process.wait_until(deadline);
        process.wait_for_log(deadline);
        match status {
            Some(status) => status.to_string(),
            None => "it closed its stdout but goes on running".to_owned(),
        }
    }

    /// The last lines a node wrote to its stderr.
    pub(super) fn last_words(&self, node: usize) -> String {
        const LINES: usize = 20;
        let bytes = fs::read(&self.nodes[node].log_path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        match lines.len() {
            0 => "(it wrote nothing)".to_owned(),
            count => lines[count.saturating_sub(LINES)..].join("\n"),
        }
    }

    /// Asks all nodes to end by closing their stdin, and ends those that do not.
    pub(super) fn shut_down(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.process.ask_to_end());
        let deadline = Instant::now() + FAREWELL;
        for node in &mut self.nodes {
            if node.process.wait_until(deadline).is_none() {
                node.process.end();
            }
            node.process.wait_for_log(deadline);
        }
    }
}

/// Starts a node's process for one of its lives; the logs of all of them stand one after another in one file.
fn start_process(
    program: &NodeProgram,
    data_directory: &Path,
    speaker: Speaker,
    log_path: &Path,
    inbox: &Arc<Inbox>,
) -> Result<Process, Error> {
    let log = open_log(log_path, speaker.life)
        .map_err(|source| Error::Store { path: log_path.to_owned(), source })?;
    Process::start(program, data_directory, speaker, log, inbox)
        .map_err(|source| Error::Start { node: format!("n{}", speaker.node), source })
}

fn open_log(path: &Path, life: u64) -> io::Result<File> {
    let mut log = OpenOptions::new().create(true).append(true).open(path)?;
    if life > 1 {
        writeln!(log, "--- life {life}: started again after a kill ---")?;
    }
    Ok(log)
}
