//! Who uses the cluster: each client has one request at a time, with the node that it takes for the leader.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Event, Order, Step, What, World};
use crate::{
    consensus::{LogIndex, NodeId},
    runtime::{Completion, Consistency, Outcome, UnknownReason},
    simulation::{
        counts::Count,
        random::Random,
        workload::{Call, Request, Workload},
    },
    state_machine::StateMachine,
};

/// How many of a thousand requests go to any node, whoever leads.
const ASTRAY: u32 = 100;
/// Commands up to so many bytes are shown in traces, if they are text.
const LEGIBLE: usize = 200;
/// How long it takes at most that a request or its outcome goes between client and node.
const WAY: Duration = Duration::from_micros(200);

/// All clients, and what they do.
pub(super) struct Clients<W: Workload> {
    pub(super) workload: W,
    clients: Vec<Client>,
    /// What nodes have told since the last look.
    told: Arc<Mutex<Vec<Told<W::Machine>>>>,
    requests: u64,
}

struct Client {
    random: Random,
    /// Counts its requests.
    number: u64,
    asked: Option<Asked>,
    /// The last command that it proposed.
    command: Option<Bytes>,
    /// Whom it takes for the leader.
    leader: Option<NodeId>,
    /// Something of its was applied or answered since the storm ended.
    is_served: bool,
}

#[derive(Clone, Copy)]
struct Asked {
    node: NodeId,
    began: Duration,
    consistency: Option<Consistency>,
    /// What was committed anywhere when it was made.
    committed: LogIndex,
}

/// How a client's request ended.
pub(in crate::simulation) struct Told<S: StateMachine> {
    client: usize,
    number: u64,
    end: End<S>,
}

enum End<S: StateMachine> {
    Command(Outcome<S::Response>),
    Query(Outcome<S::Answer>),
}

impl<W: Workload> Clients<W> {
    pub(super) fn new(workload: W, seed: u64, count: usize) -> Self {
        let client = |number: usize| Client {
            random: Random::new(seed.wrapping_add(number as u64), "clients"),
            number: 0,
            asked: None,
            command: None,
            leader: None,
            is_served: false,
        };
        Self { workload, clients: (0..count).map(client).collect(), told: Arc::default(), requests: 0 }
    }

    /// Whether every client was served since the storm ended, and waits for nothing.
    pub(super) fn are_served(&self) -> bool {
        self.clients.iter().all(|client| client.is_served && client.asked.is_none())
    }

    fn completion<T: Send + 'static>(
        &self,
        client: usize,
        end: fn(Outcome<T>) -> End<W::Machine>,
    ) -> Completion<T> {
        let (told, number) = (Arc::clone(&self.told), self.clients[client].number);
        Completion::callback(move |outcome| told.lock().push(Told { client, number, end: end(outcome) }))
    }
}

impl<W: Workload> World<W> {
    /// How many requests clients made.
    pub(in crate::simulation) fn requests(&self) -> u64 {
        self.clients.requests
    }

    pub(super) fn begin_clients(&mut self) {
        for client in 0..self.clients.clients.len() {
            self.plan_client_turn(client);
        }
    }

    fn plan_client_turn(&mut self, client: usize) {
        let random = &mut self.clients.clients[client].random;
        // Mostly little, sometimes much.
        let most = if random.per_mille(200) { self.plan.clients.pause } else { self.plan.clients.pause / 10 };
        let after = random.duration(Duration::ZERO, most);
        self.agenda.add(self.now + after, Event::ClientTurn(client));
    }

