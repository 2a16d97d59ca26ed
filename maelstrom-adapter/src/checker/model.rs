//! The model: one register that can be read, written, and compared and set.

use quorate::simulation::linearizability::{self, Model};

use super::history::ValueId;

/// One operation on one key, as its client saw it.
pub type Operation = linearizability::Operation<Register>;

/// What an operation does, and what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A read and what it saw; `None` if it was told that the key does not exist.
    Read(Option<ValueId>),
    /// A write.
    Write(ValueId),
    /// A compare-and-set that found `from` and left `to`.
    Cas {
        /// The value it found.
        from: ValueId,
        /// The value it left.
        to: ValueId,
    },
}

/// The state of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Register(Option<ValueId>);

impl Register {
    /// A key that nothing has written yet.
    pub const MISSING: Self = Self(None);

    /// A key that holds `value`.
    #[must_use]
    pub const fn holding(value: ValueId) -> Self {
        Self(Some(value))
    }

    /// The value, if the key exists.
    #[must_use]
    pub const fn value(self) -> Option<ValueId> {
        self.0
    }
}

impl Model for Register {
    type State = Self;
    type Action = Action;

    fn after(state: &Self, action: &Action) -> Option<Self> {
        match *action {
            // A store may report a missing key as null, as Jepsen's register does.
            Action::Read(Some(ValueId::NULL)) if state.0.is_none() => Some(*state),
            Action::Read(seen) => (seen == state.0).then_some(*state),
            Action::Write(value) => Some(Self::holding(value)),
            Action::Cas { from, to } => (state.0 == Some(from)).then_some(Self::holding(to)),
        }
    }

    fn is_read(action: &Action) -> bool {
        matches!(action, Action::Read(_))
    }

    fn overwrites(action: &Action) -> bool {
        matches!(action, Action::Write(_))
    }
}
