//! What clients do with a state machine, and what must hold of it: the user's part of a simulation.

use std::time::Duration;

use bytes::Bytes;

use super::random::Random;
use crate::{
    consensus::NodeId,
    runtime::{Consistency, Outcome},
    state_machine::StateMachine,
};

/// What clients do with a state machine, and what must hold of it.
///
/// It must be as deterministic as the state machine itself: all chance comes from the [`Random`] that it is given.
pub trait Workload {
    /// What is replicated.
    type Machine: StateMachine;

    /// The state machine as a node has it that has applied nothing.
    fn machine(&self) -> Self::Machine;

    /// What this client, of those counted from 0, does next. It has one request at a time. `now` is the time since the
    /// beginning.
    fn next(&mut self, client: usize, now: Duration, random: &mut Random) -> Request<Self::Machine>;

    /// The client's command has ended.
    fn on_command(&mut self, call: Call<<Self::Machine as StateMachine>::Response>) {
        drop(call);
    }

    /// The client's query has ended.
    fn on_query(&mut self, call: Call<<Self::Machine as StateMachine>::Answer>) {
        drop(call);
    }

    /// Whether what must hold of a node's state does. Called whenever it has applied or restored something,
    /// and when it has started from what its disk holds.
    ///
    /// # Errors
    /// What does not hold.
    fn check(&self, machine: &Self::Machine) -> Result<(), String> {
        let _ = machine;
        Ok(())
    }

    /// Whether what must hold at the end does: all faults are over, all clients have ended, and the members have applied
    /// the same. That their states are the same, as snapshots show it, is checked before.
    ///
    /// # Errors
    /// What does not hold.
    fn check_end(&mut self, machine: &Self::Machine) -> Result<(), String> {
        let _ = machine;
        Ok(())
    }
}

/// What a client does.
#[derive(Debug)]
pub enum Request<S: StateMachine> {
    /// Proposes a command.
    Command(Bytes),
    /// Asks a question.
    Query(S::Query, Consistency),
    /// Nothing for now; it is asked again later.
    Pause,
}

/// A client's request that has ended.
#[derive(Debug)]
pub struct Call<T> {
    /// Whose.
    pub client: usize,
    /// The node that it was made to.
    pub node: NodeId,
    /// When it was made, since the beginning.
    pub began: Duration,
    /// When the client learned its outcome.
    pub ended: Duration,
    /// How it ended. If the client has lost patience, or the outcome was lost on its way: unknown.
    pub outcome: Outcome<T>,
}
