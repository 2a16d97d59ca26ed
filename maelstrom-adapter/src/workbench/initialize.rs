//! The beginning of a run: every node is told who it is, and confirms it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::error::Error;
use super::network::{Message, Network};
use super::pipes::{Batch, FromNode};
use super::wire::{Answer, Destination, INIT_CLIENT, Reply, init_line};

/// How long nodes have to answer `init`.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells every node who it is and waits for all answers. Nodes may talk to each other meanwhile.
///
/// # Errors
///
/// A node that ended, wrote something else, or kept silent.
pub(super) fn initialize(cluster: &mut Cluster, network: &mut Network, count: usize) -> Result<(), Error> {
    for node in 0..count {
        cluster.send(node, init_line(node, count).as_bytes());
    }
    let deadline = Instant::now() + INIT_TIMEOUT;
    let mut initialized = vec![false; count];
    while let Some(silent) = initialized.iter().position(|is_initialized| !is_initialized) {
        cluster.flush();
        let wake = network.next_due().map_or(deadline, |due| due.min(deadline));
        let news = cluster.news(wake);
        if news.is_empty() && Instant::now() >= deadline {
            return Err(no_init(cluster, silent));
        }
        for news in news {
            match news {
                FromNode::Batch(batch) => accept(batch, network, &mut initialized)?,
                FromNode::Violation(violation) => return Err(Error::Protocol { violation }),
                FromNode::Ended(node) => return Err(ended_early(cluster, node)),
            }
        }
        while let Some(message) = network.due(Instant::now()) {
            cluster.send(message.to, message.line());
        }
    }
    cluster.flush();
    Ok(())
}

fn accept(batch: Batch, network: &mut Network, initialized: &mut [bool]) -> Result<(), Error> {
    let from = batch.node;
    for line in batch.lines {
        match line.destination {
            Destination::Node(to) => {
                let bytes = Arc::clone(&batch.bytes);
                network.send(batch.arrival, Message { from, to, bytes, range: line.range });
            }
            Destination::Client(reply)
                if (reply.client, reply.in_reply_to) == (INIT_CLIENT, 1)
                    && reply.answer == Answer::Initialized =>
            {
                initialized[from] = true;
            }
            Destination::Client(reply) => {
                return Err(Error::Protocol { violation: not_init_ok(from, &reply) });
            }
        }
    }
    Ok(())
}

fn not_init_ok(node: usize, reply: &Reply) -> String {
    if let Answer::Error { code, text } = &reply.answer {
        return format!("n{node} refused init with error {code} ({text})");
    }
    let (kind, client, id) = (reply.answer.kind(), reply.client, reply.in_reply_to);
    format!(
        "n{node} was asked to init by c{INIT_CLIENT} with msg_id 1, \
         and wrote {kind} to c{client} in reply to {id}"
    )
}

fn ended_early(cluster: &mut Cluster, node: usize) -> Error {
    let status = cluster.burial(node);
    Error::EndedEarly { node: format!("n{node}"), status, stderr: cluster.last_words(node) }
}

fn no_init(cluster: &Cluster, node: usize) -> Error {
    let seconds = INIT_TIMEOUT.as_secs();
    Error::NoInit { node: format!("n{node}"), seconds, stderr: cluster.last_words(node) }
}
