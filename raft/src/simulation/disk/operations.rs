//! The calls of a program: [`FileSystem`] and [`File`].

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{
    Fault, Operation, SimulatedFileSystem,
    machine::{Machine, normal, not_found},
    names::{FileId, Target},
};
use crate::storage::disk::{File, FileSystem, OpenMode};

/// Carries out an operation that happens as a whole or fails.
fn perform<T>(
    machine: &Mutex<Machine>,
    operation: Operation,
    life: Option<u64>,
    act: impl FnOnce(&mut Machine) -> io::Result<T>,
) -> io::Result<T> {
    let mut machine = machine.lock();
    match machine.begin(operation, life)? {
        None | Some(Fault::Short) => act(&mut machine),
        Some(Fault::Crash) => {
            // Under way when the power failed: like all that is not synced, it has happened or not.
            let done = act(&mut machine);
            let error = machine.stop();
            // A handle that nobody gets asks for the machine when it is dropped.
            drop(machine);
            drop(done);
            Err(error)
        }
        Some(fault @ (Fault::Broken | Fault::NoSpace | Fault::Interrupted)) => Err(fault.error()),
    }
}

impl SimulatedFileSystem {
    fn perform<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        perform(&self.machine, operation, None, act)
    }
}

impl FileSystem for SimulatedFileSystem {
    fn create_directories(&self, path: &Path) -> io::Result<()> {
        self.perform(Operation::CreateDirectories, |machine| machine.create_directories(path))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        self.perform(Operation::List, |machine| {
            let names = machine.names(&normal(directory))?;
            Ok(names.cached.keys().map(PathBuf::from).collect())
        })
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        self.perform(Operation::Open, |machine| {
            let file = match (machine.file_at(path), mode) {
                (Ok(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
                (Err(error), OpenMode::CreateNew) if error.kind() == io::ErrorKind::NotFound => {
                    let place = machine.place(path)?;
                    machine.create_file(place)?
                }
                (found, _) => found?,
            };
            *machine.handles.entry(file).or_default() += 1;
            let handle = OpenFile {
                machine: Arc::clone(&self.machine),
                file,
                life: machine.life,
                is_writable: mode != OpenMode::Read,
            };
            Ok(Box::new(handle) as Box<dyn File>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.perform(Operation::Rename, |machine| {
            let file = machine.file_at(from)?;
            let (from, to) = (machine.place(from)?, machine.place(to)?);
            if from.directory != to.directory {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "renaming is within one directory"));
            }
            let names = machine.names(&from.directory)?;
            if names.cached.get(&to.name) == Some(&Target::Directory) {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if from.name != to.name {
                names.rename(from.name, to.name, Target::File(file));
            }
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.perform(Operation::Remove, |machine| {
            let file = machine.file_at(path)?;
            let place = machine.place(path)?;
            machine.names(&place.directory)?.remove(place.name, Target::File(file));
            Ok(())
        })
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut machine = self.machine.lock();
        let fault = machine.begin(Operation::SyncDirectory, None)?;
        let Machine { directories, random, .. } = &mut *machine;
        let names = directories.get_mut(&normal(path)).ok_or_else(|| not_found(path))?;
        match fault {
            None | Some(Fault::Short) => names.sync(),
            Some(Fault::Crash) => return Err(machine.stop()),
            Some(fault @ (Fault::NoSpace | Fault::Interrupted)) => return Err(fault.error()),
            Some(Fault::Broken) => {
                names.fail_sync(random);
                return Err(Fault::Broken.error());
            }
        }
        machine.drop_nameless();
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.perform(Operation::Lock, |machine| {
            if machine.file_at(path).is_err() {
                let place = machine.place(path)?;
                machine.create_file(place)?;
            }
            let path = normal(path);
            if !machine.locks.insert(path.clone()) {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, "another process holds the lock"));
            }
            let lock = Lock { machine: Arc::clone(&self.machine), path, life: machine.life };
            Ok(Box::new(lock) as Box<dyn Send + Sync>)
        })
    }
}

/// A file that a process has open.
struct OpenFile {
    machine: Arc<Mutex<Machine>>,
    file: FileId,
    /// The process's.
    life: u64,
    is_writable: bool,
}

impl OpenFile {
    fn perform<T>(
        &self,
        operation: Operation,
        act: impl FnOnce(&mut Machine) -> io::Result<T>,
    ) -> io::Result<T> {
        perform(&self.machine, operation, Some(self.life), act)
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.is_writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn sync(&self, operation: Operation) -> io::Result<()> {
        let mut machine = self.machine.lock();
        match machine.begin(operation, Some(self.life))? {
            None | Some(Fault::Short) => {
                machine.content(self.file)?.sync();
                Ok(())
            }
            Some(Fault::Crash) => Err(machine.stop()),
            Some(Fault::Broken) => {
                machine.fail_sync(self.file);
                Err(Fault::Broken.error())
            }
            Some(fault @ (Fault::NoSpace | Fault::Interrupted)) => Err(fault.error()),
        }
    }
}

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut machine = self.machine.lock();
        let count = match machine.begin(Operation::Read, Some(self.life))? {
            None => buffer.len(),
            Some(Fault::Short) => machine.some_of(buffer.len()),
            Some(Fault::Crash) => return Err(machine.stop()),
            Some(fault @ (Fault::Broken | Fault::NoSpace | Fault::Interrupted)) => return Err(fault.error()),
        };
        let read = machine.content(self.file)?.cached().read(&mut buffer[..count], offset);
        machine.statistics.bytes_read += read as u64;
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.check_writable()?;
        let mut machine = self.machine.lock();
        let fault = machine.begin(Operation::Write, Some(self.life))?;
        let count = match fault {
            None | Some(Fault::Crash) => bytes.len(),
            Some(Fault::Short | Fault::Broken) => machine.some_of(bytes.len()),
            Some(fault @ (Fault::NoSpace | Fault::Interrupted)) => return Err(fault.error()),
        };
        let free_pages = machine.free_pages();
        let written = machine.content(self.file)?.write(&bytes[..count], offset, free_pages);
        machine.statistics.bytes_written += written as u64;
        match fault {
            Some(Fault::Crash) => Err(machine.stop()),
            Some(Fault::Broken) => Err(Fault::Broken.error()),
            _ if written == 0 && !bytes.is_empty() => Err(Fault::NoSpace.error()),
            _ => Ok(written),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(Operation::SyncData)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(Operation::SyncAll)
    }

    fn size(&self) -> io::Result<u64> {
        self.perform(Operation::Size, |machine| Ok(machine.content(self.file)?.cached().size()))
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.check_writable()?;
        self.perform(Operation::SetSize, |machine| {
            machine.content(self.file)?.set_size(size);
            Ok(())
        })
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut machine = self.machine.lock();
        if self.life != machine.life {
            return;
        }
        if let Some(count) = machine.handles.get_mut(&self.file) {
            *count -= 1;
            if *count == 0 {
                machine.handles.remove(&self.file);
                machine.drop_nameless();
            }
        }
    }
}

/// A lock that a process holds.
struct Lock {
    machine: Arc<Mutex<Machine>>,
    path: PathBuf,
    /// The process's.
    life: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut machine = self.machine.lock();
        if self.life == machine.life {
            machine.locks.remove(&self.path);
        }
    }
}
