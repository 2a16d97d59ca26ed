//! A file system in memory that crashes, fails, fills up and decays when it is told to.
//!
//! [`SimulatedFileSystem`] stands behind [`FileSystem`](crate::storage::disk::FileSystem), and keeps exactly the promises
//! that this trait makes. Of each file it knows the bytes that are **durable** and what each page (4 KiB) has held since
//! the last sync; of each directory the durable names and what was created, renamed and removed since. When the power
//! fails, every page that was not synced may have its old contents, any of those it has had since, or sectors (512
//! bytes) of several; independently of all other pages, of the size, and of every name.
//!
//! | to find out what happens when | do |
//! |---|---|
//! | power fails at any moment | [`fail_at`](SimulatedFileSystem::fail_at) with [`Fault::Crash`], then [`restart`](SimulatedFileSystem::restart) |
//! | only the process dies | [`restart_processes`](SimulatedFileSystem::restart_processes) |
//! | a device fails, a call is cut short | [`fail_at`](SimulatedFileSystem::fail_at), [`fail_next`](SimulatedFileSystem::fail_next), [`fail_each`](SimulatedFileSystem::fail_each), [`fail_some`](SimulatedFileSystem::fail_some) |
//! | a failed sync is followed by one that succeeds | [`Fault::Broken`] at a sync: what it lost stays lost |
//! | the disk is full | [`set_capacity`](SimulatedFileSystem::set_capacity) |
//! | bits rot | [`flip_bit`](SimulatedFileSystem::flip_bit), [`zero_page`](SimulatedFileSystem::zero_page) |
//! | the same crash ends in another way | [`fork`](SimulatedFileSystem::fork) before the restart |
//!
//! # Example: crash at every operation
//!
//! A counter in a file, which is to survive a crash at any moment, with what was synced or what came after:
//!
//! ```
//! use std::{io, path::Path};
//! use quorate::{
//!     simulation::disk::{Fault, SimulatedFileSystem},
//!     storage::disk::{FileSystem, OpenMode},
//! };
//!
//! /// Writes a new file beside the old one and puts it in its place.
//! fn save(files: &dyn FileSystem, count: u8) -> io::Result<()> {
//!     let (new, counter) = (Path::new("/data/counter.new"), Path::new("/data/counter"));
//!     let _ = files.remove(new); // left behind by a crash
//!     let file = files.open(new, OpenMode::CreateNew)?;
//!     file.write_at(&[count], 0)?;
//!     file.sync_data()?; // without this line, some crash leaves an empty counter
//!     files.rename(new, counter)?;
//!     files.sync_directory(Path::new("/data"))
//! }
//!
//! fn load(files: &dyn FileSystem) -> io::Result<u8> {
//!     let mut count = [0];
//!     let read = files.open(Path::new("/data/counter"), OpenMode::Read)?.read_at(&mut count, 0)?;
//!     assert_eq!(read, 1, "the counter is empty");
//!     Ok(count[0])
//! }
//!
//! for seed in 0..20 {
//!     for operation in 1.. {
//!         let files = SimulatedFileSystem::new(seed);
//!         files.create_directories(Path::new("/data"))?;
//!         files.sync_directory(Path::new("/"))?;
//!         save(&files, 1)?;
//!         files.fail_at(files.statistics().operations() + operation, Fault::Crash);
//!         let outcome = save(&files, 2);
//!         files.restart();
//!         files.stop_failing();
//!         match outcome {
//!             Ok(()) => assert_eq!(load(&files)?, 2, "what was acknowledged is there"),
//!             Err(_) => assert!(matches!(load(&files)?, 1 | 2), "the old count, or the new one"),
//!         }
//!         if outcome.is_ok() {
//!             break; // every operation had its crash
//!         }
//!     }
//! }
//! # io::Result::Ok(())
//! ```

mod content;
mod fault;
mod machine;
mod names;
mod operations;
mod pages;
mod statistics;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;

pub use fault::{Fault, Operation};
pub use statistics::Statistics;

use fault::{Rule, When};
use machine::Machine;
use names::Target;
use pages::PAGE_BYTES;

/// A file system in memory that crashes, fails, fills up and decays when it is told to: see the [module](self).
///
/// Clones are handles on the same disk, for the program and for the test. All threads may use it; what happens depends
/// only on the seed and on the order of the calls. All paths begin at its root, which is always there.
#[derive(Clone)]
pub struct SimulatedFileSystem {
    machine: Arc<Mutex<Machine>>,
}

/// What becomes of what was not synced when power fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsynced {
    /// All of it is lost.
    Lost,
    /// All of it is there.
    Kept,
    /// Each page, each size, and each name is old, new, or in between, by chance.
    Random,
}

