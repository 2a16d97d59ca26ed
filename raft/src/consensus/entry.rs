//! A log entry.

use std::sync::Arc;

use bytes::Bytes;

use super::types::{EntryId, NodeId};

/// What an entry is for, and so who interprets its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A command for the state machine.
    Normal,
    /// The entry with which a leader opens its term (§8). No state machine gets to see it.
    Blank,
    /// A change of membership: a [`ConfChange`](super::ConfChange).
    ConfChange,
}

/// One entry of the replicated log.
///
/// Cheap to clone: the payload is shared, never copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Where it stands, and in whose term it was created.
    pub id: EntryId,
    content: Content,
}

/// What an entry holds beside its id.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Content {
    /// A command without a context, as nearly all are. It takes no more room than its bytes' handle.
    Command(Bytes),
    /// Anything else, and only that; apart, so that it does not make every entry larger.
    Other(Arc<Proposal>),
}

impl Entry {
    /// What an entry weighs beside its payload, in bytes, against the limits in [`Config`](super::Config).
    ///
    /// So a flood of empty entries is bounded too.
    pub const OVERHEAD: usize = 16;

    /// The entry with which a leader opens its term, so that what earlier leaders left can be committed (§8).
    #[must_use]
    pub fn blank(id: EntryId) -> Self {
        Proposal { kind: EntryKind::Blank, ..Proposal::command(Bytes::new()) }.into_entry(id)
    }

    /// A command for the state machine.
    #[must_use]
    pub fn command(id: EntryId, data: impl Into<Bytes>) -> Self {
        Self { id, content: Content::Command(data.into()) }
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        match &self.content {
            Content::Command(_) => EntryKind::Normal,
            Content::Other(other) => other.kind,
        }
    }

    /// Travels with the entry and is not shown to the state machine: see [`ForwardId`].
    #[must_use]
    pub fn context(&self) -> &Context {
        match &self.content {
            Content::Command(_) => &Context::NONE,
            Content::Other(other) => &other.context,
        }
    }

    /// The command, opaque to Raft.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        match &self.content {
            Content::Command(data) => data,
            Content::Other(other) => &other.data,
        }
    }

    /// What the entry weighs, in bytes, against the limits in [`Config`](super::Config).
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Command(data) => Self::OVERHEAD + data.len(),
            Content::Other(other) => other.size(),
        }
    }
}

/// What is to become an entry, before a leader has given it a position.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// What the entry will be for.
    pub kind: EntryKind,
    /// Travels with the entry: see [`ForwardId`].
    pub context: Context,
    /// The command.
    pub data: Bytes,
}

impl Proposal {
    /// Proposes a command for the state machine.
    #[must_use]
    pub fn command(data: Bytes) -> Self {
        Self { kind: EntryKind::Normal, context: Context::NONE, data }
    }

    /// What it will weigh as an entry, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        Entry::OVERHEAD + self.data.len() + self.context.len()
    }

    /// Turns it into the entry `id`.
    #[must_use]
    pub fn into_entry(self, id: EntryId) -> Entry {
        if self.kind == EntryKind::Normal && self.context.is_none() {
            return Entry::command(id, self.data);
        }
        Entry { id, content: Content::Other(Arc::new(self)) }
    }
}

/// Bytes that travel with an entry: nearly always none, so they cost one word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Context(Option<Arc<Bytes>>);

impl Context {
    /// No context.
    pub const NONE: Self = Self(None);

    /// A context of `bytes`; that of no bytes is [`Context::NONE`].
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::NONE } else { Self(Some(Arc::new(bytes))) }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether it has no bytes: the same as [`is_none`](Self::is_none).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_none()
    }

    /// The bytes, shared.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.as_deref().cloned().unwrap_or_default()
    }

    /// The bytes themselves.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |bytes| bytes)
    }
}

/// Names a proposal that a follower passed on to its leader.
///
/// It travels in the entry's context. The leader accepts each id once in its term, however often the network
/// delivers it; the follower recognizes its own proposal when the entry comes back in the leader's log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ForwardId {
    /// The follower that passed it on.
    pub origin: NodeId,
    /// Counts up; the upper half is drawn from the seed, so that an earlier life of the node used other numbers.
    pub sequence: u64,
}

impl ForwardId {
    /// Tells these contexts from those of other libraries that share the wire format.
    const TAG: u8 = b'Q';
    const LENGTH: usize = 17;

    /// The id as an entry's context.
    #[must_use]
    pub fn to_context(self) -> Context {
        let mut bytes = Vec::with_capacity(Self::LENGTH);
        bytes.push(Self::TAG);
        bytes.extend_from_slice(&self.origin.0.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        Context::new(Bytes::from(bytes))
    }

    /// Reads the id back; `None` if the context holds something else.
    #[must_use]
    pub fn from_context(context: &Context) -> Option<Self> {
        let (tag, rest) = context.as_bytes().split_first()?;
        let (origin, sequence) = rest.split_first_chunk::<8>()?;
        let sequence: [u8; 8] = sequence.try_into().ok()?;
        (*tag == Self::TAG).then_some(Self {
            origin: NodeId(u64::from_be_bytes(*origin)),
            sequence: u64::from_be_bytes(sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_its_id_and_the_handle_of_its_bytes() {
        assert_eq!(size_of::<Entry>(), size_of::<EntryId>() + size_of::<Bytes>());
    }

    #[test]
    fn an_entry_holds_what_was_proposed() {
        let id = EntryId::new(2, 7);
        for kind in [EntryKind::Normal, EntryKind::Blank, EntryKind::ConfChange] {
            for context in [Context::NONE, Context::new(Bytes::from_static(b"of whom"))] {
                let proposal = Proposal { kind, context, data: Bytes::from_static(b"what") };
                let entry = proposal.clone().into_entry(id);
                let held = (entry.id, entry.kind(), entry.context(), entry.data(), entry.size());
                assert_eq!(held, (id, kind, &proposal.context, &proposal.data, proposal.size()));
            }
        }
        assert_eq!(Proposal::command("x".into()).into_entry(id), Entry::command(id, "x"));
    }

    #[test]
    fn a_forward_id_survives_its_way_through_a_context() {
        let id = ForwardId { origin: NodeId(3), sequence: u64::MAX };
        assert_eq!(ForwardId::from_context(&id.to_context()), Some(id));
        assert_eq!(ForwardId::from_context(&Context::new(Bytes::from_static(b"Qshort"))), None);
        assert_eq!(ForwardId::from_context(&Context::NONE), None);
    }
}
