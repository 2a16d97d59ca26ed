//! The node to test: the binary of `--bin`, or this project's own `lin-kv`, built when needed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::console;
use super::error::Error;

/// The absolute path of the node's binary.
///
/// # Errors
///
/// The given file is not there or not executable, or the project's own node cannot be built.
pub(super) fn binary(given: Option<&Path>) -> Result<PathBuf, Error> {
    match given {
        Some(path) => executable(path).map_err(|source| Error::Binary { path: path.to_owned(), source }),
        None => build(),
    }
}

fn executable(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = path.canonicalize()?;
    let metadata = absolute.metadata()?;
    let is_executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
    if is_executable { Ok(absolute) } else { Err(std::io::Error::other("it is no executable file")) }
}

/// Builds the project's own node; cargo says where it put it.
fn build() -> Result<PathBuf, Error> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    console::notice("building lin-kv (give a node of your own with --bin FILE)");
    let failed = |reason: String| Error::Build { reason };
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "--package", "maelstrom-adapter", "--bin", "lin-kv"])
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(manifest)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(format!("cargo cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "lin-kv")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| failed("cargo names no executable".to_owned()))
}
