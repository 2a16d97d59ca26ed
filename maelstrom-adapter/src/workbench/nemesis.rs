//! The nemesis: which fault begins or ends, and when. It decides; the run carries out.
//!
//! Each kind of fault has a schedule of its own, which alternates between start and stop, so different
//! kinds overlap. Kills have two, so that a node may be killed while another one is down already. A new
//! kind of fault needs a variant of [`FaultKind`] and of [`Fault`], a line in `Fault::draw`, and its
//! beginning and end in the run.

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
    /// These nodes are dead. At its end they are started again.
    Kill { nodes: Vec<usize> },
}

impl Fault {
    /// A fault of a cluster in which the nodes `alive`, at least one, have not been killed.
    fn draw(kind: FaultKind, node_count: usize, mut alive: Vec<usize>, random: &mut Pcg64Mcg) -> Self {
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
            FaultKind::Kill => {
                // One is missed by nobody, without a majority nothing goes on, and after all of them only the disks
                // remember.
                let count = [1, 1, node_count / 2 + 1, node_count][random.random_range(0..4)];
                alive.shuffle(random);
                alive.truncate(count);
                Self::Kill { nodes: alive }
            }
        }
    }

    /// The kind of the fault.
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Partition { .. } => FaultKind::Partition,
            Self::Pause { .. } => FaultKind::Pause,
            Self::Kill { .. } => FaultKind::Kill,
        }
    }

    /// The fault for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Partition { description, .. } => format!("partition: {description}"),
            Self::Pause { nodes } => format!("pause: {}", names(nodes)),
            Self::Kill { nodes } => format!("kill: {}", names(nodes)),
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
        if kinds.contains(&FaultKind::Kill) {
            kinds.push(FaultKind::Kill);
        }
        let mut nemesis = Self { random, node_count, interval, end, schedules: Vec::new() };
        for kind in kinds {
            let next = (start + nemesis.pause_between_steps(None)).min(end);
            nemesis.schedules.push(Schedule { kind, next, in_force: None });
        }
        nemesis
    }

    /// Between half and one and a half of the interval; after a step of a kill sometimes next to nothing, for then
    /// a node is killed while it starts, or starts before it is missed.
    // Deviation: Maelstrom draws from zero to twice the interval; ours has the same mean and lets no
    // short run pass without a fault.
    fn pause_between_steps(&mut self, after: Option<FaultKind>) -> Duration {
        let is_short = after == Some(FaultKind::Kill) && self.random.random_bool(0.25);
        let range = if is_short { 0.0..0.1 } else { 0.5..1.5 };
        self.interval.mul_f64(self.random.random_range(range))
    }

    /// When the next step is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.schedules.iter().map(|schedule| schedule.next).min()
    }

    /// The next step that is due now.
    pub(super) fn step(&mut self, now: Instant) -> Option<Step> {
        loop {
            // In the order of their times, however late they are noticed: what is drawn depends on it.
            let due = self.schedules.iter().enumerate().min_by_key(|(_, schedule)| schedule.next);
            let (index, kind) =
                due.filter(|(_, due)| due.next <= now).map(|(index, due)| (index, due.kind))?;
            let pause = self.pause_between_steps(Some(kind));
            let alive = self.alive();
            let schedule = &mut self.schedules[index];
            let is_over = schedule.next >= self.end;
            schedule.next = (schedule.next + pause).min(self.end);
            if let Some(fault) = schedule.in_force.take() {
                return Some(Step::End(fault));
            }
            if is_over {
                self.schedules.remove(index);
            } else if kind != FaultKind::Kill || !alive.is_empty() {
                let fault = Fault::draw(kind, self.node_count, alive, &mut self.random);
                schedule.in_force = Some(fault.clone());
                return Some(Step::Begin(fault));
            }
        }
    }

    /// The nodes that have not been killed.
    fn alive(&self) -> Vec<usize> {
        let is_dead = |node: &usize| {
            self.schedules.iter().any(
                |schedule| matches!(&schedule.in_force, Some(Fault::Kill { nodes }) if nodes.contains(node)),
            )
        };
        (0..self.node_count).filter(|node| !is_dead(node)).collect()
    }

    /// Ends all faults now: those that were in force. None begins afterwards.
    pub(super) fn end_all(&mut self) -> Vec<Fault> {
        let schedules = std::mem::take(&mut self.schedules);
        schedules.into_iter().filter_map(|schedule| schedule.in_force).collect()
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
    fn kills_overlap_but_nobody_is_killed_twice_and_everybody_is_started_again() {
        let mut is_whole_cluster_hit = false;
        let mut is_second_kill_seen = false;
        for seed in 0..20 {
            let mut dead: Vec<usize> = Vec::new();
            for (_, step) in steps(&[FaultKind::Kill], seed) {
                match step {
                    Step::Begin(Fault::Kill { nodes }) => {
                        assert!(!nodes.is_empty() && nodes.iter().all(|node| !dead.contains(node)));
                        is_second_kill_seen |= !dead.is_empty();
                        is_whole_cluster_hit |= nodes.len() == 5;
                        dead.extend(nodes);
                    }
                    Step::End(Fault::Kill { nodes }) => {
                        assert!(nodes.iter().all(|node| dead.contains(node)));
                        dead.retain(|node| !nodes.contains(node));
                    }
                    Step::Begin(fault) | Step::End(fault) => panic!("{fault:?} was not asked for"),
                }
            }
            assert_eq!(dead, [0; 0], "seed {seed}");
        }
        assert!(is_whole_cluster_hit && is_second_kill_seen);
    }

    #[test]
    fn what_is_drawn_does_not_depend_on_how_late_a_step_is_noticed() {
        let kinds = [FaultKind::Kill, FaultKind::Partition];
        let at_once = steps(&kinds, 5).into_iter().map(|(_, step)| step).collect::<Vec<_>>();
        let start = Instant::now();
        let end = start + Duration::from_secs(60);
        let random = Pcg64Mcg::seed_from_u64(5);
        let mut nemesis = Nemesis::new(&kinds, 5, Duration::from_secs(5), (start, end), random);
        let late: Vec<Step> = std::iter::from_fn(|| nemesis.step(end)).collect();
        assert_eq!(late, at_once);
    }

    #[test]
    fn the_same_seed_gives_the_same_faults() {
        let kinds = [FaultKind::Kill, FaultKind::Pause, FaultKind::Partition];
        assert_eq!(steps(&kinds, 3), steps(&kinds, 3));
        assert_ne!(steps(&kinds, 3), steps(&kinds, 4));
    }

    #[test]
    fn without_faults_the_nemesis_is_never_due() {
        assert_eq!(steps(&[], 1), []);
    }
}
