//! What a node is told when it is made.

use super::types::{LogIndex, NodeId};

/// How a node behaves. [`Config::new`] gives sound defaults; only `id` and `seed` are always needed.
///
/// Times are in ticks: whoever drives the node decides how long a tick is, and calls
/// [`RawNode::tick`](super::RawNode::tick) once each. 100 ms is usual across machines.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Config {
    /// This node. Unique in the cluster, not 0.
    pub id: NodeId,

    /// Where the node's chance comes from: its election timeouts and the numbers of its requests.
    ///
    /// The same seed and the same calls give the same behaviour. Two nodes of a cluster, and two lives of one
    /// node, must be given different seeds: nodes with equal timeouts split their votes, and a node that
    /// reuses its numbers takes an answer to an earlier life for its own.
    pub seed: u64,

    /// How long a follower waits for its leader before it stands for election, at least, in ticks. The wait
    /// is drawn anew each time from `election_ticks..2 * election_ticks` (§5.2). Default: 10.
    ///
    /// Must be well above `heartbeat_ticks`. Too small: a delay on the network costs a leader its office.
    /// Too large: after a leader's death the cluster is without one for longer.
    pub election_ticks: u32,

    /// How often a leader sends heartbeats, in ticks. Default: 1.
    ///
    /// Also how soon a lost message is noticed. Too large: lost messages cost more time.
    pub heartbeat_ticks: u32,

    /// Ask before standing for election, so that a node that was cut off cannot depose a healthy leader when
    /// it comes back (thesis §9.6). Default: true.
    pub pre_vote: bool,

    /// A leader that has not heard from a quorum for an election timeout steps down, and nodes that hear
    /// from a leader do not vote (thesis §6.2, §4.2.3). Default: true.
    pub check_quorum: bool,

    /// Let a leader answer [lease reads](super::RawNode::read_lease) from its own clock, without a round of heartbeats
    /// (thesis §6.4.1). Needs `check_quorum`. Default: false.
    ///
    /// A leader that tries to [hand over](super::RawNode::transfer_leader) has no lease from then on, also if it goes on
    /// leading.
    ///
    /// Sound only as long as clocks run at nearly the same rate: in the time in which this node counts three quarters
    /// of `election_ticks`, no voter may count all of them. A driver that lets ticks out, because its process stood
    /// still, must say so ([`expire_lease`](super::RawNode::expire_lease)). All nodes must be given the same setting:
    /// it also keeps a node from voting for the first `election_ticks` after a restart, since it may have promised
    /// a leader its loyalty before.
    pub lease_reads: bool,

    /// Which of two equally up-to-date nodes is preferred as leader: a voter refuses a candidate of lower priority
    /// than its own, unless that has more of the log. Default: 0 for all, which prefers nobody.
    ///
    /// Should the preferred nodes be down, the others still elect one of their own; but a high priority on a node that
    /// is up and cannot be reached by all makes elections take longer.
    pub priority: i64,

    /// Pass a follower's proposals on to the leader, rather than refuse them. Default: true.
    pub forward_proposals: bool,

    /// The largest append message, in bytes of entries; a single larger entry travels alone.
    /// Default: 1 MiB.
    ///
    /// Too small: more messages for a follower that catches up. Too large: heartbeats wait behind it.
    pub max_message_bytes: usize,

    /// How many appends may be on their way to one follower, unanswered. Default: 256.
    ///
    /// Too small: the follower idles while answers travel. Too large: more is sent again after a loss.
    pub max_inflight_messages: usize,

    /// How many bytes of entries may be on their way to one follower, unanswered. Default: 16 MiB.
    ///
    /// Costs as much memory a follower at worst, in the transport's queues. At least one message may
    /// always be on its way.
    pub max_inflight_bytes: usize,

    /// How many bytes of entries a leader keeps that are not committed yet, or not durable on its own disk; beyond,
    /// it refuses proposals. Default: 64 MiB.
    ///
    /// Too small: bursts are refused. Too large: without a quorum, memory fills. At least one entry is
    /// always taken.
    pub max_uncommitted_bytes: usize,

    /// How many reads may wait at this node to be confirmed by a quorum, or answered by the leader; beyond, it refuses
    /// more, and a leader ignores those of its followers, which lose them after an election timeout. Default: 65,536.
    ///
    /// Each waits for an election timeout at most. Too small: bursts are refused. Too large: without a quorum, memory
    /// fills; each takes about 100 bytes.
    pub max_pending_reads: usize,

    /// The largest proposal, in bytes; larger ones are refused. Default: 8 MiB.
    pub max_entry_bytes: usize,

    /// How many bytes of committed entries one [`Ready`](super::Ready) hands out to be applied; at least
    /// one entry. Default: 16 MiB.
    ///
    /// Too small: more turns of the loop. Too large: applying one Ready keeps heartbeats waiting.
    pub max_committed_bytes_per_ready: usize,

    /// How many bytes of committed entries may have been handed out and not be applied yet; beyond, no more are until
    /// the state machine has caught up. Default: 64 MiB. One Ready's may always be under way.
    ///
    /// Matters to a driver that applies on another thread. Too small: the state machine idles between two batches.
    /// Too large: a state machine that falls behind holds as much in memory.
    pub max_applying_bytes: usize,

    /// How many bytes of applied entries stay in memory for followers that lag a little. Default: 1 MiB.
    ///
    /// Too small: such followers are served from storage, more slowly. Too large: what is let go is no longer in
    /// the processor's caches, which makes every entry dearer.
    pub max_log_bytes_in_memory: usize,

    /// How long a snapshot may be under way to a follower, in ticks, before the leader asks the follower
    /// again where it stands. Default: 600.
    ///
    /// Too small: a large snapshot is sent twice. Too large: a follower that died receiving waits.
    pub snapshot_ticks: u32,

    /// How long a leader waits for one write to become durable, in ticks, before it steps down. Default: 50.
    ///
    /// Too small: a slow disk costs a leader its office, and the next one may have the same kind of disk. Too large:
    /// a disk that hangs keeps the cluster waiting.
    pub write_stall_ticks: u32,

    /// The last entry that the state machine had applied when this node last stopped, if it remembers;
    /// applying goes on after it. Default: 0, which means what the snapshot holds.
    pub applied: LogIndex,
}

