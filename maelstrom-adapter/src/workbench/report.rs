//! The report: what happened, in numbers, and the verdict as its last line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::judge::Verdict;
use super::record::{Doubt, Outcome, Record};
use super::run::Finished;

/// The whole report; `replay` is the command that repeats the run.
pub(super) fn report(finished: &Finished, verdict: &Verdict, seed: u64, replay: &str) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "seed: {seed}");
    operations(&mut text, finished);
    latencies(&mut text, &finished.records);
    messages(&mut text, finished);
    faults(&mut text, finished);
    conclusion(&mut text, finished, verdict, replay);
    text
}

/// How many operations ended ok, failed, unknown.
#[derive(Default)]
struct Counts {
    ok: u64,
    failed: u64,
    unknown: u64,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ok(_) => self.ok += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    fn line(&self, name: &str) -> String {
        let all = self.ok + self.failed + self.unknown;
        format!(
            "  {name:<6} {all:>9} = {:>9} ok, {:>9} failed, {:>6} unknown",
            self.ok, self.failed, self.unknown
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn operations(text: &mut String, finished: &Finished) {
    let mut kinds: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    let mut served = 0;
    for record in &finished.records {
        kinds.entry(record.request.kind()).or_default().add(record.outcome);
        all.add(record.outcome);
        served += u64::from(record.is_served());
    }
    let count = finished.records.len() as u64;
    let rate = ratio(count, finished.duration) * 1e9;
    let seconds = Duration::from_nanos(finished.duration).as_secs_f64();
    let _ = writeln!(text, "operations: {count} in {seconds:.1} s, {rate:.0} ops/s");
    for (kind, counts) in &kinds {
        let _ = writeln!(text, "{}", counts.line(kind));
    }
    let _ = writeln!(text, "{}", all.line("all"));
    let _ = writeln!(
        text,
        "availability: {:.4} ok, {:.4} served (ok, or refused by the request's own condition)",
        ratio(all.ok, count),
        ratio(served, count)
    );
}

fn latencies(text: &mut String, records: &[Record]) {
    // Three digits are enough for people.
    let Ok(mut histogram) = Histogram::<u64>::new(3) else { return };
    for record in records.iter().filter(|record| matches!(record.outcome, Outcome::Ok(_))) {
        // The histogram grows by itself, so that no value is too large for it.
        let _ = histogram.record((record.end - record.call) / 1000);
    }
    let milliseconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64() * 1000.0;
    let _ = writeln!(
        text,
        "latency of ok operations: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        milliseconds(histogram.value_at_quantile(0.5)),
        milliseconds(histogram.value_at_quantile(0.95)),
        milliseconds(histogram.value_at_quantile(0.99)),
        milliseconds(histogram.max()),
    );
}

fn messages(text: &mut String, finished: &Finished) {
    let between_nodes: u64 = finished.messages.between_nodes.values().sum();
    let with_clients: u64 = finished.messages.with_clients.values().sum();
    let per_operation = ratio(between_nodes, finished.records.len() as u64);
    let _ = writeln!(text, "messages: {between_nodes} between nodes, {per_operation:.2} an operation");
    for (kind, count) in &finished.messages.between_nodes {
        let _ = writeln!(text, "  {kind:<20} {count:>9}");
    }
    let _ = writeln!(text, "  with clients         {with_clients:>9}");
}

fn faults(text: &mut String, finished: &Finished) {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for fault in &finished.faults {
        *kinds.entry(format!("{:?}", fault.kind).to_lowercase()).or_default() += 1;
    }
    let list: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let _ = writeln!(text, "faults: {list}");
    restarts(text, finished);
    let Some(heal) = finished.last_heal else { return };
    let succeeded = |record: &&Record| matches!(record.outcome, Outcome::Ok(_)) && record.end >= heal;
    let first = finished.records.iter().filter(succeeded).map(|record| record.end).min();
    let recovery = first.map_or("nothing succeeded afterwards".to_owned(), |end| {
        format!("{:.1} ms", Duration::from_nanos(end - heal).as_secs_f64() * 1000.0)
    });
    let _ = writeln!(text, "from the last heal to the first success: {recovery}");
}

/// How long nodes that were started again took to confirm who they are: that includes reading their disks.
fn restarts(text: &mut String, finished: &Finished) {
    if finished.restarts.is_empty() {
        return;
    }
    let mut delays: Vec<u64> =
        finished.restarts.iter().filter_map(|restart| Some(restart.up? - restart.start)).collect();
    delays.sort_unstable();
    let milliseconds = |delay: Option<&u64>| {
        let delay = delay.copied().unwrap_or_default();
        Duration::from_nanos(delay).as_secs_f64() * 1000.0
    };
    let _ = writeln!(
        text,
        "restarts: {}, {} of them up before the next kill, after p50 {:.1} ms, max {:.1} ms",
        finished.restarts.len(),
        delays.len(),
        milliseconds(delays.get(delays.len() / 2)),
        milliseconds(delays.last()),
    );
    let interrupted = |record: &&Record| record.outcome == Outcome::Unknown(Doubt::NodeKilled);
    let count = finished.records.iter().filter(interrupted).count();
    let _ = writeln!(text, "operations open at a node that was killed: {count}");
}

fn conclusion(text: &mut String, finished: &Finished, verdict: &Verdict, replay: &str) {
    let counts = format!(
        "{} ops, {} keys, {} faults",
        finished.records.len(),
        finished.key_count,
        finished.faults.len()
    );
    let line = match verdict {
        Verdict::Valid => format!("valid ({counts})"),
        Verdict::ProtocolBroken(violation) => {
            let _ = writeln!(text, "{violation}");
            let first_line = violation.lines().next().unwrap_or_default();
            format!("INVALID {first_line} ({counts})")
        }
        Verdict::NothingSucceeded => format!("INVALID no operation succeeded ({counts})"),
        Verdict::NothingSucceededAfterFaults => {
            format!("INVALID no operation succeeded after the last fault had ended ({counts})")
        }
        Verdict::NotLinearizable { key, key_count, window } => {
            let _ = write!(text, "key {key}: {window}");
            format!("INVALID key {key} is not linearizable, {key_count} such keys ({counts})")
        }
    };
    if *verdict != Verdict::Valid {
        let _ =
            writeln!(text, "again, with the same operations and faults (the nodes' own timing will differ):");
        let _ = writeln!(text, "  {replay}");
    }
    let _ = writeln!(text, "verdict: {line}");
}
