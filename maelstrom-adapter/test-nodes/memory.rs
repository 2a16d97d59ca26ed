//! What a node remembers when it is killed. The machine goes on, so a file needs no flush of a disk.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::store::Store;

/// What must be remembered before anybody is told of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) epoch: usize,
    pub(crate) store: Option<Store>,
    pub(crate) handing_over: Option<Value>,
}

/// The file that holds it.
pub(crate) struct MemoryFile {
    path: PathBuf,
    saved: Vec<u8>,
}

impl MemoryFile {
    pub(crate) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("memory.json"), saved: Vec::new() }
    }

    /// What an earlier life has left.
    pub(crate) fn load(&self) -> io::Result<Option<Memory>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps what is to be remembered: all of it, or what was there before.
    pub(crate) fn save(&mut self, memory: &Memory) -> io::Result<()> {
        let bytes = serde_json::to_vec(memory)?;
        if bytes != self.saved {
            let unfinished = self.path.with_extension("tmp");
            fs::write(&unfinished, &bytes)?;
            fs::rename(&unfinished, &self.path)?;
            self.saved = bytes;
        }
        Ok(())
    }
}
