//! The timeline: one self-contained page that draws every operation as a bar, and the faults behind.
//!
//! The page is a template with the run as JSON in it. The drawing is done on a canvas, so hundreds of
//! thousands of operations stay usable; beyond that, successes are thinned out and the page says so.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::judge::Verdict;
use super::record::{Doubt, FaultRecord, Outcome, Record, RestartRecord};
use super::run::Finished;
use super::wire::Request;

const TEMPLATE: &str = include_str!("timeline.html");

/// Where the run goes in the template.
const PLACE: &str = "/*RUN*/";

/// At most about this many operations are drawn.
const OPERATIONS_MAX: usize = 200_000;

/// Writes the page.
pub(super) fn write_timeline(finished: &Finished, verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    let Some((head, tail)) = TEMPLATE.split_once(PLACE) else {
        return Err(io::Error::other("the template of the timeline has no place for the run"));
    };
    out.write_all(head.as_bytes())?;
    let suspect = match verdict {
        Verdict::NotLinearizable { key, .. } => Some(*key),
        Verdict::Valid
        | Verdict::ProtocolBroken(_)
        | Verdict::NothingSucceeded
        | Verdict::NothingSucceededAfterFaults => None,
    };
    let shown = chosen(&finished.records, suspect);
    write!(
        out,
        "{{\"total\":{},\"shown\":{},\"suspect\":{},\"duration\":{},\"faults\":{},\"operations\":[",
        finished.records.len(),
        shown.len(),
        json!(suspect),
        finished.duration / 1000,
        // A description cannot end the script: it has no `<`.
        json!(bands(finished)),
    )?;
    for (place, record) in shown.iter().enumerate() {
        let separator = if place == 0 { "" } else { "," };
        write!(out, "{separator}{}", bar(record, finished))?;
    }
    out.write_all(b"]}")?;
    out.write_all(tail.as_bytes())
}

/// Faults, and restarts until the node was up again: start and end in microseconds, and what it is.
fn bands(finished: &Finished) -> Vec<Value> {
    let fault = |fault: &FaultRecord| json!([fault.start / 1000, fault.end / 1000, fault.description]);
    let restart = |restart: &RestartRecord| {
        // One that never came up was killed first, or the run has ended.
        let up = restart.up.unwrap_or(restart.start);
        json!([restart.start / 1000, up / 1000, format!("restart: n{}", restart.node)])
    };
    finished.faults.iter().map(fault).chain(finished.restarts.iter().map(restart)).collect()
}

/// What is drawn: all failures and unknown outcomes, all of the suspect key, and as many of the rest as
/// there is room for, evenly spread.
fn chosen(records: &[Record], suspect: Option<u32>) -> Vec<&Record> {
    let is_special = |record: &&Record| !record.is_served() || Some(record.key) == suspect;
    let special = records.iter().filter(is_special).count();
    let plain = records.len() - special;
    let step = plain.div_ceil(OPERATIONS_MAX.saturating_sub(special).max(1)).max(1);
    let mut seen = 0;
    let is_chosen = |record: &&Record| {
        if is_special(record) {
            return true;
        }
        seen += 1;
        seen % step == 0
    };
    records.iter().filter(is_chosen).collect()
}

/// Row, start and length in microseconds, outcome, client, key, and what it did.
fn bar(record: &Record, finished: &Finished) -> String {
    let outcome = match record.outcome {
        Outcome::Ok(_) => 0,
        Outcome::Failed(_) if record.is_served() => 1,
        Outcome::Failed(_) => 2,
        Outcome::Unknown(_) => 3,
    };
    let length = (record.end - record.call) / 1000;
    let what = json!(description(record, finished)).to_string().replace('<', "\\u003c");
    format!(
        "[{},{},{length},{outcome},{},{},{what}]",
        record.row,
        record.call / 1000,
        record.client,
        record.key
    )
}

fn description(record: &Record, finished: &Finished) -> String {
    let asked = match record.request {
        Request::Read => "read".to_owned(),
        Request::Write(value) => format!("write {value}"),
        Request::Cas { from, to } => format!("cas {from} {to}"),
    };
    match record.outcome {
        Outcome::Ok(Some(value)) => format!("{asked} → {}", finished.values.text(value)),
        Outcome::Ok(None) => format!("{asked} → ok"),
        Outcome::Failed(code) => format!("{asked} → failed, error {code}"),
        Outcome::Unknown(Doubt::Error(code)) => format!("{asked} → unknown, error {code}"),
        Outcome::Unknown(Doubt::TimedOut) => format!("{asked} → unknown, no answer in time"),
        Outcome::Unknown(Doubt::NodeKilled) => format!("{asked} → unknown, its node was killed"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::FaultKind;
    use super::*;

    fn record(call: u64, outcome: Outcome) -> Record {
        Record { client: 1, row: 0, key: 0, request: Request::Write(1), call, end: call + 5000, outcome }
    }

    #[test]
    fn the_page_holds_the_run() {
        let finished = Finished {
            records: vec![
                record(1_000_000, Outcome::Ok(None)),
                record(2_000_000, Outcome::Unknown(Doubt::TimedOut)),
            ],
            faults: vec![FaultRecord {
                kind: FaultKind::Pause,
                description: "pause: n0".to_owned(),
                start: 0,
                end: 3_000_000,
            }],
            restarts: vec![RestartRecord { node: 2, start: 4_000_000, up: Some(6_000_000) }],
            ..Finished::default()
        };
        let mut page = Vec::new();
        write_timeline(&finished, &Verdict::Valid, &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let start = page.find("{\"total\"").unwrap();
        let end = start + page[start..].find("]}").unwrap() + 2;
        let run: Value = serde_json::from_str(&page[start..end]).unwrap();
        assert_eq!(run["operations"][0], json!([0, 1000, 5, 0, 1, 0, "write 1 → ok"]));
        assert_eq!(run["faults"], json!([[0, 3000, "pause: n0"], [4000, 6000, "restart: n2"]]));
        assert!(!page.contains("http"), "the page must not need the network");
    }

    #[test]
    fn a_long_run_is_thinned_out_but_keeps_what_matters() {
        let mut records: Vec<Record> = (0..500_000).map(|n| record(n * 1000, Outcome::Ok(None))).collect();
        records.push(record(7, Outcome::Unknown(Doubt::TimedOut)));
        let shown = chosen(&records, None);
        assert!((100_000..=OPERATIONS_MAX + 1).contains(&shown.len()));
        assert!(shown.iter().any(|record| record.outcome == Outcome::Unknown(Doubt::TimedOut)));
        assert_eq!(chosen(&records, Some(0)).len(), records.len());
    }
}
