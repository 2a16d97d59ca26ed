//! What a leader knows of each follower's log, and what it has sent there (Figure 2, `nextIndex`, `matchIndex`).

mod inflight;
mod set;

pub use inflight::Inflight;
pub(super) use set::ProgressSet;

use super::types::LogIndex;

/// One follower, as its leader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Progress {
    /// The follower's log equals the leader's up to here, durably.
    pub matched: LogIndex,
    /// The first entry that the next append will carry.
    pub next: LogIndex,
    /// How appends are sent just now.
    pub state: ProgressState,
    /// The highest commit index that any message has told the follower of.
    pub commit_sent: LogIndex,
    /// Whether a heartbeat was answered since the clock last asked for one.
    pub heartbeat_answered: bool,
    /// Whether the follower was heard from since CheckQuorum last looked.
    pub recent_active: bool,
    /// The latest round of heartbeats that the follower has answered, for reads (thesis §6.4).
    pub acknowledged_round: u64,
}

/// How a leader sends appends to one follower.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProgressState {
    /// Where the logs part is not known: one append at a time, to find out.
    Probe {
        /// The append is on its way; the next waits for its answer, or for a heartbeat after one was answered.
        sent: bool,
    },
    /// The logs are known to agree: appends follow one another without waiting, within a window.
    Replicate {
        /// What is on its way.
        inflight: Inflight,
        /// For how many heartbeats of the clock, on a link that works, appends have been on their way and none was
        /// answered.
        heartbeats_waited: u8,
    },
    /// The entries it needs are compacted: a snapshot is on its way, and no appends.
    Snapshot {
        /// The last entry in that snapshot.
        last: LogIndex,
        /// For how many ticks it has been on its way.
        ticks: u32,
    },
}

impl Progress {
    /// After so many heartbeats of the clock without an answer to an append, the append is taken for lost.
    const PATIENCE: u8 = 2;

    /// A follower of whom nothing is known; `next` is the leader's first guess.
    #[must_use]
    pub fn new(next: LogIndex) -> Self {
        Self {
            matched: LogIndex::ZERO,
            next,
            state: ProgressState::Probe { sent: false },
            commit_sent: LogIndex::ZERO,
            heartbeat_answered: false,
            recent_active: false,
            acknowledged_round: 0,
        }
    }

    /// Whether an append may be sent now.
    #[must_use]
    pub fn may_append(&self) -> bool {
        match &self.state {
            ProgressState::Probe { sent } => !sent,
            ProgressState::Replicate { inflight, .. } => !inflight.is_full(),
            ProgressState::Snapshot { .. } => false,
        }
    }

    /// Whether an append should be sent now, given the leader's last entry.
    #[must_use]
    pub fn wants_append(&self, last: LogIndex) -> bool {
        (self.next <= last || matches!(self.state, ProgressState::Probe { .. })) && self.may_append()
    }

    /// Whether the follower holds entries that it does not know to be committed.
    #[must_use]
    pub fn wants_commit_notice(&self, committed: LogIndex) -> bool {
        self.commit_sent < committed.min(self.matched)
    }

    /// Notes that an append up to `last` with `bytes` of entries was sent.
    pub fn on_append_sent(&mut self, last: LogIndex, bytes: usize) {
        match &mut self.state {
            ProgressState::Probe { sent } => *sent = true,
            ProgressState::Replicate { inflight, heartbeats_waited } => {
                if inflight.is_empty() {
                    *heartbeats_waited = 0;
                }
                if last >= self.next {
                    inflight.push(last, bytes);
                    self.next = last.next();
                }
            }
            ProgressState::Snapshot { .. } => {}
        }
    }

    /// The follower's log equals ours up to `matched`. Whether that is news.
    pub fn on_accepted(&mut self, matched: LogIndex) -> bool {
        let is_news = matched > self.matched;
        self.matched = self.matched.max(matched);
        self.next = self.next.max(self.matched.next());
        if let ProgressState::Replicate { inflight, heartbeats_waited } = &mut self.state {
            inflight.free_to(matched);
            *heartbeats_waited = 0;
        }
        is_news
    }

    /// Whether an acknowledgement up to `matched` can be the probe's: it holds what the probe follows.
    #[must_use]
    pub fn answers_probe(&self, matched: LogIndex) -> bool {
        matches!(self.state, ProgressState::Probe { .. }) && matched >= self.next.previous()
    }

    /// The follower does not hold the entry at `rejected`; where the logs could agree is at most `candidate`.
    ///
    /// Whether that was news: an answer to an append that was since superseded is not.
    pub fn on_rejected(&mut self, rejected: LogIndex, candidate: LogIndex) -> bool {
        let is_stale = match &self.state {
            ProgressState::Replicate { .. } => rejected <= self.matched,
            // What is known to match is not rejected by a follower that kept its log; one that lost it is asked
            // again with the next heartbeat, not at once, for ever.
            ProgressState::Probe { .. } => rejected != self.next.previous() || rejected <= self.matched,
            ProgressState::Snapshot { .. } => true,
        };
        if is_stale {
            return false;
        }
        // Never below what is known to match: a late rejection must not send the leader back.
        let next = candidate.min(rejected.previous()).next().max(self.matched.next());
        self.probe_from(next);
        true
    }

