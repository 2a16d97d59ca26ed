//! What the applier's thread has to tell the loop, kept until that listens.
//!
//! Clients are told by the applier itself, so the loop need not know at once that a batch is done. It learns of it in
//! its next turn, and is woken for that only if it waits for it.

use parking_lot::Mutex;

use super::jobs::ApplyReport;

#[derive(Default)]
pub(super) struct ApplyReports {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of all batches since the loop last looked.
    report: Option<ApplyReport>,
    /// The loop waits for the next one.
    is_awaited: bool,
}

impl ApplyReports {
    /// The applier has done more. Whether the loop must be woken to hear of it.
    pub(super) fn put(&self, report: ApplyReport) -> bool {
        let mut state = self.state.lock();
        let is_urgent = report.snapshot_task.is_some();
        match &mut state.report {
            Some(before) => before.extend(report),
            before @ None => *before = Some(report),
        }
        std::mem::take(&mut state.is_awaited) || is_urgent
    }

    /// What the applier has done since the last call. If that is nothing, and the loop waits for it, the next
    /// [`put`](Self::put) says so.
    pub(super) fn take(&self, is_awaited: bool) -> Option<ApplyReport> {
        let mut state = self.state.lock();
        state.is_awaited = is_awaited && state.report.is_none();
        state.report.take()
    }
}

impl ApplyReport {
    /// Goes on with what was applied after it.
    fn extend(&mut self, later: Self) {
        let Self { applied, entries, batches, restored, responses, answers, snapshot_task } = later;
        self.applied = applied.or(self.applied);
        self.entries += entries;
        self.batches += batches;
        self.restored += restored;
        self.responses += responses;
        self.answers += answers;
        self.snapshot_task = snapshot_task.or(self.snapshot_task.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::LogIndex;

    fn report(applied: u64) -> ApplyReport {
        ApplyReport { applied: Some(LogIndex(applied)), entries: 1, ..ApplyReport::default() }
    }

    #[test]
    fn nobody_is_woken_who_does_not_wait() {
        let reports = ApplyReports::default();
        assert!(!reports.put(report(1)));
        assert!(reports.take(true).is_some());
        assert!(!reports.put(report(2)), "what it waited for it has just been given");
        assert!(reports.take(false).is_some());
        assert!(reports.take(true).is_none());
        assert!(reports.put(report(3)));
        assert!(!reports.put(report(4)), "once is enough");
    }

    #[test]
    fn several_reports_become_one() {
        let reports = ApplyReports::default();
        reports.put(report(1));
        reports.put(report(2));
        reports.put(ApplyReport { answers: 1, ..ApplyReport::default() });
        let report = reports.take(false).unwrap();
        assert_eq!((report.applied, report.entries, report.answers), (Some(LogIndex(2)), 2, 1));
    }
}
