//! A transport without a node: what comes is kept for the test to see.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use quorate::{
    Entries, Entry, EntryId, Envelope, Inbox, LogIndex, Message, NodeId, TcpOptions, TcpTransport, Term,
    Transport as _,
    transport::tcp::{Identity, PeerStatistics, TcpSender, TransportStatistics},
};

use crate::{
    cluster::{identity, logger},
    wait::eventually,
};

/// What has come.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) messages: Vec<Envelope>,
    pub(crate) unreachable: Vec<NodeId>,
    pub(crate) snapshots: Vec<(NodeId, bool)>,
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Record>>);

impl Inbox for Recorder {
    fn deliver(&self, envelope: Envelope) {
        self.0.lock().messages.push(envelope);
    }

    fn report_unreachable(&self, node: NodeId) {
        self.0.lock().unreachable.push(node);
    }

    fn report_snapshot(&self, node: NodeId, arrived: bool) {
        self.0.lock().snapshots.push((node, arrived));
    }
}

/// A transport whose messages the test writes, and reads.
pub(crate) struct Station {
    pub(crate) transport: TcpTransport,
    pub(crate) sender: TcpSender,
    recorder: Recorder,
}

impl Station {
    pub(crate) fn new(node: u64, options: TcpOptions) -> Self {
        Self::with_identity(identity(node), options)
    }

    pub(crate) fn with_identity(identity: Identity, options: TcpOptions) -> Self {
        let transport = TcpTransport::bind("127.0.0.1:0", identity, options, logger()).unwrap();
        let recorder = Recorder::default();
        transport.attach(recorder.clone());
        Self { sender: transport.sender(), transport, recorder }
    }

    /// Stations 1 and 2, which know each other.
    pub(crate) fn pair(options: &TcpOptions) -> (Self, Self) {
        let (one, other) = (Self::new(1, options.clone()), Self::new(2, options.clone()));
        one.knows(2, &other);
        other.knows(1, &one);
        (one, other)
    }

    pub(crate) fn knows(&self, node: u64, other: &Self) {
        self.transport.set_peer(NodeId(node), other.address());
    }

    pub(crate) fn address(&self) -> String {
        self.transport.local_address().to_string()
    }

    pub(crate) fn send(&mut self, envelope: Envelope) {
        self.sender.send(&mut vec![envelope]);
    }

    /// Waits until the record shows something.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn(&Record) -> Option<T>) -> T {
        eventually(what, || look(&self.recorder.0.lock()))
    }

    pub(crate) fn record<T>(&self, look: impl FnOnce(&mut Record) -> T) -> T {
        look(&mut self.recorder.0.lock())
    }

    pub(crate) fn peer(&self, node: u64) -> PeerStatistics {
        self.transport.statistics().peer(NodeId(node)).unwrap()
    }

    pub(crate) fn statistics(&self) -> TransportStatistics {
        self.transport.statistics().transport()
    }

    pub(crate) fn wait_until_connected(&self, node: u64) {
        eventually("it connects", || self.peer(node).is_connected.then_some(()));
    }

    /// Sends numbered messages to `to` until one has arrived there; which.
    pub(crate) fn send_until_heard(&mut self, from: u64, to: u64, receiver: &Self) {
        let mut number = 0;
        eventually("a message arrives", || {
            number += 1;
            self.send(notice(from, to, number));
            receiver.record(|record| !record.messages.is_empty()).then_some(())
        });
    }
}

/// A small message, told from others by its number.
pub(crate) fn notice(from: u64, to: u64, number: u64) -> Envelope {
    envelope(from, to, Message::CommitNotice { commit: LogIndex(number) })
}

/// An append of `count` entries of `size` bytes.
pub(crate) fn append(from: u64, to: u64, count: u64, size: usize) -> Envelope {
    let entry = |index| Entry::command(EntryId::new(1, index), Bytes::from(vec![7; size]));
    let entries = Entries::try_from((1..=count).map(entry).collect::<Vec<_>>()).unwrap();
    envelope(from, to, Message::AppendRequest { previous: EntryId::ZERO, entries, commit: LogIndex(0) })
}

pub(crate) fn envelope(from: u64, to: u64, message: Message) -> Envelope {
    Envelope { from: NodeId(from), to: NodeId(to), term: Term(1), message }
}

/// The numbers of the notices among `messages`.
pub(crate) fn numbers(messages: &[Envelope]) -> Vec<u64> {
    let number = |envelope: &Envelope| {
        let Message::CommitNotice { commit } = &envelope.message else { return None };
        Some(commit.0)
    };
    messages.iter().filter_map(number).collect()
}
