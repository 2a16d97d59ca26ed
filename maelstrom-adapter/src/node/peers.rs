//! Raft's messages as Maelstrom messages.
//!
//! ```json
//! {"src":"n1","dest":"n2","body":{"type":"append_request","term":3,"entries":2,"raft":"CAMQAhgB…"}}
//! ```
//!
//! `raft` is the whole message, in the library's wire format and base64. The other fields are for people who
//! look at Maelstrom's diagrams; nobody reads them here. There is no `msg_id` and no reply: Raft repeats what
//! matters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use quorate::wire::{self, WireError};
use quorate::{Envelope, Message, NodeId, Transport};
use slog::{Logger, warn};

use super::cluster::Cluster;
use super::message::{Fields, unquoted};
use super::outbox::Outbox;
use super::reply::{append_integer, append_string};

/// The field that makes a message one of Raft's.
const RAFT: &str = "raft";

/// A buffer that keeps more than this is given back when it was sent.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// The sending side: writes envelopes as lines to the outbox.
pub(super) struct PeerTransport {
    outbox: Outbox,
    /// How the lines to each node begin, up to the name of the type; in the order of the nodes' numbers.
    heads: Vec<Vec<u8>>,
    lines: Vec<u8>,
    encoded: BytesMut,
    logger: Logger,
}

impl PeerTransport {
    pub(super) fn new(cluster: &Cluster, outbox: Outbox, logger: Logger) -> Self {
        let heads = cluster.names().iter().map(|name| head(cluster.own_name(), name)).collect();
        Self { outbox, heads, lines: Vec::new(), encoded: BytesMut::new(), logger }
    }

    fn append(&mut self, envelope: &Envelope) {
        let position = envelope.to.0.checked_sub(1).and_then(|position| usize::try_from(position).ok());
        let Some(head) = position.and_then(|position| self.heads.get(position)) else {
            warn!(self.logger, "{} is not in the cluster -> drop a message to it", envelope.to);
            return;
        };
        self.encoded.clear();
        if let Err(error) = wire::encode(envelope, &mut self.encoded) {
            // The leader sends it again, and meanwhile tries whether it can be read.
            warn!(self.logger, "the snapshot for {} cannot be read: {error} -> drop it", envelope.to);
            return;
        }
        let out = &mut self.lines;
        out.extend_from_slice(head);
        out.extend_from_slice(envelope.message.name().as_bytes());
        out.extend_from_slice(b"\",\"term\":");
        append_integer(out, envelope.term.0);
        if let Some(count) = count_of_entries(&envelope.message) {
            out.extend_from_slice(b",\"entries\":");
            append_integer(out, count);
        }
        out.extend_from_slice(b",\"raft\":\"");
        append_base64(out, &self.encoded);
        out.extend_from_slice(b"\"}}\n");
    }
}

impl Transport for PeerTransport {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        for envelope in messages.drain(..) {
            self.append(&envelope);
        }
        let lines = &self.lines;
        if !self.outbox.append_unless_full(|out| out.extend_from_slice(lines)) {
            warn!(self.logger, "stdout is not read -> drop messages to peers");
        }
        self.lines.clear();
        self.lines.shrink_to(KEPT_BYTES_MAX);
        if self.encoded.capacity() > KEPT_BYTES_MAX {
            self.encoded = BytesMut::new();
        }
    }
}

/// `{"src":"n1","dest":"n2","body":{"type":"`
fn head(from: &str, to: &str) -> Vec<u8> {
    let mut head = b"{\"src\":".to_vec();
    append_string(&mut head, from);
    head.extend_from_slice(b",\"dest\":");
    append_string(&mut head, to);
    head.extend_from_slice(b",\"body\":{\"type\":\"");
    head
}

/// What is worth a number in a diagram.
fn count_of_entries(message: &Message) -> Option<usize> {
    if let Message::AppendRequest { entries, .. } = message {
        return Some(entries.len());
    }
    if let Message::Propose { proposals } = message {
        return Some(proposals.len());
    }
    None
}

fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is exactly what the encoding takes.
    let encoded = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert_eq!(encoded.ok(), Some(out.len() - start), "base64 takes four characters for three bytes");
}

/// Whether a message with these fields may be one of Raft's; clients do not send that field.
pub(super) fn is_from_raft(fields: &Fields<'_>) -> bool {
    fields.json(RAFT).is_some()
}

