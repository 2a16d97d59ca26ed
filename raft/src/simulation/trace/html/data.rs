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
    /// How many earlier records are not among these.
    left_out: usize,
    records: Vec<Row<'a>>,
}

/// How many records a page shows at most: what a browser draws without waiting.
const RECORDS_MAX: usize = 100_000;

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
    let (left_out, records) = latest(report.trace.records());
    let mut nodes: Vec<u64> = (1..=plan.voters + plan.learners + plan.spares).collect();
    nodes.extend(records.clone().filter_map(|record| Some(record.node?.0)));
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
        left_out,
        records: records.map(row).collect(),
    }
}

/// The latest records, without the ends of messages that were sent before them; and how many come before.
fn latest(records: &[Record]) -> (usize, impl Iterator<Item = &Record> + Clone) {
    let left_out = records.len().saturating_sub(RECORDS_MAX);
    let shown = &records[left_out..];
    let number =
        |record: &Record| if let What::Sent { number, .. } = record.what { Some(number) } else { None };
    let first = if left_out == 0 { Some(0) } else { shown.iter().find_map(number) };
    let is_whole = move |record: &&Record| {
        let What::Ended { number, .. } = record.what else { return true };
        first.is_some_and(|first| number >= first)
    };
    (left_out, shown.iter().filter(is_whole))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{consensus::NodeId, simulation::trace::Fate};

    #[test]
    fn a_page_has_the_latest_records_and_no_end_without_a_beginning() {
        let record = |what| Record { at: Duration::ZERO, node: Some(NodeId(1)), what };
        let sent = |number| record(What::Sent { number, to: NodeId(2), checksum: 0, text: String::new() });
        let arrived = |number| record(What::Ended { number, fate: Fate::Arrived });
        let pairs = RECORDS_MAX as u64 / 2;
        let mut records: Vec<_> = (1..=pairs).flat_map(|number| [sent(number), arrived(number)]).collect();
        assert_eq!((latest(&records).0, latest(&records).1.count()), (0, RECORDS_MAX));
        records.push(record(What::Started));
        let (left_out, shown) = latest(&records);
        assert_eq!((left_out, shown.count()), (1, RECORDS_MAX - 1), "without the end of the first message");
    }
}
