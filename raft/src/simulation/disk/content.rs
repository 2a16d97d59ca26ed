//! One file: what programs see of it, what is on the disk, and what lies in between.

use std::collections::BTreeMap;

use rand::Rng;
use rand_pcg::Pcg64Mcg;

use super::{
    Unsynced,
    pages::{PAGE_BYTES, Page, Pages, SECTOR_BYTES, pieces},
};

/// How many contents of a page are remembered between two syncs. More would cost memory and show nothing new.
const VERSIONS_MAX: usize = 8;

/// A file's contents.
#[derive(Clone, Default)]
pub(super) struct Content {
    /// What programs see.
    cached: Pages,
    /// What a crash cannot take away.
    durable: Pages,
    /// The contents that each page has had since the last sync, oldest first; a hole is `None`. The kernel may have
    /// written any of them back.
    dirty: BTreeMap<u64, Vec<Option<Page>>>,
    /// The sizes since the last sync, oldest first.
    sizes: Vec<u64>,
}

/// What a crash or a failed sync did to one file.
#[derive(Clone, Copy, Default)]
pub(super) struct Losses {
    pub(super) lost: u64,
    pub(super) torn: u64,
}

impl Content {
    pub(super) fn cached(&self) -> &Pages {
        &self.cached
    }

    pub(super) fn durable(&self) -> &Pages {
        &self.durable
    }

    /// Writes as many of `bytes` as there is room for; says how many.
    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, mut free_pages: u64) -> usize {
        let mut written = 0;
        for piece in pieces(offset, bytes.len()) {
            if !self.cached.holds(piece.page) {
                let Some(left) = free_pages.checked_sub(1) else { break };
                free_pages = left;
            }
            self.cached.write(&piece, &bytes[piece.range.clone()]);
            self.mark_dirty(piece.page);
            written = piece.range.end;
        }
        let end = offset + written as u64;
        if written > 0 && end > self.cached.size() {
            self.set_size(end);
        }
        written
    }

    pub(super) fn set_size(&mut self, size: u64) {
        for page in self.cached.set_size(size) {
            self.mark_dirty(page);
        }
        self.sizes.push(size);
    }

    fn mark_dirty(&mut self, page: u64) {
        let versions = self.dirty.entry(page).or_default();
        if versions.len() == VERSIONS_MAX {
            versions.remove(0);
        }
        versions.push(self.cached.page(page));
    }

    /// All that was written is durable.
    ///
    /// Only dirty pages are written: what an earlier, failed sync has dropped is clean, and stays lost.
    pub(super) fn sync(&mut self) {
        for page in std::mem::take(&mut self.dirty).into_keys() {
            self.durable.set_page(page, self.cached.page(page));
        }
        if !std::mem::take(&mut self.sizes).is_empty() {
            self.durable.set_size(self.cached.size());
        }
    }

    /// A sync fails: some of what was written is durable, the rest never will be. Programs may go on seeing it, until
    /// the kernel needs the memory.
    pub(super) fn fail_sync(&mut self, random: &mut Pcg64Mcg) -> Losses {
        let losses = self.settle(Unsynced::Random, random);
        if random.random() {
            self.cached = self.durable.clone();
        }
        losses
    }

    /// The power fails and comes back.
    pub(super) fn crash(&mut self, unsynced: Unsynced, random: &mut Pcg64Mcg) -> Losses {
        let losses = self.settle(unsynced, random);
        self.cached = self.durable.clone();
        losses
    }

    /// Decides for each page which of its contents is on the disk, and so for the size.
    fn settle(&mut self, unsynced: Unsynced, random: &mut Pcg64Mcg) -> Losses {
        let mut losses = Losses::default();
        for (page, versions) in std::mem::take(&mut self.dirty) {
            let old = self.durable.page(page);
            let is_torn = unsynced == Unsynced::Random && random.random_ratio(1, 4);
            let survivor = if is_torn {
                torn(old.as_ref(), &versions, random)
            } else {
                pick(old, &versions, unsynced, random)
            };
            let is_lost = survivor != versions.last().cloned().flatten();
            losses.lost += u64::from(is_lost);
            losses.torn += u64::from(is_lost && is_torn);
            self.durable.set_page(page, survivor);
        }
        let sizes = std::mem::take(&mut self.sizes);
        let size = pick(self.durable.size(), &sizes, unsynced, random);
        // Pages behind the end do not exist, whoever wrote them.
        self.durable.cut(size);
        losses
    }

    /// Changes what programs see and what is on the disk alike. `false` if the file is shorter.
    pub(super) fn damage(&mut self, offset: u64, damage: impl Fn(&mut u8)) -> bool {
        let is_there = offset < self.cached.size();
        for pages in [&mut self.cached, &mut self.durable] {
            let mut byte = [0];
            if pages.read(&mut byte, offset) == 1 {
                damage(&mut byte[0]);
                pieces(offset, 1).for_each(|piece| pages.write(&piece, &byte));
            }
        }
        is_there
    }
}

/// What is left of something that was `old` and has been each of `versions` since.
fn pick<T: Clone>(old: T, versions: &[T], unsynced: Unsynced, random: &mut Pcg64Mcg) -> T {
    let newest = versions.last().cloned();
    match unsynced {
        Unsynced::Lost => old,
        Unsynced::Kept => newest.unwrap_or(old),
        Unsynced::Random if versions.is_empty() || random.random() => old,
        Unsynced::Random => versions[random.random_range(0..versions.len())].clone(),
    }
}

/// A page each of whose sectors was written back at another time, or never.
fn torn(old: Option<&Page>, versions: &[Option<Page>], random: &mut Pcg64Mcg) -> Option<Page> {
    let mut page = [0; PAGE_BYTES];
    for start in (0..PAGE_BYTES).step_by(SECTOR_BYTES) {
        let sector = start..start + SECTOR_BYTES;
        if let Some(source) = pick(old.cloned(), versions, Unsynced::Random, random) {
            page[sector.clone()].copy_from_slice(&source[sector]);
        }
    }
    Some(page.into())
}
