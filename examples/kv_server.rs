//! One server of a replicated key-value store: a durable log, a network, a state machine, and clients.
//!
//! `examples/README.md` tells how to start three of them by hand; `cargo run --example kv_cluster` does it for you.

use std::{
    error::Error,
    fs,
    hash::{BuildHasher as _, RandomState},
    io,
    net::TcpListener,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum};
use kv::{Addresses, Server, Store, broken::AcknowledgesEarly, store::AddressBook};
use quorate::{
    Config, DiskOptions, DiskStorage, Membership, Node, NodeId, Options, StorageWriter, TcpOptions,
    TcpTransport, runtime::StartError, sessions::Sessions, transport::tcp::Identity,
};
use slog::{Drain as _, LevelFilter, Logger, error, info, o};

/// One server of a replicated key-value store.
#[derive(Parser)]
struct CommandLine {
    /// This server. Unique in the cluster, and never used again for another.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// Where the other servers reach this one.
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// Where clients reach it.
    #[arg(long, value_name = "HOST:PORT")]
    clients: String,
    /// The servers with which the cluster began, also on one that joins later: 1=host:port,2=host:port,…
    #[arg(long, value_name = "SERVERS")]
    peers: Addresses,
    /// Where the log is kept. New for a new server; never copied, never emptied for an old one.
    #[arg(long, value_name = "DIRECTORY")]
    data: PathBuf,
    /// Which cluster this is: servers of different clusters refuse each other.
    #[arg(long, default_value_t = 1)]
    cluster: u64,
    /// How long a tick is, in milliseconds. An election timeout is 10 to 20 of them.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    tick_ms: u64,
    /// Answer reads that ask for it from the leader's lease. The same on all servers.
    #[arg(long)]
    lease_reads: bool,
    /// How large a file of the log is.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    segment_bytes: u64,
    /// How much is applied between two snapshots.
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    compact_after_bytes: usize,
    /// How many entries are kept that the last snapshot contains.
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    keep_entries: u64,
    /// Say every decision.
    #[arg(long)]
    debug: bool,
    /// Stop when the standard input is closed: so a server does not outlive the program that has started it.
    #[arg(long)]
    until_stdin_closes: bool,
    /// A test aid: do this wrong, so that tests can show that they would find it.
    #[arg(long, value_enum, hide = true)]
    broken: Option<Fault>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Acknowledge what the disk does not have.
    AcknowledgeEarly,
    /// Start with an empty log, whatever there was.
    ForgetLog,
}

fn main() -> ExitCode {
    let flags = CommandLine::parse();
    let logger = logger(flags.debug);
    match run(&flags, &logger) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(logger, "{error} -> exit");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &CommandLine, logger: &Logger) -> Result<(), Box<dyn Error>> {
    if flags.until_stdin_closes {
        thread::spawn(exit_with_stdin);
    }
    if flags.broken == Some(Fault::ForgetLog) && flags.data.exists() {
        fs::remove_dir_all(&flags.data)?;
    }
    // Whoever is no founder, and has no log yet, joins when the leader is asked to take it in.
    let founders = Membership::of_voters(flags.peers.ids().map(NodeId));
    let mut disk = DiskOptions::default();
    disk.segment_bytes = flags.segment_bytes;
    let storage = DiskStorage::open(flags.data.join("log"), founders, disk, logger.clone())?;

    let mut tcp = TcpOptions::default();
    // A peer that has lost its log is refused, also after a restart of this server.
    tcp.incarnations = Some(flags.data.join("incarnations"));
    tcp.snapshot_directory = Some(flags.data.join("arriving"));
    fs::create_dir_all(flags.data.join("arriving"))?;
    let identity =
        Identity { cluster: flags.cluster, node: NodeId(flags.id), incarnation: storage.incarnation() };
    let transport = TcpTransport::bind(&flags.listen, identity, tcp, logger.clone())?;
    let peers = Peers { id: flags.id, transport: transport.clone() };
    flags.peers.0.iter().for_each(|(id, address)| peers.learn(*id, Some(address)));

    // Writes of a client take effect once, however often it must send them.
    let store = Sessions::new(Store::new(Box::new(peers)));
    let node = match flags.broken {
        Some(Fault::AcknowledgeEarly) => {
            start(flags, store, AcknowledgesEarly::new(storage), &transport, logger)
        }
        Some(Fault::ForgetLog) | None => start(flags, store, storage, &transport, logger),
    }?;
    transport.attach(node.handle());
    node.handle().metrics().add(transport.statistics());

    let listener = listen(&flags.clients)
        .map_err(|error| format!("cannot listen for clients at {}: {error}", flags.clients))?;
    info!(logger, "clients may come to {}", flags.clients);
    let server = Server::start(node.handle(), logger.clone())?;
    thread::Builder::new().name("clients".to_owned()).spawn(move || server.serve(&listener))?;
    // From here on all is done by other threads.
    loop {
        if let Some(reason) = node.handle().stop_reason() {
            return Err(reason.into());
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn start(
    flags: &CommandLine,
    store: Sessions<Store>,
    storage: impl StorageWriter + 'static,
    transport: &TcpTransport,
    logger: &Logger,
) -> Result<Node<Sessions<Store>>, StartError> {
    // Two servers, and two lives of one, need different seeds; the standard library seeds its tables from the system.
    let mut config = Config::new(NodeId(flags.id), RandomState::new().hash_one(flags.id));
    config.lease_reads = flags.lease_reads;
    let mut options = Options::default();
    options.tick = Duration::from_millis(flags.tick_ms);
    options.compact_after_bytes = flags.compact_after_bytes;
    options.keep_entries = flags.keep_entries;
    Node::start(config, options, store, storage, transport.sender(), logger.clone())
}

/// Tells the transport where the other servers are.
struct Peers {
    id: u64,
    transport: TcpTransport,
}

impl AddressBook for Peers {
    fn learn(&self, node: u64, address: Option<&str>) {
        match address {
            _ if node == self.id => {}
            Some(address) => self.transport.set_peer(NodeId(node), address),
            None => self.transport.remove_peer(NodeId(node)),
        }
    }
}

/// Listens for clients. A server that was killed a moment ago may still hold the address.
fn listen(address: &str) -> io::Result<TcpListener> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match TcpListener::bind(address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(50));
            }
            other => return other,
        }
    }
}

fn exit_with_stdin() {
    let _closed = io::copy(&mut io::stdin().lock(), &mut io::sink());
    std::process::exit(0);
}

fn logger(debug: bool) -> Logger {
    let decorator = slog_term::PlainSyncDecorator::new(io::stderr());
    let format = slog_term::FullFormat::new(decorator).build();
    let level = if debug { slog::Level::Debug } else { slog::Level::Info };
    Logger::root(LevelFilter::new(format, level).fuse(), o!())
}
