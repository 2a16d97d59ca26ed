//! The simulated network between nodes: latency, loss, duplication, and cut links.
//!
//! Clients are beside their nodes: their messages do not come through here. Latency for clients would
//! only hide anomalies (Maelstrom, net.clj).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::options::{LatencyDistribution, TestOptions};

/// A line from one node to another, inside the batch it arrived in.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) range: Range<usize>,
}

impl Message {
    /// The line itself.
    pub(super) fn line(&self) -> &[u8] {
        &self.bytes[self.range.clone()]
    }
}

/// The network between nodes.
pub(super) struct Network {
    random: Pcg64Mcg,
    latency: Latency,
    loss: f64,
    duplicate: f64,
    cut_links: Vec<(usize, usize)>,
    /// What is due at once, in order.
    ready: VecDeque<Message>,
    /// What is due later, the soonest first; equal times in the order of sending.
    delayed: BinaryHeap<Reverse<Delayed>>,
    sequence: u64,
}

struct Delayed {
    due: Instant,
    sequence: u64,
    message: Message,
}

impl PartialEq for Delayed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Delayed {}

impl PartialOrd for Delayed {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Delayed {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.sequence).cmp(&(other.due, other.sequence))
    }
}

impl Network {
    pub(super) fn new(options: &TestOptions, random: Pcg64Mcg) -> Self {
        Self {
            random,
            latency: Latency { mean: options.latency / 1000.0, distribution: options.latency_dist },
            loss: options.loss,
            duplicate: options.duplicate,
            cut_links: Vec::new(),
            ready: VecDeque::new(),
            delayed: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// Accepts a message; it comes out of `due` after its latency, once, twice or never.
    pub(super) fn send(&mut self, now: Instant, message: Message) {
        if self.happens(self.loss) {
            return;
        }
        if self.happens(self.duplicate) {
            self.enqueue(now, message.clone());
        }
        self.enqueue(now, message);
    }

    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.random.random_bool(probability)
    }

    fn enqueue(&mut self, now: Instant, message: Message) {
        let latency = self.latency.draw(&mut self.random);
        if latency.is_zero() {
            self.ready.push_back(message);
            return;
        }
        self.sequence += 1;
        self.delayed.push(Reverse(Delayed { due: now + latency, sequence: self.sequence, message }));
    }

    /// The next message to deliver now. Links are looked at on arrival, as Maelstrom does: a message
    /// under way when its link is cut is lost, one that arrives after the heal is not.
    pub(super) fn due(&mut self, now: Instant) -> Option<Message> {
        loop {
            let message = match self.ready.pop_front() {
                Some(message) => message,
                None if self.next_due()? > now => return None,
                None => self.delayed.pop()?.0.message,
            };
            if !self.cut_links.contains(&(message.from, message.to)) {
                return Some(message);
            }
        }
    }

    /// When the next delayed message is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.delayed.peek().map(|Reverse(delayed)| delayed.due)
    }

    /// Cuts exactly these directed links, `(from, to)`.
    pub(super) fn cut(&mut self, links: Vec<(usize, usize)>) {
        self.cut_links = links;
    }
}

struct Latency {
    /// In seconds.
    mean: f64,
    distribution: LatencyDistribution,
}

impl Latency {
    fn draw(&self, random: &mut Pcg64Mcg) -> Duration {
        if self.mean == 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(match self.distribution {
            LatencyDistribution::Constant => self.mean,
            LatencyDistribution::Uniform => random.random_range(0.0..2.0 * self.mean),
            // 1 − u is in (0, 1], so the logarithm is finite.
            LatencyDistribution::Exponential => -self.mean * (1.0 - random.random::<f64>()).ln(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn latency_mean(distribution: LatencyDistribution) -> f64 {
        let latency = Latency { mean: 0.01, distribution };
        let mut random = Pcg64Mcg::seed_from_u64(1);
        (0..10_000).map(|_| latency.draw(&mut random).as_secs_f64()).sum::<f64>() / 10_000.0
    }

    fn network(latency_milliseconds: f64, loss: f64, duplicate: f64) -> Network {
        Network {
            random: Pcg64Mcg::seed_from_u64(1),
            latency: Latency {
                mean: latency_milliseconds / 1000.0,
                distribution: LatencyDistribution::Constant,
            },
            loss,
            duplicate,
            cut_links: Vec::new(),
            ready: VecDeque::new(),
            delayed: BinaryHeap::new(),
            sequence: 0,
        }
    }

    fn message(from: usize, to: usize) -> Message {
        Message { from, to, bytes: Arc::new(b"x\n".to_vec()), range: 0..2 }
    }

    fn arrivals(network: &mut Network, now: Instant) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| network.due(now)).map(|message| (message.from, message.to)).collect()
    }

    #[test]
    fn every_distribution_has_the_mean_of_the_flag() {
        for distribution in
            [LatencyDistribution::Constant, LatencyDistribution::Uniform, LatencyDistribution::Exponential]
        {
            let mean = latency_mean(distribution);
            assert!((0.0095..0.0105).contains(&mean), "{distribution:?}: {mean}");
        }
    }

    #[test]
    fn a_message_arrives_after_its_latency_in_order() {
        let mut network = network(10.0, 0.0, 0.0);
        let start = Instant::now();
        network.send(start, message(0, 1));
        network.send(start, message(0, 2));
        assert_eq!(arrivals(&mut network, start + Duration::from_millis(9)), []);
        assert_eq!(arrivals(&mut network, start + Duration::from_millis(10)), [(0, 1), (0, 2)]);
    }

    #[test]
    fn a_cut_link_drops_on_arrival_and_only_in_its_direction() {
        let mut network = network(10.0, 0.0, 0.0);
        let start = Instant::now();
        network.send(start, message(0, 1));
        network.send(start, message(1, 0));
        network.cut(vec![(0, 1)]);
        assert_eq!(arrivals(&mut network, start + Duration::from_millis(10)), [(1, 0)]);
    }

    #[test]
    fn loss_and_duplication_happen_as_often_as_asked() {
        let now = Instant::now();
        let mut network = network(0.0, 0.1, 0.2);
        (0..10_000).for_each(|_| network.send(now, message(0, 1)));
        let count = arrivals(&mut network, now).len();
        assert!((10_500..11_100).contains(&count), "{count} of 10000 × 0.9 × 1.2 = 10800");
    }
}
