//! A whole cluster in one thread: its state, and what happens next.
//!
//! | file | |
//! |---|---|
//! | `agenda` | what is to happen when |
//! | `node`, `clock`, `process` | a node: what outlives its process, and what does not |
//! | `lives` | how processes begin and end |
//! | `turns` | what a process does when something has come: the turn of the runtime's loop |
//! | `jobs` | disks and state machines at work |
//! | `network` | messages on their way |
//! | `clients` | who uses the cluster |
//! | `calm` | the end: the cluster must heal |

mod agenda;
mod calm;
mod clients;
mod clock;
mod jobs;
mod lives;
mod network;
mod node;
mod process;
mod turns;

use std::time::Duration;

use slog::{Discard, Logger, o};

pub(in crate::simulation) use lives::DIRECTORY;
pub(in crate::simulation) use network::Packet;
pub(in crate::simulation) use node::Node;
pub(in crate::simulation) use process::Order;

use agenda::Agenda;
use clients::{Clients, Told};
use network::Network;

use super::{
    actions::Actions,
    counts::Counts,
    observer::Observer,
    plan::{Plan, PowerLoss},
    trace::{Trace, What},
    violation::{Broken, Violation, ensure},
    workload::Workload,
};
use crate::consensus::{NodeId, RoleKind};

/// So many events happen at one moment only if time has stopped.
const AT_ONCE_MAX: u32 = 1_000_000;

/// One simulated cluster.
pub(in crate::simulation) struct World<W: Workload> {
    pub(in crate::simulation) plan: Plan,
    pub(in crate::simulation) now: Duration,
    pub(in crate::simulation) nodes: Vec<Node<W::Machine>>,
    pub(in crate::simulation) network: Network,
    pub(in crate::simulation) observer: Observer,
    pub(in crate::simulation) trace: Trace,
    pub(in crate::simulation) counts: Counts,
    pub(in crate::simulation) actions: Actions,
    clients: Clients<W>,
    agenda: Agenda<Event<W>>,
    logger: Logger,
    /// Whether the storm is over.
    is_calm: bool,
    is_done: bool,
}

/// What can be on the agenda.
pub(in crate::simulation) enum Event<W: Workload> {
    /// A node's loop turns.
    Turn { at: usize, life: u32 },
    /// A message comes to the end of its way.
    Arrival(Packet),
    /// A node's disk has done what it was given.
    Written { at: usize, life: u32 },
    /// A node's state machine has.
    Applied { at: usize, life: u32 },
    /// A snapshot is made.
    SnapshotMade { at: usize, life: u32 },
    /// A node's process is started.
    Start { at: usize, life: u32 },
    /// A client does something.
    ClientTurn(usize),
    /// A client learns how its request ended.
    ClientTold(Told<W::Machine>),
    /// A client loses its patience with a request.
    ClientPatience { client: usize, number: u64 },
    /// The planned action with this number begins.
    Action(usize),
    /// It ends, or goes on with its next step.
    ActionStep { number: usize, step: usize },
    /// The storm is over.
    Calm,
    /// Is the cluster well again?
    LookAround,
}

/// What an event comes to: most break nothing.
pub(in crate::simulation) type Step = Result<(), Seen>;

/// A broken promise, and at which node.
pub(in crate::simulation) struct Seen {
    broken: Broken,
    node: Option<NodeId>,
}

impl From<Broken> for Seen {
    fn from(broken: Broken) -> Self {
        Self { broken, node: None }
    }
}

impl Broken {
    /// It was seen at this node.
    pub(in crate::simulation) fn at(self, node: NodeId) -> Seen {
        Seen { broken: self, node: Some(node) }
    }
}

