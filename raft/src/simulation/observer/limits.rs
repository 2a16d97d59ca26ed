//! What is bounded: by [`Config`], and so in memory.

use super::{
    super::violation::{Broken, ensure},
    promise::LIMITS,
};
use crate::consensus::{Config, Entries, Entry, ProgressState, Status};

/// What a change of membership, or the blank entry of a term, weighs at most: those are never refused.
const OWN_ENTRY_BYTES: usize = 1 << 10;

/// What nodes may hold at most.
pub(super) struct Limits {
    config: Config,
    /// What the heaviest entry weighs: one may always be taken, sent and applied.
    heaviest: usize,
}

impl Limits {
    pub(super) fn of(config: Config) -> Self {
        Self { config, heaviest: OWN_ENTRY_BYTES }
    }

    /// An entry is seen.
    pub(super) fn weigh(&mut self, entry: &Entry) {
        self.heaviest = self.heaviest.max(entry.size());
    }

    /// A leader sends these entries in one message.
    pub(super) fn check_append(&self, entries: &Entries) -> Result<(), Broken> {
        let bytes = entries.bytes();
        let is_kept = bytes <= self.config.max_message_bytes || entries.len() <= 1;
        ensure(is_kept, LIMITS, || {
            format!("{} entries of {bytes} bytes are sent in one message", entries.len())
        })
    }

    /// A batch of so many bytes is given out to be applied, while `waiting` bytes wait already.
    pub(super) fn check_batch(&self, runs: &[Entries], bytes: usize, waiting: usize) -> Result<(), Broken> {
        let count: usize = runs.iter().map(|run| run.len()).sum();
        let is_kept = bytes <= self.config.max_committed_bytes_per_ready || count <= 1;
        ensure(is_kept, LIMITS, || format!("{count} entries of {bytes} bytes are given out at once"))?;
        ensure(waiting < self.config.max_applying_bytes, LIMITS, || {
            format!("{bytes} bytes more are given out to be applied while {waiting} wait")
        })
    }

    /// A node shows what it holds.
    pub(super) fn check_status(&self, status: &Status) -> Result<(), Broken> {
        let Config { max_uncommitted_bytes, max_pending_reads, max_inflight_messages, .. } = self.config;
        let most = max_uncommitted_bytes.max(self.heaviest) + 2 * OWN_ENTRY_BYTES;
        ensure(status.uncommitted_bytes <= most, LIMITS, || {
            format!("a leader keeps {} bytes that are not committed", status.uncommitted_bytes)
        })?;
        ensure(status.pending_reads <= max_pending_reads, LIMITS, || {
            format!("{} reads wait", status.pending_reads)
        })?;
        for (node, progress) in &status.progress {
            let ProgressState::Replicate { inflight, .. } = &progress.state else { continue };
            // The last one that fits may be of any size that a message can have.
            let most = self.config.max_inflight_bytes + self.config.max_message_bytes.max(self.heaviest);
            let is_kept = inflight.len() <= max_inflight_messages && inflight.bytes() <= most;
            ensure(is_kept, LIMITS, || {
                format!("{} appends of {} bytes are on their way to {node}", inflight.len(), inflight.bytes())
            })?;
        }
        Ok(())
    }
}