/// A configuration that no node can run with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// 0 means "nobody" on the wire.
    #[error("a node's id cannot be 0: number nodes from 1")]
    ZeroId,
    /// A timeout of no ticks.
    #[error("{0} is 0: give it at least one")]
    Zero(&'static str),
    /// A lease is only as good as the followers' loyalty.
    #[error("lease_reads needs check_quorum: without it, followers may elect another leader at any time")]
    LeaseWithoutCheckQuorum,
    /// Followers would give their leader up between two of its heartbeats.
    #[error(
        "election_ticks ({election_ticks}) must be greater than heartbeat_ticks ({heartbeat_ticks}): ten times is usual"
    )]
    ElectionNotAfterHeartbeat {
        /// What was configured.
        election_ticks: u32,
        /// What was configured.
        heartbeat_ticks: u32,
    },
}

impl Config {
    /// The defaults, for node `id` with `seed`.
    #[must_use]
    pub fn new(id: NodeId, seed: u64) -> Self {
        Self {
            id,
            seed,
            election_ticks: 10,
            heartbeat_ticks: 1,
            pre_vote: true,
            check_quorum: true,
            lease_reads: false,
            priority: 0,
            forward_proposals: true,
            max_message_bytes: 1 << 20,
            max_inflight_messages: 256,
            max_inflight_bytes: 16 << 20,
            max_uncommitted_bytes: 64 << 20,
            max_pending_reads: 65_536,
            max_entry_bytes: 8 << 20,
            max_committed_bytes_per_ready: 16 << 20,
            max_applying_bytes: 64 << 20,
            max_log_bytes_in_memory: 1 << 20,
            snapshot_ticks: 600,
            write_stall_ticks: 50,
            applied: LogIndex::ZERO,
        }
    }

    /// Checks that a node can run with this.
    ///
    /// # Errors
    /// What is wrong, and what to give instead.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.id.0 == 0 {
            return Err(ConfigError::ZeroId);
        }
        let at_least_one = [
            ("heartbeat_ticks", self.heartbeat_ticks as usize),
            ("snapshot_ticks", self.snapshot_ticks as usize),
            ("max_inflight_messages", self.max_inflight_messages),
            ("max_entry_bytes", self.max_entry_bytes),
            ("max_applying_bytes", self.max_applying_bytes),
            ("max_pending_reads", self.max_pending_reads),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Zero(name));
        }
        if self.lease_reads && !self.check_quorum {
            return Err(ConfigError::LeaseWithoutCheckQuorum);
        }
        let (election_ticks, heartbeat_ticks) = (self.election_ticks, self.heartbeat_ticks);
        if election_ticks <= heartbeat_ticks {
            return Err(ConfigError::ElectionNotAfterHeartbeat { election_ticks, heartbeat_ticks });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_what_cannot_run_is_refused() {
        let sound = Config::new(NodeId(1), 7);
        assert_eq!(sound.validate(), Ok(()));
        assert_eq!(Config { id: NodeId(0), ..sound }.validate(), Err(ConfigError::ZeroId));
        let hasty = Config { election_ticks: 1, ..sound }.validate();
        assert!(matches!(hasty, Err(ConfigError::ElectionNotAfterHeartbeat { .. })));
        let f3_lease_without_loyalty = Config { lease_reads: true, check_quorum: false, ..sound }.validate();
        assert_eq!(f3_lease_without_loyalty, Err(ConfigError::LeaseWithoutCheckQuorum));
        let windowless = Config { max_inflight_messages: 0, ..sound };
        assert_eq!(windowless.validate(), Err(ConfigError::Zero("max_inflight_messages")));
    }
}
