//! Checks whether a storage of yours keeps the contracts of [`Storage`](crate::Storage) and [`StorageWriter`].
//!
//! One line in a test of yours; the feature `conformance` turns it on. For a storage that forgets when it is dropped:
//!
//! ```
//! # use quorate::MemStorage;
//! quorate::storage::conformance::check(MemStorage::with_membership).unwrap();
//! ```
//!
//! For one that remembers, say where it is to lie; the same place again is the same storage, opened again:
//!
//! ```
//! # use std::collections::HashMap;
//! # use quorate::MemStorage;
//! # let mut disks = HashMap::new();
//! # let mut open = |place: &str, founders| {
//! #     disks.entry(place.to_owned()).or_insert_with(|| MemStorage::with_membership(founders)).clone()
//! # };
//! // For example: |place, founders| MyStorage::open(directory.join(place), founders).unwrap()
//! quorate::storage::conformance::check_durable(&mut open).unwrap();
//! ```
//!
//! Each sentence is checked on a storage of its own, and all that are broken are reported, each with what was seen. A
//! panic of the storage breaks the sentence in which it happens. What is asked of it is only what a correct node asks:
//! terms and commit indexes that never go down, and no entries replaced that are committed.
//!
//! Whether a storage keeps its promises when the power fails is beyond this suite: see
//! [`SimulatedFileSystem`](crate::simulation::disk::SimulatedFileSystem) for that.
#![cfg_attr(
    not(feature = "simulation"),
    allow(rustdoc::broken_intra_doc_links, reason = "a feature of its own")
)]

mod reading;
mod reopening;
mod seen;
mod snapshots;
mod subject;
mod writing;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::StorageWriter;
use crate::consensus::Membership;
use seen::{Difference, Finding};
use subject::Subject;

/// Checks a storage that forgets everything when it is dropped. `new` makes one for a cluster of these founders.
///
/// # Errors
/// The sentences that it breaks. It prints them also by `unwrap`.
pub fn check<W: StorageWriter>(mut new: impl FnMut(Membership) -> W) -> Result<(), Broken> {
    run(&of_every_storage(), &mut |_, founders| new(founders))
}

/// Checks a storage that remembers. `open` opens the one at this place, or makes it there, for a cluster of these
/// founders; a place is a short name, fit for a directory.
///
/// It is opened again only after what was opened before, with its readers, is dropped.
///
/// # Errors
/// The sentences that it breaks. It prints them also by `unwrap`.
pub fn check_durable<W: StorageWriter>(mut open: impl FnMut(&str, Membership) -> W) -> Result<(), Broken> {
    let mut sentences = of_every_storage();
    sentences.extend(reopening::sentences());
    run(&sentences, &mut open)
}

/// One sentence of the contract, and how to see whether it is kept.
struct Sentence<W> {
    words: &'static str,
    check: fn(&mut Subject<'_, W>) -> Finding,
}

/// What also a storage must keep that forgets.
fn of_every_storage<W: StorageWriter>() -> Vec<Sentence<W>> {
    [reading::sentences(), writing::sentences(), snapshots::sentences()].into_iter().flatten().collect()
}

fn run<W: StorageWriter>(
    sentences: &[Sentence<W>],
    open: &mut dyn FnMut(&str, Membership) -> W,
) -> Result<(), Broken> {
    let mut broken = Vec::new();
    for (number, sentence) in sentences.iter().enumerate() {
        let mut subject = Subject::new(format!("{:02}", number + 1), open);
        let finding = catch_unwind(AssertUnwindSafe(|| (sentence.check)(&mut subject)));
        let difference = match finding {
            Ok(Ok(())) => continue,
            Ok(Err(difference)) => difference,
            Err(payload) => Difference::panicked(payload.as_ref()),
        };
        broken.push(BrokenSentence { words: sentence.words, seen: difference.to_string() });
    }
    if broken.is_empty() { Ok(()) } else { Err(Broken { sentences: broken, checked: sentences.len() }) }
}

/// The sentences of the contract that a storage breaks.
#[derive(thiserror::Error)]
pub struct Broken {
    sentences: Vec<BrokenSentence>,
    checked: usize,
}

/// A sentence of the contract, and what was seen instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokenSentence {
    /// The sentence.
    pub words: &'static str,
    /// What was seen.
    pub seen: String,
}

impl Broken {
    /// The sentences, at least one, in the order of the suite.
    #[must_use]
    pub fn sentences(&self) -> &[BrokenSentence] {
        &self.sentences
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the storage breaks {} of {} sentences:", self.sentences.len(), self.checked)?;
        for sentence in &self.sentences {
            writeln!(f, "- {}\n    {}", sentence.words, sentence.seen)?;
        }
        Ok(())
    }
}

/// As it displays, so that `unwrap` in a test tells all.
impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
