//! How fast a cluster is with everything it needs: three nodes with logs on disk, and TCP between them.
//!
//! One process, one machine, one disk: the nodes share what real servers would have for themselves. Beside it, in the
//! same run, what a commit cannot do without: one write with its sync, and one round trip over the loopback interface.
#![expect(clippy::print_stdout, reason = "what is measured is printed")]

use std::{
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use crossbeam_channel::{Sender, unbounded};
use quorate::{
    Config, DiskOptions, DiskStorage, Handle, Membership, Node, NodeId, Options, Outcome, RoleKind,
    TcpOptions, TcpTransport, transport::tcp::Identity,
};
use quorate_benches::{counter::Counter, disk::RawFile};
use slog::{Discard, Logger, o};

/// How large a command is.
const COMMAND_BYTES: usize = 256;

/// How many commands are under way at once.
const OUTSTANDING: [usize; 3] = [1, 64, 1_024];

/// All is measured in turns, so that what else the machine does meets all alike.
const TURNS: usize = 5;
const TURN: Duration = Duration::from_secs(1);

/// What a follower writes for one command: the command, and what the log puts around it.
const FRAME_BYTES: usize = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let cluster = Cluster::start(directory.path())?;
    let leader = cluster.leader()?;
    let mut disk = RawFile::create(&directory.path().join("raw"))?;
    let mut wire = RawWire::connect()?;
    let (mut syncs, mut round_trips) = (Vec::new(), Vec::new());
    let mut runs = OUTSTANDING.map(|outstanding| Run { outstanding, ..Run::default() });
    commit(&leader, &mut Run { outstanding: 64, ..Run::default() })?; // warms up
    for _ in 0..TURNS {
        measure(&mut syncs, || disk.write(FRAME_BYTES))?;
        measure(&mut round_trips, || wire.round_trip())?;
        runs.iter_mut().try_for_each(|run| commit(&leader, run))?;
    }
    let sync = percentile(&mut syncs, 50);
    let round_trip = percentile(&mut round_trips, 50);
    println!("write and sync of {FRAME_BYTES} bytes: {} µs (median)", sync.as_micros());
    println!("round trip of {COMMAND_BYTES} bytes: {} µs (median)", round_trip.as_micros());
    for run in &mut runs {
        println!("{}", run.summary());
    }
    let floor = (sync + round_trip).as_secs_f64();
    let ratio = percentile(&mut runs[0].latencies, 50).as_secs_f64() / floor;
    println!("ratio of a commit alone to one sync and one round trip: {ratio:.2}");
    Ok(())
}

/// What came of one number of commands under way.
#[derive(Default)]
struct Run {
    outstanding: usize,
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Run {
    fn summary(&mut self) -> String {
        let rate = self.latencies.len() as f64 / self.elapsed.as_secs_f64();
        let [p50, p99] = [50, 99].map(|percent| percentile(&mut self.latencies, percent).as_micros());
        format!(
            "{:>5} outstanding: {rate:>8.0} commits/s, p50 {p50:>6} µs, p99 {p99:>6} µs",
            self.outstanding
        )
    }
}

/// Commits for one turn, with so many commands under way at once.
fn commit(leader: &Handle<Counter>, run: &mut Run) -> Result<(), Box<dyn Error>> {
    let (done, outcomes) = unbounded();
    let begin = Instant::now();
    for _ in 0..run.outstanding {
        propose(leader, &done);
    }
    let mut under_way = run.outstanding;
    while under_way > 0 {
        let (latency, is_applied) = outcomes.recv()?;
        if !is_applied {
            return Err("a command was not applied: the machine is too busy for this bench".into());
        }
        run.latencies.push(latency);
        if begin.elapsed() < TURN {
            propose(leader, &done);
        } else {
            under_way -= 1;
        }
    }
    run.elapsed += begin.elapsed();
    Ok(())
}

/// Proposes a command; how long it took, and whether it was applied, comes through the channel.
fn propose(leader: &Handle<Counter>, done: &Sender<(Duration, bool)>) {
    let (begin, done) = (Instant::now(), done.clone());
    leader.propose_with(Bytes::from_static(&[7; COMMAND_BYTES]), move |outcome| {
        // Nobody listens any more if the bench has failed.
        let _end = done.send((begin.elapsed(), matches!(outcome, Outcome::Applied(_))));
    });
}

/// Does it again and again for one turn.
fn measure(
    durations: &mut Vec<Duration>,
    mut work: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<()> {
    let begin = Instant::now();
    while begin.elapsed() < TURN {
        let begin = Instant::now();
        work()?;
        durations.push(begin.elapsed());
    }
    Ok(())
}

fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort_unstable();
    durations
        .get((durations.len() * percent / 100).min(durations.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// A connection to a thread that sends back what it is sent.
struct RawWire(TcpStream);

impl RawWire {
    fn connect() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        thread::spawn(move || {
            let mut message = [0; COMMAND_BYTES];
            // Ends with the connection.
            while far.read_exact(&mut message).is_ok() && far.write_all(&message).is_ok() {}
        });
        Ok(Self(near))
    }

    fn round_trip(&mut self) -> std::io::Result<()> {
        let mut message = [7; COMMAND_BYTES];
        self.0.write_all(&message)?;
        self.0.read_exact(&mut message)
    }
}

/// Three nodes in this process, as three processes would run them.
struct Cluster {
    nodes: Vec<Node<Counter>>,
    /// As long as they are held, there is a network.
    transports: Vec<TcpTransport>,
}

impl Cluster {
    fn start(directory: &Path) -> Result<Self, Box<dyn Error>> {
        let ids = [1, 2, 3].map(NodeId);
        let logger = Logger::root(Discard, o!());
        let mut parts = Vec::new();
        for id in ids {
            let founders = Membership::of_voters(ids);
            let path = directory.join(id.to_string());
            let storage = DiskStorage::open(path, founders, DiskOptions::default(), logger.clone())?;
            let identity = Identity { cluster: 1, node: id, incarnation: storage.incarnation() };
            let transport =
                TcpTransport::bind("127.0.0.1:0", identity, TcpOptions::default(), logger.clone())?;
            parts.push((id, storage, transport));
        }
        let addresses: Vec<_> =
            parts.iter().map(|(id, _, transport)| (*id, transport.local_address())).collect();
        let mut cluster = Self { nodes: Vec::new(), transports: Vec::new() };
        for (id, storage, transport) in parts {
            for (peer, address) in addresses.iter().filter(|(peer, _)| *peer != id) {
                transport.set_peer(*peer, address.to_string());
            }
            let (config, options) = (Config::new(id, id.0), Options::default());
            let node = Node::start(
                config,
                options,
                Counter::default(),
                storage,
                transport.sender(),
                logger.clone(),
            )?;
            transport.attach(node.handle());
            cluster.nodes.push(node);
            cluster.transports.push(transport);
        }
        Ok(cluster)
    }

    /// Whoever is elected.
    fn leader(&self) -> Result<Handle<Counter>, Box<dyn Error>> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            let mut handles = self.nodes.iter().map(Node::handle);
            if let Some(leader) = handles.find(|handle| handle.status().core.role == RoleKind::Leader) {
                return Ok(leader);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("nobody was elected: the machine is too busy for this bench".into())
    }
}
