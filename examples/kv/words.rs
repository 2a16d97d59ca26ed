//! Answers in words, for people.

use std::fmt;

use crate::protocol::{Answer, Change, Status};

impl Answer {
    /// Whether what was asked for was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::NotSwapped { .. } | Self::SessionEnded | Self::WatchEnded => false,
            Self::Refused { .. } | Self::Unknown { .. } | Self::Malformed { .. } => false,
            Self::Value { .. } | Self::Entries { .. } | Self::Digest { .. } => true,
            Self::Written { .. } | Self::Opened { .. } | Self::Membership { .. } | Self::Done => true,
            Self::Change(_) | Self::NoChange | Self::Status(_) | Self::Metrics { .. } => true,
        }
    }
}

impl fmt::Display for Answer {
    /// Some lines, or none where there is nothing to say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { value: None } => f.write_str("(not there)"),
            Self::Value { value: Some(value) } => f.write_str(value),
            Self::Entries { entries, .. } => {
                let lines: Vec<_> = entries.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::Written { index } => write!(f, "done (entry {index})"),
            Self::NotSwapped { value: None } => f.write_str("not done: the key is not there"),
            Self::NotSwapped { value: Some(value) } => write!(f, "not done: the key holds {value}"),
            Self::Opened { session } => write!(f, "session {session}"),
            Self::SessionEnded => f.write_str("unknown: the session has ended; look whether it was done"),
            Self::Change(change) => change.fmt(f),
            Self::NoChange => Ok(()),
            Self::WatchEnded => {
                f.write_str("the watch has ended, for changes may have been missed: watch again")
            }
            Self::Status(status) => status.fmt(f),
            Self::Metrics { text } => f.write_str(text.trim_end()),
            Self::Digest { index, digest } => write!(f, "{digest} (entry {index})"),
            Self::Membership { membership } => f.write_str(membership),
            Self::Done => f.write_str("done"),
            Self::Refused { reason, .. } => write!(f, "not done: {reason}"),
            Self::Unknown { reason } => write!(f, "unknown, look whether it was done: {reason}"),
            Self::Malformed { reason } => write!(f, "not understood: {reason}"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, key, value } = self;
        match value {
            Some(value) => write!(f, "{key} = {value} (entry {index})"),
            None => write!(f, "{key} is gone (entry {index})"),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{} is {} in term {}, ", self.node, self.role, self.term)?;
        match self.leader {
            Some(leader) => writeln!(f, "n{leader} leads")?,
            None => writeln!(f, "no leader is known")?,
        }
        writeln!(f, "log: last {}, committed {}, applied {}", self.last, self.commit, self.applied)?;
        f.write_str(&self.membership)
    }
}
