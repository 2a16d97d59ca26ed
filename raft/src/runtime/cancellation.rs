//! Calling off what writes on another thread.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::state_machine::SnapshotWriter;

/// Calls off the writing of a snapshot, which then ends with an error at its next piece. Clones are of the same one.
#[derive(Clone, Default)]
pub(super) struct Cancellation {
    is_cancelled: Arc<AtomicBool>,
}

/// Writes to `output` until it is called off.
struct Cancellable<'a> {
    output: &'a mut dyn Write,
    cancellation: &'a Cancellation,
}

impl Cancellation {
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// The same snapshot, which can be called off from here.
    pub(super) fn guard(self, write: SnapshotWriter) -> SnapshotWriter {
        Box::new(move |output| write(&mut Cancellable { output, cancellation: &self }))
    }
}

impl Cancellable<'_> {
    fn check(&self) -> io::Result<()> {
        if self.cancellation.is_cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("the node stops, and nobody needs the snapshot"));
        }
        Ok(())
    }
}

impl Write for Cancellable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_off_ends_at_its_next_piece() {
        let cancellation = Cancellation::default();
        let canceller = cancellation.clone();
        let write = cancellation.guard(Box::new(move |output| {
            output.write_all(b"first")?;
            canceller.cancel();
            output.write_all(b"second")
        }));
        let mut output = Vec::new();
        assert!(write(&mut output).is_err());
        assert_eq!(output, b"first");
    }
}