/// The envelope in a message from peer `from` to this node.
///
/// # Errors
/// [`PeerError`], and the message is to be dropped.
pub(super) fn envelope(cluster: &Cluster, from: NodeId, fields: &Fields<'_>) -> Result<Envelope, PeerError> {
    let json = fields.json(RAFT).ok_or(PeerError::NoText)?;
    let text = unquoted(json).ok_or(PeerError::NoText)?;
    let envelope = wire::decode(Bytes::from(STANDARD.decode(&*text)?))?;
    if envelope.from != from {
        return Err(PeerError::Stranger { claimed: envelope.from, from });
    }
    if envelope.to != cluster.own_id() {
        return Err(PeerError::Misdirected { to: envelope.to });
    }
    Ok(envelope)
}

/// Why a peer's message cannot be one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("{RAFT:?} is not a string")]
    NoText,
    #[error("{RAFT:?} is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("{0}")]
    Wire(#[from] WireError),
    #[error("{from} sent it in the name of {claimed}: give all nodes the same node_ids")]
    Stranger { claimed: NodeId, from: NodeId },
    #[error("it is for {to}: give all nodes the same node_ids")]
    Misdirected { to: NodeId },
}

#[cfg(test)]
mod tests {
    use quorate::{Echo, LogIndex, Proposal, Term};

    use super::*;
    use crate::node::message;

    fn cluster(own: &str) -> Cluster {
        let line = format!(
            r#"{{"src":"c0","dest":"x","body":{{"node_id":"{own}","node_ids":["b\u0022","a","c"]}}}}"#
        );
        Cluster::from_init(&message::Message::parse(line.as_bytes()).unwrap().body.fields).unwrap()
    }

    fn heartbeat(from: u64, to: u64) -> Envelope {
        let message = Message::Heartbeat { commit: LogIndex(7), echo: Echo(Bytes::from_static(b"e")) };
        Envelope { from: NodeId(from), to: NodeId(to), term: Term(3), message }
    }

    fn line_of(envelope: Envelope) -> String {
        let outbox = Outbox::default();
        let logger = Logger::root(slog::Discard, slog::o!());
        PeerTransport::new(&cluster("a"), outbox.clone(), logger).send(&mut vec![envelope]);
        outbox.close();
        let mut written = Vec::new();
        outbox.write_all_to(&mut written).unwrap();
        String::from_utf8(written).unwrap()
    }

    fn receive(line: &str, own: &str, from: u64) -> Result<Envelope, PeerError> {
        let message = message::Message::parse(line.as_bytes()).unwrap();
        envelope(&cluster(own), NodeId(from), &message.body.fields)
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let line = line_of(heartbeat(1, 2));
        assert!(
            line.starts_with(r#"{"src":"a","dest":"b\"","body":{"type":"heartbeat","term":3,"raft":""#),
            "{line}"
        );
        assert!(line.ends_with("\"}}\n"));
        assert_eq!(receive(&line, r"b\u0022", 1), Ok(heartbeat(1, 2)));
    }

    #[test]
    fn a_diagram_shows_how_many_commands_travel() {
        let proposals = vec![Proposal::command(Bytes::from_static(b"x")); 3];
        let message = Message::Propose { proposals };
        let line = line_of(Envelope { message, ..heartbeat(1, 3) });
        assert!(line.contains(r#""type":"propose","term":3,"entries":3,"raft":"#), "{line}");
    }

    #[test]
    fn a_message_to_nobody_is_dropped() {
        assert_eq!(line_of(heartbeat(1, 4)), "");
        assert_eq!(line_of(heartbeat(1, 0)), "");
    }

    #[test]
    fn what_does_not_decode_is_an_error() {
        let with = |raft: &str| format!(r#"{{"src":"a","dest":"c","body":{{"type":"x","raft":{raft}}}}}"#);
        let mistakes = ["17", "null", r#""§""#, r#""AAA""#, r#""AAAA""#, r#""""#, r#""\ud800""#];
        for raft in mistakes {
            assert!(receive(&with(raft), "c", 1).is_err(), "{raft}");
        }
    }

    #[test]
    fn a_message_under_a_false_name_or_for_another_node_is_an_error() {
        let line = line_of(heartbeat(1, 3));
        assert_eq!(receive(&line, "c", 1), Ok(heartbeat(1, 3)));
        let claimed = NodeId(1);
        assert_eq!(receive(&line, "c", 2), Err(PeerError::Stranger { claimed, from: NodeId(2) }));
        assert_eq!(receive(&line, "a", 1), Err(PeerError::Misdirected { to: NodeId(3) }));
    }
}
