//! The page of metrics: what stands on it, and that `docs/metrics.md` tells of all of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod page;

use std::{
    io::Read,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{
    Config, Handle, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, RestoreError, SnapshotWriter,
    StateMachine, TcpOptions, TcpTransport,
    metrics::{Histogram, MetricSource, Page as Rendering},
    transport::tcp::Identity,
};
use slog::{Discard, Logger, o};

use crate::page::{Metric, Page};

const PATIENCE: Duration = Duration::from_secs(60);

/// Does nothing, and says nothing.
struct Nothing;

impl StateMachine for Nothing {
    type Response = ();
    type Query = ();
    type Answer = ();

    fn apply(&mut self, _index: LogIndex, _command: &Bytes) {}

    fn query(&self, (): ()) {}

    fn snapshot(&self) -> SnapshotWriter {
        Box::new(|_| Ok(()))
    }

    fn restore(&mut self, _snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        Ok(())
    }
}

fn start(network: &MemNetwork, id: NodeId, voters: &[NodeId]) -> Node<Nothing> {
    let mut config = Config::new(id, id.0);
    config.max_entry_bytes = 1_000;
    start_with(config, network, voters)
}

fn start_with(config: Config, network: &MemNetwork, voters: &[NodeId]) -> Node<Nothing> {
    let (id, mut options) = (config.id, Options::default());
    options.tick = Duration::from_millis(20);
    let storage = MemStorage::with_voters(voters.to_vec());
    let logger = Logger::root(Discard, o!());
    let node = Node::start(config, options, Nothing, storage, network.transport(id), logger).unwrap();
    network.attach(id, node.handle());
    node
}

/// Renders pages until one is as it should be.
fn page_with(handle: &Handle<Nothing>, is_right: impl Fn(&Page) -> bool) -> Page {
    let start = Instant::now();
    loop {
        let page = Page::parse(&handle.metrics().render());
        if is_right(&page) {
            return page;
        }
        assert!(start.elapsed() < PATIENCE, "{page:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_a_lone_node_does_is_counted() {
    let network = MemNetwork::new();
    let node = start(&network, NodeId(1), &[NodeId(1)]);
    let handle = node.handle();
    page_with(&handle, |page| page.value("quorate_role", "role=\"leader\"") == Some(1.0));
    let tickets: Vec<_> = (0..10).map(|_| handle.propose("x")).collect();
    for ticket in tickets {
        ticket.wait(PATIENCE).unwrap().applied().unwrap();
    }
    let _too_large = handle.propose(vec![0; 2_000]).wait(PATIENCE).unwrap();
    handle.query(()).wait(PATIENCE).unwrap().applied().unwrap();
    // The opening entry of the term is one more; the status is as of the last tick.
    let page = page_with(&handle, |page| page.value("quorate_applied_index", "") == Some(11.0));
    for (name, labels, value) in [
        ("quorate_running", "", 1.0),
        ("quorate_role", "role=\"follower\"", 0.0),
        ("quorate_leader_known", "", 1.0),
        ("quorate_voters", "", 1.0),
        ("quorate_elections_total", "outcome=\"won\"", 1.0),
        ("quorate_elections_total", "outcome=\"lost\"", 0.0),
        ("quorate_leader_changes_total", "", 1.0),
        ("quorate_log_last_index", "", 11.0),
        ("quorate_commands_total", "outcome=\"applied\"", 10.0),
        ("quorate_commands_total", "outcome=\"refused\"", 1.0),
        ("quorate_command_seconds_count", "", 10.0),
        ("quorate_queries_total", "outcome=\"answered\"", 1.0),
        ("quorate_entries_applied_total", "", 11.0),
        ("quorate_write_entries_sum", "", 11.0),
        ("quorate_apply_entries_sum", "", 11.0),
    ] {
        assert_eq!(page.value(name, labels), Some(value), "{name} {labels}: {page:#?}");
    }
    node.stop().unwrap();
    let page = Page::parse(&handle.metrics().render());
    assert_eq!(page.value("quorate_running", ""), Some(0.0));
}

#[test]
fn a_leader_tells_how_far_each_follower_is_behind() {
    let network = MemNetwork::new();
    let voters = [1, 2, 3].map(NodeId);
    let nodes = voters.map(|id| start(&network, id, &voters));
    nodes[0].handle().campaign();
    let handle = nodes[0].handle();
    page_with(&handle, |page| {
        page.value("quorate_role", "role=\"leader\"") == Some(1.0)
            && page.value("quorate_follower_lag_entries", "follower=\"n3\"") == Some(0.0)
    });
    network.isolate(NodeId(3));
    for _ in 0..5 {
        handle.propose("x").wait(PATIENCE).unwrap().applied().unwrap();
    }
    let lag = |page: &Page, follower| page.value("quorate_follower_lag_entries", follower);
    page_with(&handle, |page| {
        lag(page, "follower=\"n2\"") == Some(0.0) && lag(page, "follower=\"n3\"") == Some(5.0)
    });
}

#[test]
fn buckets_of_a_histogram_add_up_to_its_count() {
    let network = MemNetwork::new();
    let node = start(&network, NodeId(1), &[NodeId(1)]);
    let page = page_with(&node.handle(), |page| page.value("quorate_turn_seconds_count", "") > Some(5.0));
    let buckets = page.all("quorate_turn_seconds_bucket");
    assert!(buckets.is_sorted(), "they are cumulative: {buckets:?}");
    assert_eq!(buckets.last().copied(), page.value("quorate_turn_seconds_count", ""));
}

#[test]
fn elections_that_are_not_won_are_counted_as_lost() {
    let network = MemNetwork::new();
    let voters = [1, 2].map(NodeId);
    let outcome = |page: &Page, outcome| page.value("quorate_elections_total", outcome).unwrap();
    // Alone, and without asking first, it stands again and again.
    let mut config = Config::new(NodeId(1), 1);
    config.pre_vote = false;
    let first = start_with(config, &network, &voters);
    let page = page_with(&first.handle(), |page| outcome(page, "outcome=\"lost\"") >= 2.0);
    assert_eq!(outcome(&page, "outcome=\"won\""), 0.0);
    assert_eq!(page.value("quorate_pre_votes_total", ""), Some(0.0));
    assert_eq!(page.value("quorate_leader_known", ""), Some(0.0));

    let second = start(&network, NodeId(2), &voters);
    let knows_leader = |page: &Page| page.value("quorate_leader_known", "") == Some(1.0);
    let pages = [&first, &second].map(|node| page_with(&node.handle(), knows_leader));
    let won: f64 = pages.iter().map(|page| outcome(page, "outcome=\"won\"")).sum();
    assert!(won >= 1.0, "{pages:#?}");
}

/// What a user's program may measure.
struct Own(Histogram);

impl MetricSource for Own {
    fn describe(&self, page: &mut Rendering<'_>) {
        page.counter("shop_orders", "Orders taken", 3);
        page.histograms("shop_order_items", "Items of an order", "country", [("no", &self.0)]);
    }
}

#[test]
fn what_others_measure_stands_on_the_same_page() {
    let network = MemNetwork::new();
    let node = start(&network, NodeId(7), &[NodeId(7)]);
    let items = Histogram::of_counts();
    items.observe_count(3);
    node.handle().metrics().add(Own(items));
    let text = node.handle().metrics().render();
    assert!(text.contains("# TYPE shop_orders counter\nshop_orders_total{node=\"n7\"} 3\n"), "{text}");
    assert!(text.contains("shop_order_items_bucket{node=\"n7\",le=\"4.0\",country=\"no\"} 1\n"), "{text}");
    assert!(text.contains("shop_order_items_bucket{node=\"n7\",le=\"+Inf\",country=\"no\"} 1\n"), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
}

/// A node that talks over TCP, and shows it.
fn start_over_tcp(id: NodeId, voters: &[NodeId], transport: &TcpTransport) -> Node<Nothing> {
    let storage = MemStorage::with_voters(voters.to_vec());
    let logger = Logger::root(Discard, o!());
    let (config, options) = (Config::new(id, id.0), Options::default());
    let node = Node::start(config, options, Nothing, storage, transport.sender(), logger).unwrap();
    transport.attach(node.handle());
    node.handle().metrics().add(transport.statistics());
    node
}

#[test]
fn the_documentation_tells_of_each_metric_what_the_page_does() {
    let voters = [1, 2].map(NodeId);
    let transports = voters.map(|node| {
        let identity = Identity { cluster: 7, node, incarnation: 1_000 + node.0 };
        let logger = Logger::root(Discard, o!());
        TcpTransport::bind("127.0.0.1:0", identity, TcpOptions::default(), logger).unwrap()
    });
    transports[0].set_peer(voters[1], transports[1].local_address().to_string());
    transports[1].set_peer(voters[0], transports[0].local_address().to_string());
    let nodes: Vec<_> = voters
        .iter()
        .zip(&transports)
        .map(|(id, transport)| start_over_tcp(*id, &voters, transport))
        .collect();
    let handle = nodes[0].handle();
    // Only a leader whose follower answers shows all of them.
    let rendered = page_with(&handle, |page| {
        if page.value("quorate_role", "role=\"leader\"") != Some(1.0) {
            handle.campaign();
        }
        page.value("quorate_follower_lag_entries", "follower=\"n2\"").is_some()
            && page.value("quorate_tcp_round_trip_seconds", "peer=\"n2\"").is_some()
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md");
    let documented = Metric::of_table(&std::fs::read_to_string(path).unwrap());
    let rows: Vec<_> = rendered.metrics.iter().map(Metric::to_string).collect();
    assert_eq!(documented, rendered.metrics, "let the tables be:\n{}", rows.join("\n"));
}
