//! What came of a test.

use std::{fmt, path::PathBuf};

/// What came of a test.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Rounds that were begun.
    pub rounds: u32,
    /// Kills.
    pub kills: usize,
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// What must never be, and was.
    pub violations: Vec<String>,
    /// Where the servers' data and logs are, if there is something to be found there.
    pub kept: Option<PathBuf>,
}

impl fmt::Display for Report {
    /// The last line of the output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rounds, kills, acknowledged) = (self.rounds, self.kills, self.acknowledged);
        let violations = self.violations.len();
        write!(f, "rounds={rounds} kills={kills} acknowledged={acknowledged} violations={violations}")
    }
}
