//! One run, from the first `init` to the last answer: the router of all messages and the clock of all
//! clients and faults.
//!
//! A single thread owns everything here. Each turn of its loop
//!
//! 1. delivers what the network has let through,
//! 2. gives up requests, and starts of nodes, that took too long,
//! 3. takes the steps of the nemesis,
//! 4. lets idle clients send what is due by the rate,
//! 5. hands the queued lines to the writers, and
//! 6. waits for lines of nodes, or for the next of the above to be due.

mod lives;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::checker::Values;

use super::clients::{Clients, Matched, Outstanding};
use super::cluster::Cluster;
use super::console::Progress;
use super::nemesis::{Fault, Nemesis, Step};
use super::network::{Message, Network};
use super::options::{FaultKind, RECOVERY, TestOptions};
use super::pipes::{Batch, FromNode, Speaker};
use super::record::{Doubt, FaultRecord, Outcome, Record, RestartRecord, is_definite, nanoseconds};
use super::wire::{Answer, Destination, INIT_CLIENT, Reply, Request, request_line};
use super::workload::Workload;

/// Timers that are due within this time share one turn of the loop, and their messages one write.
const TIMER_GRAIN: Duration = Duration::from_micros(100);

/// The same for requests of clients, whose exact time matters to nobody.
const REQUEST_GRAIN: Duration = Duration::from_micros(500);

/// A rate that was missed for longer than this is not made up for.
const CATCH_UP: Duration = Duration::from_millis(10);

/// Everything that a run left behind.
#[derive(Default)]
pub(super) struct Finished {
    pub(super) records: Vec<Record>,
    pub(super) faults: Vec<FaultRecord>,
    pub(super) restarts: Vec<RestartRecord>,
    pub(super) values: Values,
    pub(super) messages: MessageCounts,
    /// How many keys were used.
    pub(super) key_count: u32,
    /// What a node did that ended the run.
    pub(super) violation: Option<String>,
    /// When the last fault ended, in nanoseconds since the start.
    pub(super) last_heal: Option<u64>,
    /// Whether the nodes had time enough afterwards, so that something must have succeeded.
    pub(super) is_recovery_due: bool,
    /// How long operations were sent, in nanoseconds.
    pub(super) duration: u64,
}

impl Finished {
    /// When the last operation that succeeded was answered.
    pub(super) fn last_success(&self) -> Option<u64> {
        let succeeded = |record: &&Record| matches!(record.outcome, Outcome::Ok(_));
        self.records.iter().filter(succeeded).map(|record| record.end).max()
    }
}

/// Messages by type, without those of the initialization.
#[derive(Default)]
pub(super) struct MessageCounts {
    pub(super) between_nodes: BTreeMap<String, u64>,
    pub(super) with_clients: BTreeMap<String, u64>,
}

/// The operation behind an outstanding request.
#[derive(Clone, Copy)]
struct Pending {
    key: u32,
    request: Request,
}

struct Run<'a> {
    options: &'a TestOptions,
    cluster: &'a mut Cluster,
    network: Network,
    nemesis: Nemesis,
    clients: Clients<Pending>,
    workload: Workload,
    random: Pcg64Mcg,
    progress: Progress,
    start: Instant,
    /// No request is sent from here on.
    end: Instant,
    next_operation: Instant,
    finished: Finished,
}

/// Independent random numbers for each purpose, all from one seed.
pub(super) fn random_stream(seed: u64, purpose: u64) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed.wrapping_mul(31).wrapping_add(purpose))
}

/// Runs clients and faults against initialized nodes, until the time is over and every request has its
/// outcome.
pub(super) fn run(options: &TestOptions, seed: u64, cluster: &mut Cluster, network: Network) -> Finished {
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(options.time_limit);
    let clients = options.client_count();
    let nemesis = Nemesis::new(
        &options.nemesis,
        options.node_count,
        Duration::from_secs_f64(options.nemesis_interval),
        (start, end - options.recovery_time()),
        random_stream(seed, 2),
    );
    let run = Run {
        options,
        cluster,
        network,
        nemesis,
        clients: Clients::new(clients, options.node_count, options.request_timeout(), random_stream(seed, 3)),
        workload: Workload::new(clients, options.node_count, random_stream(seed, 4)),
        random: random_stream(seed, 5),
        progress: Progress::new(start),
        start,
        end,
        next_operation: start,
        finished: Finished::default(),
    };
    run.run()
}

