//! The beginning of every life of a node: it is told who it is, and confirms it.

use std::sync::Arc;
use std::time::Instant;

use super::cluster::{Cluster, INIT_TIMEOUT};
use super::error::Error;
use super::network::{Message, Network};
use super::pipes::{Batch, FromNode, Speaker};
use super::wire::{Answer, Destination, INIT_CLIENT, Reply};

/// Waits until every node has confirmed who it is. Nodes may talk to each other meanwhile.
///
/// # Errors
///
/// A node that ended, wrote something else, or kept silent.
pub(super) fn initialize(cluster: &mut Cluster, network: &mut Network) -> Result<(), Error> {
    while let Some((deadline, silent)) = cluster.next_deadline() {
        cluster.flush();
        let wake = network.next_due().map_or(deadline, |due| due.min(deadline));
        let news = cluster.news(wake);
        if news.is_empty() && Instant::now() >= deadline {
            return Err(no_init(cluster, silent));
        }
        for news in news {
            match news {
                FromNode::Batch(batch) => accept(batch, cluster, network)?,
                FromNode::Violation(violation) => return Err(Error::Protocol { violation }),
                FromNode::Ended(speaker) => return Err(ended_early(cluster, speaker.node)),
            }
        }
        while let Some(message) = network.due(Instant::now()) {
            cluster.send(message.to, message.line());
        }
    }
    cluster.flush();
    Ok(())
}

fn accept(batch: Batch, cluster: &mut Cluster, network: &mut Network) -> Result<(), Error> {
    let Speaker { node, life, .. } = batch.speaker;
    for line in batch.lines {
        match line.destination {
            Destination::Node(to) => {
                let bytes = Arc::clone(&batch.bytes);
                network.send(batch.arrival, Message { from: node, to, bytes, range: line.range });
            }
            Destination::Client(reply) if is_init_ok(&reply, life) => {
                cluster.confirm(node);
            }
            Destination::Client(reply) => {
                return Err(Error::Protocol { violation: not_init_ok(batch.speaker, &reply) });
            }
        }
    }
    Ok(())
}

/// Whether a node confirms with this reply that it knows who it is in this life.
pub(super) fn is_init_ok(reply: &Reply, life: u64) -> bool {
    (reply.client, reply.in_reply_to) == (INIT_CLIENT, life) && reply.answer == Answer::Initialized
}

/// What was wrong with a reply that should have confirmed it.
pub(super) fn not_init_ok(speaker: Speaker, reply: &Reply) -> String {
    let Speaker { node, life, .. } = speaker;
    if let Answer::Error { code, text } = &reply.answer {
        return format!("n{node} refused init with error {code} ({text})");
    }
    let (kind, client, id) = (reply.answer.kind(), reply.client, reply.in_reply_to);
    format!(
        "n{node} was asked to init by c{INIT_CLIENT} with msg_id {life}, \
         and wrote {kind} to c{client} in reply to {id}"
    )
}

fn ended_early(cluster: &mut Cluster, node: usize) -> Error {
    let status = cluster.burial(node);
    Error::EndedEarly { node: format!("n{node}"), status, stderr: cluster.last_words(node) }
}

/// What to say of a node that did not confirm in time who it is.
pub(super) fn no_init(cluster: &Cluster, node: usize) -> Error {
    let seconds = INIT_TIMEOUT.as_secs();
    Error::NoInit { node: format!("n{node}"), seconds, stderr: cluster.last_words(node) }
}
