//! Three servers in one process, and clients that come over TCP.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use quorate::{Config, MemNetwork, MemStorage, Node, NodeId, Options, RoleKind, sessions::Sessions};
use slog::{Discard, Logger, o};

use crate::{
    Addresses, Client, Server, Store,
    lines::REQUEST_BYTES_MAX,
    protocol::{Answer, Consistency, Pattern, Request, Write},
    server::CONNECTIONS_MAX,
    store::AddressBook,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What all servers together were told of where others are.
type Learned = Arc<Mutex<BTreeMap<(u64, u64), Option<String>>>>;

struct Notebook {
    server: u64,
    learned: Learned,
}

impl AddressBook for Notebook {
    fn learn(&self, node: u64, address: Option<&str>) {
        self.learned.lock().insert((self.server, node), address.map(str::to_owned));
    }
}

struct Cluster {
    network: MemNetwork,
    nodes: BTreeMap<u64, Node<Sessions<Store>>>,
    clients: Addresses,
    learned: Learned,
}

impl Cluster {
    fn start() -> Self {
        let network = MemNetwork::new();
        let mut cluster = Self {
            network,
            nodes: BTreeMap::new(),
            clients: Addresses::default(),
            learned: Learned::default(),
        };
        (1..=3).for_each(|id| cluster.add(id));
        cluster
    }

    /// Starts a server, which belongs to the cluster if it is one of the first three.
    fn add(&mut self, id: u64) {
        let notebook = Notebook { server: id, learned: Arc::clone(&self.learned) };
        let mut options = Options::default();
        options.tick = Duration::from_millis(10);
        let logger = Logger::root(Discard, o!());
        let node = Node::start(
            Config::new(NodeId(id), id),
            options,
            Sessions::new(Store::new(Box::new(notebook))),
            MemStorage::with_voters([1, 2, 3].map(NodeId)),
            self.network.transport(NodeId(id)),
            logger.clone(),
        );
        let node = node.unwrap();
        self.network.attach(NodeId(id), node.handle());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        self.clients.0.insert(id, listener.local_addr().unwrap().to_string());
        let server = Server::start(node.handle(), logger).unwrap();
        thread::spawn(move || server.serve(&listener));
        self.nodes.insert(id, node);
    }

    fn client(&self) -> Client {
        Client::new(self.clients.clone())
    }

    fn leader(&self) -> u64 {
        loop {
            let is_leader = |node: &Node<_>| node.handle().status().core.role == RoleKind::Leader;
            if let Some((id, _)) = self.nodes.iter().find(|(_, node)| is_leader(node)) {
                return *id;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn connect(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.clients.address(1).unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }
}

fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.to_owned(), value: value.to_owned() }
}

fn get(client: &mut Client, key: &str) -> Option<String> {
    let request = Request::Get { key: key.to_owned(), consistency: Consistency::Linearizable };
    let answer = client.call(&request, PATIENCE);
    let Answer::Value { value } = answer else { panic!("{answer:?}") };
    value
}

#[expect(clippy::needless_pass_by_value, reason = "shorter to call")]
fn write(client: &mut Client, write: Write) -> Answer {
    client.write_once(&write, PATIENCE)
}

/// Sends a line as it is; the answer.
fn say(connection: &mut BufReader<TcpStream>, line: &str) -> Answer {
    connection.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    hear(connection)
}

/// The next answer.
fn hear(connection: &mut BufReader<TcpStream>) -> Answer {
    let mut answer = String::new();
    connection.read_line(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn every_server_writes_reads_and_lists() {
    let cluster = Cluster::start();
    let mut client = cluster.client();
    for server in 1..=3 {
        client.move_to(server);
        let key = format!("key-{server}");
        assert!(write(&mut client, put(&key, "1")).is_success());
        let cas =
            |from: &str| Write::Cas { key: key.clone(), from: Some(from.to_owned()), to: "2".to_owned() };
        assert!(write(&mut client, cas("1")).is_success());
        assert_eq!(write(&mut client, cas("1")), Answer::NotSwapped { value: Some("2".to_owned()) });
        assert_eq!(get(&mut client, &key), Some("2".to_owned()));
    }
    write(&mut client, Write::Delete { key: "key-2".to_owned() });
    let list =
        Request::List { prefix: "key".to_owned(), after: None, consistency: Consistency::Linearizable };
    let held = |key: &str| (key.to_owned(), "2".to_owned());
    let expected = Answer::Entries { entries: vec![held("key-1"), held("key-3")], more: false };
    assert_eq!(client.call(&list, PATIENCE), expected);
}

#[test]
fn a_write_with_the_same_number_gets_the_same_answer_and_changes_nothing() {
    let cluster = Cluster::start();
    let mut client = cluster.client();
    let Answer::Opened { session } = client.call(&Request::OpenSession, PATIENCE) else {
        panic!("no session")
    };
    let once = |sequence, value| Request::Once { session, sequence, write: put("a", value) };
    let first = client.call(&once(1, "1"), PATIENCE);
    write(&mut client, put("a", "2"));
    assert_eq!(client.call(&once(1, "1"), PATIENCE), first);
    assert_eq!(get(&mut client, "a"), Some("2".to_owned()));
    let strange = Request::Once { session: 1_000_000, sequence: 1, write: put("a", "3") };
    assert_eq!(client.call(&strange, PATIENCE), Answer::SessionEnded);
}

#[test]
fn clients_go_on_when_the_leader_is_lost() {
    let mut cluster = Cluster::start();
    let mut client = cluster.client();
    let leader = cluster.leader();
    client.move_to(leader);
    assert!(write(&mut client, put("a", "1")).is_success());
    // It answers that it has stopped, or not at all.
    cluster.nodes.remove(&leader);
    assert!(write(&mut client, put("a", "2")).is_success());
    assert_ne!(client.at(), leader);
    assert_eq!(get(&mut client, "a"), Some("2".to_owned()));
}

#[test]
fn membership_is_changed_by_the_leader_and_all_learn_who_is_where() {
    let mut cluster = Cluster::start();
    cluster.add(4);
    let mut client = cluster.client();
    client.move_to(cluster.leader() % 3 + 1); // a follower, which names the leader
    let add = Request::AddVoter { node: 4, address: "host:7".to_owned() };
    let Answer::Membership { membership } = client.call(&add, PATIENCE) else { panic!("not added") };
    assert_eq!(membership, "voters=[n1 n2 n3 n4]");
    assert!(client.call(&Request::Transfer { to: 4 }, PATIENCE).is_success());
    let Answer::Membership { membership } = client.call(&Request::Remove { node: 1 }, PATIENCE) else {
        panic!("not removed")
    };
    assert_eq!(membership, "voters=[n2 n3 n4]");
    // A read of server 2 knows all that was answered.
    client.move_to(2);
    get(&mut client, "a");
    let learned = cluster.learned.lock();
    assert_eq!(learned.get(&(2, 4)), Some(&Some("host:7".to_owned())));
    assert_eq!(learned.get(&(2, 1)), Some(&None));
}

#[test]
fn a_watch_tells_what_is_there_and_each_change_after_it() {
    let cluster = Cluster::start();
    let mut client = cluster.client();
    write(&mut client, put("a1", "1"));
    let mut watch = cluster.client().watch(Pattern::Prefix("a".to_owned()));
    let mut next = || watch.by_ref().find(|answer| *answer != Answer::NoChange).unwrap();
    let there = vec![("a1".to_owned(), "1".to_owned())];
    assert_eq!(next(), Answer::Entries { entries: there, more: true });
    assert_eq!(next(), Answer::Entries { entries: vec![], more: false });
    for (key, value) in [("a2", "2"), ("b", "3"), ("a1", "4")] {
        write(&mut client, put(key, value));
    }
    for (key, value) in [("a2", "2"), ("a1", "4")] {
        let Answer::Change(change) = next() else { panic!("no change") };
        assert_eq!((change.key.as_str(), change.value.as_deref()), (key, Some(value)));
    }
}

#[test]
fn requests_that_come_together_are_answered_in_their_order() {
    let cluster = Cluster::start();
    let mut client = cluster.client();
    for key in 0..100 {
        assert!(write(&mut client, put(&format!("k{key}"), &format!("v{key}"))).is_success());
    }
    let mut connection = cluster.connect();
    let put = r#"{"write":{"put":{"key":"a","value":"1"}}}"#;
    let three = |key| format!("{{\"get\":{{\"key\":\"k{key}\"}}}}\n{put}\n{{\n");
    let lines: String = (0..100).map(three).collect();
    connection.get_mut().write_all(lines.as_bytes()).unwrap();
    for key in 0..100 {
        assert_eq!(hear(&mut connection), Answer::Value { value: Some(format!("v{key}")) });
        // If the leader has changed just now, it may not be written; but it is answered.
        let answer = hear(&mut connection);
        assert!(!matches!(answer, Answer::Value { .. } | Answer::Malformed { .. }), "{answer:?}");
        assert!(matches!(hear(&mut connection), Answer::Malformed { .. }));
    }
}

#[test]
fn an_answer_does_not_wait_for_half_a_request_that_follows() {
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    connection.get_mut().write_all(b"\"status\"\n\"sta").unwrap();
    assert!(hear(&mut connection).is_success());
    connection.get_mut().write_all(b"tus\"\n").unwrap();
    assert!(hear(&mut connection).is_success());
}

#[test]
fn a_watch_begins_when_the_requests_before_it_are_answered() {
    let cluster = Cluster::start();
    let mut client = cluster.client();
    assert!(write(&mut client, put("a", "1")).is_success());
    let mut connection = cluster.connect();
    let lines = b"\"status\"\n{\"watch\":{\"key\":\"a\"}}\n";
    connection.get_mut().write_all(lines).unwrap();
    assert!(matches!(hear(&mut connection), Answer::Status(_)));
    let there = vec![("a".to_owned(), "1".to_owned())];
    assert_eq!(hear(&mut connection), Answer::Entries { entries: there, more: true });
}

#[test]
fn what_makes_no_sense_is_said_so_and_the_connection_lives() {
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    for wrong in ["", "{", "7", "\"dance\"", r#"{"get":{}}"#, r#"{"put":{"key":"a"}}"#, "\u{0}"] {
        let answer = say(&mut connection, wrong);
        assert!(matches!(answer, Answer::Malformed { .. }), "{wrong}: {answer:?}");
    }
    assert!(say(&mut connection, "\"status\"").is_success());
}

#[test]
fn a_request_that_is_too_long_is_refused_in_words() {
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    let long = "x".repeat(REQUEST_BYTES_MAX + 1);
    assert!(matches!(say(&mut connection, &long), Answer::Malformed { .. }));
    assert_eq!(connection.read_line(&mut String::new()).unwrap(), 0);
}

#[test]
fn who_sends_no_more_is_answered_to_the_end() {
    let cluster = Cluster::start();
    let mut connection = cluster.connect();
    connection.get_mut().write_all("\"status\"\n{\"get\":{\"key\":\"a\"}}\n".repeat(300).as_bytes()).unwrap();
    connection.get_ref().shutdown(Shutdown::Write).unwrap();
    for _ in 0..300 {
        assert!(matches!(hear(&mut connection), Answer::Status(_)));
        assert_eq!(hear(&mut connection), Answer::Value { value: None });
    }
    assert_eq!(connection.read_line(&mut String::new()).unwrap(), 0);
}

#[test]
fn who_does_not_read_holds_up_nobody_and_misses_nothing() {
    let cluster = Cluster::start();
    let value = "x".repeat(100_000);
    assert!(write(&mut cluster.client(), put("a", &value)).is_success());
    let mut deaf = cluster.connect();
    // 20 MB of answers: more than the system keeps for a connection.
    deaf.get_mut().write_all("{\"get\":{\"key\":\"a\"}}\n".repeat(200).as_bytes()).unwrap();
    let answer = Answer::Value { value: Some(value) };
    assert_eq!(hear(&mut deaf), answer);
    // The others are on their way now. Some of these clients have the same thread of the server.
    for _ in 0..20 {
        assert!(say(&mut cluster.connect(), "\"status\"").is_success());
    }
    for _ in 1..200 {
        assert_eq!(hear(&mut deaf), answer);
    }
}

#[test]
fn clients_that_have_gone_make_room_for_others() {
    let cluster = Cluster::start();
    for _ in 0..CONNECTIONS_MAX + 50 {
        // It does not wait for its answers.
        let mut client = cluster.connect();
        let _refused = client.get_mut().write_all(b"{\"get\":{\"key\":\"a\"}}\n\"status\"\n\"sta");
    }
    let begin = Instant::now();
    let mut client = cluster.client();
    while !client.attempt(&Request::Status).is_success() {
        assert!(begin.elapsed() < PATIENCE, "there is no room");
        client.move_to(1);
    }
}
