//! Who uses the bank, and what must hold of it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use quorate::{
    Outcome,
    runtime::Consistency,
    simulation::{Call, Random, Request, Workload},
};

use crate::accounts::{ACCOUNTS, Accounts, Bug, Command, TOTAL};

/// Clients that move money between accounts, each in two steps.
#[derive(Clone)]
pub(crate) struct Bank {
    bug: Option<Bug>,
    clients: BTreeMap<usize, Client>,
    /// What clients were told that cannot be.
    wrong_answer: Option<String>,
}

#[derive(Clone, Default)]
struct Client {
    /// How many transfers it has begun.
    transfers: u64,
    /// The command whose outcome it waits for, or that it will try again.
    command: Option<Command>,
}

impl Bank {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        Self { bug, clients: BTreeMap::new(), wrong_answer: None }
    }
}

impl Workload for Bank {
    type Machine = Accounts;

    fn machine(&self) -> Accounts {
        Accounts::new(self.bug)
    }

    fn next(&mut self, client: usize, _now: Duration, random: &mut Random) -> Request<Accounts> {
        if random.per_mille(200) {
            let levels = [Consistency::Linearizable, Consistency::Local];
            return Request::Query((), levels[random.index(levels.len())]);
        }
        let state = self.clients.entry(client).or_default();
        let command = state.command.get_or_insert_with(|| {
            state.transfers += 1;
            let (account, amount) = (random.index(ACCOUNTS), 1 + random.below(50));
            Command::Take { client, number: state.transfers, account, amount }
        });
        Request::Command(serde_json::to_vec(command).map(Bytes::from).unwrap_or_default())
    }

    fn on_command(&mut self, call: Call<bool>) {
        let state = self.clients.entry(call.client).or_default();
        match call.outcome {
            // Refused, or nobody knows: the same again. It must not matter whether it was done.
            Outcome::NotAccepted(_) | Outcome::Unknown(_) => {}
            Outcome::Applied(is_done) => {
                state.command = match state.command.take() {
                    Some(Command::Take { client, number, account, amount }) if is_done => {
                        Some(Command::Pay { client, number, account: (account + 1) % ACCOUNTS, amount })
                    }
                    Some(Command::Take { .. } | Command::Pay { .. }) | None => None,
                };
            }
        }
    }

    fn on_query(&mut self, call: Call<u64>) {
        if let Outcome::Applied(total) = call.outcome
            && total != TOTAL
        {
            self.wrong_answer = Some(format!("client {} was told that there is {total}", call.client));
        }
    }

    fn check(&self, accounts: &Accounts) -> Result<(), String> {
        let total = accounts.total();
        if total == TOTAL { Ok(()) } else { Err(format!("there is {total} in all, and there was {TOTAL}")) }
    }

    fn check_end(&mut self, _accounts: &Accounts) -> Result<(), String> {
        self.wrong_answer.take().map_or(Ok(()), Err)
    }
}
