//! What the storms have exercised: a test that exercises nothing proves nothing.

use std::{collections::BTreeMap, fmt};

/// How often each of [`Counts::ALL`] happened.
#[derive(Default)]
pub(crate) struct Counts {
    counted: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// All that is counted, and must happen.
    const ALL: [&str; 56] = [
        "elections",
        "leaders",
        "entries committed",
        "snapshots installed",
        "messages lost",
        "messages doubled",
        "crashes",
        "crashes in a joint configuration",
        "links cut",
        "pauses",
        "clocks held back by the bound",
        "changes at once",
        "changes: auto",
        "changes: implicit",
        "changes: explicit",
        "joint configurations entered",
        "joint configurations left by the leader",
        "joint configurations left on request",
        "voters added",
        "voters removed",
        "voters demoted",
        "learners added",
        "learners promoted",
        "learners removed",
        "former members added again",
        "leaders removed",
        "spares added",
        "unfounded nodes added",
        "snapshots in a joint configuration",
        "changes refused: not leader",
        "changes refused: in flight",
        "changes refused: term not committed",
        "changes refused: transferring",
        "changes refused: no sense",
        "leaders elected with a change in the log",
        "removed nodes that stood for election",
        "transfers begun",
        "transfers asked for by a follower",
        "transfers: done",
        "transfers: timed out",
        "transfers: not voter",
        "transfers: other leader",
        "transfers refused",
        "proposals held back by a transfer",
        "campaigns called for",
        "leaders told to step down",
        "leaders forgotten",
        "reads on a leader",
        "reads on a follower",
        "reads on a learner",
        "reads by a lease",
        "reads for want of a lease",
        "reads lost",
        "forwards appended",
        "forwards refused",
        "forwards unknown",
    ];

    /// It happened.
    pub(crate) fn count(&mut self, what: &'static str) {
        debug_assert!(Self::ALL.contains(&what), "{what} is not among what must happen");
        *self.counted.entry(what).or_default() += 1;
    }

    /// Adds what happened in another storm.
    pub(crate) fn add(&mut self, other: &Self) {
        other.counted.iter().for_each(|(what, times)| *self.counted.entry(what).or_default() += times);
    }

    /// What never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        Self::ALL.into_iter().filter(|what| !self.counted.contains_key(what)).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for what in Self::ALL {
            let times = self.counted.get(what).copied().unwrap_or_default();
            writeln!(f, "{times:>12}  {what}")?;
        }
        Ok(())
    }
}
