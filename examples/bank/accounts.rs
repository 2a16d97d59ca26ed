//! What is replicated: accounts, and money on its way between them.

use std::{collections::BTreeMap, io::Read};

use bytes::Bytes;
use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};
use serde::{Deserialize, Serialize};

/// How many accounts there are.
pub(crate) const ACCOUNTS: usize = 5;
/// What each of them holds in the beginning.
const DEPOSIT: u64 = 100;
/// What there is in all, at any time.
pub(crate) const TOTAL: u64 = ACCOUNTS as u64 * DEPOSIT;

/// A bug to plant.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Bug {
    /// Snapshots do not contain the money that is on its way.
    Snapshot,
    /// Whoever tries a payment again is paid again.
    Retry,
}

/// One half of a transfer. Each client makes one transfer at a time, and numbers them; whoever does not know what became
/// of a command sends it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    /// Takes money from an account. From then on it is on its way.
    Take { client: usize, number: u64, account: usize, amount: u64 },
    /// It arrives at another.
    Pay { client: usize, number: u64, account: usize, amount: u64 },
}

/// The accounts of a bank.
pub(crate) struct Accounts {
    state: State,
    bug: Option<Bug>,
}

#[derive(Clone, Serialize, Deserialize)]
struct State {
    balances: Vec<u64>,
    /// The transfers that money is on its way for, by their clients: number and amount.
    on_the_way: BTreeMap<usize, (u64, u64)>,
    /// The latest transfer of each client that is done: earlier commands come too late.
    done: BTreeMap<usize, u64>,
}

impl Accounts {
    pub(crate) fn new(bug: Option<Bug>) -> Self {
        let balances = vec![DEPOSIT; ACCOUNTS];
        Self { state: State { balances, on_the_way: BTreeMap::new(), done: BTreeMap::new() }, bug }
    }

    /// All money that there is.
    pub(crate) fn total(&self) -> u64 {
        let on_the_way = self.state.on_the_way.values().map(|(_, amount)| amount);
        self.state.balances.iter().chain(on_the_way).sum()
    }
}

impl State {
    /// Whether the money has left the account. It has not if the account holds too little.
    fn take(&mut self, client: usize, number: u64, account: usize, amount: u64) -> bool {
        let is_late = self.done.get(&client).is_some_and(|done| *done >= number);
        if is_late || self.on_the_way.contains_key(&client) {
            return true;
        }
        let Some(balance) = self.balances.get_mut(account).filter(|balance| **balance >= amount) else {
            return false;
        };
        *balance -= amount;
        self.on_the_way.insert(client, (number, amount));
        true
    }

    /// Pays what is on its way to an account.
    fn pay(&mut self, client: usize, number: u64, account: usize) {
        if let Some((_, amount)) = self.on_the_way.get(&client).copied().filter(|(taken, _)| *taken == number)
            && let Some(balance) = self.balances.get_mut(account)
        {
            *balance += amount;
            self.on_the_way.remove(&client);
            self.done.insert(client, number);
        }
    }
}

impl StateMachine for Accounts {
    /// Whether it was done, now or earlier; no, if the command makes no sense.
    type Response = bool;
    type Query = ();
    /// All money that there is.
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> bool {
        match serde_json::from_slice(command) {
            Ok(Command::Take { client, number, account, amount }) => {
                self.state.take(client, number, account, amount)
            }
            Ok(Command::Pay { client, number, account, amount }) => {
                if self.bug == Some(Bug::Retry) && !self.state.on_the_way.contains_key(&client) {
                    // Planted: nothing is on its way, since this was paid before; it is paid again.
                    self.state.balances[account] += amount;
                }
                self.state.pay(client, number, account);
                true
            }
            Err(_) => false,
        }
    }

    fn query(&self, (): ()) -> u64 {
        self.total()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let mut state = self.state.clone();
        if self.bug == Some(Bug::Snapshot) {
            // Planted: who starts from this snapshot has lost what was on its way.
            state.on_the_way.clear();
        }
        Box::new(move |output| Ok(serde_json::to_writer(output, &state)?))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        self.state = serde_json::from_reader(snapshot).map_err(RestoreError::new)?;
        Ok(())
    }
}
