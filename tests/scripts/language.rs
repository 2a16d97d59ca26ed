//! The commands of the language. `tests/README.md` lists them.

use std::error::Error;

use goldenscript::{Command, Runner};
use quorate::{NodeId, Proposed, RawNode};

use crate::{
    arguments::{Arguments, Parse, Refusal},
    arithmetic::Arithmetic,
    cluster::Cluster,
    membership,
    network::Selection,
    show,
};

/// One script under way.
#[derive(Default)]
pub(crate) struct Script {
    cluster: Cluster,
    arithmetic: Arithmetic,
}

impl Runner for Script {
    fn run(&mut self, command: &Command) -> Result<String, Box<dyn Error>> {
        let mut arguments = Arguments::of(command);
        let known = self.run_arithmetic(&command.name, &mut arguments)?
            || self.run_time_and_network(&command.name, &mut arguments)?
            || self.run_machine(&command.name, &mut arguments)?
            || self.run_node(&command.name, &mut arguments)?;
        if !known {
            return Err(format!("there is no command {}", command.name).into());
        }
        arguments.finish()?;
        Ok(self.cluster.journal.take())
    }
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Memberships and majorities, without any node.
    fn run_arithmetic(&mut self, name: &str, arguments: &mut Arguments<'_>) -> Result<bool, Refusal> {
        let line = match name {
            "membership" => self.arithmetic.start_from(arguments)?,
            "change" => self.arithmetic.change(arguments)?,
            "committed" => Arithmetic::committed(arguments)?,
            "vote" => Arithmetic::vote(arguments)?,
            _ => return Ok(false),
        };
        self.cluster.journal.write(line);
        Ok(true)
    }

    /// What happens between nodes.
    fn run_time_and_network(&mut self, name: &str, arguments: &mut Arguments<'_>) -> Result<bool, Refusal> {
        let cluster = &mut self.cluster;
        match name {
            "cluster" => cluster.found(arguments)?,
            "tick" | "run" => {
                let first = arguments.next().ok_or("say who, and how often")?;
                let (nodes, times) = if name == "run" {
                    (cluster.nodes("all")?, u64::parse(first)?)
                } else {
                    (cluster.nodes(first)?, arguments.next().map_or(Ok(1), u64::parse)?)
                };
                for _ in 0..times {
                    cluster.tick(&nodes)?;
                    if name == "run" {
                        cluster.stabilize(&nodes)?;
                    }
                }
            }
            "deliver" => cluster.deliver(&Selection::of(arguments)?)?,
            "drop" => cluster.drop(&Selection::of(arguments)?),
            "duplicate" => cluster.network.duplicate(&Selection::of(arguments)?),
            "stabilize" => {
                let named = arguments.rest::<NodeId>()?;
                let nodes = if named.is_empty() { cluster.nodes("all")? } else { named };
                cluster.stabilize(&nodes)?;
            }
            "partition" => {
                let groups = arguments.rest()?;
                cluster.network.partition(groups, &cluster.journal);
            }
            "heal" => cluster.network.partition(Vec::new(), &cluster.journal),
            "network" => {
                let lines: Vec<_> = cluster.network.under_way().map(ToString::to_string).collect();
                lines.into_iter().for_each(|line| cluster.journal.write(line));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What happens to one machine, its disk and its state machine.
    fn run_machine(&mut self, name: &str, arguments: &mut Arguments<'_>) -> Result<bool, Refusal> {
        let cluster = &mut self.cluster;
        if !matches!(
            name,
            "crash"
                | "wipe"
                | "restart"
                | "slow"
                | "ready"
                | "write"
                | "apply"
                | "compact"
                | "status"
                | "log"
                | "machine"
        ) {
            return Ok(false);
        }
        for id in cluster.nodes(arguments.next().ok_or("say which node")?)? {
            match name {
                "crash" => cluster.server(id)?.crash(),
                "wipe" => cluster.server(id)?.wipe(),
                "restart" => cluster.restart(id, arguments.option("applied")?)?,
                "slow" => {
                    let is_slow = arguments.next().map_or(Ok(true), bool::parse)?;
                    cluster.server(id)?.is_slow = is_slow;
                    cluster.settle(id)?;
                }
                "ready" => say_if_idle(cluster.take_ready(id)?)?,
                "write" => say_if_idle(cluster.write(id)?)?,
                "apply" => say_if_idle(cluster.apply(id)?)?,
                "compact" => {
                    let index = arguments.require("up to which entry")?;
                    cluster.server(id)?.compact(index, arguments.option("keep")?.unwrap_or(0))?;
                }
                other => {
                    let server = cluster.server(id)?;
                    let line = match other {
                        "status" => show::status(&server.raw()?.status()),
                        "log" => format!("has on disk: {}", show::disk(server)?),
                        _ => format!("has applied: {}", server.commands().join(" ")),
                    };
                    let line = format!("{id}@{} {line}", server.term());
                    cluster.journal.write(line);
                }
            }
        }
        Ok(true)
    }

    /// What a node is asked for.
    fn run_node(&mut self, name: &str, arguments: &mut Arguments<'_>) -> Result<bool, Refusal> {
        let Some(word) = arguments.next() else { return Ok(false) };
        let id = NodeId::parse(word)?;
        let cluster = &mut self.cluster;
        match name {
            "campaign" => cluster.ask(id, RawNode::campaign, |_, ()| None)?,
            "propose" => {
                for command in arguments.rest::<String>()? {
                    let propose = |raw: &mut RawNode| raw.propose(command.clone());
                    cluster.ask(id, propose, |server, proposed| {
                        Some(match proposed {
                            Proposed::Appended(id) => format!("appends {id} {command}"),
                            Proposed::Forwarded(id) => {
                                format!("passes {} on: {command}", server.ticket("forward", &id))
                            }
                        })
                    })?;
                }
            }
            "conf-change" => {
                let change = membership::parse_change(arguments)?;
                let shown = membership::show_change(&change);
                let propose = |raw: &mut RawNode| raw.propose_conf_change(&change);
                cluster.ask(id, propose, |_, entry| Some(format!("appends {entry} {shown}")))?;
            }
            "transfer" => {
                let to = arguments.require("to whom")?;
                cluster.ask(id, |raw| raw.transfer_leader(to), |_, ()| None)?;
            }
            "read" => cluster.ask(id, RawNode::read_index, |server, read| {
                Some(format!("begins {}", server.ticket("read", &read)))
            })?,
            "lease-read" => cluster.ask(id, RawNode::read_lease, |server, read| {
                Some(format!("begins {}", server.ticket("read", &read)))
            })?,
            "expire-lease" => cluster.call(id, RawNode::expire_lease)?,
            "forget-leader" => cluster.call(id, RawNode::forget_leader)?,
            "step-down" => cluster.call(id, RawNode::step_down)?,
            "report-unreachable" => {
                let node = arguments.require("who")?;
                cluster.call(id, |raw| raw.report_unreachable(node))?;
            }
            "report-snapshot" => {
                let node = arguments.require("who")?;
                let arrived = arguments.require::<String>("arrived or lost")? == "arrived";
                cluster.call(id, |raw| raw.report_snapshot(node, arrived))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn say_if_idle(happened: bool) -> Result<(), Refusal> {
    if happened { Ok(()) } else { Err("there is nothing to do".into()) }
}
