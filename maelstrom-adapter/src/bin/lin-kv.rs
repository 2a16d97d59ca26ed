//! A node of Maelstrom's `lin-kv` workload.

use std::process::ExitCode;

use clap::Parser;
use maelstrom_adapter::lin_kv::LinKv;
use maelstrom_adapter::node::{self, NodeOptions};

/// A linearizable key-value store, as a Maelstrom node: speaks lines of JSON on stdin and stdout.
#[derive(Parser)]
#[command(name = "lin-kv", version)]
struct CommandLine {
    #[command(flatten)]
    node: NodeOptions,
}

fn main() -> ExitCode {
    node::run(LinKv, &CommandLine::parse().node)
}
