//! The workbench: runs node processes as Maelstrom does, with clients and faults, and judges them.
//!
//! Nodes are processes that talk lines of JSON over stdin and stdout (Maelstrom, doc/protocol.md). The
//! workbench is their network, their clients, and their nemesis. It understands the flags of
//! `maelstrom test` for the `lin-kv` workload.
//!
//! A run is seeded: the same seed gives the same operations and the same faults. What the processes
//! make of them is up to the machine, so a run cannot be repeated exactly.
//!
//! The life of a run, and the files that tell it:
//!
//! - [`options`], `own_node`: what to run.
//! - `launch`, `pipes`, `process`: a node process. `cluster`: all nodes, through all their lives.
//! - `wire`: the lines they write.
//! - `initialize`, `run`: the router and the clock; `run/lives`: nodes that are killed and come back.
//! - `network`, `partition`, `nemesis`: what goes wrong on purpose.
//! - `workload`, `clients`: who asks what.
//! - `record`, `judge`: what happened, and whether it may.
//! - `console`, `report`, `timeline`, `store`: what people see, and what is kept.
//!
//! There is no thread for a client: one thread routes everything, and three stand at the pipes of each
//! node, so that a node which does not read holds up nobody.

mod clients;
mod cluster;
mod console;
mod error;
mod initialize;
mod judge;
mod launch;
mod nemesis;
mod network;
pub mod options;
mod own_node;
mod partition;
mod pipes;
mod process;
mod record;
mod report;
mod run;
mod store;
mod timeline;
mod wire;
mod workload;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use cluster::Cluster;
pub use error::Error;
use judge::Verdict;
use network::Network;
use options::{Command, CommandLine, TestOptions};
use process::NodeProgram;
use store::Store;

/// Does what the command line says: exit code 0 if the verdict is valid, 1 if it is not, 2 if there is
/// none.
#[must_use]
pub fn main() -> ExitCode {
    match CommandLine::parse().command {
        Command::RunNode { command } => {
            let error = launch::become_node(&command);
            console::notice(&format!("running {} failed: {error}", command.join(" ")));
            ExitCode::from(127)
        }
        Command::Test(options) => match test(&options) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => {
                console::notice(&format!("error: {error}"));
                ExitCode::from(2)
            }
        },
    }
}

/// Runs one test and prints its report: whether the verdict is valid.
fn test(options: &TestOptions) -> Result<bool, Error> {
    options.validate()?;
    let seed = options.seed.unwrap_or_else(random_seed);
    let program = NodeProgram {
        binary: own_node::binary(options.bin.as_deref())?,
        arguments: options.node_arguments.clone(),
        data_directory_flag: options.data_directory_flag().map(str::to_owned),
        is_stderr_shown: options.log_stderr,
    };
    let store = Store::create(Path::new("store"), seed)?;
    console::notice(&format!("seed {seed}, records in {}", store.directory().display()));

    let mut cluster = Cluster::start(program, options.node_count, &store)?;
    let mut network = Network::new(options, run::random_stream(seed, 1));
    initialize::initialize(&mut cluster, &mut network)?;
    let mut finished = run::run(options, seed, &mut cluster, network);
    cluster.shut_down();

    let verdict = judge::judge(&mut finished);
    let arguments: Vec<String> = std::env::args().collect();
    let report = report::report(&finished, &verdict, seed, &replay_command(&arguments, seed));
    store.save("history.jsonl", |out| store::write_history(&finished, out))?;
    store.save("timeline.html", |out| timeline::write_timeline(&finished, &verdict, out))?;
    store.save("messages.json", |out| store::write_messages(&finished.messages, out))?;
    store.save("report.txt", |out| out.write_all(report.as_bytes()))?;
    console::print(&report)?;
    let is_valid = verdict == Verdict::Valid;
    if is_valid {
        store.remove_data()?;
    }
    Ok(is_valid)
}

/// A seed that nobody chose: the standard library seeds its hash tables from the system.
fn random_seed() -> u64 {
    // Few digits are easier to pass around, and there are enough of them.
    RandomState::new().build_hasher().finish() % 1_000_000_000
}

/// The command line with the seed of this run.
fn replay_command(arguments: &[String], seed: u64) -> String {
    let own_count = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    let (own, node) = arguments.split_at(own_count);
    let mut words = Vec::new();
    let mut own = own.iter();
    while let Some(argument) = own.next() {
        if argument == "--seed" {
            own.next();
        } else if !argument.starts_with("--seed=") {
            words.push(quoted(argument));
        }
    }
    words.extend(["--seed".to_owned(), seed.to_string()]);
    words.extend(node.iter().map(|argument| quoted(argument)));
    words.join(" ")
}

/// The argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./,=:+".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_replay_has_this_seed_and_no_other() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let command = |line| replay_command(&words(line), 7);
        assert_eq!(command("workbench test --rate 5"), "workbench test --rate 5 --seed 7");
        assert_eq!(command("w test --seed 3 --rate 5"), "w test --rate 5 --seed 7");
        assert_eq!(command("w test --seed=3 -- --seed 9 a'b"), r"w test --seed 7 -- --seed 9 'a'\''b'");
    }
}
