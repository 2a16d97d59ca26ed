//! The cluster as the model checker sees it: what can happen next, and what comes of it.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, RwLock},
};

use quorate::{NodeId, RoleKind};
use stateright::{Model, Property};

use crate::{
    Bounds, Flaw, Promise, Start,
    history::History,
    node::View,
    table::{MessageNumber, NodeState, Outcome, Step, Table},
};

/// The nodes.
pub(crate) const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Where a node stands in all arrays of three.
pub(crate) fn position(id: NodeId) -> usize {
    usize::try_from(id.0 - 1).expect("there are three nodes")
}

/// Three nodes, the network between them, and what is left to happen.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    nodes: [NodeState; 3],
    /// What is on its way, ascending. The same message may be there twice.
    network: Vec<MessageNumber>,
    left: Bounds,
    history: u32,
    broken: Option<Promise>,
}

/// What can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Something happens to a node that is no message.
    Step(NodeId, Step),
    /// A message arrives.
    Deliver(MessageNumber),
    /// A message arrives, and will arrive once more.
    Duplicate(MessageNumber),
    /// A message is lost, and its sender is told.
    Lose(MessageNumber),
}

/// The cluster that is explored.
pub struct Cluster {
    start: Start,
    bounds: Bounds,
    known: RwLock<Known>,
}

struct Known {
    table: Table,
    histories: Vec<History>,
    history_numbers: HashMap<History, u32>,
}

impl Cluster {
    /// A cluster that begins at `start` and may do so much.
    #[must_use]
    pub fn new(start: Start, bounds: Bounds) -> Self {
        Self::with(start, bounds, None, true)
    }

    /// The same with a bug.
    #[must_use]
    pub fn with_flaw(start: Start, bounds: Bounds, flaw: Option<Flaw>) -> Self {
        Self::with(start, bounds, flaw, true)
    }

    /// The same, but nodes are told apart by all that was ever done to them, whether it shows or not.
    #[must_use]
    pub fn unmerged(start: Start, bounds: Bounds) -> Self {
        Self::with(start, bounds, None, false)
    }

    fn with(start: Start, bounds: Bounds, flaw: Option<Flaw>, merges: bool) -> Self {
        let table = Table::new(start, flaw, merges);
        let known = Known { table, histories: Vec::new(), history_numbers: HashMap::new() };
        Self { start, bounds, known: RwLock::new(known) }
    }

    /// How many states of single nodes were seen.
    #[must_use]
    pub fn node_states(&self) -> usize {
        self.read(|known| known.table.len())
    }

    /// What the nodes of a state show of themselves, what is on its way, and what is left: everything that can be seen
    /// of it, in words.
    #[must_use]
    pub fn describe(&self, state: &State) -> String {
        self.read(|known| {
            let views = state.nodes.map(|node| known.table.view(node).clone());
            let history = &known.histories[state.history as usize];
            let message = |number: &MessageNumber| known.table.message(*number).to_string();
            let mut network: Vec<_> = state.network.iter().map(message).collect();
            network.sort_unstable();
            format!("{views:?} {network:?} {:?} {history:?}", state.left)
        })
    }

    fn outcome(&self, node: NodeState, step: Step) -> Arc<Outcome> {
        if let Some(known) = self.read(|known| known.table.known_outcome(node, step)) {
            return known;
        }
        self.write(|known| known.table.outcome(node, step))
    }

    /// The node to which the action happens, what happens to it, and what is left of the network and of the bounds.
    fn resolve(&self, state: &State, action: Action) -> (NodeId, Step, State) {
        let mut next = state.clone();
        let (node, step) = match action {
            Action::Step(node, step) => (node, step),
            Action::Deliver(number) | Action::Duplicate(number) => {
                (self.read(|known| known.table.message(number).to), Step::Receive(number))
            }
            Action::Lose(number) => {
                let (from, to) = self.read(|known| {
                    let message = known.table.message(number);
                    (message.from, message.to)
                });
                (from, Step::Unreachable(to))
            }
        };
        if let Action::Deliver(number) | Action::Lose(number) = action {
            next.network.remove(next.network.partition_point(|other| *other < number));
        }
        next.left.take(action);
        (node, step, next)
    }

    /// Notes what has happened, and finds what is broken by it.
    fn note(&self, state: &mut State, node: NodeId, outcome: &Outcome) {
        let news = match self.read(|known| known.news(state, node, outcome)) {
            Ok(None) => return,
            Ok(Some(news)) => news,
            Err(broken) => {
                state.broken = Some(broken);
                return;
            }
        };
        let number = self.read(|known| known.history_numbers.get(&news).copied());
        state.history = number.unwrap_or_else(|| self.write(|known| known.number(news)));
    }

    fn history(&self, state: &State, look: impl FnOnce(&History) -> bool) -> bool {
        self.read(|known| look(&known.histories[state.history as usize]))
    }

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().expect("nobody panics while writing"))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.known.write().expect("nobody panics while writing"))
    }
}

