//! Time on the network: the only place in the transport that asks for it.

use std::time::{Duration, Instant};

/// When something that waits for the network is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    pub(super) fn instant(self) -> Instant {
        self.0
    }

    /// How long it is until then; `None` if it has passed. Never zero, which sockets take for "no limit".
    pub(super) fn remaining(self) -> Option<Duration> {
        Some(self.0.saturating_duration_since(Instant::now())).filter(|remaining| !remaining.is_zero())
    }

    pub(super) fn has_passed(self) -> bool {
        self.remaining().is_none()
    }
}

/// Tells how long it is since a connection began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// The elapsed time in microseconds, as it travels in a ping.
    pub(super) fn micros(self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
