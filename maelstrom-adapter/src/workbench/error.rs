//! Why a test could not be run at all. What a node does wrong is not here: that is a verdict.

use std::io;
use std::path::PathBuf;

/// Why a test could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flag makes no sense.
    #[error("{0}")]
    Usage(&'static str),
    /// The binary of `--bin` is not there.
    #[error("--bin {}: {source}; give the path of an executable file", path.display())]
    Binary {
        /// What was given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The project's own node could not be built.
    #[error("building lin-kv failed ({reason}); repair the build, or give a node with --bin FILE")]
    Build {
        /// What went wrong.
        reason: String,
    },
    /// A node could not be started.
    #[error("starting node {node} failed: {source}; is the binary executable on this machine?")]
    Start {
        /// The name of the node.
        node: String,
        /// What the system said.
        source: io::Error,
    },
    /// A node ended before it answered `init`.
    #[error("node {node} ended before it answered init ({status}); the end of its stderr:\n{stderr}")]
    EndedEarly {
        /// The name of the node.
        node: String,
        /// How it ended.
        status: String,
        /// The last lines it wrote.
        stderr: String,
    },
    /// A node did not answer `init`.
    #[error(
        "node {node} did not answer init within {seconds} s; it must reply with init_ok on stdout. \
         The end of its stderr:\n{stderr}"
    )]
    NoInit {
        /// The name of the node.
        node: String,
        /// How long we waited.
        seconds: u64,
        /// The last lines it wrote.
        stderr: String,
    },
    /// A node wrote something else than messages before the test began.
    #[error("{violation}; nodes write messages to stdout and everything else to stderr")]
    Protocol {
        /// What was wrong.
        violation: String,
    },
    /// The records of the run could not be kept.
    #[error("writing {} failed: {source}; the workbench keeps its records in ./store", path.display())]
    Store {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The report could not be printed.
    #[error("printing the report failed: {0}")]
    Print(#[from] io::Error),
}
