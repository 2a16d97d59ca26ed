//! The way to stdout: many threads append lines, one thread writes whatever has come together.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

/// Lines between nodes are dropped while this much waits to be written: Raft sends them again. Replies to
/// clients are kept, and there are no more of them than requests under way.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// A buffer that keeps more than this is given back when it was written.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Where lines wait to be written. Clones are handles on the same lines.
#[derive(Clone, Default)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    /// Something waits, or nothing more will come.
    news: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    is_closed: bool,
}

impl Outbox {
    /// Lets `append` add lines, each with its end, for a client.
    pub(super) fn append(&self, append: impl FnOnce(&mut Vec<u8>)) {
        self.append_below(usize::MAX, append);
    }

    /// As [`append`](Self::append), for lines that may be lost. False if too much waits already.
    pub(super) fn append_unless_full(&self, append: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.append_below(WAITING_BYTES_MAX, append)
    }

    fn append_below(&self, bound: usize, append: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut lines = self.shared.lines.lock();
        if lines.waiting.len() > bound {
            return false;
        }
        let was_empty = lines.waiting.is_empty();
        append(&mut lines.waiting);
        let is_news = was_empty && !lines.waiting.is_empty();
        drop(lines);
        if is_news {
            self.shared.news.notify_one();
        }
        true
    }

    /// No more lines will come; what waits is still written.
    pub(super) fn close(&self) {
        self.shared.lines.lock().is_closed = true;
        self.shared.news.notify_one();
    }

    /// Writes lines to `out` as they come, everything that waits in one call, until the box is closed and
    /// empty.
    ///
    /// # Errors
    /// Whatever `out` says.
    pub(super) fn write_all_to(&self, mut out: impl Write) -> io::Result<()> {
        let mut batch = Vec::new();
        loop {
            let mut lines = self.shared.lines.lock();
            while lines.waiting.is_empty() {
                if lines.is_closed {
                    return Ok(());
                }
                self.shared.news.wait(&mut lines);
                drop(lines);
                // Whoever has written one line is about to write more: let it, if the processor is scarce.
                std::thread::yield_now();
                lines = self.shared.lines.lock();
            }
            std::mem::swap(&mut lines.waiting, &mut batch);
            drop(lines);
            out.write_all(&batch)?;
            out.flush()?;
            batch.clear();
            batch.shrink_to(KEPT_BYTES_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts calls, and keeps what was written.
    #[derive(Default)]
    struct Calls(Vec<Vec<u8>>);

    impl Write for &mut Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_is_written_in_one_call_also_after_the_box_was_closed() {
        let outbox = Outbox::default();
        outbox.append(|out| out.extend(b"a\n"));
        outbox.append(|out| out.extend(b"b\n"));
        outbox.close();
        let mut calls = Calls::default();
        outbox.write_all_to(&mut calls).unwrap();
        assert_eq!(calls.0, [b"a\nb\n"]);
    }

    #[test]
    fn a_full_box_refuses_peers_and_takes_replies() {
        let outbox = Outbox::default();
        outbox.append(|out| out.resize(WAITING_BYTES_MAX + 1, b'x'));
        assert!(!outbox.append_unless_full(|out| out.push(b'y')));
        outbox.append(|out| out.push(b'z'));
        assert_eq!(outbox.shared.lines.lock().waiting.last(), Some(&b'z'));
    }
}
