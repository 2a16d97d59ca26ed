//! What must never be otherwise.

/// A promise that Raft makes (Figure 3), or that clients rely on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Promise {
    /// At most one leader is elected in a term (§5.2).
    ElectionSafety,
    /// If two logs hold an entry with the same index and term, they are equal up to there (§5.3).
    LogMatching,
    /// What is committed in a term is in the log of every leader of a later one (§5.4).
    LeaderCompleteness,
    /// No two nodes ever take different entries at the same index for committed (§5.4.3), before a crash or after it.
    StateMachineSafety,
    /// Nobody votes for two candidates in a term (§5.2).
    OneVoteATerm,
    /// What is committed, and so may have been acknowledged, is on a majority of disks and stays there.
    NothingCommittedIsLost,
    /// Correct nodes refuse nothing of each other, and never panic.
    NoNodeFails,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ElectionSafety,
        Self::LogMatching,
        Self::LeaderCompleteness,
        Self::StateMachineSafety,
        Self::OneVoteATerm,
        Self::NothingCommittedIsLost,
        Self::NoNodeFails,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ElectionSafety => "election safety",
            Self::LogMatching => "log matching",
            Self::LeaderCompleteness => "leader completeness",
            Self::StateMachineSafety => "state machine safety",
            Self::OneVoteATerm => "one vote a term",
            Self::NothingCommittedIsLost => "nothing committed is lost",
            Self::NoNodeFails => "no node fails",
        }
    }
}