impl SimulatedFileSystem {
    /// An empty disk without limits or faults, on which chance is drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { machine: Arc::new(Mutex::new(Machine::new(seed))) }
    }

    /// A disk of its own with the same contents, synced and not, the same faults to come, and chance from another seed.
    /// Nobody has a file open there; if this machine is down, so is the other.
    #[must_use]
    pub fn fork(&self, seed: u64) -> Self {
        let mut machine = self.machine.lock().clone();
        machine.random = Pcg64Mcg::seed_from_u64(seed);
        machine.end_processes();
        Self { machine: Arc::new(Mutex::new(machine)) }
    }

    /// From now on `fault` happens to the operation with this number. Operations of all kinds are counted from 1 on,
    /// through all restarts: [`Statistics::operations`] is the number of the latest.
    pub fn fail_at(&self, number: u64, fault: Fault) {
        self.add_rule(When::At(number), fault);
    }

    /// From now on `fault` happens to every operation of this kind.
    pub fn fail_each(&self, operation: Operation, fault: Fault) {
        self.fail_some(operation, fault, 1);
    }

    /// From now on `fault` happens to one in `one_in` operations of this kind, by chance.
    pub fn fail_some(&self, operation: Operation, fault: Fault, one_in: u32) {
        self.add_rule(When::OneIn(operation, one_in), fault);
    }

    /// `fault` happens to the next operation of this kind, and to no other.
    pub fn fail_next(&self, operation: Operation, fault: Fault) {
        self.add_rule(When::Next(operation), fault);
    }

    fn add_rule(&self, when: When, fault: Fault) {
        self.machine.lock().rules.push(Rule { when, fault });
    }

    /// No more faults happen. What they have done stays done.
    pub fn stop_failing(&self) {
        self.machine.lock().rules.clear();
    }

    /// From now on the disk holds so many bytes; `None`: as many as one likes. Files take whole pages of 4 KiB, names
    /// take nothing, and what was never written takes nothing. A removed file makes room when nobody has it open.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.machine.lock().capacity_bytes = bytes;
    }

    /// How many bytes the disk holds now, counted as for [`set_capacity`](Self::set_capacity).
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.machine.lock().used_bytes()
    }

    /// From now on an operation of this kind takes so long. Nobody waits: it is counted in [`Statistics::waited`].
    pub fn slow_down(&self, operation: Operation, duration: Duration) {
        self.machine.lock().slowness.insert(operation, duration);
    }

    /// The power fails now. Every operation fails until it comes [back](Self::restart).
    pub fn crash(&self) {
        drop(self.machine.lock().stop());
    }

    /// Whether the power has failed and has not come back.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.machine.lock().is_down
    }

    /// The power comes back, after it has failed if it had not: the disk is as a machine would find it, with each thing
    /// that was not synced lost or not by chance. What processes had opened or locked is theirs no more.
    pub fn restart(&self) {
        self.restart_with(Unsynced::Random);
    }

    /// As [`restart`](Self::restart), with what was not synced lost or kept as `unsynced` says.
    pub fn restart_with(&self, unsynced: Unsynced) {
        self.machine.lock().restart(unsynced);
    }

    /// The processes die and start again; the machine goes on. They find all that was written, and it is no more synced
    /// than it was: a later crash can still take it.
    ///
    /// Of a machine that is [down](Self::is_down), the power comes back first.
    pub fn restart_processes(&self) {
        let mut machine = self.machine.lock();
        if machine.is_down {
            machine.restart(Unsynced::Random);
        } else {
            machine.end_processes();
        }
    }

    /// Flips one bit of a file, on the disk and in memory: bit 0 is the lowest of the byte at `offset`.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`], or [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    pub fn flip_bit(&self, path: &Path, offset: u64, bit: u8) -> io::Result<()> {
        self.damage(path, offset, |byte| *byte ^= 1 << (bit % 8))
    }

    /// Overwrites the page of 4 KiB around `offset` by zeros, on the disk and in memory.
    ///
    /// # Errors
    /// As [`flip_bit`](Self::flip_bit).
    pub fn zero_page(&self, path: &Path, offset: u64) -> io::Result<()> {
        let page = PAGE_BYTES as u64;
        let start = offset / page * page;
        let size = self.contents(path)?.len() as u64;
        self.damage(path, offset, |byte| *byte = 0)?;
        (start..size.min(start + page)).try_for_each(|offset| self.damage(path, offset, |byte| *byte = 0))
    }

    fn damage(&self, path: &Path, offset: u64, damage: impl Fn(&mut u8)) -> io::Result<()> {
        let mut machine = self.machine.lock();
        let file = machine.file_at(path)?;
        if machine.content(file)?.damage(offset, damage) {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    /// All files, as programs see them, in the order of their paths. Counts as no operation.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let machine = self.machine.lock();
        let all = machine.directories.iter().flat_map(|(path, names)| {
            let files = names.cached.iter().filter(|(_, target)| matches!(target, Target::File(_)));
            files.map(move |(name, _)| Path::new("/").join(path).join(name))
        });
        all.collect()
    }

    /// A file's contents, as programs see them. Counts as no operation.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut machine = self.machine.lock();
        let file = machine.file_at(path)?;
        Ok(machine.content(file)?.cached().to_vec())
    }

    /// What is on the disk of a file's contents, whether or not its name is. Counts as no operation.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn durable_contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut machine = self.machine.lock();
        let file = machine.file_at(path)?;
        Ok(machine.content(file)?.durable().to_vec())
    }

    /// What was done so far, and what was done to it.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.machine.lock().statistics.clone()
    }
}

#[cfg(test)]
mod tests;
