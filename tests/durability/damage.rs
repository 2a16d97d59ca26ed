//! Bits flip, pages become zeros, files vanish: the log is intact, or says that it is damaged.

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

use quorate::{
    simulation::disk::SimulatedFileSystem,
    storage::disk::{FileSystem as _, OpenError},
};

use crate::{
    model::{Model, State},
    node::{self, Node},
    sweep::{at_each, is_replay, seeds},
    workload::Workload,
};

/// A log that was closed, or whose process was killed, and what it holds.
struct Specimen {
    files: SimulatedFileSystem,
    /// All states that it has gone through. It holds the last.
    states: Vec<State>,
    /// How many of them there were before the last sync.
    synced_before: usize,
    /// What each file held before the last write: that of the last sync, or that of closing the log.
    earlier: BTreeMap<PathBuf, Vec<u8>>,
}

/// What became of a damaged log.
#[derive(Default, Debug)]
struct Outcomes {
    intact: u64,
    refused: u64,
    unreadable: u64,
    end_lost: u64,
}

fn contents(files: &SimulatedFileSystem) -> BTreeMap<PathBuf, Vec<u8>> {
    files.files().into_iter().map(|path| (path.clone(), files.contents(&path).unwrap())).collect()
}

/// A log after so many actions from a seed, each with the sync that it needs.
fn specimen(seed: u64, parts: u64, is_closed: bool) -> Specimen {
    let mut node = Node::on(SimulatedFileSystem::new(seed), Model::new());
    let (mut states, mut synced_before, mut earlier) = (vec![State::new()], 0, BTreeMap::new());
    for part in 0..=parts {
        let (count, before) = (states.len(), contents(&node.files));
        if part < parts {
            let actions = Workload::from(seed << 8 | part, node.model.latest().clone()).actions(1);
            let mut state = node.model.latest().clone();
            states.extend(actions.iter().map(|action| {
                state.act(action);
                state.clone()
            }));
            node.run(&actions).unwrap();
        } else if is_closed {
            node.close();
        } else {
            node.kill();
        }
        // Not every action writes: closing a log that was only opened does not.
        if contents(&node.files) != before {
            (synced_before, earlier) = (count, before);
        }
    }
    Specimen { files: node.files.fork(seed), states, synced_before, earlier }
}

impl Specimen {
    /// Opens a damaged copy, and holds what it says to what was there, or to those of the earlier `states` that nothing
    /// could tell it from.
    fn check(&self, damaged: SimulatedFileSystem, states: &[State], outcomes: &mut Outcomes) {
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
        if Some(&found) == self.states.last() {
            outcomes.intact += 1;
        } else {
            let state = self.states.last();
            assert!(
                states.contains(&found),
                "opened without an error, the log holds\n  {found:?}\nnot\n  {state:?}"
            );
            outcomes.end_lost += 1;
        }
        // That a log goes on needs no proof for each bit.
        if !(outcomes.intact + outcomes.end_lost).is_multiple_of(8) {
            return;
        }
        let mut model = Model::new();
        model.attempt(|state| *state = found);
        model.acknowledge();
        Node::on(damaged, model).go_on_closed();
    }

    /// Whether the last write wrote some of these bytes. Nothing behind it bears witness to it.
    fn is_of_last_write(&self, path: &PathBuf, bytes: Range<usize>) -> bool {
        let now = self.files.contents(path).unwrap();
        let before = self.earlier.get(path).cloned().unwrap_or_default();
        let is_changed = |at: &usize| before.get(*at) != Some(&now[*at]);
        let first = (0..now.len()).find(is_changed);
        let last = (0..now.len()).rev().find(is_changed);
        // Where a frame writes zeros over zeros, at its ends, nothing changes.
        first.zip(last).is_some_and(|(first, last)| first < bytes.end + 64 && last + 64 >= bytes.start)
    }
}

impl Node {
    /// Opens, and goes on.
    fn go_on_closed(&mut self) {
        self.open().expect("a log that was opened opens again");
        self.go_on(1);
    }
}

/// Tries every byte, also the zeros behind what was written.
fn flip_every_byte(test: &str, is_closed: bool) {
    let mut outcomes = Outcomes::default();
    for seed in seeds(2) {
        let specimen = specimen(seed, 8, is_closed);
        let files = specimen.files.files();
        let bytes = files.iter().flat_map(|path| {
            let contents = specimen.files.contents(path).unwrap();
            (0..contents.len()).map(move |offset| (path, offset))
        });
        let bytes: Vec<_> = bytes.collect();
        at_each(test, seed, bytes.len() as u64, |number| {
            let (path, offset) = bytes[usize::try_from(number).unwrap() - 1];
            let damaged = specimen.files.fork(number);
            damaged.flip_bit(path, offset as u64, u8::try_from(number % 8).unwrap()).unwrap();
            // Of a log that was closed, the last write says nothing but that.
            let may_be_torn = !is_closed && specimen.is_of_last_write(path, offset..offset + 1);
            let states = if may_be_torn { &specimen.states[specimen.synced_before - 1..] } else { &[] };
            specimen.check(damaged, states, &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(is_replay() || (outcomes.intact > 0 && outcomes.refused > 0), "{outcomes:?}");
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
        let specimen = specimen(seed, 25, seed % 2 == 0);
        let pages = specimen.files.files().into_iter().flat_map(|path| {
            let length = specimen.files.contents(&path).unwrap().len();
            (0..length).step_by(4096).map(move |offset| (path.clone(), offset))
        });
        let pages: Vec<_> = pages.collect();
        at_each("zeroed_page", seed, pages.len() as u64, |number| {
            let (path, offset) = &pages[usize::try_from(number).unwrap() - 1];
            let damaged = specimen.files.fork(number);
            damaged.zero_page(path, *offset as u64).unwrap();
            // The page may hold the last write, and earlier ones with it.
            let may_be_torn = specimen.is_of_last_write(path, *offset..*offset + 4096);
            let states = if may_be_torn { &*specimen.states } else { &[] };
            specimen.check(damaged, states, &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(is_replay() || (outcomes.intact > 0 && outcomes.refused > 0), "{outcomes:?}");
}

#[test]
fn missing_file_is_refused_or_harmless() {
    let mut outcomes = Outcomes::default();
    for seed in seeds(20) {
        let specimen = specimen(seed, 25, true);
        let files = specimen.files.files();
        at_each("missing_file", seed, files.len() as u64, |number| {
            let damaged = specimen.files.fork(number);
            damaged.remove(&files[usize::try_from(number).unwrap() - 1]).unwrap();
            specimen.check(damaged, &[], &mut outcomes);
        });
    }
    println!("{outcomes:?}");
    assert!(is_replay() || (outcomes.intact > 0 && outcomes.refused > 0), "{outcomes:?}");
}
