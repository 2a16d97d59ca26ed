//! Peers that come, go, move and fail, and what is queued for them.

use std::{
    net::TcpListener,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use quorate::{NodeId, TcpOptions, transport::tcp::Dropped};

use crate::{
    proxy::Proxy,
    recorder::{Station, append, notice, numbers},
    wait::{PATIENCE, eventually},
};

#[test]
fn messages_arrive_whole_and_in_order() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    one.wait_until_connected(2);
    // Short of what the queue takes, so that nothing is dropped however slow the machine.
    let message = |number: u64| match number % 3 {
        0 => append(1, 2, number % 7, 10_000),
        _ => notice(1, 2, number),
    };
    let sent: Vec<_> = (0..200).map(message).collect();
    for some in sent.chunks(17) {
        quorate::Transport::send(&mut one.sender, &mut some.to_vec());
    }
    two.until("all have come", |record| (record.messages.len() == sent.len()).then_some(()));
    two.record(|record| assert_eq!(record.messages, sent));
    let (sender, receiver) = (one.peer(2), two.peer(1));
    assert_eq!((sender.messages_sent, receiver.messages_received), (200, 200));
    assert!(sender.bytes_sent >= receiver.bytes_received && receiver.bytes_received > 100_000);
    eventually("the round trip is known", || one.peer(2).round_trip);
}

#[test]
fn a_run_of_entries_that_two_peers_are_sent_arrives_whole_at_both() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    let three = Station::new(3, TcpOptions::default());
    one.knows(3, &three);
    one.wait_until_connected(2);
    one.wait_until_connected(3);
    let to_two = append(1, 2, 100, 1000);
    let mut to_three = to_two.clone();
    to_three.to = NodeId(3);
    quorate::Transport::send(&mut one.sender, &mut vec![to_two.clone(), to_three.clone()]);
    two.until("it has come", |record| (record.messages == [to_two.clone()]).then_some(()));
    three.until("it has come", |record| (record.messages == [to_three.clone()]).then_some(()));
}

#[test]
fn of_too_many_messages_the_oldest_are_dropped_and_the_node_is_told() {
    let mut tcp = TcpOptions::default();
    tcp.max_queue_messages = 10;
    let (mut one, two) = (Station::new(1, tcp), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    one.wait_until_connected(2);
    proxy.stall();
    // Nothing passes: once the system takes no more, messages of a megabyte stay in the queue.
    eventually("the queue is full", || {
        one.send(append(1, 2, 1, 1 << 20));
        (one.peer(2).dropped(Dropped::QueueFull) > 0).then_some(())
    });
    assert!(one.peer(2).queue_messages <= 10);
    (1..=20).for_each(|number| one.send(notice(1, 2, number)));
    assert!(one.record(|record| record.unreachable.contains(&NodeId(2))));
    proxy.heal();
    let came = two.until("the last comes", |record| {
        let came = numbers(&record.messages);
        came.contains(&20).then_some(came)
    });
    assert!(!came.contains(&1), "the oldest made room");
    assert!(came.is_sorted());
}

#[test]
fn what_a_connection_takes_only_in_part_arrives_whole_and_in_order() {
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    one.wait_until_connected(2);
    proxy.stall();
    let mut sent = Vec::new();
    // Nothing passes, and whoever sends does not wait: so it comes to be that some were written, one in part, and some not.
    eventually("the system takes no more", || {
        for number in 0..20 {
            sent.extend([append(1, 2, 3, 5_000 + number), notice(1, 2, sent.len() as u64)]);
            quorate::Transport::send(&mut one.sender, &mut sent[sent.len() - 2..].to_vec());
        }
        (one.peer(2).queue_messages > 20).then_some(())
    });
    proxy.heal();
    two.until("all have come", |record| (record.messages.len() == sent.len()).then_some(()));
    two.record(|record| assert!(record.messages == sent, "all are whole, and in order"));
    assert_eq!((one.peer(2).connections, one.peer(2).dropped(Dropped::QueueFull)), (1, 0));
}

#[test]
fn a_queue_is_bounded_in_bytes_too() {
    let mut tcp = TcpOptions::default();
    tcp.max_queue_bytes = 100_000;
    // Nobody answers at this address, and nobody refuses: the attempt lasts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut one = Station::new(1, tcp);
    one.transport.set_peer(NodeId(2), listener.local_addr().unwrap().to_string());
    let _caller = listener.accept().unwrap();
    (0..5).for_each(|_| one.send(append(1, 2, 1, 30_000)));
    let peer = one.peer(2);
    assert_eq!((peer.queue_messages, peer.dropped(Dropped::QueueFull)), (3, 2));
    assert!(peer.queue_bytes <= 100_000);
    // One that is larger than all the room stays, alone.
    one.send(append(1, 2, 1, 200_000));
    assert_eq!((one.peer(2).queue_messages, one.peer(2).dropped(Dropped::QueueFull)), (1, 5));
}

#[test]
fn a_message_that_the_peer_does_not_take_is_dropped_and_the_others_go_on() {
    let mut small = TcpOptions::default();
    small.max_message_bytes = 10_000;
    small.snapshot_chunk_bytes = 1000;
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, small));
    one.knows(2, &two);
    one.wait_until_connected(2);
    one.send(append(1, 2, 1, 20_000));
    one.send(notice(1, 2, 7));
    two.until("the next comes", |record| (numbers(&record.messages) == [7]).then_some(()));
    let peer = one.peer(2);
    assert_eq!((peer.dropped(Dropped::TooLarge), peer.connections), (1, 1));
}

