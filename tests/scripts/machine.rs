//! The state machine of a script's node.

use bytes::Bytes;
use quorate::{LogIndex, Membership, Snapshot};

use crate::arguments::Refusal;

/// Remembers every command, and since when which membership is in force.
#[derive(Clone, Default)]
pub(crate) struct Machine {
    pub(crate) commands: Vec<(LogIndex, String)>,
    pub(crate) memberships: Vec<(LogIndex, Membership)>,
}

impl Machine {
    pub(crate) fn membership_at(&self, index: LogIndex) -> Result<Membership, Refusal> {
        let known = self.memberships.iter().rev().find(|(since, _)| *since <= index);
        Ok(known.ok_or("the state machine does not go back so far")?.1.clone())
    }

    pub(crate) fn data_at(&self, index: LogIndex) -> Bytes {
        let commands = self.commands.iter().take_while(|(at, _)| *at <= index);
        Bytes::from(commands.map(|(_, command)| command.as_str()).collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn forget_after(&mut self, index: LogIndex) {
        self.commands.retain(|(at, _)| *at <= index);
        self.memberships.retain(|(since, _)| *since <= index);
    }

    pub(crate) fn restore(&mut self, snapshot: &Snapshot) {
        let index = snapshot.last.index;
        let bytes = snapshot.data.to_bytes().unwrap_or_default();
        let commands = String::from_utf8_lossy(&bytes);
        self.commands = commands.split_whitespace().map(|command| (index, command.to_owned())).collect();
        self.memberships = vec![(index, snapshot.membership.clone())];
    }
}
