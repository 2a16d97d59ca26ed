//! The model: one register that can be read, written, and compared and set.

use super::history::ValueId;

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

    /// The state after `action`, or `None` if the action cannot have seen this state.
    #[must_use]
    pub fn after(self, action: Action) -> Option<Self> {
        match action {
            // A store may report a missing key as null, as Jepsen's register does.
            Action::Read(Some(ValueId::NULL)) if self.0.is_none() => Some(self),
            Action::Read(seen) => (seen == self.0).then_some(self),
            Action::Write(value) => Some(Self::holding(value)),
            Action::Cas { from, to } => (self.0 == Some(from)).then_some(Self::holding(to)),
        }
    }

    /// The value, if the key exists.
    #[must_use]
    pub const fn value(self) -> Option<ValueId> {
        self.0
    }
}
