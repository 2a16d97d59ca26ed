//! Entries that several peers are sent, encoded once.
//!
//! A leader sends the same run of entries to every follower. Its bytes and their checksum are made by whichever writer
//! comes to it first; the others send the same bytes from where they are. Encoding costs much more than sharing: for 64
//! entries of 256 bytes and four followers, four times as much as once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use crc32fast::Hasher;

use crate::{consensus::Entries, wire};

/// From how many bytes on a run is shared. Below, encoding it again costs no more than what sharing needs beside it.
const MIN_BYTES: usize = 512;

/// A run of entries that is encoded when the first peer is sent it.
pub(super) struct Run {
    entries: Entries,
    encoded: OnceLock<Encoded>,
}

/// A run's part of an append, as it is sent.
pub(super) struct Encoded {
    pub(super) bytes: Bytes,
    pub(super) hash: Hasher,
}

impl Run {
    /// The run in which `entries` are shared, which is `before` if that is the same; `None` if sharing does not pay.
    pub(super) fn of(entries: &Entries, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        if entries.bytes() < MIN_BYTES {
            return None;
        }
        let before = before.filter(|run| run.entries.is_same_run(entries));
        let new = || Arc::new(Self { entries: entries.clone(), encoded: OnceLock::new() });
        Some(before.map_or_else(new, Arc::clone))
    }

    pub(super) fn encoded(&self) -> &Encoded {
        self.encoded.get_or_init(|| {
            let bytes = wire::encode_entries(&self.entries);
            let mut hash = Hasher::new();
            hash.update(&bytes);
            Encoded { bytes, hash }
        })
    }
}
