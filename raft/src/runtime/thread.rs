//! A node's threads: one that can be waited for with patience, and one that works off jobs.

use std::{convert::Infallible, io, iter, thread, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

/// A thread of a node.
pub(super) struct Thread {
    handle: thread::JoinHandle<()>,
    /// Closed when it ends.
    end: Receiver<Infallible>,
}

impl Thread {
    pub(super) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (alive, end) = bounded(0);
        let body = move || {
            let _alive: Sender<Infallible> = alive;
            body();
        };
        Ok(Self { handle: thread::Builder::new().name(name).spawn(body)?, end })
    }

    pub(super) fn id(&self) -> thread::ThreadId {
        self.handle.thread().id()
    }

    /// Waits for its end, at most for `timeout`; whether it came.
    pub(super) fn join(self, timeout: Duration) -> bool {
        if let Err(RecvTimeoutError::Timeout) = self.end.recv_timeout(timeout) {
            return false;
        }
        // What it had to say of its end it has said elsewhere.
        let _ended = self.handle.join();
        true
    }
}

/// A thread that works off jobs, in their order.
pub(super) struct Worker<J> {
    thread: Thread,
    jobs: Sender<J>,
    /// The same that the thread takes them from.
    queue: Receiver<J>,
}

/// One that is given no more jobs.
pub(super) struct ClosedWorker<J> {
    thread: Thread,
    queue: Receiver<J>,
}

impl<J: Send + 'static> Worker<J> {
    /// Starts a thread that hands the jobs to `work`, all that are queued at a time, until it is told to go on no more.
    pub(super) fn spawn(
        name: String,
        mut work: impl FnMut(&mut dyn Iterator<Item = J>) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, queue) = unbounded();
        let taken = Receiver::clone(&queue);
        let body = move || {
            while let Ok(first) = taken.recv() {
                // Not those that come meanwhile: whoever waits for the first would wait for the last.
                let others = taken.len();
                if !work(&mut iter::once(first).chain(taken.try_iter().take(others))) {
                    break;
                }
            }
        };
        Ok(Self { thread: Thread::spawn(name, body)?, jobs, queue })
    }

    pub(super) fn thread_id(&self) -> thread::ThreadId {
        self.thread.id()
    }

    pub(super) fn send(&self, jobs: impl Iterator<Item = J>) {
        for job in jobs {
            // `self` holds the other end too, so there always is one.
            let _queued = self.jobs.send(job);
        }
    }

    /// Gives it no more jobs; it works off what is queued, and then ends.
    pub(super) fn close(self) -> ClosedWorker<J> {
        ClosedWorker { thread: self.thread, queue: self.queue }
    }
}

impl<J> ClosedWorker<J> {
    /// Waits for its end, at most for `timeout`. Then what is queued is dropped, and it ends by itself after the jobs
    /// that it has. Whether it has ended.
    pub(super) fn join(self, timeout: Duration) -> bool {
        let has_ended = self.thread.join(timeout);
        self.queue.try_iter().for_each(drop);
        has_ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn jobs_are_worked_off_in_order_all_that_are_queued_at_a_time() {
        let (told, batches) = unbounded();
        let (begin, may_begin) = bounded::<()>(0);
        let work = move |jobs: &mut dyn Iterator<Item = u32>| {
            may_begin.recv().unwrap();
            told.send(jobs.collect::<Vec<_>>()).unwrap();
            true
        };
        let worker = Worker::spawn("test".to_owned(), work).unwrap();
        worker.send([1].into_iter());
        begin.send(()).unwrap();
        assert_eq!(batches.recv(), Ok(vec![1]));
        worker.send(2..5);
        begin.send(()).unwrap();
        drop(begin);
        assert_eq!(batches.recv().map(|batch| batch[0]), Ok(2));
        drop(worker);
    }

    #[test]
    fn what_is_queued_is_done_before_the_end() {
        let (told, done) = unbounded();
        let work = move |jobs: &mut dyn Iterator<Item = u32>| {
            jobs.map(|job| told.send(job)).all(|sent| sent.is_ok())
        };
        let worker = Worker::spawn("test".to_owned(), work).unwrap();
        worker.send(0..1000);
        assert!(worker.close().join(PATIENCE));
        assert!(done.try_iter().eq(0..1000));
    }

    #[test]
    fn who_hangs_is_left_alone_and_the_rest_is_dropped() {
        let (begun, has_begun) = bounded::<()>(1);
        let (end, may_end) = bounded::<()>(0);
        let work = move |jobs: &mut dyn Iterator<Item = Sender<()>>| {
            let _job = jobs.next();
            begun.send(()).unwrap();
            may_end.recv().is_ok()
        };
        let worker = Worker::spawn("test".to_owned(), work).unwrap();
        let (job, is_dropped) = bounded(0);
        worker.send([bounded(0).0].into_iter());
        has_begun.recv().unwrap();
        worker.send([job].into_iter());
        assert!(!worker.close().join(Duration::ZERO));
        assert!(is_dropped.recv().is_err(), "nobody has it any more");
        drop(end);
    }
}
