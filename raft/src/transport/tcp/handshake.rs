//! Introductions: both sides say who they are, and check who the other is, before anything else is said.
//!
//! The caller speaks first, the other side answers with a verdict, and each goes on only if it is content.

use std::{
    io::{self, Read as _, Write as _},
    time::Duration,
};

use super::{
    channel::{Channel, is_timeout},
    greeting::{Greeting, LENGTH, NoGreeting, Purpose, VERSION},
    identity::Identity,
    incarnations::{Incarnations, Stranger},
    statistics::Refusal,
    time::Deadline,
};
use crate::consensus::NodeId;

const WELCOME: u8 = 0;

/// Why two nodes do not talk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum HandshakeError {
    #[error("the connection broke during the introductions: {0}")]
    Broken(io::Error),
    #[error("it did not introduce itself in time")]
    Silent,
    #[error("what answers there does not speak this protocol: check the address")]
    Foreign,
    #[error("its greeting was damaged on its way")]
    Damaged,
    #[error(
        "it speaks version {0} of the protocol, and this node version {VERSION}: run releases that share one"
    )]
    Version(u16),
    #[error(
        "it belongs to cluster {theirs}, and this node to cluster {ours}: correct the address or the cluster's id"
    )]
    Cluster { theirs: u64, ours: u64 },
    #[error("{found} is there where {expected} was expected: correct the address or the node's id")]
    OtherNode { found: NodeId, expected: NodeId },
    #[error(
        "{node} lost its data: its store is {theirs:016x}, and it was known with {known:016x}. Remove it from the \
             cluster, and add it under a new id"
    )]
    Incarnation { node: NodeId, theirs: u64, known: u64 },
    #[error("the incarnation of {node} cannot be remembered: {source}; check the disk of this node")]
    Unremembered { node: NodeId, source: io::Error },
    #[error(
        "it has no certificate that this node could trust: {0}; issue one by the cluster's authority, or run both with \
             tls or both without"
    )]
    Certificate(io::Error),
    #[error("its certificate does not say that it is {}", .0)]
    Unproved(Identity),
    #[error("it refused this node: {}", .0.advice())]
    RefusedByPeer(Refusal),
}

impl HandshakeError {
    /// What it is counted as.
    pub(super) const fn refusal(&self) -> Refusal {
        match self {
            Self::Broken(_) => Refusal::Broken,
            Self::Silent => Refusal::Silent,
            Self::Foreign => Refusal::Foreign,
            Self::Damaged => Refusal::Damaged,
            Self::Version(_) => Refusal::Version,
            Self::Cluster { .. } => Refusal::Cluster,
            Self::OtherNode { .. } => Refusal::OtherNode,
            Self::Incarnation { .. } => Refusal::Incarnation,
            Self::Unremembered { .. } => Refusal::Unremembered,
            Self::Certificate(_) | Self::Unproved(_) => Refusal::Certificate,
            Self::RefusedByPeer(reason) => *reason,
        }
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        if is_timeout(&error) {
            Self::Silent
        } else if error.kind() == io::ErrorKind::InvalidData {
            // Only encryption finds fault with bytes.
            Self::Certificate(error)
        } else {
            Self::Broken(error)
        }
    }
}

/// One side of an introduction.
pub(super) struct Introduction<'a> {
    pub(super) own: Identity,
    pub(super) incarnations: &'a Incarnations,
    /// The largest message that this node takes.
    pub(super) max_message_bytes: u32,
    /// How long this node waits for a sign of life.
    pub(super) idle: Duration,
    pub(super) deadline: Deadline,
}

/// Who has called, and what for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Caller {
    pub(super) node: NodeId,
    pub(super) purpose: Purpose,
}

/// What the other side takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Terms {
    /// The largest message.
    pub(super) max_message_bytes: usize,
    /// How long it waits for a sign of life.
    pub(super) idle: Duration,
}

impl Terms {
    fn of(answer: &Greeting) -> Self {
        let max_message_bytes = usize::try_from(answer.max_message_bytes).unwrap_or(usize::MAX);
        Self { max_message_bytes, idle: Duration::from_millis(answer.idle_millis.into()) }
    }
}

