//! One directory: the names that programs see, those that are on the disk, and what lies in between.

use std::{collections::BTreeMap, ffi::OsString};

use rand::Rng;
use rand_pcg::Pcg64Mcg;

use super::Unsynced;

/// Names a file, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct FileId(pub(super) u64);

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Target {
    Directory,
    File(FileId),
}

/// A directory's names.
#[derive(Clone, Default)]
pub(super) struct Names {
    /// What programs see.
    pub(super) cached: BTreeMap<OsString, Target>,
    /// What a crash cannot take away.
    pub(super) durable: BTreeMap<OsString, Target>,
    /// What has happened since the last sync, oldest first.
    pending: Vec<Change>,
}

/// A creation, a removal, or both at once: a renaming.
#[derive(Clone)]
struct Change {
    target: Target,
    removed: Option<OsString>,
    added: Option<OsString>,
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<OsString, Target>) {
        // If what came before was undone, the name may stand for something else by now.
        if let Some(name) = &self.removed
            && names.get(name) == Some(&self.target)
        {
            names.remove(name);
        }
        if let Some(name) = &self.added {
            names.insert(name.clone(), self.target);
        }
    }
}

impl Names {
    pub(super) fn create(&mut self, name: OsString, target: Target) {
        self.change(Change { target, removed: None, added: Some(name) });
    }

    pub(super) fn remove(&mut self, name: OsString, target: Target) {
        self.change(Change { target, removed: Some(name), added: None });
    }

    pub(super) fn rename(&mut self, from: OsString, to: OsString, target: Target) {
        self.change(Change { target, removed: Some(from), added: Some(to) });
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.cached);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.pending.clear();
        self.durable = self.cached.clone();
    }

    /// A sync fails: any of the changes are durable. File systems write names to a journal first, and forget none of
    /// them while they run: the others become durable with a later sync.
    pub(super) fn fail_sync(&mut self, random: &mut Pcg64Mcg) {
        for change in &self.pending {
            if random.random() {
                change.apply(&mut self.durable);
            }
        }
    }

    /// The power fails and comes back: any of the changes may have happened, but a renaming is never half done. How
    /// many were undone.
    pub(super) fn crash(&mut self, unsynced: Unsynced, random: &mut Pcg64Mcg) -> u64 {
        let mut undone = 0;
        for change in std::mem::take(&mut self.pending) {
            let survives = match unsynced {
                Unsynced::Lost => false,
                Unsynced::Kept => true,
                Unsynced::Random => random.random(),
            };
            if survives {
                change.apply(&mut self.durable);
            }
            undone += u64::from(!survives);
        }
        self.cached = self.durable.clone();
        undone
    }

    /// The files that a program sees here, or that may appear here after a crash.
    pub(super) fn files(&self) -> impl Iterator<Item = FileId> {
        let pending = self.pending.iter().map(|change| change.target);
        let named = self.cached.values().chain(self.durable.values()).copied();
        named.chain(pending).filter_map(|target| match target {
            Target::File(file) => Some(file),
            Target::Directory => None,
        })
    }
}
