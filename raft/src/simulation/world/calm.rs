//! The end: faults stop, and the cluster must heal, elect a leader, serve every client, and come to rest.

use std::{collections::BTreeSet, time::Duration};

use super::{Event, Step, World};
use crate::{
    consensus::{LogIndex, NodeId},
    simulation::{violation::Broken, workload::Workload},
    state_machine::StateMachine,
};

/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(100);

impl<W: Workload> World<W> {
    /// The storm is over: whatever is broken works again.
    pub(super) fn calm_down(&mut self) -> Step {
        self.is_calm = true;
        self.end_all_actions()?;
        self.agenda.add(self.now + PERIOD, Event::LookAround);
        Ok(())
    }

    /// Whether the cluster is well; if not, it may still have time.
    pub(super) fn look_around(&mut self) -> Step {
        match self.what_is_not_well() {
            None => {
                self.is_done = true;
                self.check_end()
            }
            Some(what) if self.now > self.plan.storm + self.plan.calm => {
                let seconds = self.plan.calm.as_secs_f64();
                let message = format!("{seconds} s after the last fault, {what}");
                Err(Broken::new("healing", message).into())
            }
            Some(_) => {
                self.agenda.add(self.now + PERIOD, Event::LookAround);
                Ok(())
            }
        }
    }

    fn what_is_not_well(&self) -> Option<String> {
        if let Some(what) = self.unfinished_business() {
            return Some(what);
        }
        let Some(leader) = self.leader() else { return Some("nobody leads".to_owned()) };
        if !self.clients.are_served() {
            return Some("a client was not served".to_owned());
        }
        let driver = &self.nodes[leader].process.as_ref()?.driver;
        let status = driver.status().core;
        if status.membership.voters.is_joint() {
            return Some("the configuration is joint".to_owned());
        }
        let last = status.last_index;
        let members: BTreeSet<NodeId> = status.membership.members().collect();
        members.into_iter().find_map(|member| self.what_is_behind(member, last))
    }

    fn what_is_behind(&self, member: NodeId, last: LogIndex) -> Option<String> {
        let node = self.nodes.iter().find(|node| node.id == member)?;
        let Some(process) = &node.process else { return Some(format!("{member} does not run")) };
        let applied = self.observer.applied(member);
        if applied != Some(last) || !process.machine.under_way.is_empty() {
            return Some(format!("{member} has applied {applied:?} of {last}"));
        }
        None
    }

    fn check_end(&mut self) -> Step {
        let Some(leader) = self.leader() else { return Ok(()) };
        let Some(process) = &self.nodes[leader].process else { return Ok(()) };
        let members: BTreeSet<NodeId> = process.driver.status().core.membership.members().collect();
        let mut first: Option<(NodeId, Vec<u8>)> = None;
        for node in self.nodes.iter().filter(|node| members.contains(&node.id)) {
            let Some(process) = &node.process else { continue };
            let state = state_of(process.applier.state_machine())
                .map_err(|error| Broken::new("snapshots", error.to_string()).at(node.id))?;
            match &first {
                Some((other, known)) if *known != state => {
                    let message = format!("its state differs from that of {other}");
                    return Err(Broken::new("equal states", message).at(node.id));
                }
                Some(_) => {}
                None => first = Some((node.id, state)),
            }
        }
        self.observer.check_end(&members)?;
        let machine = process.applier.state_machine();
        let checked = self.clients.workload.check_end(machine);
        checked.map_err(|what| Broken::new("the workload's end", what).into())
    }
}

/// The state as a snapshot has it.
fn state_of(machine: &impl StateMachine) -> std::io::Result<Vec<u8>> {
    let mut state = Vec::new();
    machine.snapshot()(&mut state)?;
    Ok(state)
}
