//! How the loop sleeps, and what wakes it.
//!
//! The loop takes from several channels and can sleep on none of them alone. So it sleeps beside them: whatever is put
//! into a channel through its [`Inlet`] rings a [`Bell`].

use std::{cell::Cell, time::Duration};

use crossbeam_channel::{SendError, Sender, TrySendError};
use crossbeam_utils::sync::{Parker, Unparker};

use super::{
    clock::{Clock, SystemClock},
    yields::Yields,
};

/// The sending end of a channel into the loop, which wakes it.
pub(super) struct Inlet<T> {
    sender: Sender<T>,
    ringer: Unparker,
}

/// On which the loop sleeps. Cheap to ring while it is awake.
pub(super) struct Bell {
    parker: Parker,
    yields: Yields<SystemClock>,
    /// The last sleep was not in vain.
    is_busy: Cell<bool>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self { parker: Parker::new(), yields: Yields::new(), is_busy: Cell::new(false) }
    }

    /// The end of a channel of which this is the bell.
    pub(super) fn inlet<T>(&self, sender: Sender<T>) -> Inlet<T> {
        Inlet { sender, ringer: self.parker.unparker().clone() }
    }

    /// Stays awake for a moment; whether `has_come`.
    pub(super) fn stay_awake(&self, has_come: impl Fn() -> bool) -> bool {
        // A node that has had nothing to do for a tick sleeps at once.
        if self.is_busy.get() { self.yields.wait(has_come) } else { has_come() }
    }

    /// Sleeps until `has_come`, at most for `timeout`; perhaps less.
    pub(super) fn sleep(&self, timeout: Duration, has_come: impl Fn() -> bool) {
        let clock = SystemClock::new();
        // The first time, it may have been rung for what was taken since.
        for _ in 0..2 {
            let time_left = timeout.saturating_sub(clock.now());
            if time_left.is_zero() || has_come() {
                break;
            }
            self.parker.park_timeout(time_left);
        }
        self.is_busy.set(has_come());
    }
}

impl<T> Inlet<T> {
    /// Puts `item` into the channel; waits for room, if that has a bound.
    pub(super) fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.sender.send(item)?;
        self.ringer.unpark();
        Ok(())
    }

    /// Puts `item` into the channel, if there is room.
    pub(super) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(item)?;
        self.ringer.unpark();
        Ok(())
    }

    /// How many are in the channel.
    pub(super) fn len(&self) -> usize {
        self.sender.len()
    }
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), ringer: self.ringer.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::{bounded, unbounded};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);
    const FOR_EVER: Duration = Duration::from_secs(1 << 20);
    const MOMENT: Duration = Duration::from_millis(20);

    #[test]
    fn whatever_comes_wakes_who_sleeps_and_who_is_about_to() {
        let (sender, receiver) = unbounded();
        let (bell, (told, taken)) = (Bell::new(), unbounded());
        let inlet = bell.inlet(sender);
        let sleeper = thread::spawn(move || {
            while receiver.try_recv() != Ok(0) {
                told.send(()).unwrap();
                if !bell.stay_awake(|| !receiver.is_empty()) {
                    bell.sleep(FOR_EVER, || !receiver.is_empty());
                }
            }
        });
        // Each at another moment of its way to sleep, after it has taken the one before.
        for item in (0..2_000_u64).rev() {
            taken.recv_timeout(PATIENCE).expect("it was woken");
            if item % 2 == 0 {
                thread::yield_now();
            }
            inlet.send(item).unwrap();
        }
        sleeper.join().unwrap();
    }

    #[test]
    fn who_was_rung_for_what_it_has_taken_since_sleeps_once_more() {
        let (sender, receiver) = bounded(1);
        let bell = Bell::new();
        let inlet = bell.inlet(sender);
        assert!(inlet.try_send(1).is_ok());
        assert!(inlet.try_send(2).is_err(), "there was room for one");
        assert_eq!((inlet.len(), receiver.try_recv()), (1, Ok(1)));
        let clock = SystemClock::new();
        bell.sleep(MOMENT, || false);
        assert!(clock.now() >= MOMENT, "it slept all the time that it was given");
    }

    #[test]
    fn who_has_slept_its_time_does_not_go_on() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            false
        };
        Bell::new().sleep(MOMENT, look);
        assert_eq!(looks.get(), 2, "before it slept, and when its time was over");
    }
}
