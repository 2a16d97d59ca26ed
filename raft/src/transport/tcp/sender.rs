//! What a node's loop sends through.

use std::{fmt, sync::Arc};

use super::{queue::Queued, run::Run, shared::Shared, statistics::add};
use crate::{
    consensus::{Envelope, Message, NodeId},
    transport::Transport,
};

/// The sending side of a [`TcpTransport`](super::TcpTransport), to start a node with.
///
/// It never waits: what a connection does not take at once is queued, and sent by threads of the transport. When those
/// have ended, messages are dropped.
pub struct TcpSender {
    shared: Arc<Shared>,
}

impl TcpSender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Transport for TcpSender {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        if messages.is_empty() {
            return;
        }
        // Whoever lost a message for lack of room; told at the end, once each.
        let mut full: Vec<NodeId> = Vec::new();
        let mut run = None;
        let peers = self.shared.peers.read();
        for envelope in messages.drain(..) {
            let to = envelope.to;
            let Some(peer) = peers.get(&to) else {
                lose(&self.shared, &envelope);
                continue;
            };
            if let Message::SnapshotRequest { .. } = &envelope.message {
                peer.send_snapshot(envelope);
                continue;
            }
            let mut own = None;
            if let Message::AppendRequest { entries, .. } = &envelope.message {
                own = Run::of(entries, run.as_ref());
                run = own.clone().or(run);
            }
            if !peer.enqueue(Queued::new(envelope, own)) && !full.contains(&to) {
                full.push(to);
            }
        }
        // Not before all are queued: what goes to one peer goes in one piece.
        peers.values().for_each(|peer| peer.send_queued());
        drop(peers);
        full.into_iter().for_each(|node| self.shared.report_unreachable(node));
    }
}

/// Nobody knows where the receiver is.
fn lose(shared: &Shared, envelope: &Envelope) {
    add(&shared.counters.unaddressed, 1);
    if matches!(envelope.message, Message::SnapshotRequest { .. }) {
        shared.report_snapshot(envelope.to, false);
    }
}

impl fmt::Debug for TcpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSender").field("node", &self.shared.identity.node).finish_non_exhaustive()
    }
}