#[test]
fn a_peer_that_is_not_there_is_reported_and_found_when_it_comes() {
    let mut tcp = TcpOptions::default();
    tcp.min_back_off = Duration::from_millis(5);
    tcp.max_back_off = Duration::from_millis(20);
    let mut one = Station::new(1, tcp);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    one.transport.set_peer(NodeId(2), address.to_string());
    one.send(notice(1, 2, 1));
    one.until("it is reported", |record| record.unreachable.contains(&NodeId(2)).then_some(()));
    eventually("it is tried again and again", || (one.peer(2).failed_attempts > 3).then_some(()));
    eventually("what waited is dropped", || (one.peer(2).dropped(Dropped::Disconnected) == 1).then_some(()));

    let recorder = Station::new(2, TcpOptions::default());
    one.knows(2, &recorder);
    one.send_until_heard(1, 2, &recorder);
}

#[test]
fn attempts_become_fewer_the_longer_they_are_in_vain() {
    let mut tcp = TcpOptions::default();
    tcp.min_back_off = Duration::from_millis(2);
    tcp.max_back_off = Duration::from_secs(3600);
    let one = Station::new(1, tcp);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    one.transport.set_peer(NodeId(2), address.to_string());
    eventually("six attempts", || (one.peer(2).failed_attempts >= 6).then_some(()));
    // Five waits, each at least half of 2, 4, 8, 16, 32 ms.
    assert!(start.elapsed() >= Duration::from_millis(31), "{:?}", start.elapsed());
}

#[test]
fn a_peer_that_calls_is_called_back_at_once() {
    let mut patient = TcpOptions::default();
    patient.min_back_off = Duration::from_secs(3600);
    patient.max_back_off = Duration::from_secs(3600);
    let one = Station::new(1, patient);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    one.transport.set_peer(NodeId(2), address.to_string());
    eventually("it fails", || (one.peer(2).failed_attempts == 1).then_some(()));
    let two = crate::cluster::transport_at(address, 2);
    two.set_peer(NodeId(1), one.address());
    one.wait_until_connected(2);
}

#[test]
fn a_peer_that_has_moved_is_reached_where_it_is_now() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    one.send_until_heard(1, 2, &two);
    let elsewhere = Station::new(2, TcpOptions::default());
    one.knows(2, &elsewhere);
    one.send_until_heard(1, 2, &elsewhere);
    assert_eq!(one.peer(2).connections, 2);
    eventually("the old place is left", || (two.statistics().connections == 0).then_some(()));
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    let (mut one, two) = (Station::new(1, TcpOptions::default()), Station::new(2, TcpOptions::default()));
    let proxy = Proxy::new(two.transport.local_address());
    one.transport.set_peer(NodeId(2), proxy.address.to_string());
    for round in 1..=5 {
        eventually("it connects", || {
            let peer = one.peer(2);
            (peer.connections == round && peer.is_connected).then_some(())
        });
        one.send(notice(1, 2, round));
        two.until("it comes", |record| numbers(&record.messages).contains(&round).then_some(()));
        proxy.reset();
    }
    one.until("the node is told", |record| (record.unreachable.len() == 5).then_some(()));
}

