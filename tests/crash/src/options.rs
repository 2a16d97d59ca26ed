//! The command line.

use std::hash::{BuildHasher as _, RandomState};

use clap::{Parser, ValueEnum};

/// Kills servers of a real cluster again and again, and checks that nothing acknowledged is lost.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo crash-test", bin_name = "cargo crash-test", long_about = None)]
pub struct CommandLine {
    /// How many rounds; each takes about a second.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub rounds: u32,
    /// How many servers.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    pub nodes: u64,
    /// How many clients; each writes to a key of its own.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub clients: u64,
    /// How long a tick of the servers is, in milliseconds; an election timeout is 10 to 20 of them.
    #[arg(long, value_name = "MS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub tick_ms: u64,
    /// Decides on what is done when [default: a random one, which is printed].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Break the servers on purpose, to see that it is found.
    #[arg(long, value_name = "FAULT", value_enum)]
    pub broken: Option<Fault>,
    /// Keep the servers' data and logs, also if nothing was found.
    #[arg(long)]
    pub keep: bool,
    /// Say what is done in each round.
    #[arg(long)]
    pub verbose: bool,
}

/// What is wrong with a server that was broken on purpose.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It acknowledges what it has not handed to its disk yet.
    AcknowledgeEarly,
    /// It starts with an empty log, whatever there was.
    ForgetLog,
}

impl CommandLine {
    /// The seed that was given, or one that nobody chose.
    #[must_use]
    pub fn seed(&self) -> u64 {
        // Short enough to be typed. The standard library seeds its hash tables from the system.
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000)
    }

    /// The command that does the same with `seed`, which may end differently.
    #[must_use]
    pub fn replay(&self, seed: u64) -> String {
        let (rounds, nodes, clients, tick_ms) = (self.rounds, self.nodes, self.clients, self.tick_ms);
        let flags = format!("--rounds {rounds} --nodes {nodes} --clients {clients} --tick-ms {tick_ms}");
        let broken = self.broken.map(|fault| format!(" --broken {}", fault.name())).unwrap_or_default();
        format!("cargo crash-test {flags} --seed {seed}{broken} --verbose")
    }
}

impl Fault {
    /// As it is given to `kv_server --broken`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeEarly => "acknowledge-early",
            Self::ForgetLog => "forget-log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_replays_is_understood() {
        let given = CommandLine::parse_from(["crash-test", "--nodes", "5", "--broken", "forget-log"]);
        let replay = given.replay(7);
        let words = replay.split(' ').skip(1);
        let parsed = CommandLine::try_parse_from(words).unwrap();
        assert_eq!((parsed.seed(), parsed.nodes, parsed.broken), (7, 5, Some(Fault::ForgetLog)));
    }
}
