//! The library's own workload: registers that some clients change through sessions, exactly once, and others without,
//! at most once; and that all read in every way that there is.

mod client;
mod machine;
mod model;

use std::{collections::BTreeMap, time::Duration};

use quorate::{
    Outcome,
    runtime::Consistency,
    sessions::{SessionResponse, Sessions},
    simulation::{
        Call, Random, Request, Workload,
        linearizability::{Operation, check},
    },
};

pub use machine::{Answer, Registers};

use client::{Client, Ended};
use machine::{Change, Value};
use model::{Action, Register};

/// How many registers there are: few, so that clients meet.
const KEYS: u64 = 5;
/// How many of a thousand turns do nothing.
const PAUSES: u32 = 50;

/// The workload, with all that its clients saw.
#[derive(Default)]
pub struct RegistersWorkload {
    clients: Vec<Client>,
    /// What each client last saw in each register, for its next swap.
    seen: BTreeMap<(usize, u8), Value>,
    /// What each client last asked for.
    asked: BTreeMap<usize, (u8, Consistency)>,
    /// The last index that each client knows to be applied.
    known: BTreeMap<usize, quorate::LogIndex>,
    last_value: Value,
    histories: BTreeMap<u8, Vec<Operation<Register>>>,
    /// The first answer that was older than it may be.
    stale: Option<String>,
}

impl RegistersWorkload {
    fn client(&mut self, client: usize) -> &mut Client {
        while self.clients.len() <= client {
            self.clients.push(Client::new(self.clients.len()));
        }
        &mut self.clients[client]
    }

    fn change(&mut self, client: usize, random: &mut Random) -> Change {
        let key = any_key(random);
        self.last_value += 1;
        let value = self.last_value;
        match self.seen.get(&(client, key)) {
            Some(from) if random.per_mille(400) => Change::Swap { key, from: *from, to: value },
            _ => Change::Write { key, value },
        }
    }

    fn note(&mut self, key: u8, client: usize, call: Duration, answer: Option<Duration>, action: Action) {
        self.histories.entry(key).or_default().push(Operation { client, call, answer, action });
    }

    fn note_change(&mut self, client: usize, ended: &Ended, answer: Duration) {
        let answer = ended.made.map(|_| answer);
        let (key, action) = match (ended.change, ended.made) {
            (Change::Write { key, value }, _) => (key, Action::Write(value)),
            (Change::Swap { key, from, .. }, Some(false)) => (key, Action::SwapFailed(from)),
            (Change::Swap { key, from, to }, _) => (key, Action::Swap(from, to)),
        };
        if let (Change::Write { value, .. } | Change::Swap { to: value, .. }, Some(true)) =
            (ended.change, ended.made)
        {
            self.seen.insert((client, key), value);
        }
        self.note(key, client, ended.began, answer, action);
    }
}

fn any_key(random: &mut Random) -> u8 {
    u8::try_from(random.below(KEYS)).unwrap_or_default()
}

impl Workload for RegistersWorkload {
    type Machine = Sessions<Registers>;

    fn machine(&self) -> Sessions<Registers> {
        Sessions::default()
    }

    fn next(&mut self, client: usize, now: Duration, random: &mut Random) -> Request<Sessions<Registers>> {
        if let Some(bytes) = self.client(client).go_on(now, random) {
            return Request::Command(bytes);
        }
        if random.per_mille(PAUSES) {
            return Request::Pause;
        }
        if random.per_mille(500) {
            let change = self.change(client, random);
            return Request::Command(self.client(client).make(change, now));
        }
        let consistency = match random.below(10) {
            0..5 => Consistency::Linearizable,
            5..8 => Consistency::Lease,
            8 => Consistency::Local,
            _ => Consistency::AtLeast(self.known.get(&client).copied().unwrap_or_default()),
        };
        let key = any_key(random);
        self.asked.insert(client, (key, consistency));
        Request::Query(key, consistency)
    }

    fn on_command(&mut self, call: Call<SessionResponse<bool>>) {
        let Call { client, ended, outcome, .. } = call;
        if let Some(change) = self.client(client).hear(&outcome) {
            self.note_change(client, &change, ended);
        }
    }

    fn on_query(&mut self, call: Call<Answer>) {
        let Call { client, began, ended, outcome, .. } = call;
        let (Some((key, consistency)), Outcome::Applied(answer)) = (self.asked.remove(&client), outcome)
        else {
            return;
        };
        if matches!(consistency, Consistency::Linearizable | Consistency::Lease) {
            if let Some(value) = answer.value {
                self.seen.insert((client, key), value);
            }
            let known = self.known.entry(client).or_default();
            *known = answer.index.max(*known);
            self.note(key, client, began, Some(ended), Action::Read(answer.value));
        }
        if let Consistency::AtLeast(index) = consistency
            && answer.index < index
            && self.stale.is_none()
        {
            self.stale = Some(format!("client {client} asked for {index} and got {}", answer.index));
        }
    }

    fn check(&self, machine: &Sessions<Registers>) -> Result<(), String> {
        match machine.state_machine().twice() {
            Some((author, number)) => Err(format!("command {number} of {author} took effect twice")),
            None => Ok(()),
        }
    }

    fn check_end(&mut self, machine: &Sessions<Registers>) -> Result<(), String> {
        if let Some(stale) = &self.stale {
            return Err(stale.clone());
        }
        let end = Duration::MAX;
        for client in 0..self.clients.len() {
            if let Some(ended) = self.clients[client].give_up() {
                self.note_change(client, &ended, end);
            }
        }
        for (key, mut history) in std::mem::take(&mut self.histories) {
            // What is there at the end is what a last read sees.
            let value = machine.state_machine().values().get(&key).copied();
            history.push(Operation {
                client: usize::MAX,
                call: end,
                answer: Some(end),
                action: Action::Read(value),
            });
            check(&history, &None).map_err(|unordered| format!("register {key}: {unordered}"))?;
        }
        Ok(())
    }
}
