//! The transport's threads: named, watched over, and waited for at the end.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use slog::{Logger, error};

use super::time::Deadline;
use crate::back_off::BackOff;

/// All threads of one transport.
pub(super) struct Threads {
    logger: Logger,
    running: Mutex<Vec<ThreadId>>,
    ended: Condvar,
    stopping: AtomicBool,
    /// For those that sleep between two attempts.
    stopped: (Mutex<()>, Condvar),
    pub(super) panics: AtomicU64,
}

/// Takes its thread off the list, however the thread ends.
struct Running<'a>(&'a Threads);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        self.0.running.lock().retain(|id| *id != own);
        self.0.ended.notify_all();
    }
}

impl Threads {
    pub(super) fn new(logger: Logger) -> Self {
        Self {
            logger,
            running: Mutex::default(),
            ended: Condvar::new(),
            stopping: AtomicBool::new(false),
            stopped: (Mutex::new(()), Condvar::new()),
            panics: AtomicU64::new(0),
        }
    }

    /// Runs `body` in a thread of this name. A panic in it is logged and counted, and ends it.
    pub(super) fn spawn(
        self: &Arc<Self>,
        name: String,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let threads = Arc::clone(self);
        // The list is locked until the thread is on it: it cannot end before.
        let mut running = self.running.lock();
        let watched = {
            let name = name.clone();
            move || {
                let _running = Running(&threads);
                threads.catch(&name, body);
            }
        };
        let thread = thread::Builder::new().name(name).spawn(watched)?;
        running.push(thread.thread().id());
        Ok(())
    }

    /// Runs `body` in a thread of this name until it returns; after a panic, again.
    pub(super) fn supervise(
        self: &Arc<Self>,
        name: String,
        mut back_off: BackOff,
        body: impl Fn() + Send + 'static,
    ) -> io::Result<()> {
        let threads = Arc::clone(self);
        self.spawn(name.clone(), move || {
            while !threads.catch(&name, &body) && !threads.are_stopping() {
                threads.sleep(back_off.next());
            }
        })
    }

    /// Whether `body` returned; else it panicked.
    pub(super) fn catch(&self, name: &str, body: impl FnOnce()) -> bool {
        let Err(payload) = catch_unwind(AssertUnwindSafe(body)) else { return true };
        self.panics.fetch_add(1, Ordering::Relaxed);
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        error!(self.logger, "thread panicked -> its connection is closed"; "thread" => name,
            "panic" => text.unwrap_or("no message"));
        false
    }

    /// Sleeps, but not beyond the transport's end.
    pub(super) fn sleep(&self, wait: Duration) {
        let mut guard = self.stopped.0.lock();
        let deadline = Deadline::after(wait);
        while !self.are_stopping() && !deadline.has_passed() {
            self.stopped.1.wait_until(&mut guard, deadline.instant());
        }
    }

    pub(super) fn are_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes that the end has come; whether it is news.
    pub(super) fn stop(&self) -> bool {
        let is_news = !self.stopping.swap(true, Ordering::AcqRel);
        let _guard = self.stopped.0.lock();
        self.stopped.1.notify_all();
        is_news
    }

    /// Waits until all threads but the caller's own have ended, `at_most` so long. How many still run.
    pub(super) fn wait(&self, at_most: Duration) -> usize {
        let own = thread::current().id();
        let deadline = Deadline::after(at_most);
        let mut running = self.running.lock();
        let others = |running: &Vec<ThreadId>| running.iter().filter(|id| **id != own).count();
        while others(&running) > 0 && !deadline.has_passed() {
            self.ended.wait_until(&mut running, deadline.instant());
        }
        others(&running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn threads() -> Arc<Threads> {
        Arc::new(Threads::new(Logger::root(slog::Discard, slog::o!())))
    }

    #[test]
    fn a_thread_that_panics_is_run_again_and_counted() {
        let threads = threads();
        let runs = Arc::new(AtomicU64::new(0));
        let back_off = BackOff::new(Duration::from_millis(1), Duration::from_millis(2), 1);
        let counted = Arc::clone(&runs);
        let body = move || assert!(counted.fetch_add(1, Ordering::Relaxed) >= 2, "twice it goes wrong");
        threads.supervise("supervised".to_owned(), back_off, body).unwrap();
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
        assert_eq!((runs.load(Ordering::Relaxed), threads.panics.load(Ordering::Relaxed)), (3, 2));
    }

    #[test]
    fn waiting_ends_though_a_thread_does_not() {
        let threads = threads();
        let (end, ended) = crossbeam_channel::bounded::<()>(0);
        threads.spawn("stubborn".to_owned(), move || assert!(ended.recv().is_err())).unwrap();
        assert_eq!(threads.wait(Duration::from_millis(1)), 1);
        drop(end);
        assert_eq!(threads.wait(Duration::from_secs(60)), 0);
    }

    #[test]
    fn a_thread_does_not_wait_for_itself() {
        let threads = threads();
        let own = Arc::clone(&threads);
        let (answer, answered) = crossbeam_channel::bounded(1);
        threads
            .spawn("selfish".to_owned(), move || answer.send(own.wait(Duration::from_secs(60))).unwrap())
            .unwrap();
        assert_eq!(answered.recv(), Ok(0));
    }
}
