//! Snapshots between two transports.

use std::{
    fs,
    io::{self, Read},
    path::PathBuf,
    time::Duration,
};

use quorate::{
    EntryId, Envelope, Membership, Message, NodeId, Snapshot, SnapshotData, SnapshotSource, TcpOptions, Term,
    transport::tcp::Dropped,
};

use crate::{
    proxy::Proxy,
    recorder::{Record, Station, envelope, notice},
    wait::eventually,
};

fn snapshot(from: u64, to: u64, index: u64, data: impl Into<SnapshotData>) -> Envelope {
    let membership = Membership::of_voters([1, 2].map(NodeId));
    let snapshot = Snapshot { last: EntryId::new(1, index), membership, data: data.into() };
    envelope(from, to, Message::SnapshotRequest { snapshot: Box::new(snapshot) })
}

/// The data of the first snapshot that has come.
fn arrived(record: &Record) -> Option<SnapshotData> {
    record.messages.iter().find_map(|envelope| {
        let Message::SnapshotRequest { snapshot } = &envelope.message else { return None };
        Some(snapshot.data.clone())
    })
}

fn pattern(bytes: usize) -> Vec<u8> {
    // 251 is a prime: no piece looks like another.
    (0..=250).cycle().take(bytes).collect()
}

/// What became of the snapshots to node 2.
fn reports(record: &Record) -> Option<Vec<bool>> {
    let reports: Vec<_> = record.snapshots.iter().map(|(_, arrived)| *arrived).collect();
    (!reports.is_empty()).then_some(reports)
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-snapshots-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn a_snapshot_arrives_whole_and_is_acknowledged() {
    let mut tcp = TcpOptions::default();
    tcp.snapshot_chunk_bytes = 1000;
    let (mut one, two) = Station::pair(&tcp);
    for (number, size) in [0, 1, 999, 1000, 1001, 1_000_000].into_iter().enumerate() {
        one.send(snapshot(1, 2, 1 + number as u64, pattern(size)));
        let data = two.until("it comes", arrived);
        assert_eq!(data.to_bytes().unwrap(), pattern(size));
        assert_eq!(one.until("it is acknowledged", reports), [true]);
        two.record(|record| record.messages.clear());
        one.record(|record| record.snapshots.clear());
    }
    assert_eq!((one.peer(2).snapshots_sent, two.peer(1).snapshots_received), (6, 6));
}

#[test]
fn a_snapshot_arrives_in_a_file_that_is_removed_when_nobody_needs_it() {
    let folder = Folder::new("file");
    let mut tcp = TcpOptions::default();
    tcp.snapshot_directory = Some(folder.0.clone());
    let (mut one, two) = Station::pair(&tcp);
    one.send(snapshot(1, 2, 1, pattern(1_000_000)));
    let data = two.until("it comes", arrived);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    assert_eq!(data.to_bytes().unwrap(), pattern(1_000_000));
    drop(data);
    two.record(|record| record.messages.clear());
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
}

#[test]
fn d14_a_snapshot_for_which_there_is_no_room_is_refused_before_it_is_sent() {
    let mut small = TcpOptions::default();
    small.max_snapshot_bytes = 1000;
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, small));
    one.knows(2, &two);
    one.send(snapshot(1, 2, 1, pattern(1001)));
    assert_eq!(one.until("it is refused", reports), [false]);
    assert!(one.peer(2).bytes_sent < 1000);
    one.send(snapshot(1, 2, 2, pattern(1000)));
    one.until("the next arrives", |record| (reports(record)? == [false, true]).then_some(()));
}

#[test]
fn d1_a_snapshot_whose_connection_breaks_is_reported() {
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    proxy.delay_snapshots(20);
    one.send(snapshot(1, 2, 1, pattern(8 << 20)));
    eventually("it is under way", || (one.peer(2).bytes_sent > 100_000).then_some(()));
    proxy.cut();
    assert_eq!(one.until("it fails", reports), [false]);
    assert!(two.record(|record| arrived(record).is_none()), "half a snapshot is none");
}

