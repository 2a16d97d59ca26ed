//! What a comparison is told, and why it may be left out.

use std::{fmt::Display, path::PathBuf, time::Duration};

use crate::Failure;

/// How to compare. The same for all comparisons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many rounds; in each, each side is measured once. At least five.
    pub rounds: usize,
    /// How long a side works in a round, if it was asked for; otherwise as long as [`Options::turn`] is told.
    pub turn: Option<Duration>,
    /// Whether instructions are counted too, where a comparison can do so.
    pub instructions: bool,
    /// A case is measured if its name has all of these words.
    pub words: Vec<String>,
    /// For files of a comparison's own, on a real disk: `target/compare`. It exists; what a comparison puts there, it
    /// clears away.
    pub directory: PathBuf,
}

/// Why a comparison was left out. Said, but not a failure, unless it was asked for by name.
#[derive(Debug, thiserror::Error)]
pub enum Omitted {
    /// Something that it needs is not on this machine.
    #[error("{program} is not installed; {remedy}")]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// How to install it.
        remedy: &'static str,
    },
    /// None of its cases was asked for.
    #[error("no case has all the words of {words:?}; there are:\n{names}")]
    NoCase {
        /// The words.
        words: Vec<String>,
        /// All its cases, one a line.
        names: String,
    },
}

impl Options {
    /// How long a side works in a round: what was asked for, or what the comparison takes for enough.
    #[must_use]
    pub fn turn(&self, default: Duration) -> Duration {
        self.turn.unwrap_or(default)
    }

    /// The cases whose names have all the words that were asked for, each word from space to space.
    ///
    /// # Errors
    /// [`Omitted::NoCase`].
    pub fn select<C: Display>(&self, cases: impl IntoIterator<Item = C>) -> Result<Vec<C>, Failure> {
        let (selected, others): (Vec<_>, Vec<_>) =
            cases.into_iter().partition(|case| self.selects(&case.to_string()));
        if selected.is_empty() {
            let names: Vec<_> = others.iter().map(|case| format!("  {case}")).collect();
            return Err(Omitted::NoCase { words: self.words.clone(), names: names.join("\n") }.into());
        }
        Ok(selected)
    }

    /// Whether the case of this name is asked for.
    #[must_use]
    pub fn selects(&self, name: &str) -> bool {
        self.words.iter().all(|word| name.split_whitespace().any(|part| part == word))
    }
}
