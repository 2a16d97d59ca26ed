//! What is known of single nodes: every state that one was seen in, and every step from there.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use quorate::{Envelope, NodeId};

use crate::{
    Flaw, Start,
    node::{Input, Node, View},
};

/// Numbers a state of one node.
pub type NodeState = u32;

/// Numbers a message. Equal messages have one number.
pub type MessageNumber = u32;

/// An [`Input`] in which messages are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// [`Input::Timeout`].
    Timeout,
    /// [`Input::Heartbeat`].
    Heartbeat,
    /// [`Input::Propose`], of the command with this number.
    Propose(u8),
    /// [`Input::Receive`].
    Receive(MessageNumber),
    /// [`Input::Unreachable`].
    Unreachable(NodeId),
    /// [`Input::FinishWrite`].
    FinishWrite,
    /// [`Input::Crash`].
    Crash,
}

/// What comes of a step.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The node afterwards.
    pub node: NodeState,
    /// What it has sent, ascending.
    pub sent: Vec<MessageNumber>,
    /// Why the core refused the step, or panicked.
    pub failure: Option<String>,
}

/// What is known of single nodes.
pub struct Table {
    start: Start,
    flaw: Option<Flaw>,
    /// Whether nodes with the same key are one; if not, only those to which the same was done.
    merges: bool,
    states: Vec<Known>,
    by_key: HashMap<(NodeId, u128), NodeState>,
    outcomes: HashMap<(NodeState, Step), Arc<Outcome>>,
    messages: Vec<Envelope>,
    message_numbers: HashMap<String, MessageNumber>,
}

struct Known {
    id: NodeId,
    view: Arc<View>,
    /// The state before, and the step from there; `None` at the start.
    came_by: Option<(NodeState, Step)>,
}

impl Table {
    /// Nothing is known but the start.
    #[must_use]
    pub fn new(start: Start, flaw: Option<Flaw>, merges: bool) -> Self {
        Self {
            start,
            flaw,
            merges,
            states: Vec::new(),
            by_key: HashMap::new(),
            outcomes: HashMap::new(),
            messages: Vec::new(),
            message_numbers: HashMap::new(),
        }
    }

    /// A node as it is at the start.
    pub fn first(&mut self, id: NodeId) -> NodeState {
        let node = Node::new(id, self.start, self.flaw);
        self.intern(id, &node, None)
    }

    /// What the node shows of itself.
    #[must_use]
    pub fn view(&self, node: NodeState) -> &Arc<View> {
        &self.states[node as usize].view
    }

    /// A message.
    #[must_use]
    pub fn message(&self, number: MessageNumber) -> &Envelope {
        &self.messages[number as usize]
    }

    /// How many states of single nodes are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The outcome of a step that was taken before.
    #[must_use]
    pub fn known_outcome(&self, node: NodeState, step: Step) -> Option<Arc<Outcome>> {
        self.outcomes.get(&(node, step)).cloned()
    }

    /// The outcome of a step.
    pub fn outcome(&mut self, node: NodeState, step: Step) -> Arc<Outcome> {
        if let Some(known) = self.known_outcome(node, step) {
            return known;
        }
        let outcome = Arc::new(self.play(node, step));
        self.outcomes.insert((node, step), Arc::clone(&outcome));
        outcome
    }

    /// Plays all that was ever done to the node, and then the step.
    fn play(&mut self, from: NodeState, step: Step) -> Outcome {
        let id = self.states[from as usize].id;
        let mut steps = vec![step];
        let mut earlier = from;
        while let Some((before, by)) = self.states[earlier as usize].came_by {
            steps.push(by);
            earlier = before;
        }
        let inputs: Vec<_> = steps.iter().rev().map(|step| self.input(*step)).collect();
        let (start, flaw) = (self.start, self.flaw);
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut node = Node::new(id, start, flaw);
            let mut sent = Ok(Vec::new());
            for input in &inputs {
                sent = node.take(input);
            }
            (node, sent)
        }));
        let failed = |failure| Outcome { node: from, sent: Vec::new(), failure: Some(failure) };
        match played {
            Ok((node, Ok(sent))) => {
                let mut sent: Vec<_> = sent.into_iter().map(|envelope| self.number(envelope)).collect();
                sent.sort_unstable();
                Outcome { node: self.intern(id, &node, Some((from, step))), sent, failure: None }
            }
            Ok((_, Err(refused))) => failed(refused),
            Err(_) => failed("it panics".to_owned()),
        }
    }

    fn input(&self, step: Step) -> Input {
        match step {
            Step::Timeout => Input::Timeout,
            Step::Heartbeat => Input::Heartbeat,
            Step::Propose(number) => Input::Propose(format!("c{number}").into()),
            Step::Receive(number) => Input::Receive(self.message(number).clone()),
            Step::Unreachable(to) => Input::Unreachable(to),
            Step::FinishWrite => Input::FinishWrite,
            Step::Crash => Input::Crash,
        }
    }

    fn intern(&mut self, id: NodeId, node: &Node, came_by: Option<(NodeState, Step)>) -> NodeState {
        let next = NodeState::try_from(self.states.len()).expect("fewer states than there is memory for");
        if self.merges {
            let known = *self.by_key.entry((id, digest(&node.key()))).or_insert(next);
            if known != next {
                return known;
            }
        }
        self.states.push(Known { id, view: Arc::new(node.view()), came_by });
        next
    }

    fn number(&mut self, envelope: Envelope) -> MessageNumber {
        let next =
            MessageNumber::try_from(self.messages.len()).expect("fewer messages than there is memory for");
        let number = *self.message_numbers.entry(format!("{envelope:?}")).or_insert(next);
        if number == next {
            self.messages.push(envelope);
        }
        number
    }
}

/// 128 bits: among some millions of keys no two are ever equal by chance.
fn digest(key: &str) -> u128 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    u128::from(hasher.hash_one((0, key))) << 64 | u128::from(hasher.hash_one((1, key)))
}
