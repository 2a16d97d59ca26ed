//! What a node keeps below `--data-dir`, so that it can go on under its name after its process was killed.
//!
//! ```text
//! DIR/n1/cluster.json    who it is, of which cluster, and how often it was started
//! DIR/n1/log/            its log, votes and snapshots
//! ```
//!
//! Raft's numbers for nodes follow from the names in `init`. With other names the same number would mean another
//! node, which could vote twice; so the names are kept, and others are refused.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quorate::Membership;
use quorate::storage::disk::{DiskOptions, DiskStorage, FileSystem, OpenError};
use serde::{Deserialize, Serialize};
use slog::Logger;

use super::cluster::Cluster;

/// What a node goes on with.
pub(super) struct Kept {
    pub(super) storage: DiskStorage,
    /// How many times the node has been started on this directory, this time too.
    pub(super) life: u64,
}

/// Opens the log of this node, or makes a new one.
///
/// # Errors
/// [`DataError`]; then the node must not take part.
pub(super) fn open(
    parent: &Path,
    files: Arc<dyn FileSystem>,
    cluster: &Cluster,
    options: DiskOptions,
    logger: Logger,
) -> Result<Kept, DataError> {
    let directory = parent.join(directory_name(cluster.own_name()));
    let founders = Membership::of_voters(cluster.ids());
    // It is locked from here on; nothing is written to it before the names are known to be right.
    let storage = DiskStorage::open_in(files, directory.join("log"), founders, options, logger)?;
    let life = begin_life(&directory, cluster)?;
    Ok(Kept { storage, life })
}

/// The name of a node as that of a directory. Different names stay different, and none leads out of the parent.
fn directory_name(name: &str) -> String {
    let mut directory = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            directory.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(directory, "%{byte:02X}");
        }
    }
    directory
}

/// Who a node is, as `init` has told it, and how often.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    node_id: String,
    /// Sorted.
    node_ids: Vec<String>,
    life: u64,
}

/// Checks that the directory is this node's, or makes it so, and counts its lives.
fn begin_life(directory: &Path, cluster: &Cluster) -> Result<u64, DataError> {
    let path = directory.join("cluster.json");
    let failed = |source| DataError::Io { path: path.clone(), source };
    let earlier_lives = match fs::read(&path) {
        Ok(bytes) => {
            let kept: Identity = serde_json::from_slice(&bytes).map_err(io::Error::from).map_err(failed)?;
            if kept.node_id != cluster.own_name() || kept.node_ids != cluster.names() {
                return Err(DataError::Another { path, node: kept.node_id, names: kept.node_ids.join(", ") });
            }
            kept.life
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(error)),
    };
    let life = earlier_lives.saturating_add(1);
    let identity =
        Identity { node_id: cluster.own_name().to_owned(), node_ids: cluster.names().to_vec(), life };
    save(directory, &path, &identity).map_err(failed)?;
    Ok(life)
}

/// Makes `identity` durable before the node says anything, whole or not at all.
fn save(directory: &Path, path: &Path, identity: &Identity) -> io::Result<()> {
    let unfinished = path.with_extension("tmp");
    let mut file = File::create(&unfinished)?;
    file.write_all(&serde_json::to_vec(identity)?)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(directory)?.sync_all()
}

/// Why a node cannot go on from its directory. It must not take part without it: it may have voted.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    #[error("{}: {source}; give --data-dir a directory that this process can read and write", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{} is that of node {node} in the cluster {names}: give --data-dir another directory, or init the same names",
        path.display()
    )]
    Another { path: PathBuf, node: String, names: String },
    #[error(transparent)]
    Log(#[from] OpenError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::message::Message;

    fn cluster(own: &str, names: &str) -> Cluster {
        let line = format!(r#"{{"src":"c0","dest":"x","body":{{"node_id":"{own}","node_ids":[{names}]}}}}"#);
        Cluster::from_init(&Message::parse(line.as_bytes()).unwrap().body.fields).unwrap()
    }

    #[test]
    fn every_name_is_a_directory_of_its_own_below_the_parent() {
        let names = ["n1", "N1", "n/1", "n%2F1", "..", ".", "a b", "\u{e9}", "%", "%25", "-", "_"];
        let directories: Vec<String> = names.into_iter().map(directory_name).collect();
        for (place, directory) in directories.iter().enumerate() {
            assert!(!directories[..place].contains(directory), "{directory}");
            assert!(!directory.contains(['/', '.']), "{directory}");
        }
        assert_eq!(directory_name("n1"), "n1");
    }

    #[test]
    fn a_directory_is_that_of_one_node_in_one_cluster_and_counts_its_lives() {
        let directory = std::env::temp_dir().join(format!("quorate-identity-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let names = r#""a","b","c""#;
        assert_eq!(begin_life(&directory, &cluster("a", names)).unwrap(), 1);
        assert_eq!(begin_life(&directory, &cluster("a", r#""c","b","a""#)).unwrap(), 2);
        for other in [cluster("b", names), cluster("a", r#""a","b""#), cluster("a", r#""a","b","d""#)] {
            let error = begin_life(&directory, &other).unwrap_err();
            assert!(error.to_string().contains("node a in the cluster a, b, c:"), "{error}");
        }
        assert_eq!(begin_life(&directory, &cluster("a", names)).unwrap(), 3);
        fs::write(directory.join("cluster.json"), "{").unwrap();
        let error = begin_life(&directory, &cluster("a", names)).unwrap_err();
        assert!(matches!(error, DataError::Io { .. }), "{error}");
        fs::remove_dir_all(&directory).unwrap();
    }
}
