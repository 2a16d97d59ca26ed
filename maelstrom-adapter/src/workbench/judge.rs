//! The verdict over a run.

use std::time::Duration;

use quorate::simulation::linearizability::order_exists;

use crate::checker::{Action, Operation, Register, ValueId, Values, check};

use super::record::{KEY_DOES_NOT_EXIST, Outcome, Record};
use super::run::Finished;
use super::wire::Request;

/// What a run proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Every key is a linearizable register, and something succeeded.
    Valid,
    /// A node broke the protocol, or died.
    ProtocolBroken(String),
    /// A store that never answers is not correct, only silent.
    NothingSucceeded,
    /// Nor is one that never answers again after a fault.
    NothingSucceededAfterFaults,
    /// Operations on a key cannot be ordered.
    NotLinearizable {
        /// The first such key.
        key: u32,
        /// How many keys there are like that.
        key_count: usize,
        /// The smallest window that shows it, for people.
        window: String,
    },
}

/// Judges a run.
pub(super) fn judge(finished: &mut Finished) -> Verdict {
    if let Some(violation) = finished.violation.take() {
        return Verdict::ProtocolBroken(violation);
    }
    let keys = operations_by_key(&finished.records, finished.key_count, &mut finished.values);
    let is_broken = |operations: &Vec<Operation>| !order_exists(operations, &[Register::MISSING]);
    let broken: Vec<usize> = (0..keys.len()).filter(|key| is_broken(&keys[*key])).collect();
    let conflict = broken.first().and_then(|key| check(&keys[*key]).err().map(|conflict| (*key, conflict)));
    if let Some((key, conflict)) = conflict {
        return Verdict::NotLinearizable {
            key: u32::try_from(key).unwrap_or(u32::MAX),
            key_count: broken.len(),
            window: conflict.describe(&finished.values),
        };
    }
    let last_success = finished.last_success();
    if last_success.is_none() {
        Verdict::NothingSucceeded
    } else if finished.is_recovery_due && last_success < finished.last_heal {
        Verdict::NothingSucceededAfterFaults
    } else {
        Verdict::Valid
    }
}

/// The operations that the checker has to order, of every key.
fn operations_by_key(records: &[Record], key_count: u32, values: &mut Values) -> Vec<Vec<Operation>> {
    let mut keys = vec![Vec::new(); key_count as usize];
    for record in records {
        keys[record.key as usize].extend(operation(record, values));
    }
    keys
}

/// The record for the checker, unless the operation definitely failed.
fn operation(record: &Record, values: &mut Values) -> Option<Operation> {
    let mut id = |number: u8| values.intern(&number.into());
    let action = match record.request {
        Request::Read => Action::Read(value_read(record)),
        Request::Write(value) => Action::Write(id(value)),
        Request::Cas { from, to } => Action::Cas { from: id(from), to: id(to) },
    };
    let end = Some(Duration::from_nanos(record.end));
    let answer = match record.outcome {
        Outcome::Ok(_) => end,
        // That a key does not exist is what the read saw.
        Outcome::Failed(KEY_DOES_NOT_EXIST) if record.request == Request::Read => end,
        Outcome::Failed(_) => return None,
        Outcome::Unknown(_) => None,
    };
    let client = usize::try_from(record.client).unwrap_or(usize::MAX);
    Some(Operation { client, call: Duration::from_nanos(record.call), answer, action })
}

fn value_read(record: &Record) -> Option<ValueId> {
    match record.outcome {
        Outcome::Ok(value) => value,
        Outcome::Failed(_) | Outcome::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::record::Doubt;
    use super::*;

    fn record(request: Request, call: u64, outcome: Outcome) -> Record {
        Record { client: 1, row: 0, key: 0, request, call, end: call + 1, outcome }
    }

    fn verdict(records: Vec<Record>) -> Verdict {
        judge(&mut Finished { records, key_count: 1, ..Finished::default() })
    }

    #[test]
    fn a_run_in_which_nothing_succeeded_is_not_valid() {
        assert_eq!(verdict(Vec::new()), Verdict::NothingSucceeded);
        assert_eq!(verdict(vec![record(Request::Read, 1, Outcome::Failed(11))]), Verdict::NothingSucceeded);
        assert_eq!(verdict(vec![record(Request::Write(1), 1, Outcome::Ok(None))]), Verdict::Valid);
    }

    #[test]
    fn a_cluster_that_does_not_recover_is_not_valid_if_it_had_the_time() {
        let history = |last_heal, is_recovery_due| Finished {
            records: vec![record(Request::Write(1), 1, Outcome::Ok(None))],
            key_count: 1,
            last_heal,
            is_recovery_due,
            ..Finished::default()
        };
        assert_eq!(judge(&mut history(Some(9), true)), Verdict::NothingSucceededAfterFaults);
        assert_eq!(judge(&mut history(Some(9), false)), Verdict::Valid);
        assert_eq!(judge(&mut history(Some(2), true)), Verdict::Valid);
        assert_eq!(judge(&mut history(None, true)), Verdict::Valid);
    }

    #[test]
    fn a_read_of_a_written_key_that_finds_nothing_is_a_conflict() {
        let lost = vec![
            record(Request::Write(1), 1, Outcome::Ok(None)),
            record(Request::Read, 3, Outcome::Failed(KEY_DOES_NOT_EXIST)),
        ];
        assert!(matches!(verdict(lost), Verdict::NotLinearizable { key: 0, key_count: 1, .. }));
    }

    #[test]
    fn failed_operations_had_no_effect_and_unknown_ones_may() {
        let mut values = Values::default();
        let one = Some(values.intern(&json!(1)));
        let history = |outcome| Finished {
            records: vec![record(Request::Write(1), 1, outcome), record(Request::Read, 3, Outcome::Ok(one))],
            key_count: 1,
            values: values.clone(),
            ..Finished::default()
        };
        assert_eq!(judge(&mut history(Outcome::Unknown(Doubt::TimedOut))), Verdict::Valid);
        assert!(matches!(judge(&mut history(Outcome::Failed(11))), Verdict::NotLinearizable { .. }));
    }

    #[test]
    fn a_broken_protocol_is_the_verdict_whatever_the_history() {
        let mut finished = Finished { violation: Some("n0 ended".to_owned()), ..Finished::default() };
        assert_eq!(judge(&mut finished), Verdict::ProtocolBroken("n0 ended".to_owned()));
    }
}
