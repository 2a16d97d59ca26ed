//! Who is let in, and what those are told who are not.

use std::{fs, path::PathBuf};

use quorate::{
    NodeId, TcpOptions, TcpTransport,
    transport::tcp::{Identity, Refusal, TcpError},
};

use crate::{
    cluster::{identity, logger},
    recorder::Station,
    strangers::{Greeting, stranger, until_closed},
    wait::eventually,
};

/// Where an answer says why not.
const WORD: usize = 10;

/// Waits until `station` has counted that its calls to `node` end for this reason.
fn expect_refused(station: &Station, node: u64, reason: Refusal) {
    eventually(reason.name(), || (station.peer(node).refused(reason) > 0).then_some(()));
    assert!(!station.peer(node).is_connected);
}

#[test]
fn each_way_to_be_wrong_is_answered_with_its_reason() {
    let station = Station::new(1, TcpOptions::default());
    station.transport.set_peer(NodeId(2), "127.0.0.1:1");
    let good = Greeting::GOOD;
    assert_eq!(until_closed_after_answer(&station, good), 0);
    let wrong = [
        (Greeting { version: 2, ..good }, Refusal::Version),
        (Greeting { cluster: 8, ..good }, Refusal::Cluster),
        (Greeting { other: 3, ..good }, Refusal::OtherNode),
        (Greeting { node: 1, ..good }, Refusal::OtherNode),
        (Greeting { node: 0, ..good }, Refusal::OtherNode),
        (Greeting { incarnation: 9, ..good }, Refusal::Incarnation),
        (Greeting { word: 77, ..good }, Refusal::Foreign),
    ];
    for (greeting, reason) in wrong {
        let before = station.statistics().refused(reason);
        let word = until_closed(stranger(&station, &greeting.to_bytes()))[WORD];
        assert_ne!(word, 0, "{reason:?}");
        eventually(reason.name(), || (station.statistics().refused(reason) == before + 1).then_some(()));
    }
}

fn until_closed_after_answer(station: &Station, greeting: Greeting) -> u8 {
    let socket = stranger(station, &greeting.to_bytes());
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    until_closed(socket)[WORD]
}

#[test]
fn nodes_of_two_clusters_refuse_each_other() {
    let ours = Station::new(1, TcpOptions::default());
    let theirs = Station::with_identity(Identity { cluster: 8, ..identity(2) }, TcpOptions::default());
    ours.knows(2, &theirs);
    expect_refused(&ours, 2, Refusal::Cluster);
    eventually("they too", || (theirs.statistics().refused(Refusal::Cluster) > 0).then_some(()));
}

#[test]
fn another_node_at_the_address_is_not_taken_for_the_peer() {
    let (one, three) = (Station::new(1, TcpOptions::default()), Station::new(3, TcpOptions::default()));
    one.knows(2, &three);
    expect_refused(&one, 2, Refusal::OtherNode);
}

#[test]
fn something_else_at_the_address_is_not_taken_for_the_peer() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _said = std::io::Write::write_all(&mut socket, &[b'S'; 100]);
        }
    });
    let station = Station::new(1, TcpOptions::default());
    station.transport.set_peer(NodeId(2), address);
    eventually("it is refused", || {
        let refused = |reason| station.peer(2).refused(reason);
        // It closes with our greeting unread, which may overtake what it has said.
        (refused(Refusal::Foreign) + refused(Refusal::Broken) > 0).then_some(())
    });
    assert!(!station.peer(2).is_connected);
}

#[test]
fn c17_a_node_that_lost_its_disk_is_refused_by_all_who_have_met_it() {
    let (one, two) = Station::pair(&TcpOptions::default());
    one.wait_until_connected(2);
    two.wait_until_connected(1);
    drop(two);
    let wiped = Station::with_identity(Identity { incarnation: 9, ..identity(2) }, TcpOptions::default());
    wiped.knows(1, &one);
    one.knows(2, &wiped);
    expect_refused(&wiped, 1, Refusal::Incarnation);
    expect_refused(&one, 2, Refusal::Incarnation);
    eventually("callers too", || (one.statistics().refused(Refusal::Incarnation) > 0).then_some(()));

    // The way out: another id.
    let anew = Station::with_identity(Identity { incarnation: 9, ..identity(4) }, TcpOptions::default());
    anew.knows(1, &one);
    one.knows(4, &anew);
    anew.wait_until_connected(1);
    one.wait_until_connected(4);
}

#[test]
fn a_node_that_was_restarted_with_its_disk_is_let_in() {
    let (one, two) = Station::pair(&TcpOptions::default());
    one.wait_until_connected(2);
    drop(two);
    let again = Station::new(2, TcpOptions::default());
    again.knows(1, &one);
    one.knows(2, &again);
    again.wait_until_connected(1);
    one.wait_until_connected(2);
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn c17_a_node_that_lost_its_disk_is_refused_by_peers_that_were_restarted_meanwhile() {
    let folder = Folder(std::env::temp_dir().join(format!("quorate-handshakes-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let mut tcp = TcpOptions::default();
    tcp.incarnations = Some(folder.0.join("incarnations"));
    let (one, two) = (Station::new(1, tcp.clone()), Station::new(2, TcpOptions::default()));
    one.knows(2, &two);
    one.wait_until_connected(2);
    drop((one, two));

    let one = Station::new(1, tcp.clone());
    let wiped = Station::with_identity(Identity { incarnation: 9, ..identity(2) }, TcpOptions::default());
    wiped.knows(1, &one);
    expect_refused(&wiped, 1, Refusal::Incarnation);
    drop(one);

    fs::write(folder.0.join("incarnations"), "scribble").unwrap();
    let error = TcpTransport::bind("127.0.0.1:0", identity(1), tcp, logger()).unwrap_err();
    assert!(matches!(error, TcpError::Incarnations { .. }), "{error}");
}

#[test]
fn what_cannot_listen_says_so() {
    let taken = Station::new(1, TcpOptions::default());
    let bind =
        |address: String, node| TcpTransport::bind(address, identity(node), TcpOptions::default(), logger());
    assert!(matches!(bind(taken.address(), 2), Err(TcpError::Listen(_))));
    assert!(matches!(bind("127.0.0.1:0".to_owned(), 0), Err(TcpError::Identity)));
    let mut tcp = TcpOptions::default();
    tcp.max_queue_bytes = 0;
    let unsound = TcpTransport::bind("127.0.0.1:0", identity(1), tcp, logger());
    assert!(matches!(unsound, Err(TcpError::Options(_))));
}