    /// The client does what the workload says next.
    pub(super) fn client_turn(&mut self, client: usize) -> Step {
        if self.is_done || (self.is_calm && self.clients.clients[client].is_served) {
            return Ok(());
        }
        if !self.is_calm && self.clients.requests >= self.plan.clients.requests {
            self.plan_client_turn(client);
            return Ok(());
        }
        let clients = &mut self.clients;
        let state = &mut clients.clients[client];
        let request = clients.workload.next(client, self.now, &mut state.random);
        if matches!(request, Request::Pause) {
            // It has nothing to ask for, so it is served.
            state.is_served |= self.is_calm;
            self.plan_client_turn(client);
            return Ok(());
        }
        state.number += 1;
        clients.requests += 1;
        let at = self.choose_node(client);
        self.ask(client, at, request);
        Ok(())
    }

    fn choose_node(&mut self, client: usize) -> usize {
        let leader = self.clients.clients[client].leader.and_then(|leader| self.position(leader));
        let state = &mut self.clients.clients[client];
        let any = state.random.index(self.nodes.len());
        if state.random.per_mille(ASTRAY) { any } else { leader.unwrap_or(any) }
    }

    fn ask(&mut self, client: usize, at: usize, request: Request<W::Machine>) {
        let node = self.nodes[at].id;
        let clients = &mut self.clients;
        let (order, consistency) = match request {
            Request::Command(command) => {
                let before = clients.clients[client].command.replace(command.clone());
                if before.as_ref() == Some(&command) {
                    self.counts.count(Count::CommandsRepeated);
                }
                let completion = clients.completion(client, End::Command);
                (Order::Propose(command, completion), None)
            }
            Request::Query(query, consistency) => {
                let completion = clients.completion(client, End::Query);
                (Order::Query(query, consistency, completion), Some(consistency))
            }
            Request::Pause => return,
        };
        let state = &mut clients.clients[client];
        let committed = self.observer.committed();
        state.asked = Some(Asked { node, began: self.now, consistency, committed });
        let number = state.number;
        // In the calm everybody is to be served, however slow the network is for so impatient a client.
        let least = if self.is_calm { self.plan.calm / 8 } else { Duration::ZERO };
        let patience = self.plan.clients.patience.max(least);
        self.agenda.add(self.now + patience, Event::ClientPatience { client, number });
        if self.trace.keeps_records() {
            let text = order.words();
            self.note(Some(node), What::Client { client, text });
        }
        // Where no process is, the order is dropped, and so refused.
        self.give_order(at, order);
    }

    /// Gives an order to a node.
    pub(in crate::simulation) fn give_order(&mut self, at: usize, order: Order<W::Machine>) {
        if let Some(process) = &mut self.nodes[at].process {
            process.inbox.requests.push_back(order);
            self.wake_soon(at);
        }
    }

    /// Takes up what nodes have told clients; on its way some of it is lost.
    pub(super) fn hear_clients(&mut self) -> Step {
        let told = std::mem::take(&mut *self.clients.told.lock());
        for told in told {
            self.check_current(&told)?;
            let state = &mut self.clients.clients[told.client];
            if self.is_calm || !state.random.per_mille(self.plan.clients.lost) {
                let after = state.random.duration(Duration::ZERO, WAY);
                self.agenda.add(self.now + after, Event::ClientTold(told));
            }
        }
        Ok(())
    }

    /// Whether an answer knows what it must.
    fn check_current(&self, told: &Told<W::Machine>) -> Step {
        let state = &self.clients.clients[told.client];
        let asked = state.asked.filter(|_| state.number == told.number);
        if let (Some(asked), End::Query(Outcome::Applied(_))) = (asked, &told.end)
            && let Some(Consistency::Linearizable | Consistency::Lease) = asked.consistency
        {
            self.observer.on_answered(asked.node, asked.committed).map_err(|broken| broken.at(asked.node))?;
        }
        Ok(())
    }

    pub(super) fn client_patience(&mut self, client: usize, number: u64) -> Step {
        let state = &self.clients.clients[client];
        if state.number != number {
            return Ok(());
        }
        let Some(asked) = state.asked else { return Ok(()) };
        let end = match asked.consistency {
            None => End::Command(Outcome::Unknown(UnknownReason::Undecided)),
            Some(_) => End::Query(Outcome::Unknown(UnknownReason::Undecided)),
        };
        self.client_told(Told { client, number, end })
    }

