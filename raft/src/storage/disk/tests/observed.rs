//! The real file system, with every change written down, and failures on order.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use crate::storage::disk::{File, FileSystem, LocalFileSystem, OpenMode};

/// Clones share what they write down.
#[derive(Clone, Default)]
pub(super) struct Observed {
    inner: Arc<Mutex<Observations>>,
}

#[derive(Default)]
struct Observations {
    calls: Vec<String>,
    failures: Vec<Failure>,
    /// The names of the files that are open, as they are now.
    open: Vec<Weak<Mutex<PathBuf>>>,
}

struct Failure {
    /// How the call to fail begins.
    call: String,
    /// `None` for a panic.
    kind: Option<io::ErrorKind>,
    once: bool,
}

impl Observed {
    /// What was changed since the last call of this method, as `verb file`.
    pub(super) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.inner.lock().calls)
    }

    /// The next call that begins with `call` fails.
    pub(super) fn fail_once(&self, call: &str, kind: io::ErrorKind) {
        self.inner.lock().failures.push(Failure { call: call.to_owned(), kind: Some(kind), once: true });
    }

    /// In the next call that begins with `call`, the thread panics.
    pub(super) fn panic_once(&self, call: &str) {
        self.inner.lock().failures.push(Failure { call: call.to_owned(), kind: None, once: true });
    }

    /// Every call that begins with `call` fails.
    pub(super) fn fail_always(&self, call: &str, kind: io::ErrorKind) {
        self.inner.lock().failures.push(Failure { call: call.to_owned(), kind: Some(kind), once: false });
    }

    pub(super) fn fail_no_more(&self) {
        self.inner.lock().failures.clear();
    }

    fn note(&self, verb: &str, path: &Path) -> io::Result<()> {
        let call = format!("{verb} {}", path.file_name().map_or(".".into(), |name| name.to_string_lossy()));
        let mut inner = self.inner.lock();
        let fails = inner.failures.iter().position(|failure| call.starts_with(&failure.call));
        inner.calls.push(call);
        let Some(at) = fails else { return Ok(()) };
        let kind = inner.failures[at].kind;
        if inner.failures[at].once {
            inner.failures.remove(at);
        }
        drop(inner);
        match kind {
            Some(kind) => Err(kind.into()),
            None => panic!("told to panic"),
        }
    }
}

impl FileSystem for Observed {
    fn create_directories(&self, path: &Path) -> io::Result<()> {
        LocalFileSystem.create_directories(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        LocalFileSystem.list(directory)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        if mode == OpenMode::CreateNew {
            self.note("create", path)?;
        }
        let file = LocalFileSystem.open(path, mode)?;
        let path = Arc::new(Mutex::new(path.to_owned()));
        self.inner.lock().open.push(Arc::downgrade(&path));
        Ok(Box::new(ObservedFile { file, path, observed: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.note("rename to", to)?;
        LocalFileSystem.rename(from, to)?;
        for path in self.inner.lock().open.iter().filter_map(Weak::upgrade) {
            let mut path = path.lock();
            if *path == from {
                to.clone_into(&mut path);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.note("remove", path)?;
        LocalFileSystem.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.note("sync directory", Path::new("."))?;
        LocalFileSystem.sync_directory(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        LocalFileSystem.lock(path)
    }
}

struct ObservedFile {
    file: Box<dyn File>,
    path: Arc<Mutex<PathBuf>>,
    observed: Observed,
}

impl File for ObservedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.observed.note("write", &self.path.lock())?;
        self.file.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.observed.note("sync", &self.path.lock())?;
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.observed.note("sync", &self.path.lock())?;
        self.file.sync_all()
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.observed.note("resize", &self.path.lock())?;
        self.file.set_size(size)
    }
}