    /// The clock asks for a heartbeat: if the last one was answered, the link works, and what has waited for an
    /// answer since then is asked again.
    ///
    /// Not at the answer itself: each read is a round of heartbeats too, and a follower that is still writing
    /// answers many of them.
    pub fn on_heartbeat_due(&mut self) {
        if !std::mem::take(&mut self.heartbeat_answered) {
            return;
        }
        match &mut self.state {
            ProgressState::Probe { sent } => *sent = false,
            ProgressState::Replicate { inflight, heartbeats_waited } if !inflight.is_empty() => {
                *heartbeats_waited += 1;
                if *heartbeats_waited >= Self::PATIENCE {
                    self.probe_from(self.matched.next());
                }
            }
            ProgressState::Replicate { .. } | ProgressState::Snapshot { .. } => {}
        }
    }

    /// Appends one at a time from `next` on, until one is accepted.
    pub fn probe_from(&mut self, next: LogIndex) {
        self.next = next;
        self.commit_sent = self.commit_sent.min(self.matched);
        self.state = ProgressState::Probe { sent: false };
    }

    /// The logs agree up to `matched`: from here on appends need not wait for each other.
    pub fn replicate(&mut self, window: Inflight) {
        self.next = self.matched.next();
        self.state = ProgressState::Replicate { inflight: window, heartbeats_waited: 0 };
    }

    /// A snapshot up to `last` was sent.
    pub fn on_snapshot_sent(&mut self, last: LogIndex) {
        self.state = ProgressState::Snapshot { last, ticks: 0 };
    }

    /// One tick on the leader: a snapshot that is under way for too long is taken for lost.
    pub fn tick_snapshot(&mut self, max_ticks: u32) {
        if let ProgressState::Snapshot { ticks, .. } = &mut self.state {
            *ticks += 1;
            if *ticks >= max_ticks {
                self.on_snapshot_ended(false);
            }
        }
    }

    /// The snapshot arrived, or it did not; either way the follower is asked where it stands.
    pub fn on_snapshot_ended(&mut self, arrived: bool) {
        if let ProgressState::Snapshot { last, .. } = self.state {
            let next = if arrived { last.next() } else { self.matched.next() };
            self.probe_from(next.max(self.matched.next()));
            // The answer to the snapshot itself, or the next heartbeat, says when to ask.
            self.state = ProgressState::Probe { sent: true };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicating(matched: u64, next: u64) -> Progress {
        let mut progress = Progress::new(LogIndex(matched + 1));
        progress.on_accepted(LogIndex(matched));
        progress.replicate(Inflight::new(4, 1000));
        progress.on_append_sent(LogIndex(next - 1), 10);
        progress
    }

    /// One is answered, and the next one is due.
    fn heartbeat(progress: &mut Progress) {
        progress.heartbeat_answered = true;
        progress.on_heartbeat_due();
    }

    #[test]
    fn b13_a_reordered_answer_leaves_next_beyond_matched() {
        let mut progress = replicating(5, 9);
        assert!(progress.on_accepted(LogIndex(8)));
        assert!(!progress.on_accepted(LogIndex(6)), "the earlier answer comes later");
        assert_eq!((progress.matched, progress.next), (LogIndex(8), LogIndex(9)));
        assert!(!progress.on_rejected(LogIndex(7), LogIndex(2)), "a rejection below matched is stale");
        assert_eq!(progress.next, LogIndex(9));
    }

    #[test]
    fn h5_an_append_that_nobody_answers_is_sent_again() {
        let mut progress = replicating(5, 9);
        progress.on_heartbeat_due();
        heartbeat(&mut progress);
        assert_eq!(progress.next, LogIndex(9));
        heartbeat(&mut progress);
        assert_eq!(progress.next, LogIndex(6));
        assert_eq!(progress.state, ProgressState::Probe { sent: false });
    }

    #[test]
    fn a_rejection_never_sends_the_leader_below_what_matches() {
        let mut progress = replicating(5, 9);
        assert!(progress.on_rejected(LogIndex(8), LogIndex(1)));
        assert_eq!(progress.next, LogIndex(6));
    }

    #[test]
    fn a_follower_that_rejects_what_matched_is_not_asked_again_at_once() {
        let mut progress = replicating(5, 9);
        progress.probe_from(LogIndex(6));
        progress.on_append_sent(LogIndex(5), 0);
        assert!(!progress.on_rejected(LogIndex(5), LogIndex(0)));
        assert!(!progress.may_append());
    }

    #[test]
    fn a_rejection_changes_nothing_while_a_snapshot_is_under_way() {
        let mut progress = Progress::new(LogIndex(1));
        progress.on_snapshot_sent(LogIndex(50));
        let before = progress.clone();
        assert!(!progress.on_rejected(LogIndex(9), LogIndex(3)));
        assert_eq!(progress, before);
    }

    #[test]
    fn d1_a_snapshot_that_failed_is_followed_by_a_probe() {
        let mut progress = Progress::new(LogIndex(1));
        progress.on_snapshot_sent(LogIndex(50));
        assert!(!progress.may_append());
        progress.on_snapshot_ended(false);
        assert_eq!(progress.next, LogIndex(1));
        heartbeat(&mut progress);
        assert!(progress.may_append());
    }
}
