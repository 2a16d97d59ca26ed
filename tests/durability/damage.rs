//! Bits flip, pages become zeros, files vanish: the log is intact, or says that it is damaged.

use std::{collections::BTreeMap, path::PathBuf};

use quorate::{
    simulation::disk::SimulatedFileSystem,
    storage::disk::{FileSystem as _, OpenError},
};

use crate::{
    model::{Model, State},
    node::{self, Node},
    sweep::{actions, at_each, seeds},
    workload::Workload,
};

/// A log that was closed, or whose process was killed, and what it holds.
struct Specimen {
    files: SimulatedFileSystem,
    state: State,
    /// The state before the last sync, and what each file held then.
    earlier: (State, BTreeMap<PathBuf, Vec<u8>>),
    is_closed: bool,
}

/// What became of a damaged log.
#[derive(Default, Debug)]
struct Outcomes {
    intact: u64,
    refused: u64,
    unreadable: u64,
    last_sync_lost: u64,
}

fn contents(files: &SimulatedFileSystem) -> BTreeMap<PathBuf, Vec<u8>> {
    files.files().into_iter().map(|path| (path.clone(), files.contents(&path).unwrap())).collect()
}

/// The log after the workload of `seed`.
fn specimen(seed: u64, is_closed: bool) -> Specimen {
    let mut node = Node::on(SimulatedFileSystem::new(seed), Model::new());
    node.run(&actions(seed)).unwrap();
    let earlier = (node.model.acknowledged().clone(), contents(&node.files));
    let last = Workload::from(seed, node.model.acknowledged().clone()).actions(1);
    node.run(&last).unwrap();
    if is_closed {
        node.close();
    } else {
        node.kill();
    }
    Specimen { files: node.files.fork(seed), state: node.model.acknowledged().clone(), earlier, is_closed }
}

impl Specimen {
    /// Opens a damaged copy, and holds what it says to what was there. `is_last_sync`: whether the damage is to what
    /// the last sync wrote, which nothing behind it bears witness to unless the log was closed.
    fn check(&self, damaged: SimulatedFileSystem, is_last_sync: bool, outcomes: &mut Outcomes) {
        let storage = match node::open(&damaged) {
            Ok(storage) => storage,
            Err(error) => {
                assert!(!matches!(error, OpenError::InUse(_)), "{error}");
                outcomes.refused += 1;
                return;
            }
        };
        let Ok(found) = State::read(&storage) else {
            outcomes.unreadable += 1;
            return;
        };
        drop(storage);
        if found == self.state {
            outcomes.intact += 1;
        } else {
            let may_be_lost = is_last_sync && !self.is_closed && found == self.earlier.0;
            assert!(
                may_be_lost,
                "opened without an error, the log holds\n  {found:?}\nnot\n  {:?}",
                self.state
            );
            outcomes.last_sync_lost += 1;
        }
        let mut model = Model::new();
        model.attempt(|state| *state = found);
        model.acknowledge();
        Node::on(damaged, model).go_on_closed();
    }

    fn is_of_last_sync(&self, path: &PathBuf, range: std::ops::Range<usize>) -> bool {
        let now = self.files.contents(path).unwrap();
        let before = self.earlier.1.get(path);
        before.is_none_or(|before| before.get(range.clone()) != now.get(range))
    }
}

impl Node {
    /// Opens, and goes on.
    fn go_on_closed(&mut self) {
        self.open().expect("a log that was opened opens again");
        self.go_on(1);
    }
}

/// Tries every byte that was ever written, and some of the zeros behind them.
fn flip_every_byte(test: &str, is_closed: bool) {
    let mut outcomes = Outcomes::default();
    for seed in seeds(2) {
        let specimen = specimen(seed, is_closed);
        let files = specimen.files.files();
        let bytes = files.iter().flat_map(|path| {
            let contents = specimen.files.contents(path).unwrap();
            let is_worth_it = |(offset, byte): &(usize, u8)| *byte != 0 || offset % 61 == 0;
            let worthy: Vec<_> = contents.into_iter().enumerate().filter(is_worth_it).collect();
            worthy.into_iter().map(move |(offset, _)| (path, offset))
        });
        let bytes: Vec<_> = bytes.collect();
        at_each(test, seed, bytes.len() as u64, |number| {
            let (path, offset) = bytes[usize::try_from(number).unwrap() - 1];
            let damaged = specimen.files.fork(number);
            damaged.flip_bit(path, offset as u64, u8::try_from(number % 8).unwrap()).unwrap();
            let is_last_sync = specimen.is_of_last_sync(path, offset..offset + 1);
            specimen.check(damaged, is_last_sync, &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(outcomes.intact > 0 && outcomes.refused > 0, "{outcomes:?}");
}

#[test]
fn flipped_bit_in_a_closed_log_is_refused_or_harmless() {
    flip_every_byte("flipped_bit_in_a_closed_log", true);
}

#[test]
fn flipped_bit_in_a_killed_log_costs_at_most_the_last_sync() {
    flip_every_byte("flipped_bit_in_a_killed_log", false);
}

#[test]
fn zeroed_page_is_refused_or_harmless() {
    let mut outcomes = Outcomes::default();
    for seed in seeds(20) {
        let specimen = specimen(seed, seed % 2 == 0);
        let pages = specimen.files.files().into_iter().flat_map(|path| {
            let length = specimen.files.contents(&path).unwrap().len();
            (0..length).step_by(4096).map(move |offset| (path.clone(), offset))
        });
        let pages: Vec<_> = pages.collect();
        at_each("zeroed_page", seed, pages.len() as u64, |number| {
            let (path, offset) = &pages[usize::try_from(number).unwrap() - 1];
            let damaged = specimen.files.fork(number);
            damaged.zero_page(path, *offset as u64).unwrap();
            let is_last_sync = specimen.is_of_last_sync(path, *offset..*offset + 4096);
            specimen.check(damaged, is_last_sync, &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(outcomes.intact > 0 && outcomes.refused > 0, "{outcomes:?}");
}

#[test]
fn missing_file_is_refused_or_harmless() {
    let mut outcomes = Outcomes::default();
    for seed in seeds(20) {
        let specimen = specimen(seed, true);
        let files = specimen.files.files();
        at_each("missing_file", seed, files.len() as u64, |number| {
            let damaged = specimen.files.fork(number);
            damaged.remove(&files[usize::try_from(number).unwrap() - 1]).unwrap();
            specimen.check(damaged, false, &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(outcomes.intact > 0 && outcomes.refused > 0, "{outcomes:?}");
}
