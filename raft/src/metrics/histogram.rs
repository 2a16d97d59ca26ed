//! How often what was measured was how large.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Counts measurements by size, in classes that double: up to 1, up to 2, up to 4, …
///
/// It is written with two additions to atomics and read without stopping anybody, so it may be used where a lock would
/// be felt; `prometheus-client`, which writes the page, has one with a lock. A page that is rendered meanwhile may miss
/// what is being measured just then.
pub struct Histogram {
    classes: Box<[AtomicU64]>,
    /// Of all measurements: nanoseconds, or whatever is counted.
    sum: AtomicU64,
    measures: Measures,
}

#[derive(Clone, Copy)]
enum Measures {
    Durations,
    Counts,
}

impl Histogram {
    /// Up to 2^25 µs, which is half a minute; one more class for what takes longer.
    const DURATION_CLASSES: usize = 27;
    /// Up to 2^16; one more class for what is more.
    const COUNT_CLASSES: usize = 18;

    /// Of durations, from a microsecond on. Shown in seconds.
    #[must_use]
    pub fn of_durations() -> Self {
        Self::new(Measures::Durations, Self::DURATION_CLASSES)
    }

    /// Of how many something were.
    #[must_use]
    pub fn of_counts() -> Self {
        Self::new(Measures::Counts, Self::COUNT_CLASSES)
    }

    fn new(measures: Measures, classes: usize) -> Self {
        let classes = (0..classes).map(|_| AtomicU64::new(0)).collect();
        Self { classes, sum: AtomicU64::new(0), measures }
    }

    /// Something took so long.
    pub fn observe_duration(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.add(nanoseconds.div_ceil(1_000), nanoseconds);
    }

    /// So many there were.
    pub fn observe_count(&self, count: u64) {
        self.add(count, count);
    }

    fn add(&self, size: u64, amount: u64) {
        // The power of two that is not smaller.
        let power = size.saturating_sub(1).checked_ilog2().map_or(0, |power| power as usize + 1);
        let class = self.classes.get(power).or(self.classes.last());
        if let Some(class) = class {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(amount, Ordering::Relaxed);
    }

    /// How many measurements there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes.iter().map(|class| class.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let (size_unit, sum_unit) = match self.measures {
            Measures::Durations => (1e-6, 1e-9),
            Measures::Counts => (1.0, 1.0),
        };
        let counts = self.classes.iter().map(|class| class.load(Ordering::Relaxed));
        let mut classes: Vec<_> =
            (0..).zip(counts).map(|(power, count)| (2f64.powi(power) * size_unit, count)).collect();
        if let Some((bound, _)) = classes.last_mut() {
            *bound = f64::INFINITY;
        }
        let count = classes.iter().map(|(_, count)| count).sum();
        #[expect(clippy::cast_precision_loss, reason = "a sum is for averages")]
        let sum = self.sum.load(Ordering::Relaxed) as f64 * sum_unit;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &classes, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(histogram: &Histogram) -> Vec<u64> {
        histogram.classes.iter().map(|class| class.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn each_size_is_counted_in_the_smallest_class_that_holds_it() {
        let histogram = Histogram::of_counts();
        for size in [0, 1, 2, 3, 4, 5, 65_536, 65_537, u64::MAX] {
            histogram.observe_count(size);
        }
        let counts = counts(&histogram);
        assert_eq!(counts[..4], [2, 1, 2, 1], "up to 1, 2, 4, 8");
        assert_eq!(counts[16..], [1, 2], "up to 65,536, and more");
    }

    #[test]
    fn a_duration_is_counted_by_whole_microseconds_and_summed_exactly() {
        let histogram = Histogram::of_durations();
        for nanoseconds in [1, 1_000, 1_001, 40_000_000_000] {
            histogram.observe_duration(Duration::from_nanos(nanoseconds));
        }
        let counts = counts(&histogram);
        assert_eq!(
            (counts[0], counts[1], counts[26]),
            (2, 1, 1),
            "up to 1 µs, up to 2 µs, and half a minute and more"
        );
        assert_eq!(histogram.sum.load(Ordering::Relaxed), 40_000_002_002);
        histogram.observe_duration(Duration::MAX);
    }
}
