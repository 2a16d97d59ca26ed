//! What happens, line by line: the nodes' decisions, and what passes between them.

use std::{
    cell::RefCell,
    fmt::{self, Write},
    sync::{Arc, Mutex},
};

use quorate::{NodeId, Term};
use slog::{Drain, KV, Key, Level, Logger, OwnedKVList, Record, Serializer, o};

/// The lines since they were last taken.
#[derive(Default)]
pub(crate) struct Journal {
    lines: RefCell<Vec<String>>,
}

impl Journal {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.lines.borrow_mut().push(line.into());
    }

    pub(crate) fn take(&self) -> String {
        self.lines.take().join("\n")
    }
}

/// What one node has decided since it was last asked.
#[derive(Clone)]
pub(crate) struct Decisions {
    lines: Arc<Mutex<Vec<String>>>,
    level: Level,
}

impl Decisions {
    pub(crate) fn down_to(level: Level) -> Self {
        Self { lines: Arc::default(), level }
    }

    pub(crate) fn logger(&self) -> Logger {
        Logger::root(self.clone().fuse(), o!())
    }

    /// Moves them to the journal: `n2@3 candidate log 3@1 is behind 2@2 -> refuse`.
    pub(crate) fn tell(&self, node: NodeId, term: Term, journal: &Journal) {
        let Ok(mut lines) = self.lines.lock() else { return };
        for line in lines.drain(..) {
            journal.write(format!("{node}@{term} {line}"));
        }
    }
}

impl Drain for Decisions {
    type Ok = ();
    type Err = fmt::Error;

    fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), fmt::Error> {
        if record.level().is_at_least(self.level) {
            let mut line = record.msg().to_string();
            record.kv().serialize(record, &mut Details(&mut line)).map_err(|_| fmt::Error)?;
            self.lines.lock().map_err(|_| fmt::Error)?.push(line);
        }
        Ok(())
    }
}

/// Appends a record's keys and values: ` (hint 2@1)`. The term stands before the line already.
struct Details<'a>(&'a mut String);

impl Serializer for Details<'_> {
    fn emit_arguments(&mut self, key: Key, value: &fmt::Arguments<'_>) -> slog::Result {
        if key != "term" {
            write!(self.0, " ({key} {value})").map_err(|_| slog::Error::Other)?;
        }
        Ok(())
    }
}