#[test]
fn a_snapshot_that_stands_still_is_given_up_and_messages_flow_meanwhile() {
    let mut tcp = TcpOptions::default();
    tcp.idle_timeout = Duration::from_secs(1);
    let (mut one, two) = (Station::new(1, tcp.clone()), Station::new(2, tcp));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    proxy.delay_snapshots(3_600_000);
    one.wait_until_connected(2);
    one.send(snapshot(1, 2, 1, pattern(1 << 20)));
    let (mut number, mut flowed) = (0, 0);
    let reported = eventually("it fails", || {
        number += 1;
        one.send(notice(1, 2, number));
        let reported = one.record(|record| reports(record));
        if reported.is_none() {
            flowed = two.record(|record| record.messages.len());
        }
        reported
    });
    assert_eq!(reported, [false]);
    assert!(flowed > 0, "messages came while the snapshot stood still");
}

#[test]
fn a_snapshot_that_trickles_is_given_up_at_its_deadline() {
    let mut tcp = TcpOptions::default();
    tcp.snapshot_timeout = Duration::from_millis(100);
    tcp.snapshot_chunk_bytes = 16 << 10;
    let (mut one, two) = (Station::new(1, tcp), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    proxy.delay_snapshots(10);
    one.send(snapshot(1, 2, 1, pattern(64 << 20)));
    assert_eq!(one.until("it is late", reports), [false]);
}

#[test]
fn d13_a_newer_snapshot_takes_the_place_of_an_older_one_and_the_same_does_not() {
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    proxy.delay_snapshots(20);
    let older = snapshot(1, 2, 1, pattern(8 << 20));
    one.send(older.clone());
    eventually("it is under way", || (one.peer(2).bytes_sent > 100_000).then_some(()));
    one.send(older);
    assert_eq!(one.peer(2).dropped(Dropped::Superseded), 0, "it is under way already");
    let mut newer = snapshot(1, 2, 2, pattern(1000));
    newer.term = Term(2);
    one.send(newer.clone());
    assert_eq!(one.until("one arrives", reports), [true]);
    assert_eq!(two.record(|record| std::mem::take(&mut record.messages)), [newer]);
    assert_eq!(one.peer(2).dropped(Dropped::Superseded), 1);
}

#[test]
fn a_snapshot_to_nobody_is_reported() {
    let mut one = Station::new(1, TcpOptions::default());
    one.send(snapshot(1, 9, 1, pattern(10)));
    assert_eq!(one.record(|record| record.snapshots.clone()), [(NodeId(9), false)]);
}

/// A disk that fails after some bytes.
struct Broken;

impl SnapshotSource for Broken {
    fn size(&self) -> u64 {
        1_000_000
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::repeat(7).take(500_000)))
    }
}

#[test]
fn a_snapshot_that_cannot_be_read_to_its_end_does_not_arrive() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    one.send(snapshot(1, 2, 1, SnapshotData::elsewhere(Broken)));
    assert_eq!(one.until("it fails", reports), [false]);
    assert!(two.record(|record| arrived(record).is_none()));
}

/// Reading it panics.
struct Panicking;

impl SnapshotSource for Panicking {
    fn size(&self) -> u64 {
        1
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        std::panic::resume_unwind(Box::new("reading panics"));
    }
}

#[test]
fn a_thread_that_panics_over_a_snapshot_reports_it_and_sends_the_next() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    one.send(snapshot(1, 2, 1, SnapshotData::elsewhere(Panicking)));
    assert_eq!(one.until("it fails", reports), [false]);
    assert_eq!(one.statistics().panics, 1);
    one.send(snapshot(1, 2, 1, pattern(10)));
    one.until("the next arrives", |record| (reports(record)? == [false, true]).then_some(()));
    assert!(two.record(|record| arrived(record).is_some()));
}
