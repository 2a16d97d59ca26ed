//! The nemesis: which fault begins or ends, and when. It decides; the run carries out.
//!
//! Each kind of fault has a schedule of its own, which alternates between start and stop, so different
//! kinds overlap. A new kind of fault needs a variant of [`FaultKind`] and of [`Fault`], a line in
//! `Fault::draw`, and its beginning and end in the run.

use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;

use super::options::FaultKind;
use super::partition::{Shape, names};

/// A fault that can be in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// These directed links, `(from, to)`, are cut.
    Partition { links: Vec<(usize, usize)>, description: String },
    /// These nodes are stopped.
    Pause { nodes: Vec<usize> },
}

impl Fault {
    fn draw(kind: FaultKind, node_count: usize, random: &mut Pcg64Mcg) -> Self {
        match kind {
            FaultKind::Partition => {
                let (links, description) = Shape::draw(node_count, random).cut(node_count, random);
                Self::Partition { links, description }
            }
            FaultKind::Pause => {
                let mut nodes: Vec<usize> = (0..node_count).collect();
                nodes.shuffle(random);
                // Mostly a minority; sometimes more, even all: then nothing can be answered.
                let most = if random.random_bool(0.75) { (node_count - 1) / 2 } else { node_count };
                nodes.truncate(random.random_range(1..=most.max(1)));
                Self::Pause { nodes }
            }
        }
    }

    /// The kind of the fault.
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Partition { .. } => FaultKind::Partition,
            Self::Pause { .. } => FaultKind::Pause,
        }
    }

    /// The fault for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Partition { description, .. } => format!("partition: {description}"),
            Self::Pause { nodes } => format!("pause: {}", names(nodes)),
        }
    }
}

/// A step of the nemesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Begin(Fault),
    End(Fault),
}

/// Decides about faults.
pub(super) struct Nemesis {
    random: Pcg64Mcg,
    node_count: usize,
    interval: Duration,
    /// No fault begins from here on, and all end.
    end: Instant,
    schedules: Vec<Schedule>,
}

struct Schedule {
    kind: FaultKind,
    next: Instant,
    in_force: Option<Fault>,
}

impl Nemesis {
    /// A nemesis that injects faults of `kinds` between `start` and `end`.
    pub(super) fn new(
        kinds: &[FaultKind],
        node_count: usize,
        interval: Duration,
        (start, end): (Instant, Instant),
        random: Pcg64Mcg,
    ) -> Self {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        let mut nemesis = Self { random, node_count, interval, end, schedules: Vec::new() };
        for kind in kinds {
            let next = (start + nemesis.pause_between_steps()).min(end);
            nemesis.schedules.push(Schedule { kind, next, in_force: None });
        }
        nemesis
    }

    /// Between half and one and a half of the interval.
    // Deviation: Maelstrom draws from zero to twice the interval; ours has the same mean and lets no
    // short run pass without a fault.
    fn pause_between_steps(&mut self) -> Duration {
        self.interval.mul_f64(self.random.random_range(0.5..1.5))
    }

    /// When the next step is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.schedules.iter().map(|schedule| schedule.next).min()
    }

    /// The next step that is due now.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        let index = self.schedules.iter().position(|schedule| schedule.next <= now)?;
        let pause = self.pause_between_steps();
        let schedule = &mut self.schedules[index];
        schedule.next = (schedule.next + pause).min(self.end);
        if let Some(fault) = schedule.in_force.take() {
            return Some(Step::End(fault));
        }
        if now >= self.end {
            self.schedules.remove(index);
            return None;
        }
        let fault = Fault::draw(schedule.kind, self.node_count, &mut self.random);
        schedule.in_force = Some(fault.clone());
        Some(Step::Begin(fault))
    }

    /// Ends all faults now: the steps that do so. None begins afterwards.
    pub(super) fn end_all(&mut self) -> Vec<Step> {
        let schedules = std::mem::take(&mut self.schedules);
        schedules.into_iter().filter_map(|schedule| schedule.in_force).map(Step::End).collect()
    }

    /// The faults in force, for people.
    pub(super) fn in_force(&self) -> String {
        let faults: Vec<String> =
            self.schedules.iter().filter_map(|s| s.in_force.as_ref()).map(Fault::describe).collect();
        if faults.is_empty() { "none".to_owned() } else { faults.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn steps(kinds: &[FaultKind], seed: u64) -> Vec<(Duration, Step)> {
        let start = Instant::now();
        let end = start + Duration::from_secs(60);
        let random = Pcg64Mcg::seed_from_u64(seed);
        let mut nemesis = Nemesis::new(kinds, 5, Duration::from_secs(5), (start, end), random);
        let mut steps = Vec::new();
        while let Some(due) = nemesis.next_due() {
            assert!(due <= end);
            steps.extend(nemesis.step(due).map(|step| (due - start, step)));
        }
        assert_eq!(nemesis.end_all(), []);
        steps
    }

    #[test]
    fn each_kind_alternates_and_everything_ends() {
        for seed in 0..20 {
            let steps = steps(&[FaultKind::Partition, FaultKind::Pause], seed);
            for kind in [FaultKind::Partition, FaultKind::Pause] {
                let mut in_force = None;
                let mut count = 0;
                for (_, step) in &steps {
                    match step {
                        Step::Begin(fault) if fault.kind() == kind => {
                            assert_eq!(in_force.replace(fault.clone()), None);
                            count += 1;
                        }
                        Step::End(fault) if fault.kind() == kind => {
                            assert_eq!(in_force.take().as_ref(), Some(fault));
                        }
                        Step::Begin(_) | Step::End(_) => {}
                    }
                }
                assert_eq!(in_force, None);
                assert!(count >= 4, "{count} faults of {kind:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let kinds = [FaultKind::Pause, FaultKind::Partition];
        assert_eq!(steps(&kinds, 3), steps(&kinds, 3));
        assert_ne!(steps(&kinds, 3), steps(&kinds, 4));
    }

    #[test]
    fn without_faults_the_nemesis_is_never_due() {
        assert_eq!(steps(&[], 1), []);
    }
}
