//! The snapshots of a log: saving them, finding the one in force, removing old ones.
//!
//! A file has the name of a snapshot only when all of it is durable. It counts only when a frame of the log says so.

use std::{
    io::{self, Write},
    sync::{Arc, atomic::Ordering},
};

use super::{
    error::{Naming, OpenError},
    file_system::OpenMode,
    names::{Name, unfinished_copy},
    segment::remove_if_there,
    shared::Shared,
    snapshot_file::{SnapshotFile, SnapshotFileWriter},
};
use crate::{
    consensus::{EntryId, LogIndex, Membership, Snapshot, SnapshotData, StorageError},
    state_machine::SnapshotWriter,
    storage::SnapshotSaver,
};

/// Makes a snapshot from elsewhere durable, under its name; copies it piece by piece.
pub(super) fn save_copy(shared: &Shared, snapshot: &Snapshot) -> Result<(), OpenError> {
    save(shared, snapshot.last, &snapshot.membership, |output| {
        io::copy(&mut *snapshot.data.open()?, output).map(|_| ())
    })
}

/// Makes the snapshot durable whose contents `write` writes, under its name.
fn save(
    shared: &Shared,
    last: EntryId,
    membership: &Membership,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), OpenError> {
    let path = Name::Snapshot(last).path(&shared.directory);
    let number = shared.snapshots_begun.fetch_add(1, Ordering::Relaxed);
    let temporary = unfinished_copy(&path, number);
    let files = &*shared.files;
    let file = files.open(&temporary, OpenMode::CreateNew).naming("create", &temporary)?;
    let mut output = SnapshotFileWriter::new(&*file, shared.log, last, membership);
    let written = write(&mut output).and_then(|()| output.finish()).naming("write", &temporary);
    let named = written.and_then(|()| files.rename(&temporary, &path).naming("rename", &temporary));
    if let Err(error) = named {
        // It only takes room. If it cannot be removed, the next opening does it.
        let _ = files.remove(&temporary);
        return Err(error);
    }
    shared.sync_directory()
}

/// The snapshot in force. Its contents stay readable, also when another one has taken its place.
pub(super) fn current(shared: &Shared) -> Result<Option<Snapshot>, StorageError> {
    loop {
        let mark = shared.state.read().mark;
        let Some(last) = mark.snapshot() else { return Ok(None) };
        match open(shared, last) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            // Two newer ones have come meanwhile, and it was removed.
            Err(_) if shared.state.read().mark.snapshot != last => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn open(shared: &Shared, last: EntryId) -> Result<Snapshot, OpenError> {
    let path = Name::Snapshot(last).path(&shared.directory);
    let file = SnapshotFile::open(&*shared.files, &path, shared.log, last)?;
    Ok(Snapshot { last, membership: file.membership.clone(), data: SnapshotData::elsewhere(file) })
}

/// Removes the snapshots older than the one in force, but for the latest of them.
pub(super) fn remove_older(shared: &Shared, in_force: Option<EntryId>) -> Result<(), OpenError> {
    let index = in_force.map_or(LogIndex::ZERO, |last| last.index);
    let names = shared.files.list(&shared.directory).naming("list", &shared.directory)?;
    let mut older: Vec<_> = names.iter().filter_map(|path| Name::of(path)).collect();
    older.retain(|name| matches!(name, Name::Snapshot(last) if last.index < index));
    older.sort_unstable_by_key(|name| match name {
        Name::Snapshot(last) => last.index,
        Name::Segment(_) | Name::Spare(_) | Name::Unfinished => LogIndex::ZERO,
    });
    // One is kept for whoever is reading it, and for a repair by hand.
    older.pop();
    for name in &older {
        remove_if_there(&*shared.files, &name.path(&shared.directory))?;
    }
    if older.is_empty() { Ok(()) } else { shared.sync_directory() }
}

/// Saves snapshots while the log is being written.
pub(super) struct DiskSaver(pub(super) Arc<Shared>);

impl SnapshotSaver for DiskSaver {
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
    ) -> Result<Snapshot, StorageError> {
        self.0.check()?;
        save(&self.0, last, &membership, write)?;
        Ok(open(&self.0, last)?)
    }
}
