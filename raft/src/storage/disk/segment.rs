//! A segment: a file of the log, of a fixed size, written from front to back.
//!
//! Every block of it was written before it came into use, by zeros or by an earlier life of the file. So a frame changes
//! no size and no block map, and costs one flush of the device.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    codec::seed,
    error::{Damage, Naming, OpenError},
    file_system::{File, FileSystem, OpenMode},
    header::{Header, HeaderError, VERSION, frames_start},
    names::{Name, unfinished},
};

/// A file of the log.
pub(super) struct Segment {
    pub(super) sequence: u64,
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn File>,
    /// What the checksums in it start from.
    pub(super) seed: u32,
    /// Where frames begin.
    pub(super) start: u64,
    pub(super) size: u64,
}

/// A file that can become a segment.
pub(super) struct Prepared {
    pub(super) path: PathBuf,
    pub(super) file: Box<dyn File>,
    pub(super) size: u64,
}

impl Segment {
    /// Opens segment `sequence`, and reads its header.
    pub(super) fn open(
        files: &dyn FileSystem,
        directory: &Path,
        sequence: u64,
        mode: OpenMode,
    ) -> Result<(Self, Header), OpenError> {
        let path = Name::Segment(sequence).path(directory);
        let file = files.open(&path, mode).naming("open", &path)?;
        let file_size = file.size().naming("read the size of", &path)?;
        let (header, start) = read_header(&*file, &path, file_size)?;
        let damage = |offset, what: &str| Err(Damage::new(&path, offset, what).into());
        if header.sequence != sequence {
            return damage(0, "this is another segment than its name says");
        }
        if file_size < header.size {
            return damage(file_size, "the file is cut short");
        }
        let (size, seed) = (header.size, seed(header.log, sequence));
        Ok((Self { sequence, path, file, seed, start, size }, header))
    }
}

/// Reads a segment's header, and where frames begin.
fn read_header(file: &dyn File, path: &Path, size: u64) -> Result<(Header, u64), OpenError> {
    let explain = |error| match error {
        HeaderError::Version(found) => OpenError::Version { path: path.to_owned(), found, known: VERSION },
        HeaderError::Damaged => Damage::new(path, 0, "the header does not match its checksum").into(),
    };
    let cut_short = || OpenError::from(Damage::new(path, size, "the file is cut short"));
    let mut prefix = [0; Header::PREFIX_BYTES];
    if size < prefix.len() as u64 {
        return Err(cut_short());
    }
    file.read_exact_at(&mut prefix, 0).naming("read", path)?;
    let length = Header::length(&prefix).map_err(explain)?;
    if frames_start(length) > size {
        return Err(cut_short());
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, 0).naming("read", path)?;
    Ok((Header::decode(&bytes).map_err(explain)?, frames_start(length)))
}

/// How much is written at once, and how much before it is flushed, so that a commit never waits for much of it.
const ZEROS: &[u8] = &[0; 256 << 10];
const BYTES_PER_FLUSH: u64 = 4 << 20;

impl Prepared {
    /// Makes a file of `size` zeros, unless it is `abandoned` before that is done. When it has its name, it is durable.
    pub(super) fn new(
        files: &dyn FileSystem,
        directory: &Path,
        number: u64,
        size: u64,
        abandoned: &AtomicBool,
    ) -> Result<Self, OpenError> {
        let path = Name::Spare(number).path(directory);
        let temporary = unfinished(&path);
        remove_if_there(files, &temporary)?;
        let file = files.open(&temporary, OpenMode::CreateNew).naming("create", &temporary)?;
        let made = fill(&*file, size, abandoned).naming("write zeros to", &temporary);
        let named = made.and_then(|()| files.rename(&temporary, &path).naming("rename", &temporary));
        if let Err(error) = named {
            // Half a spare only takes room from what needs it. If it cannot be removed, the next opening does it.
            let _ = files.remove(&temporary);
            return Err(error);
        }
        Ok(Self { path, file, size })
    }

    /// Makes it the segment that `header` describes: durable when this returns.
    pub(super) fn put_in_use(
        self,
        files: &dyn FileSystem,
        directory: &Path,
        header: &Header,
    ) -> Result<Segment, OpenError> {
        let page = header.encode();
        // The header under the old name, flushed, and only then the name: no segment ever has half a header, and what
        // the file held before cannot be reached as a segment any more.
        self.file.write_all_at(&page, 0).naming("write to", &self.path)?;
        self.file.sync_data().naming("flush", &self.path)?;
        let path = Name::Segment(header.sequence).path(directory);
        files.rename(&self.path, &path).naming("rename", &self.path)?;
        files.sync_directory(directory).naming("flush directory", directory)?;
        let (sequence, seed) = (header.sequence, seed(header.log, header.sequence));
        Ok(Segment {
            sequence,
            path,
            file: self.file,
            seed,
            start: frames_start(page.len() as u64),
            size: self.size,
        })
    }
}

fn fill(file: &dyn File, size: u64, abandoned: &AtomicBool) -> io::Result<()> {
    let mut offset = 0;
    while offset < size {
        if abandoned.load(Ordering::Relaxed) {
            return Err(io::Error::other("the log is being closed"));
        }
        let count = (ZEROS.len() as u64).min(size - offset);
        file.write_all_at(&ZEROS[..usize::try_from(count).unwrap_or(ZEROS.len())], offset)?;
        offset += count;
        if offset.is_multiple_of(BYTES_PER_FLUSH) {
            file.sync_data()?;
        }
    }
    file.sync_all()
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(files: &dyn FileSystem, path: &Path) -> Result<(), OpenError> {
    match files.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).naming("remove", path),
        _ => Ok(()),
    }
}
