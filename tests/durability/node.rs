//! A log on a simulated disk, with a model of what it must hold.

use std::sync::Arc;

use quorate::{
    DiskOptions, DiskStorage, HardState, NodeId, Snapshot, SnapshotWriter, StorageError, StorageWriter as _,
    simulation::disk::SimulatedFileSystem, storage::disk::OpenError,
};
use slog::{Discard, Logger, o};

use crate::{
    model::{Action, Model, State, Write, founders},
    workload::Workload,
};

pub(crate) const DIRECTORY: &str = "/node/log";

/// A log, open or not, on its disk.
pub(crate) struct Node {
    pub(crate) files: SimulatedFileSystem,
    pub(crate) model: Model,
    storage: Option<DiskStorage>,
}

/// Why a node did not get through its actions.
#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
pub(crate) enum Failure {
    Open(OpenError),
    Storage(StorageError),
    /// The power failed, and the log did not notice: what failed was only for later.
    Down,
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// Opens the log on this disk: without threads, and with the same id each time.
pub(crate) fn open(files: &SimulatedFileSystem) -> Result<DiskStorage, OpenError> {
    let mut options = DiskOptions::default();
    options.segment_bytes = DiskOptions::SEGMENT_BYTES_MIN;
    options.background = false;
    options.seed = Some(7);
    DiskStorage::open_in(Arc::new(files.clone()), DIRECTORY, founders(), options, Logger::root(Discard, o!()))
}

/// Saves a snapshot, written piece by piece.
fn save(storage: &DiskStorage, snapshot: &Snapshot) -> Result<Snapshot, StorageError> {
    let data = snapshot.data.to_bytes()?;
    let write: SnapshotWriter =
        Box::new(move |to| data.chunks(700).try_for_each(|piece| to.write_all(piece)));
    storage.snapshot_saver().save(snapshot.last, snapshot.membership.clone(), write)
}

impl Node {
    pub(crate) fn on(files: SimulatedFileSystem, model: Model) -> Self {
        Self { files, model, storage: None }
    }

    /// Opens the log, if it is not, and holds it to what it may contain.
    pub(crate) fn open(&mut self) -> Result<(), Failure> {
        if self.storage.is_none() {
            let storage = open(&self.files).map_err(Failure::Open)?;
            let found = State::read(&storage)?;
            self.model.observe(found);
            self.storage = Some(storage);
        }
        Ok(())
    }

    /// Does all of it, and checks at the end what is there; or stops at the first failure.
    pub(crate) fn run(&mut self, actions: &[Action]) -> Result<(), Failure> {
        self.open()?;
        actions.iter().try_for_each(|action| self.act(action))?;
        let found = State::read(self.storage.as_ref().unwrap())?;
        self.model.observe(found);
        Ok(())
    }

    fn act(&mut self, action: &Action) -> Result<(), Failure> {
        if std::env::var_os("QUORATE_TRACE").is_some() {
            println!("{} {action:?}", self.files.statistics().operations());
        }
        let storage = self.storage.as_mut().unwrap();
        match action {
            Action::Stage(write) => {
                self.model.attempt(|state| state.write(write));
                storage.stage(&write.ready())?;
            }
            Action::Sync => {
                storage.sync()?;
                self.model.acknowledge();
            }
            Action::Compact(snapshot, keep) => {
                self.model.attempt(|state| state.compact(snapshot, *keep));
                let saved = save(storage, snapshot)?;
                storage.compact(saved, *keep)?;
                self.model.acknowledge();
            }
            Action::Reopen => {
                self.storage = None;
                self.open()?;
            }
            Action::Kill => {
                if self.files.is_down() {
                    return Err(Failure::Down);
                }
                self.kill();
                self.open()?;
            }
        }
        Ok(())
    }

    /// The process dies.
    pub(crate) fn kill(&mut self) {
        // First, so that dropping the storage can write nothing more.
        self.files.restart_processes();
        self.storage = None;
    }

    /// The process ends as it should.
    pub(crate) fn close(&mut self) {
        self.storage = None;
    }

    /// After a failure: whatever the log accepts now, it must keep.
    pub(crate) fn try_to_vote(&mut self) {
        let Some(storage) = &mut self.storage else { return };
        // If it is not known how far the log is committed, a node cannot go on.
        let Some(HardState { term, commit, .. }) = self.model.hard_state_but_for_votes() else { return };
        let hard_state = HardState { term: term.next(), vote: Some(NodeId(3)), commit };
        let write = Write { hard_state: Some(hard_state), ..Write::default() };
        if storage.stage(&write.ready()).is_ok() && storage.sync().is_ok() {
            self.model.acknowledge_after_failure(&write);
        }
    }

    /// The log goes on after a recovery: more of everything, and then the power fails once more.
    pub(crate) fn go_on(&mut self, seed: u64) {
        let actions = Workload::from(seed, self.model.latest().clone()).actions(6);
        self.run(&actions).expect("a log that was recovered goes on");
        self.files.restart();
        self.storage = None;
        self.open().expect("a log that went on opens again");
    }
}