impl Bounds {
    fn take(&mut self, action: Action) {
        let left = match action {
            Action::Step(_, Step::Timeout) => &mut self.timeouts,
            Action::Step(_, Step::Heartbeat) => &mut self.heartbeats,
            Action::Step(_, Step::Propose(_)) => &mut self.proposals,
            Action::Step(_, Step::Crash) => &mut self.crashes,
            Action::Duplicate(_) => &mut self.duplicates,
            Action::Lose(_) => &mut self.losses,
            Action::Step(_, Step::FinishWrite | Step::Receive(_) | Step::Unreachable(_))
            | Action::Deliver(_) => return,
        };
        *left -= 1;
    }
}

impl Known {
    /// What has happened by now, if that is more than before; or the promise that was not kept.
    fn news(&self, state: &State, node: NodeId, outcome: &Outcome) -> Result<Option<History>, Promise> {
        if outcome.failure.is_some() {
            return Err(Promise::NoNodeFails);
        }
        let mut history = Cow::Borrowed(&self.histories[state.history as usize]);
        for number in &outcome.sent {
            History::note_sent(&mut history, self.table.message(*number))?;
        }
        History::note_changed(&mut history, node, self.table.view(outcome.node))?;
        history.check(state.nodes.map(|node| &**self.table.view(node)))?;
        Ok(match history {
            Cow::Borrowed(_) => None,
            Cow::Owned(news) => Some(news),
        })
    }

    fn number(&mut self, history: History) -> u32 {
        let next = u32::try_from(self.histories.len()).expect("fewer histories than there is memory for");
        let number = *self.history_numbers.entry(history.clone()).or_insert(next);
        if number == next {
            self.histories.push(history);
        }
        number
    }
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let (nodes, history) = self.write(|known| {
            let nodes = NODES.map(|id| known.table.first(id));
            (nodes, known.number(History::default()))
        });
        vec![State { nodes, network: Vec::new(), left: self.bounds, history, broken: None }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let left = state.left;
        let is_first = self.start.is_symmetric() && left.timeouts == self.bounds.timeouts;
        let views: [Arc<View>; 3] = self.read(|known| state.nodes.map(|node| known.table.view(node).clone()));
        for (id, view) in NODES.into_iter().zip(&views) {
            let leads = view.role == RoleKind::Leader;
            let mut may = |happens: bool, step| actions.extend(happens.then_some(Action::Step(id, step)));
            may(view.is_writing, Step::FinishWrite);
            may(left.timeouts > 0 && !leads && (id == NODES[0] || !is_first), Step::Timeout);
            may(left.proposals > 0 && leads, Step::Propose(left.proposals));
            may(left.heartbeats > 0 && leads, Step::Heartbeat);
            may(left.crashes > 0, Step::Crash);
        }
        let mut last = None;
        for number in state.network.iter().copied().filter(|number| last.replace(*number) != Some(*number)) {
            actions.push(Action::Deliver(number));
            actions.extend((left.duplicates > 0).then_some(Action::Duplicate(number)));
            actions.extend((left.losses > 0).then_some(Action::Lose(number)));
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let (node, step, mut next) = self.resolve(state, action);
        let before = state.nodes[position(node)];
        let outcome = self.outcome(before, step);
        next.nodes[position(node)] = outcome.node;
        next.network.extend(&outcome.sent);
        next.network.sort_unstable();
        if outcome.node != before || !outcome.sent.is_empty() || outcome.failure.is_some() {
            self.note(&mut next, node, &outcome);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        /// The checker takes plain functions, one for each promise.
        macro_rules! kept {
            ($($promise:ident)*) => {
                vec![$(Property::always(Promise::$promise.name(), |_, state: &State| {
                    state.broken != Some(Promise::$promise)
                })),*]
            };
        }
        let mut properties = kept!(
            ElectionSafety LogMatching LeaderCompleteness StateMachineSafety OneVoteATerm NothingCommittedIsLost NoNodeFails
        );
        // An exploration in which nothing happens would break no promise.
        properties.extend([
            Property::sometimes("a leader is elected", |cluster: &Self, state| {
                cluster.history(state, |history| !history.leaders.is_empty())
            }),
            Property::sometimes("a second leader is elected", |cluster, state| {
                cluster.history(state, |history| history.leaders.len() > 1)
            }),
            Property::sometimes("an entry is committed", |cluster, state| {
                cluster.history(state, |history| !history.committed.is_empty())
            }),
            Property::sometimes("entries are committed in two terms", |cluster, state| {
                cluster.history(state, History::has_committed_in_two_terms)
            }),
        ]);
        properties
    }

    fn format_action(&self, action: &Action) -> String {
        let message = |number: &MessageNumber| self.read(|known| known.table.message(*number).to_string());
        match action {
            Action::Step(node, step) => format!("{node}: {step:?}"),
            Action::Deliver(number) => format!("arrives: {}", message(number)),
            Action::Duplicate(number) => format!("arrives, and will again: {}", message(number)),
            Action::Lose(number) => format!("is lost: {}", message(number)),
        }
    }
}
