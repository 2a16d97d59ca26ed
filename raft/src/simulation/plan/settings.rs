//! How nodes are configured, and what their surroundings are like.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::durations;
use crate::{
    consensus::{Config, NodeId},
    runtime::Options,
    storage::disk::DiskOptions,
};

/// How all nodes of a cluster behave. Limits are small, so that each of them is met.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct NodeSettings {
    /// [`Options::tick`].
    #[serde(with = "durations")]
    pub tick: Duration,
    /// [`Config::election_ticks`].
    pub election_ticks: u32,
    /// [`Config::heartbeat_ticks`].
    pub heartbeat_ticks: u32,
    /// [`Config::pre_vote`].
    pub pre_vote: bool,
    /// [`Config::check_quorum`].
    pub check_quorum: bool,
    /// [`Config::lease_reads`]. Then clocks keep the bound that it asks for.
    pub lease_reads: bool,
    /// [`Config::forward_proposals`].
    pub forward_proposals: bool,
    /// [`Config::priority`] of each node; of nodes beyond these, 0.
    pub priorities: Vec<i64>,
    /// [`Config::max_message_bytes`].
    pub max_message_bytes: usize,
    /// [`Config::max_inflight_messages`].
    pub max_inflight_messages: usize,
    /// [`Config::max_uncommitted_bytes`].
    pub max_uncommitted_bytes: usize,
    /// [`Config::max_committed_bytes_per_ready`].
    pub max_committed_bytes_per_ready: usize,
    /// [`Config::max_applying_bytes`].
    pub max_applying_bytes: usize,
    /// [`Config::max_log_bytes_in_memory`].
    pub max_log_bytes_in_memory: usize,
    /// [`Options::apply_in_line`].
    pub apply_in_line: bool,
    /// [`Options::compact_after_bytes`].
    pub compact_after_bytes: usize,
    /// [`Options::keep_entries`].
    pub keep_entries: u64,
    /// [`DiskOptions::segment_bytes`].
    pub segment_bytes: u64,
    /// Nodes know each other's logs by their [incarnation](crate::DiskStorage::incarnation), as those do that are joined
    /// by TCP: one that comes back with an empty disk is not listened to.
    pub incarnations: bool,
}

impl NodeSettings {
    /// The core's configuration of one node.
    #[must_use]
    pub fn config(&self, id: NodeId, seed: u64) -> Config {
        let position = usize::try_from(id.0.saturating_sub(1)).unwrap_or(usize::MAX);
        Config {
            election_ticks: self.election_ticks,
            heartbeat_ticks: self.heartbeat_ticks,
            pre_vote: self.pre_vote,
            check_quorum: self.check_quorum,
            lease_reads: self.lease_reads,
            forward_proposals: self.forward_proposals,
            priority: self.priorities.get(position).copied().unwrap_or_default(),
            max_message_bytes: self.max_message_bytes,
            max_inflight_messages: self.max_inflight_messages,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            max_committed_bytes_per_ready: self.max_committed_bytes_per_ready,
            max_applying_bytes: self.max_applying_bytes,
            max_log_bytes_in_memory: self.max_log_bytes_in_memory,
            ..Config::new(id, seed)
        }
    }

    /// The runtime's options of every node.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            tick: self.tick,
            apply_in_line: self.apply_in_line,
            compact_after_bytes: self.compact_after_bytes,
            keep_entries: self.keep_entries,
            ..Options::default()
        }
    }

    /// The options of a node's log, the id of which is drawn from `seed`.
    #[must_use]
    pub fn disk_options(&self, seed: u64) -> DiskOptions {
        DiskOptions { segment_bytes: self.segment_bytes, background: false, seed: Some(seed) }
    }

    /// How long a follower waits for a leader at least, by a true clock.
    #[must_use]
    pub fn election_timeout(&self) -> Duration {
        self.tick * self.election_ticks
    }
}

/// What a network does to messages.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Weather {
    /// The least time a message takes.
    #[serde(with = "durations")]
    pub delay_min: Duration,
    /// The most, but for those that are overtaken.
    #[serde(with = "durations")]
    pub delay_max: Duration,
    /// How many of a thousand are lost.
    pub lost: u32,
    /// How many of a thousand come twice.
    pub doubled: u32,
    /// How many of a thousand are overtaken by later ones; the others of a link keep their order.
    pub overtaken: u32,
    /// How many of a thousand are changed on their way. That is noticed, and ends the connection: what else was on its
    /// way is lost.
    pub corrupted: u32,
}

/// What a disk is like.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DiskSettings {
    /// The least time that a write takes until it is durable.
    #[serde(with = "durations")]
    pub sync_min: Duration,
    /// The most.
    #[serde(with = "durations")]
    pub sync_max: Duration,
}

/// Who uses a cluster.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ClientSettings {
    /// How many there are. Each does one thing after the other.
    pub count: usize,
    /// The most time that one waits before the next; it is mostly much less.
    #[serde(with = "durations")]
    pub pause: Duration,
    /// How long one waits for an outcome before it gives up.
    #[serde(with = "durations")]
    pub patience: Duration,
    /// How many of a thousand outcomes are lost on their way to the client.
    pub lost: u32,
    /// How many requests all of them make in the storm, at most.
    pub requests: u64,
}

impl Weather {
    /// A network that does nothing but take its time.
    #[must_use]
    pub fn fair() -> Self {
        Self {
            delay_min: Duration::from_micros(100),
            delay_max: Duration::from_millis(2),
            lost: 0,
            doubled: 0,
            overtaken: 0,
            corrupted: 0,
        }
    }
}
