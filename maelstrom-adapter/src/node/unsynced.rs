//! A file system in which the death of the process does to files what a power cut does to those of the real one.
//!
//! Contents stay in the process until they are synced. A kernel may write any part of them earlier, so one page in
//! four is written through at once: what a kill leaves is then a mixture of old and new. Names are not held back:
//! a file that was renamed before it was synced has its new name, and old contents. Syncs can be made slow, since
//! what is lost by a promise that was given too early depends on how long it was too early.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use quorate::storage::disk::{File, FileSystem, LocalFileSystem, OpenMode};

/// What reaches a disk as one.
const PAGE_BYTES: usize = 4096;

/// Every so many pages one is written through.
const WRITTEN_THROUGH: u64 = 4;

/// The file system. Whole files are held in memory: for small logs.
pub(super) struct UnsyncedInMemory {
    files: Mutex<HashMap<PathBuf, Arc<Held>>>,
    device: Arc<Device>,
}

/// What all files have in common.
struct Device {
    /// How long a sync takes at least.
    sync_time: Duration,
    /// How many pages were written so far.
    pages: AtomicU64,
}

impl UnsyncedInMemory {
    /// One whose syncs take that long at least.
    pub(super) fn new(sync_time: Duration) -> Self {
        let device = Device { sync_time, pages: AtomicU64::new(0) };
        Self { files: Mutex::default(), device: Arc::new(device) }
    }
}

/// A file: what it holds, and what the disk holds of that.
struct Held {
    on_disk: Box<dyn File>,
    content: Mutex<Content>,
    device: Arc<Device>,
}

struct Content {
    bytes: Vec<u8>,
    /// The numbers of pages that the disk may not have as they are here.
    unsynced: Vec<usize>,
}

