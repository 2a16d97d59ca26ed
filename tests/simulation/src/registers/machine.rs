//! The state machine: registers, and what shows whether a command was applied once.

use std::{collections::BTreeMap, io::Read};

use bytes::{Buf, BufMut, Bytes};
use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};

/// What a register holds. Every write writes another value.
pub(super) type Value = u64;

/// Registers by their numbers. What was never written is not there.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Registers {
    values: BTreeMap<u8, Value>,
    /// The number of each author's last command.
    last: BTreeMap<u64, u64>,
    /// The first command that took effect twice, or after a later one: its author and number.
    twice: Option<(u64, u64)>,
    /// The last command applied.
    index: LogIndex,
}

/// What a command does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Writes.
    Write {
        /// Which register.
        key: u8,
        /// What.
        value: Value,
    },
    /// Writes if the register holds a certain value.
    Swap {
        /// Which register.
        key: u8,
        /// What it must hold.
        from: Value,
        /// What it holds then.
        to: Value,
    },
}

/// A change, and who wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Command {
    /// Who: a client, as long as it keeps its session.
    pub(super) author: u64,
    /// Which of its commands. They take effect in this order.
    pub(super) number: u64,
    /// What.
    pub(super) change: Change,
}

/// What a register holds, and up to where the state goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// What it holds.
    pub value: Option<Value>,
    /// The last command applied.
    pub index: LogIndex,
}

const WRITE: u8 = 1;
const SWAP: u8 = 2;

impl Command {
    /// As bytes.
    pub(super) fn encode(self) -> Bytes {
        let mut bytes = Vec::with_capacity(34);
        let (kind, key, from, to) = match self.change {
            Change::Write { key, value } => (WRITE, key, 0, value),
            Change::Swap { key, from, to } => (SWAP, key, from, to),
        };
        bytes.extend([kind, key]);
        [self.author, self.number, from, to].iter().for_each(|number| bytes.put_u64_le(*number));
        bytes.into()
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let (kind, key) = (bytes.try_get_u8().ok()?, bytes.try_get_u8().ok()?);
        let mut number = || bytes.try_get_u64_le().ok();
        let (author, sequence, from, to) = (number()?, number()?, number()?, number()?);
        let change = match kind {
            WRITE => Change::Write { key, value: to },
            SWAP => Change::Swap { key, from, to },
            _ => return None,
        };
        Some(Self { author, number: sequence, change })
    }
}

impl Registers {
    /// All registers.
    pub(super) fn values(&self) -> &BTreeMap<u8, Value> {
        &self.values
    }

    /// The first command that took effect twice, or after a later one of its author.
    pub(super) fn twice(&self) -> Option<(u64, u64)> {
        self.twice
    }

    fn note_author(&mut self, command: &Command) {
        let last = self.last.insert(command.author, command.number);
        if last.is_some_and(|last| last >= command.number) {
            self.twice = self.twice.or(Some((command.author, command.number)));
        }
    }
}

impl StateMachine for Registers {
    /// Whether the change was made.
    type Response = bool;
    type Query = u8;
    type Answer = Answer;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> bool {
        self.index = index;
        let Some(command) = Command::decode(command) else { return false };
        self.note_author(&command);
        match command.change {
            Change::Write { key, value } => {
                self.values.insert(key, value);
                true
            }
            Change::Swap { key, from, to } => match self.values.get_mut(&key) {
                Some(value) if *value == from => {
                    *value = to;
                    true
                }
                _ => false,
            },
        }
    }

    fn query(&self, key: u8) -> Answer {
        Answer { value: self.values.get(&key).copied(), index: self.index }
    }

    fn snapshot(&self) -> SnapshotWriter {
        let mut bytes = Vec::new();
        bytes.put_u64_le(self.index.0);
        let (author, number) = self.twice.unwrap_or_default();
        bytes.put_u64_le(author);
        bytes.put_u64_le(number);
        bytes.put_u64_le(self.values.len() as u64);
        let values = self.values.iter().map(|(key, value)| (u64::from(*key), *value));
        for (key, value) in values.chain(self.last.iter().map(|(author, number)| (*author, *number))) {
            bytes.put_u64_le(key);
            bytes.put_u64_le(value);
        }
        Box::new(move |output| output.write_all(&bytes))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes)?;
        let mut bytes = bytes.as_slice();
        let mut number = || bytes.try_get_u64_le().map_err(RestoreError::new);
        let (index, author, sequence, values) = (number()?, number()?, number()?, number()?);
        *self = Self { index: LogIndex(index), ..Self::default() };
        self.twice = (author > 0).then_some((author, sequence));
        for _ in 0..values {
            let key = u8::try_from(number()?).map_err(RestoreError::new)?;
            self.values.insert(key, number()?);
        }
        while let Ok(author) = number() {
            self.last.insert(author, number()?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_holds_everything() {
        let mut registers = Registers::default();
        let mut apply = |index, author, number, change| {
            registers.apply(LogIndex(index), &Command { author, number, change }.encode())
        };
        assert!(apply(1, 7, 1, Change::Write { key: 3, value: 10 }));
        assert!(apply(2, 8, 1, Change::Swap { key: 3, from: 10, to: 11 }));
        assert!(!apply(3, 7, 2, Change::Swap { key: 3, from: 10, to: 12 }));
        assert!(apply(4, 7, 2, Change::Write { key: 4, value: 13 }));
        assert_eq!(registers.twice(), Some((7, 2)));
        let mut bytes = Vec::new();
        registers.snapshot()(&mut bytes).unwrap();
        let mut restored = Registers::default();
        restored.restore(&mut bytes.as_slice()).unwrap();
        assert_eq!(restored, registers);
    }
}
