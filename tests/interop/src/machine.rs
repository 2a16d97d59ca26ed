//! A state machine that writes down what it is told.

/// Every entry in words, in order, each once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Machine {
    /// The term of the last entry.
    pub term: u64,
    /// What was applied, from the first entry on: `7@2 command a`.
    pub history: Vec<String>,
}

impl Machine {
    /// The index of the last entry that was applied.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.history.len() as u64
    }

    /// The commands among what was applied.
    #[must_use]
    pub fn commands(&self) -> Vec<&str> {
        self.history.iter().filter_map(|line| line.split_once(" command ")).map(|(_, text)| text).collect()
    }

    pub(crate) fn apply(&mut self, term: u64, index: u64, what: &str) {
        assert_eq!(index, self.index() + 1, "entries are applied in order, each once");
        assert!(term >= self.term, "{index}@{term} is applied after an entry of term {}", self.term);
        self.term = term;
        self.history.push(in_words(term, index, what));
    }

    /// The state, for a snapshot.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.history.join("\n").into_bytes()
    }

    /// The state in a snapshot.
    pub(crate) fn restored(term: u64, index: u64, bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("the data of a machine's snapshot");
        let machine = Self { term, history: text.split('\n').map(str::to_owned).collect() };
        assert_eq!(machine.index(), index, "a snapshot holds all entries up to its last");
        machine
    }
}

pub(crate) fn in_words(term: u64, index: u64, what: &str) -> String {
    format!("{index}@{term} {what}")
}

/// What an entry that changes nothing in the membership is for.
pub(crate) fn command_in_words(data: &[u8]) -> String {
    format!("command {}", String::from_utf8_lossy(data))
}
