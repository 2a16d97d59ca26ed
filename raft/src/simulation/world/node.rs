//! A node: its disk and its clock, which outlive its process.

use std::time::Duration;

use super::{clock::NodeClock, process::Process};
use crate::{
    consensus::{Membership, NodeId},
    simulation::{disk::SimulatedFileSystem, random::Random},
    state_machine::StateMachine,
};

/// A node and its surroundings.
pub(in crate::simulation) struct Node<S: StateMachine> {
    pub(in crate::simulation) id: NodeId,
    pub(in crate::simulation) files: SimulatedFileSystem,
    pub(in crate::simulation) process: Option<Process<S>>,
    /// What it is told about the cluster that it belongs to, if its disk is empty.
    pub(super) founders: Membership,
    pub(in crate::simulation) clock: NodeClock,
    /// Draws how long its disk takes, and what becomes of what it was writing.
    pub(super) random: Random,
    /// Counts processes: what was planned for an earlier one does not happen.
    pub(super) life: u32,
    /// How many faults make its process stand still at present.
    pub(in crate::simulation) pauses: u32,
    /// How many faults make its disk stand still.
    pub(in crate::simulation) stalls: u32,
    /// How long each sync takes at least, by the number of the fault that slows it.
    pub(in crate::simulation) slowness: Vec<(usize, Duration)>,
    /// Its disk holds a log that is refused, or nothing: it must be replaced, and has not been.
    pub(in crate::simulation) is_lost: bool,
    /// It was shut down for good.
    pub(in crate::simulation) is_retired: bool,
    pub(in crate::simulation) is_later_version: bool,
    /// The power failed, and has not come back.
    pub(super) is_without_power: bool,
    /// After what time it is started again if its process ends by itself; none: as usual.
    pub(in crate::simulation) down: Option<Duration>,
}

impl<S: StateMachine> Node<S> {
    pub(super) fn new(id: NodeId, founders: Membership, seed: u64, clock_rate: i32) -> Self {
        let seed = seed.wrapping_mul(1024).wrapping_add(id.0);
        Self {
            id,
            files: SimulatedFileSystem::new(seed),
            process: None,
            founders,
            clock: NodeClock::new(clock_rate),
            random: Random::new(seed, "node"),
            life: 0,
            pauses: 0,
            stalls: 0,
            slowness: Vec::new(),
            is_lost: false,
            is_retired: false,
            is_later_version: false,
            is_without_power: false,
            down: None,
        }
    }

    /// Whether it has a process that does not stand still.
    pub(in crate::simulation) fn runs(&self) -> bool {
        self.process.is_some() && self.pauses == 0
    }
}
