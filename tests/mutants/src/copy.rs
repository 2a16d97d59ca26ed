//! The copy of the repository that is broken in place of it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, catalogue::Mutant};

/// A copy of all that git tracks, and a target directory of its own beside it.
pub(crate) struct WorkingCopy {
    pub(crate) repository: PathBuf,
    pub(crate) target: PathBuf,
}

impl WorkingCopy {
    /// Makes the copy, or brings an earlier one up to date. Files that are equal are not touched, so that nothing is
    /// built again for them.
    pub(crate) fn of(root: &Path) -> Result<Self, Error> {
        let folder = root.join("target/mutants");
        let copy = Self { repository: folder.join("repository"), target: folder.join("target") };
        let mut wanted = BTreeSet::new();
        for path in tracked_files(root)? {
            // A file that git tracks may be deleted here and not committed yet.
            if let Ok(contents) = fs::read(root.join(&path)) {
                let to = copy.repository.join(path);
                write_if_other(&to, &contents)?;
                wanted.insert(to);
            }
        }
        remove_others(&copy.repository, &wanted)?;
        Ok(copy)
    }

    /// Makes the change; it is taken back when what is returned is dropped.
    pub(crate) fn change(&self, mutant: &Mutant) -> Result<Changed, Error> {
        let path = self.repository.join(&mutant.file);
        let original = fs::read_to_string(&path).map_err(failed_at(&path))?;
        let changed = mutant.change(&original)?;
        write_if_other(&path, changed.as_bytes())?;
        Ok(Changed { path, original })
    }
}

/// A file of the copy that is not as it should be.
pub(crate) struct Changed {
    path: PathBuf,
    original: String,
}

impl Drop for Changed {
    fn drop(&mut self) {
        // If that fails, the next run writes the file anew.
        let _ = fs::write(&self.path, &self.original);
    }
}

fn tracked_files(root: &Path) -> Result<Vec<String>, Error> {
    let no_checkout = || Error::NoCheckout { path: root.display().to_string() };
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let listed = listed.ok().filter(|output| output.status.success()).ok_or_else(no_checkout)?;
    let names = listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// Removes what an earlier copy has brought: a test that is gone must not run.
fn remove_others(folder: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(failed_at(folder))? {
        let path = entry.map_err(failed_at(folder))?.path();
        if path.is_dir() {
            remove_others(&path, wanted)?;
        } else if !wanted.contains(&path) {
            fs::remove_file(&path).map_err(failed_at(&path))?;
        }
    }
    Ok(())
}

fn failed_at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File { path, source }
}

fn write_if_other(path: &Path, contents: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|held| held == contents) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed_at(folder))?;
    }
    fs::write(path, contents).map_err(failed_at(path))
}
