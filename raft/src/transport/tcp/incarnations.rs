//! Which store each peer had when it was first met, so that one that comes back with another is known.
//!
//! In memory, and if wanted in a file: a line of its own for the format, then one for each node, `n2 00c0ffee00c0ffee`,
//! and last the checksum of all before it. The file is written anew under another name, synced, renamed into place, and
//! the directory synced: a crash leaves the old one or the new one.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::error::TcpError;
use crate::consensus::NodeId;

const FORMAT: &str = "quorate incarnations 1";

/// The stores that peers are known by.
pub(super) struct Incarnations {
    known: Mutex<BTreeMap<NodeId, u64>>,
    file: Option<PathBuf>,
}

/// Why a peer is not taken for whom it says it is.
#[derive(Debug)]
pub(super) enum Stranger {
    /// It has another store than when it was first met.
    Changed { known: u64 },
    /// It is new, and cannot be remembered.
    Unremembered(io::Error),
}

impl Incarnations {
    /// What the file remembers; nothing, if there is none yet.
    pub(super) fn open(file: Option<PathBuf>) -> Result<Self, TcpError> {
        let known = match &file {
            Some(path) => {
                read(path).map_err(|source| TcpError::Incarnations { path: path.clone(), source })?
            }
            None => BTreeMap::new(),
        };
        Ok(Self { known: Mutex::new(known), file })
    }

    /// Checks that `node` has the store that it is known by. If it is not known, and one of ours, it will be.
    pub(super) fn check(&self, node: NodeId, incarnation: u64, is_ours: bool) -> Result<(), Stranger> {
        let mut known = self.known.lock();
        match known.get(&node) {
            Some(before) if *before == incarnation => Ok(()),
            Some(before) => Err(Stranger::Changed { known: *before }),
            // Whoever calls under any id must not make the list grow.
            None if !is_ours => Ok(()),
            None => {
                known.insert(node, incarnation);
                let written = self.file.as_ref().map_or(Ok(()), |path| write(path, &known));
                // Not on disk -> forgotten by a restart -> not to be relied on now.
                written.map_err(|error| {
                    known.remove(&node);
                    Stranger::Unremembered(error)
                })
            }
        }
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<NodeId, u64>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        other => other?,
    };
    parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged"))
}

fn parse(text: &str) -> Option<BTreeMap<NodeId, u64>> {
    let (body, checksum) = text.strip_suffix('\n')?.rsplit_once('\n')?;
    let mut lines = body.lines();
    let is_whole = u32::from_str_radix(checksum, 16).ok()? == crc32fast::hash(body.as_bytes());
    if !is_whole || lines.next()? != FORMAT {
        return None;
    }
    let parse = |line: &str| {
        let (node, incarnation) = line.strip_prefix('n')?.split_once(' ')?;
        Some((NodeId(node.parse().ok()?), u64::from_str_radix(incarnation, 16).ok()?))
    };
    lines.map(parse).collect()
}

fn render(known: &BTreeMap<NodeId, u64>) -> String {
    let mut text = FORMAT.to_owned();
    for (node, incarnation) in known {
        let _infallible = write!(text, "\n{node} {incarnation:016x}");
    }
    let checksum = crc32fast::hash(text.as_bytes());
    let _infallible = writeln!(text, "\n{checksum:08x}");
    text
}

fn write(path: &Path, known: &BTreeMap<NodeId, u64>) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = File::create(&new)?;
    file.write_all(render(known).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory(path)
}

/// Makes the new name durable. Where directories cannot be opened, the system does it by itself.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(2);

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("quorate-incarnations-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_peer_is_known_by_the_store_it_was_first_met_with() {
        let incarnations = Incarnations::open(None).unwrap();
        assert!(incarnations.check(NODE, 7, true).is_ok());
        assert!(incarnations.check(NODE, 7, true).is_ok());
        assert!(matches!(incarnations.check(NODE, 8, true), Err(Stranger::Changed { known: 7 })));
        assert!(incarnations.check(NODE, 7, true).is_ok(), "whoever lies changes nothing");
    }

    #[test]
    fn whoever_is_no_peer_is_not_remembered() {
        let incarnations = Incarnations::open(None).unwrap();
        assert!(incarnations.check(NODE, 7, false).is_ok());
        assert!(incarnations.check(NODE, 8, false).is_ok());
    }

    #[test]
    fn what_the_file_remembers_survives_a_restart() {
        let directory = directory("restart");
        let file = Some(directory.join("incarnations"));
        let before = Incarnations::open(file.clone()).unwrap();
        assert!(before.check(NODE, 7, true).is_ok());
        assert!(before.check(NodeId(u64::MAX), u64::MAX, true).is_ok());
        let after = Incarnations::open(file).unwrap();
        assert_eq!(*after.known.lock(), BTreeMap::from([(NODE, 7), (NodeId(u64::MAX), u64::MAX)]));
        assert!(matches!(after.check(NODE, 8, true), Err(Stranger::Changed { known: 7 })));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_peer_that_cannot_be_remembered_is_not_taken() {
        let directory = directory("lost");
        let incarnations = Incarnations::open(Some(directory.join("no/such/folder"))).unwrap();
        for _ in 0..2 {
            assert!(matches!(incarnations.check(NODE, 7, true), Err(Stranger::Unremembered(_))));
        }
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_damaged_file_is_told_wherever_a_bit_flipped() {
        let text = render(&BTreeMap::from([(NODE, 7), (NodeId(3), 8)]));
        assert!(parse(&text).is_some());
        for at in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[at] ^= 1;
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(parse(&damaged).is_none(), "{damaged:?}");
            assert!(parse(&text[..at]).is_none(), "cut to {at}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_that_names_it() {
        let directory = directory("damaged");
        let path = directory.join("incarnations");
        fs::write(&path, "n2 7\n").unwrap();
        let error = Incarnations::open(Some(path.clone())).err().unwrap().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
