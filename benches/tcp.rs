//! What the transport over TCP costs, on loopback, beside bare sockets in the same run.

#![expect(clippy::expect_used, reason = "a bench that fails has nothing to measure")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use quorate::{
    Entries, Entry, EntryId, Envelope, Inbox, LogIndex, Message, NodeId, TcpOptions, TcpTransport, Term,
    Transport,
    transport::tcp::{Identity, TcpSender},
};
use slog::{Discard, Logger, o};

const PATIENCE: Duration = Duration::from_secs(60);

/// Passes on which message came.
struct Passing(Sender<LogIndex>);

impl Inbox for Passing {
    fn deliver(&self, envelope: Envelope) {
        if let Message::CommitNotice { commit } | Message::AppendRequest { commit, .. } = envelope.message {
            // It fails at the end, when nobody listens any more.
            let _passed = self.0.send(commit);
        }
    }

    fn report_unreachable(&self, _node: NodeId) {}

    fn report_snapshot(&self, _node: NodeId, _arrived: bool) {}
}

/// A transport without a node.
struct Station {
    transport: TcpTransport,
    sender: TcpSender,
    came: Receiver<LogIndex>,
}

impl Station {
    fn new(node: u64) -> Self {
        let identity = Identity { cluster: 1, node: NodeId(node), incarnation: node };
        let logger = Logger::root(Discard, o!());
        let transport = TcpTransport::bind("127.0.0.1:0", identity, TcpOptions::default(), logger);
        let transport = transport.expect("loopback can be listened on");
        let (pass, came) = channel();
        transport.attach(Passing(pass));
        Self { sender: transport.sender(), transport, came }
    }

    /// Connects to each of the others.
    fn know(&self, others: &[&Self]) {
        for (node, other) in (2..).zip(others) {
            self.transport.set_peer(NodeId(node), other.transport.local_address().to_string());
        }
        let statistics = self.transport.statistics();
        while !statistics.peers().iter().all(|peer| peer.is_connected) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&mut self, mut messages: Vec<Envelope>) {
        self.sender.send(&mut messages);
    }

    fn wait_for(&self, index: LogIndex) {
        while self.came.recv_timeout(PATIENCE).expect("it comes") != index {}
    }
}

fn envelope(from: u64, to: u64, message: Message) -> Envelope {
    Envelope { from: NodeId(from), to: NodeId(to), term: Term(1), message }
}

fn notice(from: u64, to: u64, index: u64) -> Envelope {
    envelope(from, to, Message::CommitNotice { commit: LogIndex(index) })
}

/// One run of `count` entries of `size` bytes, for each of `followers`.
fn appends(followers: u64, count: u64, size: usize, index: u64) -> Vec<Envelope> {
    let entry = |index| Entry::command(EntryId::new(1, index), Bytes::from(vec![7; size]));
    let entries: Vec<_> = (1..=count).map(entry).collect();
    let entries = Entries::try_from(entries).expect("they follow one another");
    let append = |to| {
        let (previous, entries) = (EntryId::ZERO, entries.clone());
        envelope(1, to, Message::AppendRequest { previous, entries, commit: LogIndex(index) })
    };
    (2..2 + followers).map(append).collect()
}

/// A byte there and back over a bare socket.
fn bare_round_trip(criterion: &mut Criterion) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let address = listener.local_addr().expect("it listens");
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("it is called");
        socket.set_nodelay(true).expect("it is a socket");
        let mut message = [0; 32];
        while socket.read_exact(&mut message).and_then(|()| socket.write_all(&message)).is_ok() {}
    });
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.set_nodelay(true).expect("it is a socket");
    let mut message = [0; 32];
    criterion.bench_function("tcp/round_trip/bare", |bencher| {
        bencher.iter(|| {
            socket.write_all(&message).expect("it is connected");
            socket.read_exact(&mut message).expect("it answers");
        });
    });
}

/// A message there, and one back.
fn round_trip(criterion: &mut Criterion) {
    let (mut one, mut two) = (Station::new(1), Station::new(2));
    one.know(&[&two]);
    two.transport.set_peer(NodeId(1), one.transport.local_address().to_string());
    thread::spawn(move || {
        while let Ok(index) = two.came.recv() {
            two.send(vec![notice(2, 1, index.0)]);
        }
    });
    let mut number = 0;
    criterion.bench_function("tcp/round_trip/transport", |bencher| {
        bencher.iter(|| {
            number += 1;
            one.send(vec![notice(1, 2, number)]);
            // The way back may be made only now, and what went before is lost.
            while one.came.recv_timeout(Duration::from_secs(1)).is_err() {
                one.send(vec![notice(1, 2, number)]);
            }
        });
    });
}

/// Small messages, one way, as fast as they go.
fn messages(criterion: &mut Criterion) {
    const COUNT: u64 = 2_000;
    let (mut one, two) = (Station::new(1), Station::new(2));
    one.know(&[&two]);
    let mut group = criterion.benchmark_group("tcp/messages");
    group.throughput(Throughput::Elements(COUNT));
    let mut number = 0;
    for at_once in [1, 100] {
        group.bench_function(format!("{at_once}_at_once"), |bencher| {
            bencher.iter(|| {
                for _ in 0..COUNT / at_once {
                    one.send((0..at_once).map(|at| notice(1, 2, number + at + 1)).collect());
                    number += at_once;
                }
                two.wait_for(LogIndex(number));
            });
        });
    }
    group.finish();
}

/// Entries for several followers.
fn entries(criterion: &mut Criterion) {
    let mut one = Station::new(1);
    let others: Vec<_> = (2..6).map(Station::new).collect();
    one.know(&others.iter().collect::<Vec<_>>());
    let mut group = criterion.benchmark_group("tcp/entries");
    let mut number = 0;
    for (followers, count, size) in [(2, 1, 256), (2, 64, 256), (4, 64, 256), (4, 16, 64 << 10)] {
        group.throughput(Throughput::Bytes(followers * count * size as u64));
        group.bench_function(format!("{followers}_followers_{count}_entries_of_{size}"), |bencher| {
            bencher.iter(|| {
                number += 1;
                one.send(appends(followers, count, size, number));
                let reached = &others[..usize::try_from(followers).expect("there are few")];
                reached.iter().for_each(|other| other.wait_for(LogIndex(number)));
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    bare_round_trip(&mut criterion);
    round_trip(&mut criterion);
    messages(&mut criterion);
    entries(&mut criterion);
    criterion.final_summary();
}