impl<W: Workload> World<W> {
    /// The cluster of a plan, before anything happens.
    pub(in crate::simulation) fn new(plan: Plan, workload: W, keeps_records: bool) -> Self {
        let (founders, all) = (plan.founders(), plan.voters + plan.learners + plan.spares);
        let mut world = Self {
            now: Duration::ZERO,
            nodes: Vec::new(),
            network: Network::new(plan.seed, plan.network.clone()),
            observer: Observer::new(&plan),
            trace: Trace::new(keeps_records),
            counts: Counts::default(),
            actions: Actions::default(),
            clients: Clients::new(workload, plan.seed, plan.clients.count),
            agenda: Agenda::new(),
            logger: Logger::root(Discard, o!()),
            is_calm: false,
            is_done: false,
            plan,
        };
        for id in (1..=all).map(NodeId) {
            world.set_up(id, founders.clone());
        }
        world
    }

    /// Carries out the plan to its end.
    pub(in crate::simulation) fn run(&mut self) -> Result<(), Violation> {
        self.begin();
        let mut at_once = 0;
        while !self.is_done
            && let Some((now, event)) = self.agenda.take()
        {
            at_once = if now == self.now { at_once + 1 } else { 0 };
            self.now = now;
            let step =
                does_time_pass(at_once).and_then(|()| self.happen(event)).and_then(|()| self.hear_clients());
            if let Err(Seen { broken, node }) = step {
                let violation = broken.seen(now, node);
                self.trace.note(now, node, What::Violation(violation.to_string()));
                return Err(violation);
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.plan_start(at, Duration::ZERO));
        for number in 0..self.plan.actions.len() {
            self.agenda.add(self.plan.actions[number].at, Event::Action(number));
        }
        self.agenda.add(self.plan.storm, Event::Calm);
        self.begin_clients();
    }

    fn happen(&mut self, event: Event<W>) -> Step {
        match event {
            Event::Turn { at, life } => self.turn(at, life),
            Event::Arrival(packet) => self.arrive(&packet),
            Event::Written { at, life } => self.finish_write(at, life),
            Event::Applied { at, life } => self.finish_apply(at, life),
            Event::SnapshotMade { at, life } => self.finish_snapshot(at, life),
            Event::Start { at, life } => self.start(at, life),
            Event::ClientTurn(client) => self.client_turn(client),
            Event::ClientTold(told) => self.client_told(told),
            Event::ClientPatience { client, number } => self.client_patience(client, number),
            Event::Action(number) => self.begin_action(number),
            Event::ActionStep { number, step } => self.step_action(number, step),
            Event::Calm => self.calm_down(),
            Event::LookAround => self.look_around(),
        }
    }

    /// Plans something for a node that only its present process is to see.
    fn plan_for(&mut self, at: usize, after: Duration, event: impl FnOnce(usize, u32) -> Event<W>) {
        let life = self.nodes[at].life;
        self.agenda.add(self.now + after, event(at, life));
    }

    /// Plans the next step of an action.
    pub(in crate::simulation) fn plan_step(&mut self, number: usize, step: usize, after: Duration) {
        self.agenda.add(self.now + after, Event::ActionStep { number, step });
    }

    /// Where a node is among the nodes.
    pub(in crate::simulation) fn position(&self, id: NodeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// The node that leads the latest term, of those that run.
    pub(in crate::simulation) fn leader(&self) -> Option<usize> {
        let leading = self.nodes.iter().enumerate().filter(|(_, node)| node.runs());
        let terms = leading.filter_map(|(at, node)| {
            let driver = &node.process.as_ref()?.driver;
            (driver.raw().role() == RoleKind::Leader).then(|| (driver.raw().hard_state().term, at))
        });
        terms.max().map(|(_, at)| at)
    }

    /// Something happened.
    pub(in crate::simulation) fn note(&mut self, node: Option<NodeId>, what: What) {
        self.trace.note(self.now, node, what);
    }
}

/// A loop without end would be one for those who look for a smaller plan, too.
fn does_time_pass(at_once: u32) -> Step {
    let message = || format!("{at_once} events at one moment");
    Ok(ensure(at_once < AT_ONCE_MAX, "progress", message)?)
}
