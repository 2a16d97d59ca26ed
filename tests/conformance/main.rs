//! The conformance suite for storages: ours pass, and storages that are wrong in one way each fail by that sentence.

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod flawed;

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use flawed::{Flaw, Flawed};
use quorate::{
    DiskOptions, DiskStorage, MemStorage, Membership,
    simulation::disk::SimulatedFileSystem,
    storage::conformance::{check, check_durable},
};
use slog::{Discard, Logger, o};

#[test]
fn memory_conforms() {
    check(MemStorage::with_membership).unwrap();
}

#[test]
fn log_on_disk_conforms() {
    let files = Arc::new(SimulatedFileSystem::new(1));
    let mut options = DiskOptions::default();
    (options.background, options.segment_bytes) = (false, DiskOptions::SEGMENT_BYTES_MIN);
    check_durable(|place, founders| {
        let logger = Logger::root(Discard, o!());
        DiskStorage::open_in(files.clone(), format!("/{place}"), founders, options, logger).unwrap()
    })
    .unwrap();
}

/// Storages in memory with this flaw, each of which is still there when it is opened again.
fn with_flaw(flaw: Flaw) -> impl FnMut(&str, Membership) -> Flawed {
    let disks = RefCell::new(HashMap::<String, MemStorage>::new());
    move |place, founders| {
        let mut disks = disks.borrow_mut();
        let is_new = !disks.contains_key(place);
        let disk =
            disks.entry(place.to_owned()).or_insert_with(|| MemStorage::with_membership(founders.clone()));
        Flawed::open(disk.clone(), flaw, founders, is_new)
    }
}

#[test]
fn storage_without_flaw_conforms() {
    check_durable(with_flaw(Flaw::None)).unwrap();
}

#[test]
fn each_flaw_breaks_its_sentence() {
    let mut missed = Vec::new();
    for (flaw, words) in flawed::ALL {
        let broken = check_durable(with_flaw(*flaw)).err();
        let sentences = broken.iter().flat_map(|broken| broken.sentences());
        let found: Vec<_> = sentences.map(|sentence| sentence.words).collect();
        if !found.iter().any(|found| found.contains(words)) {
            missed.push(format!("{flaw:?} should break `{words}`, and breaks {found:#?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn all_broken_sentences_are_reported_with_what_was_seen() {
    let broken = check_durable(with_flaw(Flaw::LastIsExcluded)).unwrap_err();
    assert!(broken.sentences().len() > 1);
    let report = broken.to_string();
    assert!(report.contains("`entries` gives those from `first` to `last`, both included"), "{report}");
    assert!(report.contains("the answer from 1 to 5 is"), "{report}");
    assert_eq!(format!("{broken:?}"), report, "`unwrap` tells it all");
}
