//! The names of the files in a log's directory.

use std::path::{Path, PathBuf};

use crate::consensus::EntryId;

/// Locked while a process works on the log.
pub(super) const LOCK: &str = "lock";

/// What a file in a log's directory is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Name {
    /// A part of the log; its sequence number.
    Segment(u64),
    /// Prepared to become a segment; a number that no other spare has.
    Spare(u64),
    /// The state machine as of an entry.
    Snapshot(EntryId),
    /// Half made when the process ended: of no use to anybody.
    Unfinished,
}

impl Name {
    /// What `path` is; `None` if it is not one of ours, or the lock.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if let Some(stem) = name.strip_suffix(".tmp") {
            let stem = stem.split_once('.').map_or(stem, |(stem, _)| stem);
            return Self::parse(stem).map(|_| Self::Unfinished);
        }
        Self::parse(name)
    }

    fn parse(name: &str) -> Option<Self> {
        let (kind, numbers) = name.split_once('-')?;
        match kind {
            "segment" => Some(Self::Segment(number(numbers)?)),
            "spare" => Some(Self::Spare(number(numbers)?)),
            "snapshot" => {
                let (index, term) = numbers.split_once('-')?;
                Some(Self::Snapshot(EntryId::new(number(term)?, number(index)?)))
            }
            _ => None,
        }
    }

    /// The file's path.
    pub(super) fn path(self, directory: &Path) -> PathBuf {
        directory.join(match self {
            Self::Segment(sequence) => format!("segment-{sequence:016}"),
            Self::Spare(number) => format!("spare-{number:016}"),
            Self::Snapshot(last) => format!("snapshot-{:020}-{:020}", last.index.0, last.term.0),
            Self::Unfinished => "unfinished.tmp".to_owned(),
        })
    }
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The path of a file that is being made and will be `path`.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("tmp")
}

/// As [`unfinished`], where several may be made at the same time; `number` is no other's.
pub(super) fn unfinished_copy(path: &Path, number: u64) -> PathBuf {
    path.with_extension(format!("{number}.tmp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_what_it_was() {
        let directory = Path::new("log");
        for name in [Name::Segment(7), Name::Spare(u64::MAX), Name::Snapshot(EntryId::new(3, 1 << 60))] {
            let path = name.path(directory);
            assert_eq!(Name::of(&path), Some(name));
            assert_eq!(Name::of(&unfinished(&path)), Some(Name::Unfinished));
            assert_eq!(Name::of(&unfinished_copy(&path, 3)), Some(Name::Unfinished));
        }
        for other in ["lock", "segment-", "segment-+1", "segment-99999999999999999999", "notes.tmp", "a-1-2"]
        {
            assert_eq!(Name::of(Path::new(other)), None, "{other}");
        }
    }
}
