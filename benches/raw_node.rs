//! What the single calls of a [`RawNode`] cost.

#![expect(clippy::expect_used, reason = "a bench that fails has nothing to measure")]

use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use quorate::{
    Entries, Entry, EntryId, Envelope, LogIndex, MemStorage, Message, NodeId, RawNode, StorageWriter, Term,
};
use slog::{Discard, Logger, o};

/// A node of a cluster of `voters`, numbered from 1, and its storage.
fn node(voters: u64) -> (RawNode, MemStorage) {
    let storage = MemStorage::with_voters((1..=voters).map(NodeId));
    let node =
        RawNode::new(quorate_benches::lockstep::config(1), storage.clone(), Logger::root(Discard, o!()));
    (node.expect("new storage is sound"), storage)
}

/// Carries out everything that the node wants done; nobody hears its messages.
fn settle(node: &mut RawNode, storage: &mut MemStorage) {
    while node.has_ready() {
        let ready = node.ready().expect("storage in memory can be read");
        storage.write(&ready).expect("storage in memory can be written");
        node.advance(ready);
    }
}

/// The leader of a cluster of its own.
fn leader() -> (RawNode, MemStorage) {
    let (mut node, mut storage) = node(1);
    node.campaign().expect("a single voter may stand for election");
    settle(&mut node, &mut storage);
    (node, storage)
}

/// An append of one entry at `index` from the leader of term 1.
fn append(index: u64) -> Envelope {
    let entry = Entry::command(EntryId::new(1, index), Bytes::from_static(b"a command"));
    let previous = EntryId::new(u64::from(index > 1), index - 1);
    let entries = Entries::try_from(vec![entry]).expect("one entry is a run");
    let message = Message::AppendRequest { previous, entries, commit: LogIndex(index - 1) };
    Envelope { from: NodeId(2), to: NodeId(1), term: Term(1), message }
}

fn raw_node(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("raw_node");
    group.bench_function("create", |bencher| bencher.iter(|| node(3)));

    group.bench_function("propose", |bencher| {
        let propose = |(node, _): &mut (RawNode, MemStorage)| {
            node.propose(Bytes::from_static(b"a command")).expect("a leader takes proposals");
        };
        bencher.iter_batched_ref(leader, propose, BatchSize::SmallInput);
    });

    group.bench_function("step", |bencher| {
        let follower = || {
            let (mut node, mut storage) = node(3);
            node.step(append(1)).expect("a sound append is taken");
            settle(&mut node, &mut storage);
            (node, Some(append(2)))
        };
        let step = |(node, envelope): &mut (RawNode, Option<Envelope>)| {
            envelope.take().map(|envelope| node.step(envelope))
        };
        bencher.iter_batched_ref(follower, step, BatchSize::SmallInput);
    });

    group.bench_function("ready", |bencher| {
        let (mut node, mut storage) = node(3);
        let mut index = 0;
        bencher.iter(|| {
            index += 1;
            node.step(append(index)).expect("a sound append is taken");
            settle(&mut node, &mut storage);
            if index % 1024 == 0 {
                let applied = LogIndex(index - 1);
                storage.create_snapshot(applied, Bytes::new()).expect("it was applied");
                storage.compact_to(applied).expect("the snapshot holds it");
            }
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    raw_node(&mut criterion);
    criterion.final_summary();
}