#[test]
fn messages_for_a_peer_that_was_removed_or_never_set_are_dropped() {
    let (mut one, two) = Station::pair(&TcpOptions::default());
    one.wait_until_connected(2);
    one.transport.remove_peer(NodeId(2));
    eventually("it is not connected", || (two.statistics().connections == 0).then_some(()));
    one.send(notice(1, 2, 1));
    one.send(notice(1, 9, 1));
    one.send(notice(1, 1, 1));
    assert_eq!(one.statistics().unaddressed, 3);
    assert!(one.transport.statistics().peer(NodeId(2)).is_none());
    // Set again, it is reached again.
    one.knows(2, &two);
    one.send_until_heard(1, 2, &two);
}

#[test]
fn what_comes_before_an_inbox_is_attached_is_dropped_and_counted() {
    let mut one = Station::new(1, TcpOptions::default());
    let two = crate::cluster::transport(2, TcpOptions::default());
    one.transport.set_peer(NodeId(2), two.local_address().to_string());
    eventually("it is counted", || {
        one.send(notice(1, 2, 1));
        (two.statistics().transport().unattached > 0).then_some(())
    });
}

/// Runs `stop` in a thread of its own and waits for its end.
fn expect_end(stop: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        stop();
        ended.send(()).unwrap();
    });
    end.recv_timeout(PATIENCE).expect("it ends");
}

#[test]
fn stopping_ends_all_threads_whatever_they_wait_for() {
    let mut patient = TcpOptions::default();
    // Whoever waited for any of these would be noticed.
    patient.idle_timeout = Duration::from_secs(3600);
    patient.handshake_timeout = Duration::from_secs(3600);
    patient.min_back_off = Duration::from_secs(3600);
    patient.max_back_off = Duration::from_secs(3600);
    let (one, two) = Station::pair(&patient);
    one.wait_until_connected(2);
    two.wait_until_connected(1);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    one.transport.set_peer(NodeId(3), silent.local_addr().unwrap().to_string());
    one.transport.set_peer(NodeId(4), "127.0.0.1:1");
    eventually("one attempt has failed", || (one.peer(4).failed_attempts == 1).then_some(()));
    let _stranger = crate::strangers::stranger(&one, b"quorate");
    eventually("the stranger is there", || (one.statistics().strangers == 1).then_some(()));

    let (statistics, address) = (one.transport.statistics(), one.transport.local_address());
    let own_prefix = "n1-";
    assert!(names_of_threads().iter().any(|name| name.starts_with(own_prefix)) || !cfg!(target_os = "linux"));
    expect_end(move || one.transport.stop());
    assert_eq!((statistics.transport().connections, statistics.transport().strangers), (0, 0));
    eventually("the address is free", || TcpListener::bind(address).ok());
    expect_end(move || drop(two));
}

/// The names of this process's threads, where the system tells.
fn names_of_threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect()
}

#[test]
fn the_last_handle_may_be_dropped_by_a_message() {
    struct Owner(parking_lot::Mutex<Option<quorate::TcpTransport>>, mpsc::Sender<()>);
    impl quorate::Inbox for Owner {
        fn deliver(&self, _envelope: quorate::Envelope) {
            drop(self.0.lock().take());
            let _told = self.1.send(());
        }
        fn report_unreachable(&self, _node: NodeId) {}
        fn report_snapshot(&self, _node: NodeId, _arrived: bool) {}
    }

    let mut one = Station::new(1, TcpOptions::default());
    let two = crate::cluster::transport(2, TcpOptions::default());
    one.transport.set_peer(NodeId(2), two.local_address().to_string());
    let (told, end) = mpsc::channel();
    let (attaching, statistics) = (two.clone(), two.statistics());
    attaching.attach(Owner(parking_lot::Mutex::new(Some(two)), told));
    drop(attaching);
    one.wait_until_connected(2);
    one.send(notice(1, 2, 1));
    end.recv_timeout(PATIENCE).expect("it ends");
    assert_eq!(statistics.transport().panics, 0);
}
