//! What clients do to a store, and what came of it: the same for both.

use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// How many keys there are. All are written before anything is measured.
pub(super) const KEYS: u32 = 10_000;

/// How large a value is.
pub(super) const VALUE_BYTES: usize = 256;

/// What one client asks for, again and again, each time when it has its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// Sets a key.
    Put,
    /// Reads a key, linearizably.
    Read,
}

/// How long clients go on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// Until every key was used once, in order.
    EachKey,
    /// For so long, with keys drawn at random.
    Time(Duration),
}

/// What clients do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) operation: Operation,
    /// How many clients; each waits for its answer before it asks again.
    pub(super) clients: usize,
    /// How many connections they share; at least one, and no more than there are clients.
    pub(super) connections: usize,
    pub(super) extent: Extent,
    /// For the keys.
    pub(super) seed: u64,
}

/// Under way: says which key is next, and notes how long answers took.
pub(super) struct Run {
    extent: Extent,
    chance: Pcg64,
    begin: Instant,
    asked: u32,
    latencies: Vec<Duration>,
}

/// What came of a load.
pub(super) struct Measured {
    /// From the first question to the last answer.
    pub(super) elapsed: Duration,
    /// How long each answer took, in their order of size.
    latencies: Vec<Duration>,
}

impl Load {
    /// Begins now.
    pub(super) fn begin(&self) -> Run {
        Run {
            extent: self.extent,
            chance: Pcg64::seed_from_u64(self.seed),
            begin: Instant::now(),
            asked: 0,
            latencies: Vec::new(),
        }
    }
}

impl Run {
    /// The key that is asked for next; none when it is over.
    pub(super) fn next_key(&mut self) -> Option<String> {
        let key = match self.extent {
            Extent::EachKey => (self.asked < KEYS).then_some(self.asked)?,
            Extent::Time(time) => (self.begin.elapsed() < time).then(|| self.chance.random_range(0..KEYS))?,
        };
        self.asked += 1;
        Some(format!("key-{key:08}"))
    }

    /// A question that was asked then is answered now.
    pub(super) fn on_answer(&mut self, asked: Instant) {
        self.latencies.push(asked.elapsed());
    }

    /// All have their answers.
    pub(super) fn end(mut self) -> Measured {
        let elapsed = self.begin.elapsed();
        self.latencies.sort_unstable();
        Measured { elapsed, latencies: self.latencies }
    }
}

impl Measured {
    /// How many questions were answered.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    pub(super) fn answers(&self) -> f64 {
        self.latencies.len() as f64
    }

    /// How many each second.
    pub(super) fn rate(&self) -> f64 {
        self.answers() / self.elapsed.as_secs_f64()
    }

    /// Below which so many of a hundred answers took, in microseconds.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (self.latencies.len() * percent / 100).min(last);
        self.latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// What every key is set to.
pub(super) fn value() -> String {
    "v".repeat(VALUE_BYTES)
}
