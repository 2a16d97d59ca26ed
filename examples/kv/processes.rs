//! Runs `kv_server` as child processes on this machine, to kill them and start them again.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use serde_json::Value;

use crate::addresses::Addresses;

/// Where ports are looked for: below those from which systems take the near end of a connection, which could hold a
/// port that a server wants back.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Why servers cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The server's binary could not be built.
    #[error("building kv_server failed: try `cargo build --example kv_server` ({0})")]
    Build(String),
    /// There are no ports.
    #[error("no free ports on this machine between {} and {}: end what holds them", PORTS.start, PORTS.end)]
    NoPorts,
    /// A process or its files could not be made.
    #[error("server {id} cannot be run: see that {} can be written and run ({source})", path.display())]
    Start {
        /// Which one.
        id: u64,
        /// The binary or the log.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The servers of one cluster: their processes, those that run.
///
/// Each writes its data into a directory of its own name, and what it logs into a file beside that. All are killed when
/// this is dropped.
pub struct Processes {
    binary: PathBuf,
    directory: PathBuf,
    peers: Addresses,
    clients: Addresses,
    flags: Vec<String>,
    running: BTreeMap<u64, Child>,
}

impl Processes {
    /// Servers `1..=count`, of which none runs yet, with free ports on the loopback interface. `flags` are given to each
    /// beside those for its id, its addresses and its directory.
    ///
    /// # Errors
    /// [`ProcessError::NoPorts`].
    pub fn new(
        binary: PathBuf,
        directory: PathBuf,
        count: u64,
        flags: Vec<String>,
    ) -> Result<Self, ProcessError> {
        let mut ports = free_ports();
        let mut addresses = || -> Result<Addresses, ProcessError> {
            let address = |id| Some((id, format!("127.0.0.1:{}", ports.next()?)));
            (1..=count).map(address).collect::<Option<_>>().map(Addresses).ok_or(ProcessError::NoPorts)
        };
        let (peers, clients) = (addresses()?, addresses()?);
        Ok(Self { binary, directory, peers, clients, flags, running: BTreeMap::new() })
    }

    /// Where clients reach them.
    #[must_use]
    pub fn clients(&self) -> &Addresses {
        &self.clients
    }

    /// What server `id` logs.
    #[must_use]
    pub fn log(&self, id: u64) -> PathBuf {
        self.directory.join(format!("n{id}.log"))
    }

    /// The ids under which the system knows those that run, in the order of the servers.
    pub fn process_ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.running.values().map(Child::id)
    }

    /// Whether server `id` was started and not killed since.
    #[must_use]
    pub fn is_running(&self, id: u64) -> bool {
        self.running.contains_key(&id)
    }

    /// Starts server `id`, unless it runs.
    ///
    /// # Errors
    /// [`ProcessError::Start`].
    pub fn start(&mut self, id: u64) -> Result<(), ProcessError> {
        if self.is_running(id) {
            return Ok(());
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ProcessError::Start { id, path, source }
        };
        let log = self.log(id);
        let output = File::options().create(true).append(true).open(&log).map_err(failed(&log))?;
        let child = self.command(id).stdout(Stdio::null()).stderr(output).spawn();
        self.running.insert(id, child.map_err(failed(&self.binary))?);
        Ok(())
    }

    fn command(&self, id: u64) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["--id", &id.to_string()])
            .args(["--listen", self.peers.address(id).unwrap_or_default()])
            .args(["--clients", self.clients.address(id).unwrap_or_default()])
            .args(["--peers", &self.peers.to_string()])
            .arg("--data")
            .arg(self.directory.join(format!("n{id}")))
            // The pipe closes when this process ends, however it ends, and so do the servers.
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .args(&self.flags);
        command
    }

    /// Kills server `id` at once (`kill -9`), if it runs, and waits until it is gone. The data that it handed to the
    /// system stays. If it had ended already, how.
    pub fn kill(&mut self, id: u64) -> Option<ExitStatus> {
        let mut child = self.running.remove(&id)?;
        let ended = child.try_wait().ok().flatten();
        // Both fail only for a process that is gone.
        let _gone = child.kill();
        let _status = child.wait();
        ended
    }

    /// The servers that have ended although nobody killed them, and how.
    pub fn ended(&mut self) -> Vec<(u64, ExitStatus)> {
        let status = |(id, child): (&u64, &mut Child)| Some((*id, child.try_wait().ok().flatten()?));
        self.running.iter_mut().filter_map(status).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let running: Vec<_> = self.running.keys().copied().collect();
        for id in running {
            self.kill(id);
        }
    }
}

/// Ports of the loopback interface on which nobody listens now, each once in the life of this process.
pub fn free_ports() -> impl Iterator<Item = u16> {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let width = PORTS.end - PORTS.start;
    // Two programs that look at the same moment begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(width)).unwrap_or_default().wrapping_mul(7);
    let ports = (0..width).map(move |_| {
        let next = TAKEN.fetch_add(1, Ordering::Relaxed);
        PORTS.start + begin.wrapping_add(next) % width
    });
    ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// Builds `kv_server`, which does nothing if it is there; cargo says where it is. With checks of its own invariants, if
/// this program has them.
///
/// # Errors
/// [`ProcessError::Build`].
pub fn server_binary() -> Result<PathBuf, ProcessError> {
    let failed = |error: &dyn std::fmt::Display| ProcessError::Build(error.to_string());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        // The whole workspace, so that its packages are built with the same features as by `cargo test`, and so once.
        .args(["build", "--quiet", "--workspace", "--example", "kv_server"])
        .args(if cfg!(debug_assertions) { &[][..] } else { &["--release"] })
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "kv_server")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| failed(&"cargo names no executable"))
}