impl Introduction<'_> {
    /// Introduces this node to `expected`.
    pub(super) fn call(
        &self,
        channel: &mut dyn Channel,
        expected: NodeId,
        purpose: Purpose,
    ) -> Result<Terms, HandshakeError> {
        self.say(channel, purpose.word(), expected)?;
        let answer = self.hear(channel)?;
        // Who it is tells more than what it thinks of us.
        self.check_version_and_cluster(&answer)?;
        self.check_node(answer.own.node, expected)?;
        self.check_proof(&answer.own, channel)?;
        self.check_incarnation(&answer.own, true)?;
        match answer.word {
            WELCOME => Ok(Terms::of(&answer)),
            reason => Err(HandshakeError::RefusedByPeer(Refusal::of(reason))),
        }
    }

    /// Hears who calls, and answers. `is_ours` tells whether a node is one of the peers.
    pub(super) fn answer(
        &self,
        channel: &mut dyn Channel,
        is_ours: impl FnOnce(NodeId) -> bool,
    ) -> Result<Caller, HandshakeError> {
        let call = self.hear(channel)?;
        let checked = self.check_call(&call, channel, is_ours);
        let verdict = checked.as_ref().map_or_else(|error| error.refusal().word(), |_| WELCOME);
        let said = self.say(channel, verdict, call.own.node);
        // Why it was refused tells more than that it did not wait to hear so.
        let caller = checked?;
        said?;
        Ok(caller)
    }

    fn check_call(
        &self,
        call: &Greeting,
        channel: &dyn Channel,
        is_ours: impl FnOnce(NodeId) -> bool,
    ) -> Result<Caller, HandshakeError> {
        self.check_version_and_cluster(call)?;
        self.check_node(call.other, self.own.node)?;
        let (node, purpose) = (call.own.node, Purpose::of(call.word));
        if node == self.own.node || node == NodeId(0) {
            return Err(HandshakeError::OtherNode { found: node, expected: call.other });
        }
        self.check_proof(&call.own, channel)?;
        self.check_incarnation(&call.own, is_ours(node))?;
        let purpose = purpose.ok_or(HandshakeError::Foreign)?;
        Ok(Caller { node, purpose })
    }

    fn check_version_and_cluster(&self, theirs: &Greeting) -> Result<(), HandshakeError> {
        let ours = self.own.cluster;
        if theirs.version != VERSION {
            return Err(HandshakeError::Version(theirs.version));
        }
        if theirs.own.cluster != ours {
            return Err(HandshakeError::Cluster { theirs: theirs.own.cluster, ours });
        }
        Ok(())
    }

    fn check_node(&self, found: NodeId, expected: NodeId) -> Result<(), HandshakeError> {
        if found == expected { Ok(()) } else { Err(HandshakeError::OtherNode { found, expected }) }
    }

    fn check_proof(&self, theirs: &Identity, channel: &dyn Channel) -> Result<(), HandshakeError> {
        if channel.proves(theirs) { Ok(()) } else { Err(HandshakeError::Unproved(*theirs)) }
    }

    fn check_incarnation(&self, theirs: &Identity, is_ours: bool) -> Result<(), HandshakeError> {
        let Identity { node, incarnation, .. } = *theirs;
        self.incarnations.check(node, incarnation, is_ours).map_err(|stranger| match stranger {
            Stranger::Changed { known } => HandshakeError::Incarnation { node, theirs: incarnation, known },
            Stranger::Unremembered(source) => HandshakeError::Unremembered { node, source },
        })
    }

    fn say(&self, channel: &mut dyn Channel, word: u8, other: NodeId) -> io::Result<()> {
        let (max_message_bytes, idle) = (self.max_message_bytes, self.idle.as_millis());
        let idle_millis = u32::try_from(idle).unwrap_or(u32::MAX);
        let greeting =
            Greeting { version: VERSION, word, own: self.own, other, max_message_bytes, idle_millis };
        let mut channel = channel.before(self.deadline);
        channel.write_all(&greeting.to_bytes())?;
        channel.flush()
    }

    fn hear(&self, channel: &mut dyn Channel) -> Result<Greeting, HandshakeError> {
        let mut bytes = [0; LENGTH];
        channel.before(self.deadline).read_exact(&mut bytes)?;
        Greeting::from_bytes(&bytes).map_err(|no_greeting| match no_greeting {
            NoGreeting::Foreign => HandshakeError::Foreign,
            NoGreeting::Damaged => HandshakeError::Damaged,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_refuses_a_node_that_lost_its_data_and_the_node_itself_are_told_the_way_out() {
        let refused = HandshakeError::Incarnation { node: NodeId(2), theirs: 9, known: 7 };
        let told = HandshakeError::RefusedByPeer(Refusal::of(refused.refusal().word()));
        for message in [refused.to_string(), told.to_string()] {
            assert!(
                message.to_lowercase().contains("remove it from the cluster, and add it under a new id"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_reason_survives_its_way_and_an_unknown_one_is_told_as_such() {
        for reason in Refusal::ALL {
            assert_eq!(Refusal::of(reason.word()), *reason);
        }
        assert_eq!(Refusal::of(200), Refusal::Unknown);
    }
}
