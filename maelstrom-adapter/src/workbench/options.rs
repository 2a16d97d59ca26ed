//! The command line: the flags of `maelstrom test` with their meanings, and a few of our own.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::error::Error;

/// Runs node processes against clients and faults, and judges what the clients saw.
#[derive(Debug, Parser)]
#[command(name = "workbench", about, long_about = None)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the workbench can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one test.
    Test(TestOptions),
    /// Become a node process that ends with its parent (used by the workbench itself).
    #[command(hide = true, name = super::launch::SUBCOMMAND)]
    RunNode {
        /// The node's binary and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// The flags of one test.
#[derive(Debug, Clone, Args)]
pub struct TestOptions {
    /// What clients do, and what is checked.
    #[arg(short, long, value_enum, default_value_t = Workload::LinKv)]
    pub workload: Workload,
    /// Binary which runs a node [default: build and run this project's own].
    #[arg(long, value_name = "FILE")]
    pub bin: Option<PathBuf>,
    /// How many nodes to run.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub node_count: usize,
    /// How many clients: a number, or a number of clients for each node, such as 4n.
    #[arg(long, value_name = "N|Nn", default_value = "1n")]
    pub concurrency: Concurrency,
    /// Requests a second, of all clients together.
    #[arg(long, value_name = "RATE", default_value_t = 5.0)]
    pub rate: f64,
    /// Seconds to run.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub time_limit: f64,
    /// Mean latency between nodes, in milliseconds; clients have none.
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    pub latency: f64,
    /// How latencies are distributed.
    #[arg(long, value_name = "TYPE", value_enum, default_value_t = LatencyDistribution::Constant)]
    pub latency_dist: LatencyDistribution,
    /// Faults to inject, separated by commas.
    #[arg(long, value_name = "FAULTS", value_enum, value_delimiter = ',')]
    pub nemesis: Vec<FaultKind>,
    /// Seconds between two steps of a fault (start, stop, start, …), on average.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    pub nemesis_interval: f64,
    /// Give every node a directory, as kills need it, with this flag of its binary, such as
    /// `--data-dir-flag=--data-dir` [default, if nodes are killed: that of this project's own node].
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub data_dir_flag: Option<String>,
    /// Show what nodes write to stderr.
    #[arg(long)]
    pub log_stderr: bool,
    /// Seed of operations and faults [default: a random one, which is printed].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Probability that a message between nodes is lost.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub loss: f64,
    /// Probability that a message between nodes arrives twice.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub duplicate: f64,
    /// Arguments for the node's binary, after `--`.
    #[arg(last = true, value_name = "NODE ARGUMENTS")]
    pub node_arguments: Vec<String>,
}

/// The workloads that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// A linearizable key-value store: read, write, cas.
    LinKv,
}

/// How latencies are distributed; the mean is that of `--latency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyDistribution {
    /// Always the mean.
    Constant,
    /// From zero to twice the mean.
    Uniform,
    /// Exponential: mostly short, sometimes long.
    Exponential,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum FaultKind {
    /// Links between nodes are cut.
    Partition,
    /// Node processes stop (SIGSTOP) and continue (SIGCONT).
    Pause,
    /// Node processes are killed (SIGKILL) and started again on the same directory.
    Kill,
}

/// A number of clients, fixed or for each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concurrency {
    /// This many clients.
    Clients(usize),
    /// This many clients for each node.
    PerNode(usize),
}

impl FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, build): (&str, fn(usize) -> Self) = match text.strip_suffix('n') {
            Some(digits) => (digits, Self::PerNode),
            None => (text, Self::Clients),
        };
        match digits.parse() {
            Ok(number) if number > 0 => Ok(build(number)),
            _ => Err("give a positive number (such as 10), or clients for each node (such as 4n)".to_owned()),
        }
    }
}

/// After the last fault a cluster has this long to succeed with something, unless the run is too short for that.
pub(super) const RECOVERY: Duration = Duration::from_secs(3);

/// The largest cluster and the most clients; beyond, the numbers are surely a mistake.
const NODE_COUNT_MAX: usize = 100;
const CLIENT_COUNT_MAX: usize = 10_000;

impl TestOptions {
    /// How many clients run at a time.
    #[must_use]
    pub fn client_count(&self) -> usize {
        match self.concurrency {
            Concurrency::Clients(count) => count,
            Concurrency::PerNode(count) => count.saturating_mul(self.node_count),
        }
    }

