//! What one client has written to its key and was told, and so what the key may hold.
//!
//! Numbers only rise, and no two attempts write the same, so a number tells which attempt it came from. There are two
//! ways to write so that an attempt of which nothing is known cannot come back later and undo what was written since:
//!
//! - **compare and set**: each attempt expects the number that the key is known to hold. Once that is replaced, all
//!   other attempts that expected it are without effect for ever;
//! - **a session**: the same write is sent until it is answered, and takes effect once. It is a compare and set too, so
//!   that a second time would be seen.

use std::{collections::BTreeSet, fmt};

/// What a client knows of its key. 0 stands for a key that is not there.
#[derive(Default, Debug)]
pub struct Ledger {
    /// What the key is known to have held last.
    known: u64,
    /// Attempts that may have taken effect since, or still may.
    doubtful: BTreeSet<u64>,
    /// Attempts that surely have not taken effect, and never will.
    refused: BTreeSet<u64>,
    /// The last attempt.
    last: u64,
    acknowledged: u64,
}

/// What must never be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Violation {
    /// The key holds an older number than it is known to have held: an acknowledged write is lost, or a read is stale.
    WentBack {
        /// What it was known to hold.
        known: u64,
        /// What it holds.
        found: u64,
    },
    /// The key holds what was refused.
    RefusedApplied {
        /// That.
        found: u64,
    },
    /// The key holds what nobody has written, or what cannot have taken effect any more.
    FromNowhere {
        /// That.
        found: u64,
    },
    /// A compare and set was answered to have found something else, and the key holds what it expected.
    NotSwappedThough {
        /// What it expected.
        expected: u64,
    },
}

impl Ledger {
    /// What the key is known to have held last.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.known
    }

    /// How many writes were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The number for the next attempt.
    pub fn attempt(&mut self) -> u64 {
        self.last += 1;
        self.doubtful.insert(self.last);
        self.last
    }

    /// The attempt was acknowledged.
    ///
    /// # Errors
    /// If it cannot have been the last to take effect.
    pub fn acknowledge(&mut self, number: u64) -> Result<(), Violation> {
        self.acknowledged += 1;
        self.find(number)
    }

    /// The attempt was refused: it has not taken effect, and never will.
    pub fn refuse(&mut self, number: u64) {
        self.doubtful.remove(&number);
        self.refused.insert(number);
    }

    /// The key holds this, after all that is known.
    ///
    /// # Errors
    /// If it must not.
    pub fn find(&mut self, found: u64) -> Result<(), Violation> {
        if found == self.known {
            return Ok(());
        }
        if self.doubtful.contains(&found) {
            self.known = found;
            // What expected an older number, or came before in the session, is without effect from now on.
            self.doubtful.clear();
            return Ok(());
        }
        Err(match found {
            _ if self.refused.contains(&found) => Violation::RefusedApplied { found },
            _ if found < self.known => Violation::WentBack { known: self.known, found },
            _ => Violation::FromNowhere { found },
        })
    }

    /// A compare and set that expected what is known found this instead.
    ///
    /// # Errors
    /// If it must not.
    pub fn find_instead(&mut self, found: u64) -> Result<(), Violation> {
        if found == self.known {
            return Err(Violation::NotSwappedThough { expected: found });
        }
        self.find(found)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WentBack { known, found } => write!(f, "holds {found} after it was known to hold {known}"),
            Self::RefusedApplied { found } => write!(f, "holds {found}, and that write was refused"),
            Self::FromNowhere { found } => write!(f, "holds {found}, which no write can have left there"),
            Self::NotSwappedThough { expected } => {
                write!(f, "was not swapped since it does not hold {expected}, and holds {expected}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledged_write_must_stay() {
        let mut ledger = Ledger::default();
        let (one, two) = (ledger.attempt(), ledger.attempt());
        assert_eq!(ledger.acknowledge(one), Ok(()));
        assert_eq!(ledger.find(0), Err(Violation::WentBack { known: one, found: 0 }));
        assert_eq!(ledger.find(two), Err(Violation::FromNowhere { found: two }));
        assert_eq!(ledger.acknowledged(), 1);
    }

    #[test]
    fn a_write_of_which_nothing_is_known_may_be_there_or_not() {
        let mut ledger = Ledger::default();
        let one = ledger.attempt();
        assert_eq!(ledger.find(0), Ok(()));
        assert_eq!(ledger.find(one), Ok(()));
        assert_eq!(ledger.find(0), Err(Violation::WentBack { known: one, found: 0 }));
    }

    #[test]
    fn of_two_that_expect_the_same_one_takes_effect() {
        let mut ledger = Ledger::default();
        let (one, two) = (ledger.attempt(), ledger.attempt());
        assert_eq!(ledger.find_instead(one), Ok(()));
        assert_eq!(ledger.find(two), Err(Violation::FromNowhere { found: two }));
    }

    #[test]
    fn a_refused_write_must_never_be_there() {
        let mut ledger = Ledger::default();
        let (one, two) = (ledger.attempt(), ledger.attempt());
        ledger.refuse(one);
        assert_eq!(ledger.find(one), Err(Violation::RefusedApplied { found: one }));
        assert_eq!(ledger.acknowledge(two), Ok(()));
        assert_eq!(ledger.find(one), Err(Violation::RefusedApplied { found: one }));
    }

    #[test]
    fn what_holds_the_expected_must_be_swapped() {
        let mut ledger = Ledger::default();
        let one = ledger.attempt();
        assert_eq!(ledger.acknowledge(one), Ok(()));
        assert_eq!(ledger.find_instead(one), Err(Violation::NotSwappedThough { expected: one }));
    }
}