impl FileSystem for UnsyncedInMemory {
    fn create_directories(&self, path: &Path) -> io::Result<()> {
        LocalFileSystem.create_directories(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        LocalFileSystem.list(directory)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let mut files = self.files.lock();
        let held = match files.get(path) {
            Some(_) if mode == OpenMode::CreateNew => return Err(io::ErrorKind::AlreadyExists.into()),
            Some(held) => Arc::clone(held),
            None => {
                // A reader and a writer share what is held, so it must be fit for both.
                let mode = if mode == OpenMode::Read { OpenMode::ReadWrite } else { mode };
                let held = Arc::new(Held::new(LocalFileSystem.open(path, mode)?, Arc::clone(&self.device))?);
                files.insert(path.to_owned(), Arc::clone(&held));
                held
            }
        };
        Ok(Box::new(Handle(held)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.files.lock();
        LocalFileSystem.rename(from, to)?;
        files.remove(to);
        if let Some(held) = files.remove(from) {
            files.insert(to.to_owned(), held);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.files.lock().remove(path);
        LocalFileSystem.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        LocalFileSystem.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        LocalFileSystem.lock(path)
    }
}

impl Held {
    fn new(on_disk: Box<dyn File>, device: Arc<Device>) -> io::Result<Self> {
        let mut bytes = vec![0; usize::try_from(on_disk.size()?).map_err(io::Error::other)?];
        let mut read = 0;
        while read < bytes.len() {
            match on_disk.read_at(&mut bytes[read..], read as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self { on_disk, content: Mutex::new(Content { bytes, unsynced: Vec::new() }), device })
    }

    fn write_page(&self, content: &Content, page: usize) -> io::Result<()> {
        let start = page * PAGE_BYTES;
        let end = (start + PAGE_BYTES).min(content.bytes.len());
        let mut written = start;
        while written < end {
            match self.on_disk.write_at(&content.bytes[written..end], written as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The last page first: a frame whose end is on disk may have a hole before it.
    fn write_unsynced(&self) -> io::Result<()> {
        thread::sleep(self.device.sync_time);
        let mut content = self.content.lock();
        self.on_disk.set_size(content.bytes.len() as u64)?;
        let mut pages = std::mem::take(&mut content.unsynced);
        pages.sort_unstable();
        pages.dedup();
        pages.into_iter().rev().try_for_each(|page| self.write_page(&content, page))
    }
}

/// An open file.
struct Handle(Arc<Held>);

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = self.0.content.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?.min(content.bytes.len());
        let rest = &content.bytes[start..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let mut content = self.0.content.lock();
        if content.bytes.len() < end {
            content.bytes.resize(end, 0);
        }
        content.bytes[start..end].copy_from_slice(bytes);
        for page in start / PAGE_BYTES..end.div_ceil(PAGE_BYTES) {
            if self.0.device.pages.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITTEN_THROUGH) {
                self.0.write_page(&content, page)?;
            }
            content.unsynced.push(page);
        }
        Ok(bytes.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.write_unsynced()?;
        self.0.on_disk.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.write_unsynced()?;
        self.0.on_disk.sync_all()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.content.lock().bytes.len() as u64)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut content = self.0.content.lock();
        let size = usize::try_from(size).map_err(io::Error::other)?;
        content.bytes.resize(size, 0);
        content.unsynced.retain(|page| page * PAGE_BYTES < size);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "file";

    /// A directory of its own for a test.
    fn directory(test: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("quorate-unsynced-{}-{test}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn read_all(files: &UnsyncedInMemory, path: &Path) -> Vec<u8> {
        let file = files.open(path, OpenMode::Read).unwrap();
        let mut bytes = vec![0; usize::try_from(file.size().unwrap()).unwrap()];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
        bytes
    }

    #[test]
    fn what_was_synced_is_on_disk_and_of_the_rest_some_pages_at_most() {
        let path = directory("pages").join(FILE);
        let files = UnsyncedInMemory::new(Duration::ZERO);
        let file = files.open(&path, OpenMode::CreateNew).unwrap();
        let old = vec![1; 8 * PAGE_BYTES];
        assert_eq!(file.write_at(&old, 0).unwrap(), old.len());
        file.sync_data().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), old);

        let new = vec![2; 9 * PAGE_BYTES];
        assert_eq!(file.write_at(&new, 0).unwrap(), new.len());
        drop(file);
        assert_eq!(read_all(&files, &path), new, "the process sees what it has written");
        let after_a_kill = std::fs::read(&path).unwrap();
        let pages: Vec<&[u8]> = after_a_kill.chunks(PAGE_BYTES).collect();
        assert!(pages.iter().all(|page| page.iter().all(|byte| *byte == page[0])), "a page is whole");
        let new_count = pages.iter().filter(|page| page[0] == 2).count();
        assert!((1..=3).contains(&new_count), "{new_count}");

        files.open(&path, OpenMode::ReadWrite).unwrap().sync_all().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), new);
    }

    #[test]
    fn a_file_that_is_renamed_before_it_is_synced_has_its_name_and_not_its_contents() {
        let directory = directory("names");
        let (first, second) = (directory.join(FILE), directory.join("second"));
        let files = UnsyncedInMemory::new(Duration::ZERO);
        let file = files.open(&first, OpenMode::CreateNew).unwrap();
        // The page that is written through, and three that are not.
        for page in 0..4 {
            file.write_at(&[3; PAGE_BYTES], page * PAGE_BYTES as u64).unwrap();
        }
        files.rename(&first, &second).unwrap();
        assert_eq!(std::fs::read(&second).unwrap().len(), PAGE_BYTES);
        assert_eq!(read_all(&files, &second).len(), 4 * PAGE_BYTES);
        assert!(files.open(&first, OpenMode::Read).is_err());
        assert!(files.open(&second, OpenMode::CreateNew).is_err());
    }

    #[test]
    fn a_size_is_that_of_the_process_until_it_is_synced() {
        let path = directory("sizes").join(FILE);
        let files = UnsyncedInMemory::new(Duration::ZERO);
        let file = files.open(&path, OpenMode::CreateNew).unwrap();
        file.set_size(100).unwrap();
        assert_eq!((file.size().unwrap(), std::fs::metadata(&path).unwrap().len()), (100, 0));
        file.sync_data().unwrap();
        file.write_at(&[4; 50], 80).unwrap();
        file.set_size(90).unwrap();
        file.sync_data().unwrap();
        let expected: Vec<u8> = [vec![0; 80], vec![4; 10]].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
    }
}
