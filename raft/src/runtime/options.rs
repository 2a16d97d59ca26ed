//! How the runtime drives a node.

use std::time::Duration;

/// How the runtime drives a node. [`Options::default`] is sound; [`Config`](crate::Config) says how the node
/// itself behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How long a tick is, in which [`Config`](crate::Config) counts its timeouts. Default: 50 ms, so that
    /// with `Config`'s defaults followers stand for election after 0.5 to 1 s.
    ///
    /// Too small: a pause of a process or of the network costs a leader its office, and idle nodes use more
    /// processor time. Too large: lost messages and dead leaders are noticed late. Should be the same on all
    /// nodes.
    pub tick: Duration,

    /// How many commands and queries may wait for the node to take them up; and again, how many commands, and
    /// how many queries, may wait for their outcome. Beyond, [`Busy`](super::RefusalReason::Busy) is
    /// answered. Default: 16,384.
    ///
    /// Too small: bursts are refused. Too large: under overload each waits long, and memory holds them all.
    pub max_pending_requests: usize,

    /// How many messages of peers may wait for the node; beyond, they are dropped, and sent again by the
    /// peer. Default: 4,096.
    ///
    /// Too small: bursts cost a round trip more. Too large: after a pause the node works off what nobody
    /// waits for any more.
    pub max_pending_messages: usize,

    /// How many messages of peers are taken up before a tick may pass and clients have their turn.
    /// Default: 1,024.
    ///
    /// Too small: smaller batches. Too large: clients wait when peers are busy.
    pub max_messages_per_turn: usize,

    /// How many commands and queries are taken up in one turn, between two looks at the peers.
    /// Default: 1,024.
    ///
    /// Too small: smaller batches, so more writes to the disk. Too large: peers, and so heartbeats, wait when
    /// clients are busy.
    pub max_requests_per_turn: usize,

    /// How long a command may stay in the log undecided, after its leader lost office or nothing was applied
    /// any more, until its outcome is [`Unknown`](super::Outcome::Unknown); in ticks. Default: 100.
    ///
    /// Should be some election timeouts: mostly the next leader decides it. Too small: outcomes that would
    /// soon be known are not. Too large: clients wait for a cluster that has no quorum.
    pub unknown_after_ticks: u32,

    /// How long a query is asked again and again until it is refused, in ticks. Default: 100.
    ///
    /// Should be some election timeouts. Too small: every change of leaders is seen by readers. Too large:
    /// they wait for a cluster that has no quorum.
    pub read_timeout_ticks: u32,

    /// How long a leader that is [stopped](super::Node::stop) tries to hand leadership on first, in ticks; 0: not at
    /// all. Default: 20. A node that is alone, or does not lead, stops at once.
    ///
    /// Should be two election timeouts, after which the attempt has ended in any case. Too small: the others notice
    /// that it is gone only after an election timeout. Too large: nothing worse than that.
    pub hand_over_ticks: u32,

    /// Apply on the node's own thread, between messages and ticks. If not, the state machine has a thread of its own,
    /// `quorate-n1-applier`. Default: true.
    ///
    /// In line, a command's response comes one waking of a thread sooner. But a state machine that takes long makes
    /// heartbeats late, and one that hangs takes the node with it, and whoever waits. One that waits for a disk, or needs
    /// more than a tick for a batch, should not be in line.
    pub apply_in_line: bool,

    /// How long a node that [stops](super::Node::stop) waits for each of its threads to end the work that it has, and
    /// then for itself. Default: 10 s. Whoever waits for that work is told that nobody knows, and the thread that hangs
    /// is left behind.
    ///
    /// Too small: a write or a batch that is only slow is given up, and the storage may still be in use when `stop`
    /// returns. Too large: a disk that hangs keeps a process from ending.
    pub stop_timeout: Duration,

    /// In how many rounds a node that is to become a voter must have caught up. A round sends what the log held at
    /// its begin; the last is the one that takes less than an election timeout. Default: 10.
    ///
    /// Too small: a busy cluster refuses a healthy node. Too large: a node that never keeps pace is given up late.
    pub catch_up_rounds: u32,

    /// How long all these rounds may take together, in ticks. Default: 12,000, which is 10 minutes.
    ///
    /// Too small: a large snapshot does not arrive in time. Too large: a node that is down is given up late, and no
    /// other operation on the membership can begin until then.
    pub catch_up_ticks: u32,

    /// How many bytes of applied entries the log may hold since the last snapshot; then the next one is made
    /// and the log is cut. Default: 64 MiB.
    ///
    /// Too small: the state machine is written again and again. Too large: the disk fills, and a node takes
    /// longer to start. A multiple of the snapshot's own size is a good measure.
    pub compact_after_bytes: usize,

    /// How many entries stay in the log although the snapshot contains them, for followers that lag a little.
    /// Default: 4,096.
    ///
    /// Too small: such a follower is sent the whole snapshot. Too large: the log stays long.
    pub keep_entries: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(50),
            max_pending_requests: 16_384,
            max_pending_messages: 4_096,
            max_messages_per_turn: 1_024,
            max_requests_per_turn: 1_024,
            unknown_after_ticks: 100,
            read_timeout_ticks: 100,
            hand_over_ticks: 20,
            apply_in_line: true,
            stop_timeout: Duration::from_secs(10),
            catch_up_rounds: 10,
            catch_up_ticks: 12_000,
            compact_after_bytes: 64 << 20,
            keep_entries: 4_096,
        }
    }
}

/// Options that no node can run with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name} is 0: give it at least one")]
pub struct OptionsError {
    name: &'static str,
}

impl Options {
    /// Checks that a node can run with this.
    ///
    /// # Errors
    /// [`OptionsError`] names what is 0 and must not be.
    pub fn validate(&self) -> Result<(), OptionsError> {
        let is_zero = [
            ("tick", self.tick.is_zero()),
            ("max_pending_requests", self.max_pending_requests == 0),
            ("max_pending_messages", self.max_pending_messages == 0),
            ("max_messages_per_turn", self.max_messages_per_turn == 0),
            ("max_requests_per_turn", self.max_requests_per_turn == 0),
            ("unknown_after_ticks", self.unknown_after_ticks == 0),
            ("read_timeout_ticks", self.read_timeout_ticks == 0),
            ("catch_up_rounds", self.catch_up_rounds == 0),
            ("catch_up_ticks", self.catch_up_ticks == 0),
        ];
        match is_zero.iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(OptionsError { name }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_what_cannot_run_is_refused() {
        assert_eq!(Options::default().validate(), Ok(()));
        let timeless = Options { tick: Duration::ZERO, ..Options::default() };
        assert_eq!(timeless.validate(), Err(OptionsError { name: "tick" }));
    }
}
