//! Jobs that take their time: writes, batches, snapshots and messages done in an order that a seed chooses.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::runtime::{ApplyJob, SnapshotTask, WriteJob};

/// A node whose jobs wait until they are told to be done.
struct Slow {
    member: Member,
    writes: VecDeque<WriteJob>,
    applies: VecDeque<ApplyJob<Journal>>,
    snapshot: Option<SnapshotTask>,
}

struct Schedule {
    random: Pcg64Mcg,
    nodes: Vec<Slow>,
    network: Vec<Envelope>,
    /// Hears nobody, and nobody hears it.
    cut_off: Option<NodeId>,
    commands: Vec<(String, Ticket<usize>)>,
    /// Each with how many commands were known to be applied when it was asked.
    queries: Vec<(usize, Ticket<Vec<String>>)>,
    outcomes: Vec<(String, Outcome<usize>)>,
}

impl Slow {
    /// Hands out what is wanted. None of it is done.
    fn hand_out(&mut self, network: &mut Vec<Envelope>) {
        let mut outgoing = Outgoing::default();
        self.member.driver.run(&mut outgoing).unwrap();
        network.append(&mut outgoing.0);
        self.writes.extend(self.member.driver.take_write_jobs());
        self.applies.extend(self.member.driver.take_apply_jobs());
        self.snapshot = self.snapshot.take().or(self.member.driver.take_snapshot_task());
    }

    fn write(&mut self, count: usize, network: &mut Vec<Envelope>) {
        let jobs = self.writes.drain(..count.min(self.writes.len()));
        let report = self.member.writer.run(jobs).unwrap();
        let mut outgoing = Outgoing::default();
        self.member.driver.on_written(report, &mut outgoing).unwrap();
        network.append(&mut outgoing.0);
    }

    fn apply(&mut self, count: usize) {
        let jobs = self.applies.drain(..count.min(self.applies.len()));
        let report = self.member.applier.run(jobs).unwrap();
        self.member.driver.on_applied(report);
    }

    fn make_snapshot(&mut self) {
        if let Some(task) = self.snapshot.take() {
            self.member.driver.on_snapshot_made(task.run());
        }
    }

