//! What the page's scripts read.

use serde::Serialize;

use super::super::{
    super::{Count, plan::Plan, simulation::Report, violation::Violation},
    Record, What,
};

/// All of it.
#[derive(Serialize)]
pub(super) struct Story<'a> {
    seed: u64,
    profile: &'a str,
    /// Those that there are from the beginning, and those that anything happened to.
    nodes: Vec<u64>,
    clients: usize,
    violation: Option<Broken<'a>>,
    /// What was planned, in microseconds and words.
    actions: Vec<(u64, String)>,
    /// What happened, and how often.
    counts: Vec<(&'static str, u64)>,
    records: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Broken<'a> {
    promise: &'a str,
    message: &'a str,
    at: u64,
    node: Option<u64>,
}

#[derive(Serialize)]
struct Row<'a> {
    /// In microseconds.
    at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<u64>,
    #[serde(flatten)]
    what: Happening<'a>,
}

#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Happening<'a> {
    Sent { number: u64, to: u64, text: &'a str },
    Ended { number: u64, fate: &'a str },
    Role { term: u64, role: String, leader: Option<u64> },
    Committed { index: u64 },
    Applied { index: u64 },
    Durable { index: u64 },
    Snapshot { index: u64 },
    Started,
    Stopped { text: &'a str },
    Paused { on: bool },
    Client { client: usize, text: &'a str },
    Action { text: &'a str },
    Violation { text: &'a str },
}

pub(super) fn of<'a>(plan: &'a Plan, report: &'a Report) -> Story<'a> {
    let records = report.trace.records();
    let mut nodes: Vec<u64> = (1..=plan.voters + plan.learners + plan.spares).collect();
    nodes.extend(records.iter().filter_map(|record| Some(record.node?.0)));
    nodes.sort_unstable();
    nodes.dedup();
    let counts = Count::ALL.iter().map(|count| (count.name(), report.counts.of(*count)));
    Story {
        seed: plan.seed,
        profile: &plan.profile,
        nodes,
        clients: plan.clients.count,
        violation: report.violation.as_ref().map(broken),
        actions: plan.actions.iter().map(|at| (micros(at.at), at.action.to_string())).collect(),
        counts: counts.filter(|(_, count)| *count > 0).collect(),
        records: records.iter().map(row).collect(),
    }
}

fn broken(violation: &Violation) -> Broken<'_> {
    Broken {
        promise: violation.promise,
        message: &violation.message,
        at: micros(violation.at),
        node: violation.node.map(|node| node.0),
    }
}

fn row(record: &Record) -> Row<'_> {
    Row { at: micros(record.at), node: record.node.map(|node| node.0), what: happening(&record.what) }
}

fn happening(what: &What) -> Happening<'_> {
    match what {
        What::Sent { number, to, text, .. } => Happening::Sent { number: *number, to: to.0, text },
        What::Ended { number, fate } => Happening::Ended { number: *number, fate: fate.words() },
        What::Role { term, role, leader } => {
            Happening::Role { term: term.0, role: role.to_string(), leader: leader.map(|leader| leader.0) }
        }
        What::Committed(index) => Happening::Committed { index: index.0 },
        What::Applied(index) => Happening::Applied { index: index.0 },
        What::Durable(index) => Happening::Durable { index: index.0 },
        What::Snapshot(index) => Happening::Snapshot { index: index.0 },
        What::Started => Happening::Started,
        What::Stopped(text) => Happening::Stopped { text },
        What::Paused(on) => Happening::Paused { on: *on },
        What::Client { client, text } => Happening::Client { client: *client, text },
        What::Action(text) => Happening::Action { text },
        What::Violation(text) => Happening::Violation { text },
    }
}

fn micros(at: std::time::Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}