impl Run<'_> {
    fn run(mut self) -> Finished {
        loop {
            let now = Instant::now();
            self.deliver(now);
            self.give_up(now);
            self.trouble(now);
            self.send_requests(now);
            self.cluster.flush();
            self.progress.show(now, &self.nemesis);
            let is_busy = self.clients.any_outstanding() || self.cluster.any_starting().is_some();
            let is_over = now >= self.end && !is_busy;
            if is_over || self.finished.violation.is_some() {
                return self.finish(now);
            }
            self.wait(now);
        }
    }

    fn finish(mut self, now: Instant) -> Finished {
        for fault in self.nemesis.end_all() {
            // The run is over: nobody would talk to a node that is started now.
            if fault.kind() != FaultKind::Kill {
                self.heal(&fault, now);
            }
            self.note_end(&fault, now);
        }
        self.progress.finish();
        self.finished.is_recovery_due = self.options.recovery_time() >= RECOVERY;
        self.finished.key_count = self.workload.key_count();
        self.finished.duration = nanoseconds(self.start, now.min(self.end));
        self.finished
    }

    /// Waits for lines of nodes until something is due, and routes all lines that are there.
    fn wait(&mut self, now: Instant) {
        let due = self.next_due(now).max(now + TIMER_GRAIN);
        for news in self.cluster.news(due) {
            match news {
                FromNode::Batch(batch) => self.route(batch),
                FromNode::Violation(violation) => self.violation(violation),
                FromNode::Ended(speaker) => self.ended(speaker),
            }
        }
    }

    /// When the loop has something to do even if no node writes.
    fn next_due(&self, now: Instant) -> Instant {
        let is_sending = now < self.end;
        let request = self.next_operation.max(now + REQUEST_GRAIN);
        let dues = [
            (is_sending && self.clients.any_idle()).then_some(request),
            is_sending.then_some(self.end),
            self.network.next_due(),
            self.nemesis.next_due(),
            self.clients.next_timeout(),
            self.cluster.next_deadline().map(|(deadline, _)| deadline),
        ];
        dues.into_iter().flatten().fold(self.progress.next_due(), Instant::min)
    }

    fn violation(&mut self, violation: String) {
        self.finished.violation.get_or_insert(violation);
    }

    fn route(&mut self, batch: Batch) {
        let Speaker { node, .. } = batch.speaker;
        for line in batch.lines {
            match line.destination {
                Destination::Node(to) => {
                    let kind = line.kind.as_deref().unwrap_or("(no type)");
                    count(&mut self.finished.messages.between_nodes, kind);
                    let bytes = Arc::clone(&batch.bytes);
                    let message = Message { from: node, to, bytes, range: line.range };
                    self.network.send(batch.arrival, message);
                }
                Destination::Client(reply) if reply.client == INIT_CLIENT => {
                    self.init_answered(&reply, batch.speaker, batch.arrival);
                }
                Destination::Client(reply) => self.reply(reply, node, batch.arrival),
            }
        }
    }

    fn reply(&mut self, reply: Reply, node: usize, arrival: Instant) {
        count(&mut self.finished.messages.with_clients, reply.answer.kind());
        match self.clients.answered(&reply) {
            Matched::Answer(outstanding) => match self.outcome(outstanding.what.request, reply.answer) {
                Ok(outcome) => self.complete(&outstanding, arrival, outcome),
                Err(problem) => self.violation(format!("n{node} {problem}, to c{}", reply.client)),
            },
            Matched::Late => {}
            Matched::Wrong(problem) => self.violation(format!("n{node} sent {problem}")),
        }
    }

    fn outcome(&mut self, request: Request, answer: Answer) -> Result<Outcome, String> {
        match (request, answer) {
            (Request::Read, Answer::Read(value)) => {
                Ok(Outcome::Ok(Some(self.finished.values.intern(&value))))
            }
            (Request::Write(_), Answer::Written) | (Request::Cas { .. }, Answer::Swapped) => {
                Ok(Outcome::Ok(None))
            }
            (_, Answer::Error { code, .. }) if is_definite(code) => Ok(Outcome::Failed(code)),
            (_, Answer::Error { code, .. }) => Ok(Outcome::Unknown(Doubt::Error(code))),
            (_, answer) => Err(format!("answered a {} with {}", request.kind(), answer.kind())),
        }
    }

    /// Records the outcome. If it is unknown, the client gets a successor.
    fn complete(&mut self, outstanding: &Outstanding<Pending>, now: Instant, outcome: Outcome) {
        let Outstanding { row, client, sent, what: Pending { key, request } } = *outstanding;
        if matches!(outcome, Outcome::Unknown(_)) {
            self.clients.replace(row);
            // An open read is not searched for a place in the order, so its key can go on.
            if request != Request::Read {
                self.workload.replaced(row);
            }
        }
        self.progress.count(&outcome);
        self.finished.records.push(Record {
            client,
            row: u32::try_from(row).unwrap_or(u32::MAX),
            key,
            request,
            call: nanoseconds(self.start, sent),
            end: nanoseconds(self.start, now),
            outcome,
        });
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(message) = self.network.due(now) {
            self.cluster.send(message.to, message.line());
        }
    }

    fn give_up(&mut self, now: Instant) {
        self.miss_silent_nodes(now);
        while let Some(outstanding) = self.clients.timed_out(now) {
            self.complete(&outstanding, now, Outcome::Unknown(Doubt::TimedOut));
        }
    }

    fn send_requests(&mut self, now: Instant) {
        while self.next_operation <= now && now < self.end {
            let Some(row) = self.clients.draw_idle() else { break };
            let (key, request) = self.workload.next(row);
            let (client, msg_id) = self.clients.send(row, Instant::now(), Pending { key, request });
            let node = row % self.options.node_count;
            self.cluster.send(node, request_line(client, node, msg_id, key, request).as_bytes());
            count(&mut self.finished.messages.with_clients, request.kind());
            // Staggered as by Jepsen: from zero to twice the mean distance.
            self.next_operation +=
                Duration::from_secs_f64(self.random.random_range(0.0..2.0 / self.options.rate));
        }
        self.next_operation = self.next_operation.max(now.checked_sub(CATCH_UP).unwrap_or(now));
    }

    fn trouble(&mut self, now: Instant) {
        while let Some(step) = self.nemesis.step(now) {
            match step {
                Step::Begin(fault) => {
                    self.harm(&fault, now);
                    self.note_begin(&fault, now);
                }
                Step::End(fault) => {
                    self.heal(&fault, now);
                    self.note_end(&fault, now);
                }
            }
        }
    }

    fn harm(&mut self, fault: &Fault, now: Instant) {
        match fault {
            Fault::Partition { links, .. } => self.network.cut(links.clone()),
            Fault::Pause { nodes } => nodes.iter().for_each(|node| self.cluster.pause(*node)),
            Fault::Kill { nodes } => nodes.iter().for_each(|node| self.kill(*node, now)),
        }
    }

    fn heal(&mut self, fault: &Fault, now: Instant) {
        match fault {
            Fault::Partition { .. } => self.network.cut(Vec::new()),
            Fault::Pause { nodes } => nodes.iter().for_each(|node| self.cluster.resume(*node)),
            Fault::Kill { nodes } => nodes.iter().for_each(|node| self.restart(*node, now)),
        }
    }

    fn note_begin(&mut self, fault: &Fault, now: Instant) {
        let (kind, description, start) = (fault.kind(), fault.describe(), nanoseconds(self.start, now));
        self.finished.faults.push(FaultRecord { kind, description, start, end: u64::MAX });
    }

    fn note_end(&mut self, fault: &Fault, now: Instant) {
        let (description, at) = (fault.describe(), nanoseconds(self.start, now));
        let is_it = |record: &&mut FaultRecord| record.end == u64::MAX && record.description == description;
        if let Some(record) = self.finished.faults.iter_mut().find(is_it) {
            record.end = at;
        }
        self.finished.last_heal = Some(at);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, kind: &str) {
    if let Some(count) = counts.get_mut(kind) {
        *count += 1;
    } else {
        counts.insert(kind.to_owned(), 1);
    }
}
