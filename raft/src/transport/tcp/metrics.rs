//! The transport's statistics, as metrics.

use super::statistics::{Dropped, PeerStatistics, Refusal, TcpStatistics, TransportStatistics};
use crate::metrics::{MetricSource, Page};

impl MetricSource for TcpStatistics {
    fn describe(&self, page: &mut Page<'_>) {
        let peers = self.peers();
        describe_links(&peers, page);
        describe_traffic(&peers, page);
        describe_transport(&self.transport(), page);
    }
}

/// One number for each peer.
fn each<'p>(
    peers: &'p [PeerStatistics],
    number: impl Fn(&PeerStatistics) -> u64 + 'p,
) -> impl Iterator<Item = (crate::NodeId, u64)> + 'p {
    peers.iter().map(move |peer| (peer.node, number(peer)))
}

fn describe_links(peers: &[PeerStatistics], page: &mut Page<'_>) {
    let help = "1 for each peer to which messages can be sent now";
    page.gauges("quorate_tcp_connected", help, "peer", each(peers, |peer| u64::from(peer.is_connected)));
    let help = "How often the peer was connected to";
    page.counters("quorate_tcp_connections", help, "peer", each(peers, |peer| peer.connections));
    let help = "How often connecting to the peer failed";
    page.counters("quorate_tcp_failed_attempts", help, "peer", each(peers, |peer| peer.failed_attempts));
    let help = "Attempts to connect to peers that failed, by reason";
    let refused = |reason: &Refusal| (reason.name(), peers.iter().map(|peer| peer.refused(*reason)).sum());
    page.counters("quorate_tcp_attempts_refused", help, "reason", Refusal::ALL.iter().map(refused));
    let help = "Time to the peer and back, lately; absent if it is not known";
    let known = peers.iter().filter_map(|peer| Some((peer.node, peer.round_trip?)));
    page.durations("quorate_tcp_round_trip_seconds", help, "peer", known);
}

fn describe_traffic(peers: &[PeerStatistics], page: &mut Page<'_>) {
    let help = "Messages sent to the peer, without snapshots";
    page.counters("quorate_tcp_messages_sent", help, "peer", each(peers, |peer| peer.messages_sent));
    page.counters(
        "quorate_tcp_sent_bytes",
        "Bytes sent to the peer",
        "peer",
        each(peers, |peer| peer.bytes_sent),
    );
    let help = "Messages that came from the peer, without snapshots";
    page.counters("quorate_tcp_messages_received", help, "peer", each(peers, |peer| peer.messages_received));
    let help = "Bytes that came from the peer";
    page.counters("quorate_tcp_received_bytes", help, "peer", each(peers, |peer| peer.bytes_received));
    let help = "Messages that were not sent to peers, by reason";
    let dropped = |reason: &Dropped| (reason.name(), peers.iter().map(|peer| peer.dropped(*reason)).sum());
    page.counters("quorate_tcp_messages_dropped", help, "reason", Dropped::ALL.iter().map(dropped));
    let help = "Messages that wait to be sent to the peer";
    page.gauges("quorate_tcp_queued_messages", help, "peer", each(peers, |peer| peer.queue_messages as u64));
    let help = "What the messages that wait for the peer weigh";
    page.gauges("quorate_tcp_queued_bytes", help, "peer", each(peers, |peer| peer.queue_bytes as u64));
    let help = "Snapshots that the peer has acknowledged";
    page.counters("quorate_tcp_snapshots_sent", help, "peer", each(peers, |peer| peer.snapshots_sent));
    let help = "Snapshots that did not arrive at the peer";
    page.counters("quorate_tcp_snapshots_failed", help, "peer", each(peers, |peer| peer.snapshots_failed));
    let help = "Snapshots that came from the peer";
    page.counters(
        "quorate_tcp_snapshots_received",
        help,
        "peer",
        each(peers, |peer| peer.snapshots_received),
    );
}

fn describe_transport(transport: &TransportStatistics, page: &mut Page<'_>) {
    page.counter("quorate_tcp_accepted", "Connections that were accepted", transport.accepted);
    let help = "Connections from peers that are open";
    page.gauge("quorate_tcp_incoming", help, transport.connections as u64);
    let help = "Connections that are open, and whose caller has not introduced itself";
    page.gauge("quorate_tcp_strangers", help, transport.strangers as u64);
    let help = "Callers that were turned away, by reason";
    let refused = |reason: &Refusal| (reason.name(), transport.refused(*reason));
    page.counters("quorate_tcp_callers_refused", help, "reason", Refusal::ALL.iter().map(refused));
    let help = "Connections that were closed at once, because there were too many of the kind";
    let crowded = [("strangers", transport.strangers_closed), ("peers", transport.connections_refused)];
    page.counters("quorate_tcp_crowded_out", help, "kind", crowded);
    let help = "Messages that went nowhere: no inbox was attached, or the node has no address";
    let lost = [("unattached", transport.unattached), ("unaddressed", transport.unaddressed)];
    page.counters("quorate_tcp_messages_lost", help, "reason", lost);
    let help = "Connections that were closed because of what came over them";
    page.counter("quorate_tcp_malformed", help, transport.malformed);
    page.counter("quorate_tcp_panics", "Panics in the transport's threads", transport.panics);
}
