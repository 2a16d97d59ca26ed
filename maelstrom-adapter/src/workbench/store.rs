//! Where a run is kept: `store/<time>-<seed>/`, with `store/latest` pointing to the last one.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::error::Error;
use super::record::{Doubt, Outcome, Record};
use super::run::{Finished, MessageCounts};
use super::wire::Request;

/// The directory of one run.
pub(super) struct Store {
    directory: PathBuf,
}

impl Store {
    /// Makes the directory of a new run and points `latest` to it.
    pub(super) fn create(parent: &Path, seed: u64) -> Result<Self, Error> {
        let name = format!("{}-{seed}", time_of_day(SystemTime::now()));
        let store = Self { directory: parent.join(&name) };
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| Error::Store { path, source }
        };
        fs::create_dir_all(store.logs()).map_err(failed(&store.logs()))?;
        let latest = parent.join("latest");
        // It may not exist yet.
        let _ = fs::remove_file(&latest);
        std::os::unix::fs::symlink(&name, &latest).map_err(failed(&latest))?;
        Ok(store)
    }

    /// The directory itself.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the nodes' stderr goes.
    pub(super) fn logs(&self) -> PathBuf {
        self.directory.join("node-logs")
    }

    /// Where nodes have their directories, if they get any.
    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("node-data")
    }

    /// Removes the nodes' directories, if they had any: they take the most room, and after a valid run nobody looks.
    pub(super) fn remove_data(&self) -> Result<(), Error> {
        let path = self.data();
        match fs::remove_dir_all(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Store { path, source }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes a file with `write`.
    pub(super) fn save(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.directory.join(name);
        let saved = File::create(&path).and_then(|file| {
            let mut writer = BufWriter::new(file);
            write(&mut writer)?;
            writer.flush()
        });
        saved.map_err(|source| Error::Store { path, source })
    }
}

/// Writes all calls, outcomes and faults in the order of their times, one JSON object a line.
pub(super) fn write_history(finished: &Finished, out: &mut dyn Write) -> io::Result<()> {
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (index, record) in finished.records.iter().enumerate() {
        events.extend([(record.call, false, index), (record.end, true, index)]);
    }
    events.sort_unstable();
    let mut faults: Vec<(u64, String)> = Vec::new();
    let mut note = |time: u64, f: &str, value: &str| {
        let line =
            format!(r#"{{"time":{time},"process":"nemesis","type":"info","f":"{f}","value":"{value}"}}"#);
        faults.push((time, line));
    };
    for fault in &finished.faults {
        note(fault.start, "start", &fault.description);
        note(fault.end, "stop", &fault.description);
    }
    for restart in &finished.restarts {
        let node = format!("n{}", restart.node);
        note(restart.start, "restart", &node);
        if let Some(up) = restart.up {
            note(up, "up", &node);
        }
    }
    faults.sort();
    let mut faults = faults.into_iter().peekable();
    for (time, is_end, index) in events {
        while let Some((_, line)) = faults.next_if(|(at, _)| *at <= time) {
            writeln!(out, "{line}")?;
        }
        write_event(&finished.records[index], is_end, finished, out)?;
    }
    faults.try_for_each(|(_, line)| writeln!(out, "{line}"))
}

fn write_event(record: &Record, is_end: bool, finished: &Finished, out: &mut dyn Write) -> io::Result<()> {
    let time = if is_end { record.end } else { record.call };
    let kind = match record.outcome {
        _ if !is_end => "invoke",
        Outcome::Ok(_) => "ok",
        Outcome::Failed(_) => "fail",
        Outcome::Unknown(_) => "info",
    };
    let (client, f, key) = (record.client, record.request.kind(), record.key);
    write!(out, r#"{{"time":{time},"process":"c{client}","type":"{kind}","f":"{f}","key":{key}"#)?;
    match (record.request, record.outcome) {
        (Request::Read, Outcome::Ok(Some(value))) if is_end => {
            write!(out, r#","value":{}"#, finished.values.text(value))?;
        }
        (Request::Read, _) => write!(out, r#","value":null"#)?,
        (Request::Write(value), _) => write!(out, r#","value":{value}"#)?,
        (Request::Cas { from, to }, _) => write!(out, r#","value":[{from},{to}]"#)?,
    }
    match record.outcome {
        Outcome::Failed(code) | Outcome::Unknown(Doubt::Error(code)) if is_end => {
            write!(out, r#","error":{code}"#)?;
        }
        Outcome::Unknown(Doubt::TimedOut) if is_end => write!(out, r#","error":"timeout""#)?,
        Outcome::Unknown(Doubt::NodeKilled) if is_end => write!(out, r#","error":"killed""#)?,
        Outcome::Ok(_) | Outcome::Failed(_) | Outcome::Unknown(_) => {}
    }
    writeln!(out, "}}")
}

/// Writes how many messages of each type there were.
pub(super) fn write_messages(messages: &MessageCounts, out: &mut dyn Write) -> io::Result<()> {
    let counts = json!({"between_nodes": messages.between_nodes, "with_clients": messages.with_clients});
    writeln!(out, "{counts:#}")
}

/// The time as `20250131T235959`, in UTC, which sorts as it should.
fn time_of_day(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}")
}

/// Year, month and day of a day counted from 1970-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::super::options::FaultKind;
    use super::super::record::{FaultRecord, RestartRecord};
    use super::*;

    #[test]
    fn the_date_is_right() {
        let text = |seconds| time_of_day(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(text(0), "19700101T000000");
        assert_eq!(text(951_782_400), "20000229T000000");
        assert_eq!(text(1_735_689_599), "20241231T235959");
    }

    #[test]
    fn the_history_is_json_in_the_order_of_time() {
        let record =
            |request, call, end, outcome| Record { client: 3, row: 0, key: 9, request, call, end, outcome };
        let finished = Finished {
            records: vec![
                record(Request::Write(1), 10, 40, Outcome::Ok(None)),
                record(Request::Read, 20, 30, Outcome::Failed(20)),
                record(Request::Cas { from: 1, to: 2 }, 50, 60, Outcome::Unknown(Doubt::TimedOut)),
            ],
            faults: vec![FaultRecord {
                kind: FaultKind::Pause,
                description: "pause: n1".to_owned(),
                start: 25,
                end: 99,
            }],
            restarts: vec![RestartRecord { node: 1, start: 99, up: None }],
            ..Finished::default()
        };
        let mut text = Vec::new();
        write_history(&finished, &mut text).unwrap();
        let lines: Vec<Value> = String::from_utf8(text)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let types: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["invoke", "invoke", "info", "fail", "ok", "invoke", "info", "info", "info"]);
        assert!(lines.is_sorted_by_key(|line| line["time"].as_u64().unwrap()));
        assert_eq!(lines[6]["error"], "timeout");
        assert_eq!((&lines[7]["f"], &lines[7]["value"]), (&json!("restart"), &json!("n1")));
    }
}
