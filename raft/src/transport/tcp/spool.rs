//! Where a snapshot is kept while it arrives: in memory, or in a file.
//!
//! A file is removed when the last handle on the snapshot is gone; what a crash leaves is removed at the next start.
//! Nothing is synced, for whoever wants to keep the snapshot saves it elsewhere. Still it is checked when it is read: what
//! the disk has changed meanwhile is not taken for a state.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crc32fast::Hasher;

use crate::consensus::{SnapshotData, SnapshotSource};

const SUFFIX: &str = ".arriving";

/// Makes places for arriving snapshots.
pub(super) struct Spools {
    directory: Option<PathBuf>,
    next: AtomicU64,
}

/// A snapshot that arrives.
pub(super) enum Spool {
    Memory { data: Vec<u8>, announced: usize },
    File { file: BufWriter<File>, place: Place, hasher: Hasher },
}

/// A file that is removed when it is dropped.
pub(super) struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // It fails if the file is gone, which is as good; else the next start tries again.
        let _removed = fs::remove_file(&self.0);
    }
}

impl Spools {
    /// Removes what an earlier life has left in the directory.
    pub(super) fn open(directory: Option<PathBuf>) -> io::Result<Self> {
        if let Some(directory) = &directory {
            remove_what_is_left(directory)?;
        }
        Ok(Self { directory, next: AtomicU64::new(0) })
    }

    /// A place for a snapshot of `announced` bytes.
    pub(super) fn spool(&self, announced: u64) -> io::Result<Spool> {
        let Some(directory) = &self.directory else {
            let announced = usize::try_from(announced).map_err(|_| io::ErrorKind::OutOfMemory)?;
            return Ok(Spool::Memory { data: Vec::new(), announced });
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("{number}{SUFFIX}"));
        let file = BufWriter::new(File::create(&path)?);
        Ok(Spool::File { file, place: Place(path), hasher: Hasher::new() })
    }
}

fn remove_what_is_left(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.to_str().is_some_and(|path| path.ends_with(SUFFIX)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

impl Spool {
    /// Takes the next piece. Memory grows with what has come, not with what was announced.
    pub(super) fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory { data, announced } => {
                if data.capacity() - data.len() < chunk.len() {
                    // Doubling, but not beyond what was announced.
                    let missing = announced.saturating_sub(data.len());
                    data.reserve_exact(missing.min(data.len()).max(chunk.len()));
                }
                data.extend_from_slice(chunk);
                Ok(())
            }
            Self::File { file, hasher, .. } => {
                hasher.update(chunk);
                file.write_all(chunk)
            }
        }
    }

    /// All of it has come.
    pub(super) fn finish(self) -> io::Result<SnapshotData> {
        match self {
            Self::Memory { data, .. } => Ok(data.into()),
            Self::File { file, place, hasher } => {
                let size = file.into_inner().map_err(io::IntoInnerError::into_error)?.metadata()?.len();
                Ok(SnapshotData::elsewhere(Spooled { place, size, checksum: hasher.finalize() }))
            }
        }
    }
}

/// A snapshot in a file.
struct Spooled {
    place: Place,
    size: u64,
    checksum: u32,
}

impl SnapshotSource for Spooled {
    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let file = File::open(&self.place.0)?;
        Ok(Box::new(Checked { file, left: self.size, hasher: Hasher::new(), expected: self.checksum }))
    }
}

/// Reads a file, and tells at its end if it is not what was written.
struct Checked {
    file: File,
    left: u64,
    hasher: Hasher,
    expected: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = Read::by_ref(&mut self.file).take(self.left).read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.left -= count as u64;
        let has_ended = self.left == 0 || (count == 0 && !buffer.is_empty());
        if has_ended && (self.left > 0 || self.hasher.clone().finalize() != self.expected) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an arriving snapshot was damaged on this disk",
            ));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("quorate-spool-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn files(&self) -> usize {
            fs::read_dir(&self.0).unwrap().count()
        }

        fn spools(&self) -> Spools {
            Spools::open(Some(self.0.clone())).unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn arrived(spools: &Spools) -> SnapshotData {
        let mut spool = spools.spool(10).unwrap();
        spool.push(b"0123").unwrap();
        spool.push(b"456789").unwrap();
        spool.finish().unwrap()
    }

    #[test]
    fn what_arrives_can_be_read_again_and_again_in_memory_or_from_a_file() {
        let folder = Folder::new("read");
        for spools in [Spools::open(None).unwrap(), folder.spools()] {
            let data = arrived(&spools);
            assert_eq!(data.size(), 10);
            for _ in 0..2 {
                assert_eq!(&*data.to_bytes().unwrap(), b"0123456789");
            }
        }
    }

    #[test]
    fn a_file_is_removed_with_the_last_handle_on_it() {
        let folder = Folder::new("removed");
        let spools = folder.spools();
        let data = arrived(&spools);
        let other = data.clone();
        drop(data);
        assert_eq!(folder.files(), 1);
        drop(other);
        drop(spools.spool(10).unwrap());
        assert_eq!(folder.files(), 0);
    }

    #[test]
    fn what_an_earlier_life_left_is_removed_and_nothing_else() {
        let folder = Folder::new("left");
        std::mem::forget(arrived(&folder.spools()));
        fs::write(folder.0.join("other"), "").unwrap();
        assert_eq!(folder.files(), 2);
        folder.spools();
        assert_eq!(folder.files(), 1);
    }

    #[test]
    fn a_file_that_the_disk_has_changed_is_no_snapshot() {
        let folder = Folder::new("changed");
        let data = arrived(&folder.spools());
        let path = fs::read_dir(&folder.0).unwrap().next().unwrap().unwrap().path();
        for damaged in [&b"0123x56789"[..], b"012345678", b""] {
            fs::write(&path, damaged).unwrap();
            assert!(data.to_bytes().is_err(), "{damaged:?}");
        }
    }

    #[test]
    fn memory_grows_with_what_has_come() {
        let mut spool = Spools::open(None).unwrap().spool(1 << 40).unwrap();
        spool.push(&[0; 100]).unwrap();
        let Spool::Memory { data, .. } = spool else { panic!("without a directory it is in memory") };
        assert!(data.capacity() <= 200, "{}", data.capacity());
    }
}
