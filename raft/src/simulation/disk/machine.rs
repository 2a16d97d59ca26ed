//! The machine behind the handles: its disk, its page cache, and the faults to come.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{
    Fault, Operation, Statistics, Unsynced,
    content::{Content, Losses},
    fault::{Rule, When},
    names::{FileId, Names, Target},
    pages::PAGE_BYTES,
};

/// A machine with one disk.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) random: Pcg64Mcg,
    pub(super) files: BTreeMap<FileId, Content>,
    pub(super) directories: BTreeMap<PathBuf, Names>,
    pub(super) locks: BTreeSet<PathBuf>,
    /// How many handles there are on each file: a file without a name lives as long as somebody has it open.
    pub(super) handles: BTreeMap<FileId, u64>,
    next_file: u64,
    /// Counts up when processes die: what they had opened is of no use any more.
    pub(super) life: u64,
    pub(super) is_down: bool,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) rules: Vec<Rule>,
    pub(super) slowness: BTreeMap<Operation, Duration>,
    pub(super) statistics: Statistics,
}

/// A path that was taken apart: where, and which name there.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) name: OsString,
}

/// A path without what does not matter here: all paths begin at the root.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    normal
}

pub(super) fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

impl Machine {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Pcg64Mcg::seed_from_u64(seed),
            files: BTreeMap::new(),
            directories: BTreeMap::from([(PathBuf::new(), Names::default())]),
            locks: BTreeSet::new(),
            handles: BTreeMap::new(),
            next_file: 0,
            life: 0,
            is_down: false,
            capacity_bytes: None,
            rules: Vec::new(),
            slowness: BTreeMap::new(),
            statistics: Statistics::default(),
        }
    }

    /// Counts the operation, and says what is to go wrong with it.
    ///
    /// # Errors
    /// The machine has crashed, or the process that opened the file has died.
    pub(super) fn begin(&mut self, operation: Operation, life: Option<u64>) -> io::Result<Option<Fault>> {
        // The dead do nothing that would count.
        if life.is_some_and(|life| life != self.life) {
            return Err(Fault::Crash.error());
        }
        self.statistics.on_operation(operation);
        if self.is_down {
            return Err(Fault::Crash.error());
        }
        self.statistics.waited += self.slowness.get(&operation).copied().unwrap_or_default();
        let number = self.statistics.operations();
        let random = &mut self.random;
        let mut happens = |rule: &&Rule| match rule.when {
            When::At(at) => at == number,
            When::OneIn(kind, one_in) => kind == operation && random.random_ratio(1, one_in.max(1)),
            When::Next(kind) => kind == operation,
        };
        let rule = self.rules.iter().position(|rule| happens(&rule));
        let fault = rule.map(|rule| self.rules[rule].fault);
        if let Some(once) = rule.filter(|rule| matches!(self.rules[*rule].when, When::Next(_))) {
            self.rules.remove(once);
        }
        fault.into_iter().for_each(|fault| self.statistics.on_fault(fault));
        Ok(fault)
    }

    /// The power fails. What the operation under way returns.
    pub(super) fn stop(&mut self) -> io::Error {
        self.is_down = true;
        self.statistics.crashes += 1;
        Fault::Crash.error()
    }

    /// Some of so many bytes, at least one.
    pub(super) fn some_of(&mut self, count: usize) -> usize {
        if count < 2 { count } else { self.random.random_range(1..count) }
    }

    /// How many pages can still be allocated.
    pub(super) fn free_pages(&self) -> u64 {
        let Some(capacity) = self.capacity_bytes else { return u64::MAX };
        capacity.saturating_sub(self.used_bytes()) / PAGE_BYTES as u64
    }

    /// How much is taken by files that have a name or are open.
    pub(super) fn used_bytes(&self) -> u64 {
        let named: BTreeSet<_> =
            self.directories.values().flat_map(|names| names.cached.values().copied()).collect();
        let is_live = |file: &FileId| named.contains(&Target::File(*file)) || self.handles.contains_key(file);
        let live = self.files.iter().filter(|(file, _)| is_live(file));
        live.map(|(_, content)| content.cached().allocated()).sum()
    }

    pub(super) fn place(&self, path: &Path) -> io::Result<Place> {
        let path = normal(path);
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "the root is no file"));
        };
        Ok(Place { directory: directory.to_owned(), name: name.to_owned() })
    }

    pub(super) fn names(&mut self, directory: &Path) -> io::Result<&mut Names> {
        self.directories.get_mut(directory).ok_or_else(|| not_found(directory))
    }

    /// The file at `path`, as programs see it.
    pub(super) fn file_at(&self, path: &Path) -> io::Result<FileId> {
        let place = self.place(path)?;
        let names = self.directories.get(&place.directory).ok_or_else(|| not_found(path))?;
        match names.cached.get(&place.name) {
            Some(Target::File(file)) => Ok(*file),
            Some(Target::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(not_found(path)),
        }
    }

    pub(super) fn create_file(&mut self, place: Place) -> io::Result<FileId> {
        let file = FileId(self.next_file);
        self.names(&place.directory)?.create(place.name, Target::File(file));
        self.next_file += 1;
        self.files.insert(file, Content::default());
        Ok(file)
    }

    pub(super) fn create_directories(&mut self, path: &Path) -> io::Result<()> {
        let mut above = PathBuf::new();
        for name in &normal(path) {
            let names = self.names(&above)?;
            match names.cached.get(name) {
                Some(Target::Directory) => {}
                Some(Target::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => names.create(name.to_owned(), Target::Directory),
            }
            above.push(name);
            self.directories.entry(above.clone()).or_default();
        }
        Ok(())
    }

    pub(super) fn content(&mut self, file: FileId) -> io::Result<&mut Content> {
        self.files.get_mut(&file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn fail_sync(&mut self, file: FileId) {
        if let Some(content) = self.files.get_mut(&file) {
            let losses = content.fail_sync(&mut self.random);
            self.record(losses);
        }
    }

    /// All processes die, and the kernel lives on.
    pub(super) fn end_processes(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.handles.clear();
        self.drop_nameless();
    }

    /// The power fails, if it has not, and comes back.
    pub(super) fn restart(&mut self, unsynced: Unsynced) {
        self.statistics.crashes += u64::from(!self.is_down);
        self.is_down = false;
        let random = &mut self.random;
        let undone = self.directories.values_mut().map(|names| names.crash(unsynced, random)).sum::<u64>();
        self.statistics.names_undone += undone;
        self.drop_lost_directories();
        let mut losses = Losses::default();
        for content in self.files.values_mut() {
            let of_file = content.crash(unsynced, &mut self.random);
            losses.lost += of_file.lost;
            losses.torn += of_file.torn;
        }
        self.record(losses);
        self.end_processes();
    }

    fn record(&mut self, losses: Losses) {
        self.statistics.pages_lost += losses.lost;
        self.statistics.pages_torn += losses.torn;
    }

    /// A directory whose name was lost is not there, and nothing in it.
    fn drop_lost_directories(&mut self) {
        let mut kept: BTreeMap<PathBuf, Names> = BTreeMap::new();
        // A directory comes after the one that it is in.
        for (path, names) in std::mem::take(&mut self.directories) {
            let is_named = match (path.parent(), path.file_name()) {
                (Some(parent), Some(name)) => {
                    kept.get(parent).is_some_and(|above| above.durable.contains_key(name))
                }
                _ => true,
            };
            if is_named {
                kept.insert(path, names);
            }
        }
        self.directories = kept;
    }

    /// Frees what no name leads to, now or after a crash, and nobody has open.
    pub(super) fn drop_nameless(&mut self) {
        let named: BTreeSet<_> = self.directories.values().flat_map(Names::files).collect();
        let handles = &self.handles;
        self.files.retain(|file, _| named.contains(file) || handles.contains_key(file));
    }
}