    /// After this long without an answer the outcome of a request is unknown.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs_f64((10.0 * self.latency / 1000.0).max(1.0))
    }

    /// How long clients go on after the last fault has ended, so that recovery is seen.
    #[must_use]
    pub fn recovery_time(&self) -> Duration {
        Duration::from_secs_f64(self.time_limit / 2.0).min(RECOVERY)
    }

    /// The flag with which nodes are given a directory, if they get one: those that are killed must remember.
    #[must_use]
    pub fn data_directory_flag(&self) -> Option<&str> {
        const OWN: &str = "--data-dir";
        let own_if_needed = self.nemesis.contains(&FaultKind::Kill).then_some(OWN);
        self.data_dir_flag.as_deref().or(own_if_needed)
    }

    /// Checks what the parser cannot.
    ///
    /// # Errors
    ///
    /// The first flag whose value makes no sense, and what would.
    pub fn validate(&self) -> Result<(), Error> {
        let is_probability = |p: f64| (0.0..1.0).contains(&p);
        let demands = [
            (1..=NODE_COUNT_MAX).contains(&self.node_count),
            (1..=CLIENT_COUNT_MAX).contains(&self.client_count()),
            self.rate > 0.0 && self.rate <= 1e6,
            self.time_limit > 0.0 && self.time_limit <= 1e6,
            (0.0..=60_000.0).contains(&self.latency),
            self.nemesis_interval > 0.0 && self.nemesis_interval <= 1e6,
            is_probability(self.loss),
            is_probability(self.duplicate),
            self.node_count >= 2 || !self.nemesis.contains(&FaultKind::Partition),
            self.bin.is_none() || self.data_dir_flag.is_some() || !self.nemesis.contains(&FaultKind::Kill),
        ];
        let advice = [
            "--node-count: give a number from 1 to 100",
            "--concurrency: give 1 to 10000 clients, such as 10 or 4n",
            "--rate: give a positive number of requests a second, at most 1000000",
            "--time-limit: give a positive number of seconds",
            "--latency: give milliseconds from 0 to 60000",
            "--nemesis-interval: give a positive number of seconds",
            "--loss: give a probability, 0 or more and less than 1",
            "--duplicate: give a probability, 0 or more and less than 1",
            "--nemesis partition: give --node-count 2 or more, one node has no links to cut",
            "--nemesis kill with --bin: say with which flag the binary takes the directory that outlives a kill, \
             such as --data-dir-flag=--data-dir",
        ];
        match demands.iter().position(|is_met| !is_met) {
            Some(index) => Err(Error::Usage(advice[index])),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<TestOptions, String> {
        let words = ["workbench", "test"].into_iter().chain(arguments.split_whitespace());
        let command_line = CommandLine::try_parse_from(words).map_err(|error| error.to_string())?;
        let Command::Test(options) = command_line.command else { return Err("not a test".to_owned()) };
        options.validate().map_err(|error| error.to_string())?;
        Ok(options)
    }

    #[test]
    fn the_flags_of_maelstrom_are_understood() {
        let options = parse(
            "-w lin-kv --bin /bin/true --node-count 3 --concurrency 4n --rate 100 --time-limit 20 \
             --latency 10 --latency-dist exponential --nemesis partition,pause --nemesis-interval 5 \
             --log-stderr -- --flag value",
        )
        .unwrap();
        assert_eq!(options.client_count(), 12);
        assert_eq!(options.nemesis, [FaultKind::Partition, FaultKind::Pause]);
        assert_eq!(options.node_arguments, ["--flag", "value"]);
    }

    #[test]
    fn a_slow_network_lengthens_the_request_timeout() {
        assert_eq!(parse("--latency 20").unwrap().request_timeout(), Duration::from_secs(1));
        assert_eq!(parse("--latency 500").unwrap().request_timeout(), Duration::from_secs(5));
    }

    #[test]
    fn nodes_get_a_directory_if_they_are_killed_or_it_is_asked_for() {
        let flag = |arguments| parse(arguments).unwrap().data_directory_flag().map(str::to_owned);
        assert_eq!(flag("--nemesis pause"), None);
        assert_eq!(flag("--data-dir-flag=--data-dir").as_deref(), Some("--data-dir"));
        assert_eq!(flag("--nemesis pause,kill").as_deref(), Some("--data-dir"));
        let foreign = "--bin /bin/true --nemesis kill --data-dir-flag --state -- --more";
        assert_eq!(flag(foreign).as_deref(), Some("--state"));
    }

    #[test]
    fn a_wrong_flag_says_what_to_give() {
        let mistakes = [
            ("--concurrency 0", "4n"),
            ("--concurrency x", "4n"),
            ("--rate 0", "--rate"),
            ("--node-count 1 --nemesis partition", "2 or more"),
            ("--bin /bin/true --nemesis kill", "--data-dir-flag=--data-dir"),
            ("--nemesis tornado", "pause"),
            ("--loss 1.5", "probability"),
            ("--workload echo", "lin-kv"),
        ];
        for (arguments, advice) in mistakes {
            let message = parse(arguments).unwrap_err();
            assert!(message.contains(advice), "{arguments}: {message}");
        }
    }
}
