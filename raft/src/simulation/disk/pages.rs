//! A file's bytes, page by page.

use std::{collections::BTreeMap, sync::Arc};

/// What a page cache reads, writes, keeps and loses as one.
pub(super) const PAGE_BYTES: usize = 4096;
/// What a device writes as a whole, or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

const PAGE: u64 = PAGE_BYTES as u64;

pub(super) type Page = Arc<[u8; PAGE_BYTES]>;

/// The bytes of a file. A page that was never written is a hole: it reads as zeros.
#[derive(Clone, Default)]
pub(super) struct Pages {
    pages: BTreeMap<u64, Page>,
    size: u64,
}

/// The part of a page that lies within a range of bytes.
pub(super) struct Piece {
    pub(super) page: u64,
    /// Where it begins in its page.
    pub(super) start: usize,
    /// Where it lies in the range.
    pub(super) range: std::ops::Range<usize>,
}

/// The pages that `length` bytes at `offset` touch, in order.
pub(super) fn pieces(offset: u64, length: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let position = offset + done as u64;
        let start = usize::try_from(position % PAGE).unwrap_or_default();
        let count = (PAGE_BYTES - start).min(length - done);
        let piece = Piece { page: position / PAGE, start, range: done..done + count };
        done += count;
        (count > 0).then_some(piece)
    })
}

impl Pages {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// How many bytes of the disk it takes.
    pub(super) fn allocated(&self) -> u64 {
        self.pages.len() as u64 * PAGE
    }

    pub(super) fn holds(&self, page: u64) -> bool {
        self.pages.contains_key(&page)
    }

    /// A page; `None` if it is a hole.
    pub(super) fn page(&self, page: u64) -> Option<Page> {
        self.pages.get(&page).cloned()
    }

    /// Replaces a page; `None` makes it a hole.
    pub(super) fn set_page(&mut self, page: u64, contents: Option<Page>) {
        match contents {
            Some(contents) => self.pages.insert(page, contents),
            None => self.pages.remove(&page),
        };
    }

    /// Fills `buffer` as far as the file reaches; says how far.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        for piece in pieces(offset, count) {
            let target = &mut buffer[piece.range];
            match self.pages.get(&piece.page) {
                Some(page) => target.copy_from_slice(&page[piece.start..piece.start + target.len()]),
                None => target.fill(0),
            }
        }
        count
    }

    /// Writes within one page, whatever the file's size.
    pub(super) fn write(&mut self, piece: &Piece, bytes: &[u8]) {
        let page = self.pages.entry(piece.page).or_insert_with(|| Arc::new([0; PAGE_BYTES]));
        Arc::make_mut(page)[piece.start..piece.start + bytes.len()].copy_from_slice(bytes);
    }

    /// Cuts the file, or extends it by a hole. The pages that this has changed.
    pub(super) fn set_size(&mut self, size: u64) -> Vec<u64> {
        let mut changed = Vec::new();
        if size < self.size {
            // What lies behind the end is zero, also when the file grows again.
            let used = usize::try_from(size % PAGE).unwrap_or_default();
            if used > 0
                && let Some(page) = self.pages.get_mut(&(size / PAGE))
            {
                Arc::make_mut(page)[used..].fill(0);
                changed.push(size / PAGE);
            }
            changed.extend(self.pages.split_off(&size.div_ceil(PAGE)).into_keys());
        }
        self.size = size;
        changed
    }

    /// Sets the size and drops all behind it, whatever the size was.
    pub(super) fn cut(&mut self, size: u64) {
        self.size = u64::MAX;
        self.set_size(size);
    }

    /// All bytes, for tests to look at.
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.size).unwrap_or_default()];
        self.read(&mut bytes, 0);
        bytes
    }
}
