//! Whoever connects and is no node, or a bad one: it costs one connection and no memory, and the others notice nothing.
//!
//! Written with plain sockets and the bytes of `docs/wire-format.md`.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use quorate::{TcpOptions, transport::tcp::Refusal};

use crate::{
    cluster::CLUSTER,
    recorder::{Station, notice, numbers},
    wait::eventually,
};

/// The bytes of a greeting, as the table has them.
#[derive(Clone, Copy)]
pub(crate) struct Greeting {
    pub(crate) version: u16,
    pub(crate) word: u8,
    pub(crate) cluster: u64,
    pub(crate) node: u64,
    pub(crate) incarnation: u64,
    pub(crate) other: u64,
}

impl Greeting {
    /// That of node 2, which calls node 1 to send it messages.
    pub(crate) const GOOD: Self =
        Self { version: 1, word: 1, cluster: CLUSTER, node: 2, incarnation: 1002, other: 1 };

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = b"quorate\n".to_vec();
        bytes.extend(self.version.to_be_bytes());
        bytes.extend([self.word, 0]);
        for number in [self.cluster, self.node, self.incarnation, self.other] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend([1 << 20, 3_000_u32].iter().flat_map(|number| number.to_be_bytes()));
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }
}

/// A frame, as the table has it.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let rest = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &[kind], body].concat();
    [&crc32fast::hash(&rest).to_be_bytes()[..], &rest].concat()
}

fn quick() -> TcpOptions {
    let mut tcp = TcpOptions::default();
    tcp.handshake_timeout = Duration::from_millis(200);
    tcp.idle_timeout = Duration::from_millis(300);
    tcp
}

/// Connects and says `bytes`.
pub(crate) fn stranger(station: &Station, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(station.transport.local_address()).unwrap();
    // The other side may have closed already, which is for the test to see.
    let _said = socket.write_all(bytes);
    socket
}

/// Connects as node 2, and reads the answer.
fn caller(station: &Station) -> TcpStream {
    let mut socket = stranger(station, &Greeting::GOOD.to_bytes());
    let mut answer = [0xff; 56];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer[10], 0, "welcome");
    socket
}

/// What the other side says until it closes.
pub(crate) fn until_closed(mut socket: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end too: what was not read yet is thrown away.
    let _closed = socket.read_to_end(&mut said);
    said
}

/// Whatever happened, a good node still gets through.
fn expect_unharmed(station: &Station) {
    let mut good = Station::new(3, TcpOptions::default());
    good.knows(1, station);
    good.send_until_heard(3, 1, station);
    assert_eq!(station.statistics().panics, 0);
    eventually("no stranger is left", || (station.statistics().strangers == 0).then_some(()));
}

#[test]
fn a_stranger_who_sends_garbage_is_told_nothing() {
    let station = Station::new(1, quick());
    assert!(until_closed(stranger(&station, &[b'x'; 100])).is_empty());
    assert!(
        until_closed(stranger(
            &station,
            b"GET / HTTP/1.1\r\nHost: example.org\r\nAccept: text/html, */*\r\n\r\n\r\n"
        ))
        .is_empty()
    );
    eventually("both are counted", || (station.statistics().refused(Refusal::Foreign) == 2).then_some(()));
    expect_unharmed(&station);
}

#[test]
fn a_stranger_who_says_nothing_or_half_a_greeting_is_closed_in_time() {
    let station = Station::new(1, quick());
    let silent = stranger(&station, b"");
    let half = stranger(&station, &Greeting::GOOD.to_bytes()[..30]);
    assert!(until_closed(silent).is_empty());
    assert!(until_closed(half).is_empty());
    eventually("both are counted", || (station.statistics().refused(Refusal::Silent) == 2).then_some(()));
    expect_unharmed(&station);
}

#[test]
fn a_stranger_who_drips_byte_by_byte_gets_no_more_time() {
    let station = Station::new(1, quick());
    let mut socket = stranger(&station, b"");
    let greeting = Greeting::GOOD.to_bytes();
    // 20 ms for each byte, which would take more than a second in all; each byte comes long before a wait of its own ends.
    let dripped = greeting.iter().take_while(|byte| {
        std::thread::sleep(Duration::from_millis(20));
        socket.write_all(&[**byte]).is_ok()
    });
    assert!(dripped.count() < greeting.len() || until_closed(socket).is_empty());
    eventually("it is counted", || (station.statistics().refused(Refusal::Silent) == 1).then_some(()));
    expect_unharmed(&station);
}