    fn lines(&self) -> &[String] {
        &self.member.applier.state_machine().lines
    }
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let options = Options { compact_after_bytes: 300, keep_entries: 2, ..options() };
        let voters = [1, 2, 3].map(NodeId);
        let slow = |id| {
            let config = Config {
                max_log_bytes_in_memory: 0,
                max_applying_bytes: 100,
                ..Config::new(id, 3 * seed + id.0)
            };
            let mut member = Member::new(config, &MemStorage::with_voters(voters), &options);
            // As a disk would have it.
            member.driver.spares_writes = true;
            Slow { member, writes: VecDeque::new(), applies: VecDeque::new(), snapshot: None }
        };
        Self {
            random: Pcg64Mcg::seed_from_u64(seed),
            nodes: voters.map(slow).into(),
            network: Vec::new(),
            cut_off: None,
            commands: Vec::new(),
            queries: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// One thing happens, somewhere.
    fn step(&mut self) {
        if self.random.random_range(0..400) == 0 {
            self.cut_off =
                [None, Some(NodeId(self.random.random_range(1..=3)))][self.random.random_range(0..2)];
        }
        let (node, count) = (self.random.random_range(0..3), self.random.random_range(1..6));
        let chosen = self.random.random_range(0..100);
        let slow = &mut self.nodes[node];
        match chosen {
            0..40 => self.deliver(),
            40..60 => slow.hand_out(&mut self.network),
            60..75 => slow.write(count, &mut self.network),
            75..84 => slow.apply(count),
            84..86 => slow.make_snapshot(),
            86..90 => slow.member.driver.on_tick(),
            90..97 => self.propose(node),
            _ => self.query(node),
        }
        self.hear();
    }

    fn deliver(&mut self) {
        if self.network.is_empty() {
            return;
        }
        let position = self.random.random_range(0..self.network.len());
        let envelope = self.network.swap_remove(position);
        let fate = self.random.random_range(0..40);
        if fate == 0 || [envelope.from, envelope.to].map(Some).contains(&self.cut_off) {
            return;
        }
        if fate == 1 {
            self.network.push(envelope.clone());
        }
        let to = usize::try_from(envelope.to.0).unwrap() - 1;
        self.nodes[to].member.driver.on_message(envelope).unwrap();
    }

    fn propose(&mut self, node: usize) {
        let (completion, ticket) = Completion::ticket();
        let command = format!("command {}", self.commands.len() + self.outcomes.len());
        self.nodes[node].member.driver.propose(command.clone().into(), completion);
        self.commands.push((command, ticket));
    }

    fn query(&mut self, node: usize) {
        let (completion, ticket) = Completion::ticket();
        self.nodes[node].member.driver.query((), Consistency::Linearizable, completion);
        self.queries.push((self.applied().count(), ticket));
    }

    fn applied(&self) -> impl Iterator<Item = (&String, usize)> {
        self.outcomes.iter().filter_map(|(command, outcome)| match outcome {
            Outcome::Applied(line) => Some((command, *line)),
            Outcome::NotAccepted(_) | Outcome::Unknown(_) => None,
        })
    }

    /// Takes notice of what clients were told.
    fn hear(&mut self) {
        let outcomes = &mut self.outcomes;
        self.commands.retain_mut(|(command, ticket)| {
            let outcome = ticket.try_take();
            outcomes.extend(outcome.clone().map(|outcome| (command.clone(), outcome)));
            outcome.is_none()
        });
        self.queries.retain_mut(|(known, ticket)| match ticket.try_take() {
            Some(Outcome::Applied(lines)) => {
                assert!(lines.len() >= *known, "{} lines, but {known} commands were known", lines.len());
                false
            }
            Some(Outcome::NotAccepted(_)) => false,
            Some(Outcome::Unknown(reason)) => panic!("a query changes nothing, and yet: {reason}"),
            None => true,
        });
    }

    /// No more haste than the seed has made, but nothing is lost any more, until all is decided.
    fn calm(&mut self) {
        for _ in 0..1_000 {
            for slow in &mut self.nodes {
                slow.hand_out(&mut self.network);
                slow.write(usize::MAX, &mut self.network);
                slow.apply(usize::MAX);
                slow.make_snapshot();
            }
            for envelope in std::mem::take(&mut self.network) {
                let to = usize::try_from(envelope.to.0).unwrap() - 1;
                self.nodes[to].member.driver.on_message(envelope).unwrap();
            }
            self.nodes.iter_mut().for_each(|slow| slow.member.driver.on_tick());
            self.hear();
            let first = self.nodes[0].lines();
            let agree = self.nodes.iter().all(|slow| slow.lines() == first);
            if agree && self.commands.is_empty() && self.queries.is_empty() {
                return;
            }
        }
        panic!("{} commands are still open", self.commands.len());
    }

    /// What clients were told is what the journals say.
    fn check(&self) {
        let lines = self.nodes[0].lines();
        for (command, line) in self.applied() {
            assert_eq!(&lines[line - 1], command, "the response was to this very command");
        }
        for (command, outcome) in &self.outcomes {
            let times = lines.iter().filter(|line| *line == command).count();
            match outcome {
                Outcome::Applied(_) => assert_eq!(times, 1, "{command}"),
                Outcome::NotAccepted(refusal) => assert_eq!(times, 0, "{command}: {refusal}"),
                Outcome::Unknown(_) => assert!(times <= 1, "{command}"),
            }
        }
    }
}

#[test]
fn whatever_takes_long_everybody_is_told_the_truth() {
    let (mut applied, mut made, mut restored, mut grouped) = (0, 0, 0, 0);
    for seed in 0..100 {
        let run = std::panic::catch_unwind(|| {
            let mut schedule = Schedule::new(seed);
            (0..5_000).for_each(|_| schedule.step());
            schedule.calm();
            schedule.check();
            schedule
        });
        let Ok(schedule) = run else { panic!("seed {seed}") };
        applied += schedule.applied().count();
        for slow in &schedule.nodes {
            let counters = slow.member.driver.status().counters;
            made += counters.snapshots_made;
            restored += counters.snapshots_restored;
            grouped += counters.readys_written - counters.syncs;
        }
    }
    // It was no idle talk.
    assert!(
        applied > 1_000 && made > 100 && restored > 10 && grouped > 1_000,
        "{applied} {made} {restored} {grouped}"
    );
}
