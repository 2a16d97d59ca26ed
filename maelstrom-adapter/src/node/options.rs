//! The command line of a node.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use quorate::runtime::Options;
use quorate::storage::disk::{DiskOptions, FileSystem, LocalFileSystem};
use quorate::{Config, ConfigError, NodeId};
use slog::Level;

use super::unsynced::UnsyncedInMemory;

/// The flags that every node understands. Flatten them into the command line of a node's binary.
#[derive(Clone, PartialEq, Eq, Debug, Args)]
pub struct NodeOptions {
    /// Where the node keeps its log, in a directory of its own below this one: a process that was killed can be started
    /// again under its name [default: in memory, and it cannot].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// What to log on stderr.
    #[arg(long, value_enum, default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,
    /// Milliseconds in a tick, the unit of the two flags below; the same on all nodes.
    #[arg(long, value_name = "MS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    pub tick_ms: u64,
    /// Ticks between a leader's heartbeats; a heartbeat costs two messages for each follower.
    #[arg(long, value_name = "TICKS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    pub heartbeat_ticks: u32,
    /// Ticks without a leader after which a node stands for election, at least; at most twice as many.
    #[arg(long, value_name = "TICKS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..))]
    pub election_ticks: u32,
    /// Make a snapshot and cut the log when it has grown by this many bytes of commands.
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    pub compact_after_bytes: usize,
    /// How many entries stay in the log when it is cut, for nodes that lag a little.
    #[arg(long, value_name = "COUNT", default_value_t = 4096)]
    pub keep_entries: u64,
    /// The size of one file of the log in `--data-dir`. Small by default, since many nodes of a test share a disk.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20,
        value_parser = clap::value_parser!(u64).range(DiskOptions::SEGMENT_BYTES_MIN..))]
    pub segment_bytes: u64,
    /// Hold in memory what is not synced yet, so that a kill of the process loses what a power cut would: for tests.
    #[arg(long, requires = "data_dir")]
    pub lose_unsynced: bool,
    /// Milliseconds that a sync takes at least: a slow disk, for tests.
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "lose_unsynced")]
    pub sync_ms: u64,
    /// Seed of the election timeouts [default: a random one, which is logged]. May be the same on all nodes.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// How much is logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum LogLevel {
    /// What stops the node.
    Error,
    /// What somebody should look into.
    Warning,
    /// What happens once in a while: elections, snapshots, refused lines.
    Info,
    /// Every decision.
    Debug,
}

impl LogLevel {
    pub(super) fn level(self) -> Level {
        match self {
            Self::Error => Level::Error,
            Self::Warning => Level::Warning,
            Self::Info => Level::Info,
            Self::Debug => Level::Debug,
        }
    }
}

/// A snapshot is sent again if it was not confirmed for so long: nobody tells when Maelstrom lost it.
const SNAPSHOT_RETRY: Duration = Duration::from_secs(3);

/// A query without a leader waits for one so long. Maelstrom's clients give up after one second.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// A command whose fate is not decided for so long is reported as unknown.
const COMMAND_PATIENCE: Duration = Duration::from_secs(2);

/// The largest command. A line between nodes carries it in base64, and must stay below
/// [`LINE_BYTES_MAX`](super::LINE_BYTES_MAX).
const COMMAND_BYTES_MAX: usize = 16 << 20;

