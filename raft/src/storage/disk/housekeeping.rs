//! What may not hold up a commit: preparing the next segment, and clearing away what is no longer needed.
//!
//! From the middle of a segment on, a spare is ready or being made, so that the log has a place to go on when the segment
//! is full. It is also the reserve: a full disk shows when a spare cannot be made, and then the present segment still has
//! room. Not earlier: writing zeros over a whole file is dear, and while there is time, an old segment may come back that
//! needs none.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use crossbeam_channel::Sender;
use parking_lot::{Condvar, Mutex};
use slog::{debug, warn};

use super::{
    error::{Naming, OpenError},
    names::Name,
    options::DiskOptions,
    segment::{Prepared, Segment},
    shared::Shared,
    snapshots,
};

/// Keeps a spare ready, and clears away old files: on a thread of its own, or within the call.
pub(super) struct Housekeeper {
    desk: Arc<Desk>,
    /// `None` if there is no thread.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// What is to be done.
enum Order {
    /// Make a spare.
    Prepare,
    /// These segments are no longer needed: reuse or remove them.
    Retire(Vec<Arc<Segment>>),
    /// Snapshots older than the one in force are no longer needed, but for the latest of them.
    RemoveSnapshots,
}

struct Desk {
    shared: Arc<Shared>,
    segment_bytes: u64,
    spares: Mutex<Spares>,
    changed: Condvar,
    /// The log is being closed: nobody will need a spare.
    is_closing: AtomicBool,
}

struct Spares {
    ready: VecDeque<Prepared>,
    under_way: bool,
    /// Names the next one made.
    next_number: u64,
}

impl Housekeeper {
    /// `ready` are the spares that an earlier life has left; `next_number` is one that no file has.
    pub(super) fn new(
        shared: Arc<Shared>,
        segment_bytes: u64,
        background: bool,
        ready: VecDeque<Prepared>,
        next_number: u64,
    ) -> Result<Self, OpenError> {
        let spares = Mutex::new(Spares { ready, under_way: false, next_number });
        let (changed, is_closing) = (Condvar::new(), AtomicBool::new(false));
        let desk = Arc::new(Desk { shared, segment_bytes, spares, changed, is_closing });
        if !background {
            return Ok(Self { desk, orders: None, thread: None });
        }
        let (orders, receiver) = crossbeam_channel::unbounded();
        let working = Working(Arc::clone(&desk));
        let work = move || receiver.iter().for_each(|order| working.0.carry_out(order));
        let spawned = thread::Builder::new().name("log housekeeping".to_owned()).spawn(work);
        let thread = spawned.naming("start a thread for", &desk.shared.directory)?;
        Ok(Self { desk, orders: Some(orders), thread: Some(thread) })
    }

    /// Sees to it that a spare will be ready: a segment is half full.
    pub(super) fn order_spare(&self) {
        {
            let mut spares = self.desk.spares.lock();
            if spares.under_way || !spares.ready.is_empty() {
                return;
            }
            spares.under_way = true;
        }
        self.give(Order::Prepare);
    }

    /// A file of at least `size` bytes that can become a segment. Waits for the one being made; makes one if there is
    /// none.
    ///
    /// # Errors
    /// [`OpenError::Io`] if the disk has no room; nothing of the log has changed.
    pub(super) fn take_spare(&self, size: u64) -> Result<Prepared, OpenError> {
        let mut spares = self.desk.spares.lock();
        if size <= self.desk.segment_bytes {
            while spares.ready.is_empty() && spares.under_way {
                self.desk.changed.wait(&mut spares);
            }
            if let Some(spare) = spares.ready.pop_front() {
                return Ok(spare);
            }
        }
        let number = spares.take_number();
        drop(spares);
        self.desk.prepare(number, size.max(self.desk.segment_bytes))
    }

    /// These segments are no longer needed.
    pub(super) fn retire(&self, segments: Vec<Arc<Segment>>) {
        if !segments.is_empty() {
            self.give(Order::Retire(segments));
        }
    }

    /// A newer snapshot is in force.
    pub(super) fn remove_snapshots(&self) {
        self.give(Order::RemoveSnapshots);
    }

