//! How a transport behaves.

use std::{path::PathBuf, time::Duration};

#[cfg(feature = "tls")]
use super::tls::Tls;

/// How a transport behaves. [`TcpOptions::default`] is sound.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TcpOptions {
    /// How long an attempt to connect may take, for each address that the peer's name has. Default: 2 s.
    ///
    /// Too small: distant peers are never reached. Too large: a peer that has moved is looked for in the old place for
    /// long. Stopping may take as long.
    pub connect_timeout: Duration,

    /// How long two nodes may take to introduce themselves. Default: 2 s.
    ///
    /// Too small: a busy node cannot be reached. Too large: strangers who say nothing hold a thread each for as long.
    pub handshake_timeout: Duration,

    /// How long a connection may be silent until it counts as broken. Each side hears from the other three times as
    /// often. Default: 3 s.
    ///
    /// Too small: pauses of a process cost connections. Too large: a peer whose machine is gone is noticed late; a
    /// process that ends is noticed at once in any case.
    pub idle_timeout: Duration,

    /// How long to wait after a first failure until a peer is tried again; it doubles up to
    /// [`max_back_off`](Self::max_back_off). Default: 50 ms.
    pub min_back_off: Duration,

    /// The longest wait between two attempts. Default: 2 s.
    ///
    /// Too small: attempts in vain cost work and log lines. Too large: a peer that is back is noticed late, unless it
    /// calls first: then it is called back at once.
    pub max_back_off: Duration,

    /// Mixed with the node's [`Identity`](super::Identity) into the seed of the waits. Default: 0.
    pub seed: u64,

    /// The largest message, in bytes, that is sent or accepted; a snapshot counts without its data. Default: 16 MiB.
    ///
    /// Must be above [`Config::max_entry_bytes`](crate::Config::max_entry_bytes) and
    /// [`Config::max_message_bytes`](crate::Config::max_message_bytes) by some kilobytes, else the entries that exceed
    /// it never arrive. Each connection may hold as much memory.
    pub max_message_bytes: usize,

    /// How many messages may wait for one peer; beyond, the oldest are dropped. Default: 4,096.
    pub max_queue_messages: usize,

    /// How many bytes of messages may wait for one peer; beyond, the oldest are dropped. Default: 32 MiB.
    ///
    /// Should be above [`Config::max_inflight_bytes`](crate::Config::max_inflight_bytes): too small, and a leader that
    /// sends as much as it may loses part of it before it is sent.
    pub max_queue_bytes: usize,

    /// How many connections from peers may be open. Two for each node of the cluster are enough. Default: 256.
    pub max_connections: usize,

    /// How many connections may be open whose caller has not introduced itself yet. One more closes the oldest.
    /// Default: 64.
    pub max_strangers: usize,

    /// In what pieces a snapshot is sent, in bytes. Default: 256 KiB.
    ///
    /// Too small: more work for each byte. Too large: a piece takes longer than [`idle_timeout`](Self::idle_timeout) on a
    /// slow network, and the snapshot never arrives.
    pub snapshot_chunk_bytes: usize,

    /// How long it may take to send a snapshot. Default: 10 min.
    ///
    /// Too small: a large one never arrives. Too large: one that trickles is given up late; one that stands still is
    /// given up after [`idle_timeout`](Self::idle_timeout).
    pub snapshot_timeout: Duration,

    /// How many bytes of snapshots may be on their way to this node, all together. Default: 1 GiB.
    ///
    /// Too small: a follower that is far behind stays there. Memory holds as much, or the disk if there is a
    /// [`snapshot_directory`](Self::snapshot_directory).
    pub max_snapshot_bytes: u64,

    /// Where snapshots are kept in files while they arrive, and until the node has saved them. Must exist, and be this
    /// transport's alone: what is left there of an earlier life is deleted. Default: none; they are kept in memory.
    pub snapshot_directory: Option<PathBuf>,

    /// Where to remember the incarnations of peers, so that one that has lost its data is refused even if this node was
    /// restarted meanwhile. In the node's data directory, say. Default: nowhere; they are remembered while the
    /// transport lives.
    pub incarnations: Option<PathBuf>,

    /// How nodes prove who they are, the same way on all of them. Default: not at all; see [the module](super) for what that
    /// means.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            handshake_timeout: Duration::from_secs(2),
            idle_timeout: Duration::from_secs(3),
            min_back_off: Duration::from_millis(50),
            max_back_off: Duration::from_secs(2),
            seed: 0,
            max_message_bytes: 16 << 20,
            max_queue_messages: 4_096,
            max_queue_bytes: 32 << 20,
            max_connections: 256,
            max_strangers: 64,
            snapshot_chunk_bytes: 256 << 10,
            snapshot_timeout: Duration::from_secs(600),
            max_snapshot_bytes: 1 << 30,
            snapshot_directory: None,
            incarnations: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

/// Options that no transport can run with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name} {problem}")]
pub struct TcpOptionsError {
    name: &'static str,
    problem: &'static str,
}

impl TcpOptions {
    /// Checks that a transport can run with this.
    ///
    /// # Errors
    /// [`TcpOptionsError`] names what is wrong, and what it must be.
    pub fn validate(&self) -> Result<(), TcpOptionsError> {
        let is_zero = [
            ("connect_timeout", self.connect_timeout.is_zero()),
            ("handshake_timeout", self.handshake_timeout.is_zero()),
            ("idle_timeout", self.idle_timeout.is_zero()),
            ("min_back_off", self.min_back_off.is_zero()),
            ("max_message_bytes", self.max_message_bytes == 0),
            ("max_queue_messages", self.max_queue_messages == 0),
            ("max_queue_bytes", self.max_queue_bytes == 0),
            ("max_connections", self.max_connections == 0),
            ("max_strangers", self.max_strangers == 0),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes == 0),
            ("snapshot_timeout", self.snapshot_timeout.is_zero()),
            ("max_snapshot_bytes", self.max_snapshot_bytes == 0),
        ];
        if let Some((name, _)) = is_zero.into_iter().find(|(_, is_zero)| *is_zero) {
            return Err(TcpOptionsError { name, problem: "is 0: give it at least one" });
        }
        if self.max_back_off < self.min_back_off {
            return Err(TcpOptionsError { name: "max_back_off", problem: "must be at least min_back_off" });
        }
        // A frame says its length in 32 bits.
        if u32::try_from(self.max_message_bytes).is_err() {
            return Err(TcpOptionsError { name: "max_message_bytes", problem: "must be below 4 GiB" });
        }
        if self.snapshot_chunk_bytes > self.max_message_bytes {
            let problem = "must be at most max_message_bytes, as the receiver takes no larger piece";
            return Err(TcpOptionsError { name: "snapshot_chunk_bytes", problem });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound_and_what_cannot_run_is_refused() {
        assert_eq!(TcpOptions::default().validate(), Ok(()));
        let silent = TcpOptions { idle_timeout: Duration::ZERO, ..TcpOptions::default() };
        assert_eq!(silent.validate().unwrap_err().to_string(), "idle_timeout is 0: give it at least one");
        let hasty = TcpOptions { max_back_off: Duration::from_millis(1), ..TcpOptions::default() };
        assert!(hasty.validate().is_err());
        let huge = TcpOptions { max_message_bytes: 1 << 32, ..TcpOptions::default() };
        assert!(huge.validate().is_err());
        let uncut = TcpOptions { snapshot_chunk_bytes: 1 << 30, ..TcpOptions::default() };
        assert!(uncut.validate().is_err());
    }
}