#[test]
fn a_greeting_that_was_damaged_is_refused() {
    let station = Station::new(1, quick());
    let mut bytes = Greeting::GOOD.to_bytes();
    bytes[25] ^= 1;
    assert!(until_closed(stranger(&station, &bytes)).is_empty());
    eventually("it is counted", || (station.statistics().refused(Refusal::Damaged) == 1).then_some(()));
    expect_unharmed(&station);
}

#[test]
fn a_frame_of_4_gib_is_refused_before_it_comes() {
    let station = Station::new(1, quick());
    let mut socket = caller(&station);
    socket.write_all(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1]).unwrap();
    assert!(until_closed(socket).is_empty());
    eventually("it is counted", || (station.statistics().malformed == 1).then_some(()));
    expect_unharmed(&station);
}

#[test]
fn half_a_frame_is_given_up_in_time() {
    let station = Station::new(1, quick());
    let mut socket = caller(&station);
    socket.write_all(&frame(1, &[0; 1000])[..500]).unwrap();
    assert!(until_closed(socket).is_empty());
    expect_unharmed(&station);
    eventually("only the good one is connected", || (station.statistics().connections <= 1).then_some(()));
}

#[test]
fn frames_that_are_damaged_unknown_misplaced_or_no_messages_end_the_connection() {
    let station = Station::new(1, quick());
    let mut damaged = frame(1, b"body");
    damaged[11] ^= 1;
    let bad = [damaged, frame(99, b""), frame(3, &[0; 8]), frame(7, b"chunk"), frame(1, b"no protobuf")];
    for (number, bytes) in bad.iter().enumerate() {
        let mut socket = caller(&station);
        socket.write_all(bytes).unwrap();
        assert!(until_closed(socket).is_empty());
        eventually("it is counted", || (station.statistics().malformed == number as u64 + 1).then_some(()));
    }
    expect_unharmed(&station);
    assert!(
        numbers(&station.record(|record| record.messages.clone())).len() < 100,
        "only the good node's came"
    );
}

#[test]
fn a_node_that_speaks_for_another_is_closed() {
    let station = Station::new(1, quick());
    for forged in [notice(3, 1, 1), notice(2, 3, 1)] {
        let mut socket = caller(&station);
        let mut bytes = bytes::BytesMut::new();
        quorate::wire::encode(&forged, &mut bytes).unwrap();
        socket.write_all(&frame(1, &bytes)).unwrap();
        assert!(until_closed(socket).is_empty());
    }
    assert!(station.record(|record| record.messages.is_empty()));
    expect_unharmed(&station);
}

#[test]
fn a_question_is_answered_and_nothing_else_is_said() {
    let station = Station::new(1, quick());
    let mut socket = caller(&station);
    socket.write_all(&frame(2, b"12345678")).unwrap();
    let mut answer = vec![0; 9 + 8];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(answer, frame(3, b"12345678"));
    assert!(until_closed(socket).is_empty(), "silence ends the connection");
}

#[test]
fn of_too_many_strangers_the_oldest_go() {
    let mut tcp = TcpOptions::default();
    tcp.max_strangers = 3;
    let station = Station::new(1, tcp);
    let oldest = stranger(&station, b"");
    let others: Vec<_> = (0..3).map(|_| stranger(&station, b"")).collect();
    assert!(until_closed(oldest).is_empty());
    eventually("three are left", || (station.statistics().strangers == 3).then_some(()));
    assert_eq!(station.statistics().strangers_closed, 1);
    // A node gets in though strangers hold every place.
    let mut good = Station::new(3, TcpOptions::default());
    good.knows(1, &station);
    good.send_until_heard(3, 1, &station);
    drop(others);
}

#[test]
fn a_new_connection_of_a_node_takes_the_place_of_its_old_one() {
    let station = Station::new(1, TcpOptions::default());
    let old = caller(&station);
    // It is answered first, and entered then.
    eventually("it is entered", || (station.statistics().connections == 1).then_some(()));
    let new = caller(&station);
    assert!(until_closed(old).is_empty());
    assert_eq!(station.statistics().connections, 1);
    drop(new);
    eventually("none is left", || (station.statistics().connections == 0).then_some(()));
}

#[test]
fn there_are_no_more_connections_than_allowed() {
    let mut tcp = TcpOptions::default();
    tcp.max_connections = 1;
    let station = Station::new(1, tcp);
    let first = caller(&station);
    eventually("it is entered", || (station.statistics().connections == 1).then_some(()));
    let other = Greeting { node: 3, incarnation: 1003, ..Greeting::GOOD };
    until_closed(stranger(&station, &other.to_bytes()));
    assert_eq!((station.statistics().connections, station.statistics().connections_refused), (1, 1));
    drop(first);
}