    fn give(&self, order: Order) {
        match &self.orders {
            None => self.desk.carry_out(order),
            Some(orders) => {
                if orders.send(order).is_err() {
                    // The thread has panicked: segments are made where they are needed, old ones stay.
                    self.desk.spares.lock().under_way = false;
                }
            }
        }
    }
}

/// The thread's hold on the desk. If it ends, even by a panic, nobody waits for its work.
struct Working(Arc<Desk>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.spares.lock().under_way = false;
        self.0.changed.notify_all();
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.desk.is_closing.store(true, Ordering::Relaxed);
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported where it happened; the log does not depend on its work.
            let _ = thread.join();
        }
    }
}

/// How many spares are kept. One is made at a time; there are more only if old segments come back.
///
/// A snapshot that is put in force sets several of them free at once, if they are small. What is kept of them need not be
/// made of zeros again; it takes no more room than two of the usual size.
pub(super) fn spares_max(segment_bytes: u64) -> usize {
    let usual = DiskOptions::default().segment_bytes;
    usize::try_from((2 * usual / segment_bytes).clamp(2, 8)).unwrap_or(2)
}

impl Spares {
    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}

impl Desk {
    fn carry_out(&self, order: Order) {
        match order {
            Order::Prepare => self.prepare_spare(),
            Order::Retire(segments) => {
                for segment in segments {
                    self.retire(segment);
                }
            }
            Order::RemoveSnapshots => {
                let in_force = self.shared.state.read().mark.snapshot();
                if let Err(error) = snapshots::remove_older(&self.shared, in_force) {
                    warn!(self.shared.logger, "an old snapshot stays: {error}");
                }
            }
        }
    }

    fn prepare_spare(&self) {
        let number = self.spares.lock().take_number();
        let prepared = self.prepare(number, self.segment_bytes);
        let mut spares = self.spares.lock();
        spares.under_way = false;
        match prepared {
            Ok(spare) => spares.ready.push_back(spare),
            // Whoever needs it tries again, and says so if it fails.
            Err(error) if !self.is_closing.load(Ordering::Relaxed) => {
                warn!(self.shared.logger, "no segment is ready for when this one is full: {error}");
            }
            Err(_) => {}
        }
        self.changed.notify_all();
    }

    fn prepare(&self, number: u64, size: u64) -> Result<Prepared, OpenError> {
        Prepared::new(&*self.shared.files, &self.shared.directory, number, size, &self.is_closing)
    }

    /// Makes a spare of an old segment, or removes it. A failure leaves a file behind, which the next opening removes.
    fn retire(&self, segment: Arc<Segment>) {
        let sequence = segment.sequence;
        let has_room = self.spares.lock().ready.len() < spares_max(self.segment_bytes);
        // A reader that still holds the segment must find in it what it looks for.
        let retired = match Arc::try_unwrap(segment) {
            Ok(segment) if has_room && segment.size == self.segment_bytes => self.reuse(segment),
            Ok(segment) => self.remove(&segment),
            Err(held) => self.remove(&held),
        };
        match retired {
            Ok(()) => debug!(self.shared.logger, "segment {sequence} is no longer needed -> cleared away"),
            Err(error) => warn!(self.shared.logger, "old segment {sequence} stays: {error}"),
        }
    }

    fn reuse(&self, segment: Segment) -> Result<(), OpenError> {
        let (files, directory) = (&*self.shared.files, &*self.shared.directory);
        // Under a segment's name it must never hold anything but that segment.
        let number = self.spares.lock().take_number();
        let path = Name::Spare(number).path(directory);
        files.rename(&segment.path, &path).naming("rename", &segment.path)?;
        self.shared.sync_directory()?;
        let mut spares = self.spares.lock();
        spares.ready.push_back(Prepared { path, file: segment.file, size: segment.size });
        self.changed.notify_all();
        Ok(())
    }

    fn remove(&self, segment: &Segment) -> Result<(), OpenError> {
        self.shared.files.remove(&segment.path).naming("remove", &segment.path)?;
        self.shared.sync_directory()
    }
}
