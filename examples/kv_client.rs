//! Talks to the servers of `kv_server`: one command, or one line after another from the standard input.
//!
//! `cargo run --example kv_client -- --servers 1=127.0.0.1:8001,2=127.0.0.1:8002 help`
#![expect(clippy::print_stdout, reason = "it is there to be read")]

use std::{
    io::{self, BufRead as _, IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use kv::{
    Addresses, Client,
    protocol::{Answer, Consistency, Pattern, Request, Write},
};

/// Talks to the servers of `kv_server`. Without a command it reads commands from the standard input, one a line.
#[derive(Parser)]
struct CommandLine {
    /// Where clients reach the servers: 1=host:port,2=host:port,…
    #[arg(long, value_name = "SERVERS")]
    servers: Addresses,
    /// How long to try, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    patience: u64,
    /// What to do.
    #[command(subcommand)]
    command: Option<Command>,
}

/// A line of the standard input.
#[derive(Parser)]
#[command(multicall = true, disable_help_flag = true)]
struct InputLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show what a key holds: as of now, or as --consistency says (linearizable, lease, local).
    Get {
        key: String,
        #[arg(long, default_value = "linearizable")]
        consistency: Consistency,
    },
    /// Show all keys that begin like this.
    List {
        #[arg(default_value = "")]
        prefix: String,
        #[arg(long, default_value = "linearizable")]
        consistency: Consistency,
    },
    /// Set a key.
    Put { key: String, value: String },
    /// Set a key to TO if it holds FROM; with --absent, if it is not there.
    Cas {
        key: String,
        to: String,
        #[arg(required_unless_present = "absent", conflicts_with = "absent")]
        from: Option<String>,
        #[arg(long)]
        absent: bool,
    },
    /// Remove a key.
    Delete { key: String },
    /// Show a key's changes, or with --prefix those of all keys that begin like this, until it is interrupted.
    Watch {
        key: String,
        #[arg(long)]
        prefix: bool,
    },
    /// Show how a server stands.
    Status { server: Option<u64> },
    /// Show what a server has counted.
    Metrics { server: Option<u64> },
    /// Make a server a voter. It must run already.
    AddVoter { node: u64, address: String },
    /// Make a server a learner. It must run already.
    AddLearner { node: u64, address: String },
    /// Take a server out of the cluster.
    Remove { node: u64 },
    /// Put server NEW in the place of OLD. It must run already.
    Replace { old: u64, new: u64, address: String },
    /// Hand leadership over.
    Transfer { to: u64 },
}

fn main() -> ExitCode {
    let flags = CommandLine::parse();
    let client = Client::new(flags.servers);
    let mut console = Console { client, patience: Duration::from_secs(flags.patience) };
    let succeeded = match flags.command {
        Some(command) => console.carry_out(command),
        None => console.read_lines(),
    };
    if succeeded { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Console {
    client: Client,
    patience: Duration,
}

impl Console {
    /// Carries out one line after another. What goes wrong is said, and the next line is read.
    fn read_lines(&mut self) -> bool {
        let is_terminal = io::stdin().is_terminal();
        let prompt = || {
            if is_terminal {
                print!("> ");
                // Without a prompt the line is read all the same.
                let _shown = io::stdout().flush();
            }
        };
        prompt();
        let mut succeeded = true;
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let words: Vec<_> = line.split_whitespace().collect();
            if !words.is_empty() {
                succeeded &= match InputLine::try_parse_from(words) {
                    Ok(line) => self.carry_out(line.command),
                    Err(usage) => usage.print().is_ok() && !usage.use_stderr(),
                };
            }
            prompt();
        }
        succeeded
    }

    /// Whether it was done.
    fn carry_out(&mut self, command: Command) -> bool {
        match command {
            Command::Get { key, consistency } => self.ask(&Request::Get { key, consistency }),
            Command::List { prefix, consistency } => self.list(&prefix, consistency),
            Command::Put { key, value } => self.write(&Write::Put { key, value }),
            Command::Cas { key, from, to, absent: _ } => self.write(&Write::Cas { key, from, to }),
            Command::Delete { key } => self.write(&Write::Delete { key }),
            Command::Watch { key, prefix } => {
                self.watch(if prefix { Pattern::Prefix(key) } else { Pattern::Key(key) })
            }
            Command::Status { server } => self.ask_at(server, &Request::Status),
            Command::Metrics { server } => self.ask_at(server, &Request::Metrics),
            Command::AddVoter { node, address } => self.ask(&Request::AddVoter { node, address }),
            Command::AddLearner { node, address } => self.ask(&Request::AddLearner { node, address }),
            Command::Remove { node } => self.ask(&Request::Remove { node }),
            Command::Replace { old, new, address } => self.ask(&Request::Replace { old, new, address }),
            Command::Transfer { to } => self.ask(&Request::Transfer { to }),
        }
    }

    fn ask(&mut self, request: &Request) -> bool {
        let answer = self.client.call(request, self.patience);
        show(&answer)
    }

    /// Asks that server alone, or else the one at hand.
    fn ask_at(&mut self, server: Option<u64>, request: &Request) -> bool {
        if let Some(server) = server {
            self.client.move_to(server);
        }
        let answer = self.client.attempt(request);
        show(&answer)
    }

    /// Page by page.
    fn list(&mut self, prefix: &str, consistency: Consistency) -> bool {
        let mut after = None;
        loop {
            let request = Request::List { prefix: prefix.to_owned(), after, consistency };
            let answer = self.client.call(&request, self.patience);
            let is_shown = show(&answer);
            let Answer::Entries { entries, more: true } = answer else { return is_shown };
            after = entries.into_iter().next_back().map(|(key, _)| key);
        }
    }

    fn write(&mut self, write: &Write) -> bool {
        let answer = self.client.write_once(write, self.patience);
        show(&answer)
    }

    fn watch(&mut self, pattern: Pattern) -> bool {
        self.client.watch(pattern).all(|answer| show(&answer))
    }
}

/// Prints an answer; whether it is what was asked for.
fn show(answer: &Answer) -> bool {
    let words = answer.to_string();
    if !words.is_empty() {
        println!("{words}");
    }
    answer.is_success()
}