    pub(super) fn client_told(&mut self, told: Told<W::Machine>) -> Step {
        let Told { client, number, end } = told;
        let state = &mut self.clients.clients[client];
        if state.number != number {
            return Ok(());
        }
        let Some(Asked { node, began, consistency, .. }) = state.asked.take() else { return Ok(()) };
        let (is_served, leader) = match &end {
            End::Command(outcome) => learn(outcome, node),
            End::Query(outcome) => learn(outcome, node),
        };
        state.leader = leader;
        state.is_served |= self.is_calm && is_served;
        self.count_end(&end, consistency, node);
        if self.trace.keeps_records() {
            self.note(Some(node), What::Client { client, text: end.words() });
        }
        let ended = self.now;
        let workload = &mut self.clients.workload;
        match end {
            End::Command(outcome) => workload.on_command(Call { client, node, began, ended, outcome }),
            End::Query(outcome) => workload.on_query(Call { client, node, began, ended, outcome }),
        }
        self.plan_client_turn(client);
        Ok(())
    }

    fn count_end(&mut self, end: &End<W::Machine>, consistency: Option<Consistency>, node: NodeId) {
        let is_follower = self.leader().is_some_and(|leader| self.nodes[leader].id != node);
        let read = match consistency {
            Some(Consistency::Lease) => Count::ReadsLease,
            Some(Consistency::Local | Consistency::AtLeast(_)) => Count::ReadsLocal,
            _ if is_follower => Count::ReadsFollower,
            _ => Count::ReadsLinearizable,
        };
        self.counts.count(match end {
            End::Command(Outcome::Applied(_)) => Count::Commands,
            End::Command(Outcome::Unknown(_)) => Count::CommandsUnknown,
            End::Command(Outcome::NotAccepted(_)) => Count::CommandsRefused,
            End::Query(Outcome::Applied(_)) => read,
            End::Query(_) => Count::ReadsRefused,
        });
    }
}

/// Whether it was served, and whom it now takes for the leader.
fn learn<T>(outcome: &Outcome<T>, node: NodeId) -> (bool, Option<NodeId>) {
    match outcome {
        Outcome::Applied(_) => (true, Some(node)),
        Outcome::NotAccepted(refusal) => (false, refusal.leader),
        Outcome::Unknown(_) => (false, None),
    }
}

impl<S: StateMachine> End<S> {
    fn words(&self) -> String {
        match self {
            Self::Command(outcome) => outcome_words("command", outcome),
            Self::Query(outcome) => outcome_words("query", outcome),
        }
    }
}

fn outcome_words<T>(what: &str, outcome: &Outcome<T>) -> String {
    match outcome {
        Outcome::Applied(_) => format!("{what} done"),
        Outcome::NotAccepted(refusal) => format!("{what} refused: {}", refusal.reason),
        Outcome::Unknown(reason) => format!("{what} unknown: {reason}"),
    }
}

impl<S: StateMachine> Order<S> {
    fn words(&self) -> String {
        match self {
            Self::Propose(command, _) => format!("proposes {}", command_words(command)),
            Self::Query(_, consistency, _) => format!("asks, {consistency:?}"),
            Self::ChangeMembership(change, _) => format!("changes the membership: {change:?}"),
            Self::Operate(goal, _) => format!("wants {goal:?}"),
            Self::Transfer(to, _) => format!("wants {to} to lead"),
            Self::Campaign => "has it campaign".to_owned(),
        }
    }
}

/// The command itself, if it can be read.
fn command_words(command: &[u8]) -> String {
    match std::str::from_utf8(command) {
        Ok(text) if text.len() <= LEGIBLE && !text.contains(char::is_control) => text.to_owned(),
        Ok(_) | Err(_) => format!("{} bytes", command.len()),
    }
}