impl NodeOptions {
    /// Checks what the parser cannot, before anybody sends `init`.
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        self.config(NodeId(1), 0, 1).validate()
    }

    /// The seed of the command line, or one that nobody chose.
    pub(super) fn seed(&self) -> u64 {
        // The standard library seeds its hash tables from the system.
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(0))
    }

    /// How node `id` behaves in this life of it, with the cluster's `seed`.
    pub(super) fn config(&self, id: NodeId, seed: u64, life: u64) -> Config {
        // Nodes of one cluster must draw different timeouts, and no life must reuse the numbers of requests that an
        // earlier one has drawn; odd factors keep the seeds apart.
        let of_node = seed.wrapping_add(id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut config = Config::new(id, of_node.wrapping_add(life.wrapping_mul(0xD1B5_4A32_D192_ED03)));
        config.election_ticks = self.election_ticks;
        config.heartbeat_ticks = self.heartbeat_ticks;
        config.snapshot_ticks = self.ticks(SNAPSHOT_RETRY);
        config.max_entry_bytes = COMMAND_BYTES_MAX;
        config
    }

    /// How the runtime drives it.
    pub(super) fn runtime(&self) -> Options {
        let mut options = Options::default();
        options.tick = Duration::from_millis(self.tick_ms);
        options.read_timeout_ticks = self.ticks(READ_PATIENCE);
        options.unknown_after_ticks = self.ticks(COMMAND_PATIENCE);
        options.compact_after_bytes = self.compact_after_bytes;
        options.keep_entries = self.keep_entries;
        options
    }

    /// How its log behaves on disk.
    pub(super) fn disk(&self) -> DiskOptions {
        let mut options = DiskOptions::default();
        options.segment_bytes = self.segment_bytes;
        options
    }

    /// Where its log has its files.
    pub(super) fn file_system(&self) -> Arc<dyn FileSystem> {
        if self.lose_unsynced {
            Arc::new(UnsyncedInMemory::new(Duration::from_millis(self.sync_ms)))
        } else {
            Arc::new(LocalFileSystem)
        }
    }

    fn ticks(&self, time: Duration) -> u32 {
        let ticks = time.as_millis() / u128::from(self.tick_ms.max(1));
        u32::try_from(ticks).unwrap_or(u32::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        node: NodeOptions,
    }

    fn parse(flags: &[&str]) -> Result<NodeOptions, clap::Error> {
        let arguments = ["node"].iter().chain(flags);
        CommandLine::try_parse_from(arguments).map(|command_line| command_line.node)
    }

    #[test]
    fn the_defaults_are_sound() {
        let options = parse(&[]).unwrap();
        assert_eq!(options.config(NodeId(1), 5, 1).validate(), Ok(()));
        assert!(options.runtime().validate().is_ok());
    }

    #[test]
    fn nodes_with_the_same_seed_draw_different_timeouts_in_all_their_lives() {
        let options = parse(&["--seed", "5"]).unwrap();
        let lives = (1..=9).flat_map(|id| (0..100).map(move |life| (NodeId(id), life)));
        let seeds: Vec<u64> = lives.map(|(id, life)| options.config(id, options.seed(), life).seed).collect();
        for (position, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..position].contains(seed));
        }
        assert_ne!(parse(&[]).unwrap().seed(), parse(&[]).unwrap().seed());
    }

    #[test]
    fn times_stay_the_same_when_ticks_get_longer() {
        let slow = parse(&["--tick-ms", "500"]).unwrap();
        assert_eq!(slow.config(NodeId(1), 5, 1).snapshot_ticks, 6);
        assert_eq!(slow.runtime().read_timeout_ticks, 2);
        let glacial = parse(&["--tick-ms", "100000"]).unwrap();
        assert!(glacial.runtime().validate().is_ok());
    }

    #[test]
    fn flags_without_sense_are_refused() {
        for flags in [
            ["--tick-ms", "0"],
            ["--heartbeat-ticks", "0"],
            ["--election-ticks", "1"],
            ["--segment-bytes", "1"],
        ] {
            assert!(parse(&flags).is_err(), "{flags:?}");
        }
        assert!(parse(&["--lose-unsynced"]).is_err(), "in memory, everything is lost");
        assert!(parse(&["--data-dir", "d", "--sync-ms", "5"]).is_err(), "only a held back file can be slow");
        let hasty = parse(&["--heartbeat-ticks", "9"]).unwrap();
        assert!(hasty.validate().is_err());
    }
}
