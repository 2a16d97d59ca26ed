//! What one register does, for the judge of histories.

use quorate::simulation::linearizability::Model;

use super::machine::Value;

/// One register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Register {}

/// What an operation did to it, and was told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Action {
    /// Saw this.
    Read(Option<Value>),
    /// Wrote.
    Write(Value),
    /// Found one value and left another.
    Swap(Value, Value),
    /// Did not find this value.
    SwapFailed(Value),
}

impl Model for Register {
    type State = Option<Value>;
    type Action = Action;

    fn after(state: &Self::State, action: &Action) -> Option<Self::State> {
        match *action {
            Action::Read(seen) => (seen == *state).then_some(*state),
            Action::Write(value) => Some(Some(value)),
            Action::Swap(from, to) => (*state == Some(from)).then_some(Some(to)),
            Action::SwapFailed(from) => (*state != Some(from)).then_some(*state),
        }
    }

    fn is_read(action: &Action) -> bool {
        matches!(action, Action::Read(_) | Action::SwapFailed(_))
    }

    fn overwrites(action: &Action) -> bool {
        matches!(action, Action::Write(_))
    }
}
