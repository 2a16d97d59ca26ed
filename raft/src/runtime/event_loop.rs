//! The loop: waits, and passes what comes to the [`Driver`]. All it decides is in which order.

use std::{sync::Arc, time::Duration};

use super::{
    applier::Clients,
    apply_reports::ApplyReports,
    bell::Inlet,
    cancellation::Cancellation,
    clock::{Clock, Ticker},
    compaction::{SnapshotMade, SnapshotTask},
    driver::Driver,
    error::{Part, StopReason},
    hand_out::guarded,
    mailbox::{Control, Gate, Mailbox, PeerEvent, Request, Shared},
    notices::Outgoing,
    options::Options,
    port::{ApplyPort, Port, WritePort},
    thread::Thread,
};
use crate::{state_machine::StateMachine, storage::StorageWriter};

/// All that one node's thread holds.
pub(super) struct EventLoop<S: StateMachine, W: StorageWriter, C> {
    pub(super) driver: Driver<S>,
    pub(super) writer: WritePort<W>,
    pub(super) applier: ApplyPort<S>,
    pub(super) reports: Arc<ApplyReports>,
    /// Whom the applier has in hand.
    pub(super) clients: Clients<S>,
    pub(super) outgoing: Outgoing,
    pub(super) gate: Arc<Gate<S>>,
    pub(super) shared: Arc<Shared>,
    /// To itself, for the thread that makes a snapshot.
    pub(super) to_control: Inlet<Control>,
    pub(super) clock: C,
    pub(super) options: Options,
    pub(super) name: String,
    pub(super) snapshot_thread: Option<(Thread, Cancellation)>,
}

/// More than a batch needs to go through; only a long log that is applied anew at start has more.
const READYS_PER_TURN: usize = 16;

impl<S: StateMachine, W: StorageWriter, C: Clock> EventLoop<S, W, C> {
    /// Turns until the node is told to stop, or must.
    pub(super) fn run(&mut self, mailbox: &Mailbox<S>) -> StopReason {
        let mut ticker = Ticker::new(self.options.tick, self.clock.now());
        loop {
            if let Err(reason) = self.wait(mailbox, &ticker).and_then(|()| self.turn(mailbox, &mut ticker)) {
                return reason;
            }
        }
    }

    /// Waits until there is something to do. Whether it was a message or the time that ended the wait is seen in the turn.
    fn wait(&mut self, mailbox: &Mailbox<S>, ticker: &Ticker) -> Result<(), StopReason> {
        if self.driver.has_work() || mailbox.fills_soon() {
            return Ok(());
        }
        guarded(|| self.outgoing.send_held())?;
        mailbox.sleep(ticker.until_next(self.clock.now()));
        Ok(())
    }

    /// One turn: see [the module](super).
    fn turn(&mut self, mailbox: &Mailbox<S>, ticker: &mut Ticker) -> Result<(), StopReason> {
        let begin = self.clock.now();
        for control in mailbox.control.try_iter() {
            self.on_control(control)?;
        }
        self.hear_applier();
        for event in mailbox.peers.try_iter().take(self.options.max_messages_per_turn) {
            self.on_peer_event(event)?;
        }
        let now = self.clock.now();
        self.expire_lease_if_paused(ticker, now);
        let is_tick = ticker.take_due(now);
        if is_tick {
            self.driver.on_tick();
        }
        for request in mailbox.requests.try_iter().take(self.options.max_requests_per_turn) {
            self.on_request(request);
        }
        // Once more, for requests that came in a pause since then: the lease is looked at only after this.
        self.expire_lease_if_paused(ticker, self.clock.now());
        let has_new_leader = self.drive()?;
        self.hear_applier();
        guarded(|| self.outgoing.end_turn())?;
        if let Some(task) = self.driver.take_snapshot_task() {
            self.make_snapshot(task);
        }
        if is_tick || has_new_leader {
            self.shared.publish(self.driver.status());
        }
        self.shared.measurements.on_turn(self.clock.now().saturating_sub(begin));
        if self.driver.may_stop() { Err(StopReason::Requested) } else { Ok(()) }
    }

    /// Does what the node wants done, so much at most that peers are not kept waiting. Whether the leader has changed.
    fn drive(&mut self) -> Result<bool, StopReason> {
        let mut has_new_leader = false;
        for _ in 0..READYS_PER_TURN {
            has_new_leader |= self.driver.run(&mut self.outgoing)?;
            self.write()?;
            self.apply()?;
            if !self.driver.has_work() {
                break;
            }
        }
        Ok(has_new_leader)
    }

    fn write(&mut self) -> Result<(), StopReason> {
        let jobs = self.driver.take_write_jobs();
        if jobs.len() == 0 {
            return Ok(());
        }
        match &mut self.writer {
            Port::InLine(writer) => {
                let report = self.shared.measurements.write(writer, jobs)?;
                self.driver.on_written(report, &mut self.outgoing)
            }
            Port::Thread(worker) => {
                worker.send(jobs);
                Ok(())
            }
        }
    }

    fn apply(&mut self) -> Result<(), StopReason> {
        let jobs = self.driver.take_apply_jobs();
        if jobs.len() == 0 {
            return Ok(());
        }
        match &mut self.applier {
            Port::InLine(applier) => {
                let report = self.shared.measurements.apply(applier, jobs)?;
                self.driver.on_applied(report);
            }
            Port::Thread(worker) => worker.send(jobs),
        }
        Ok(())
    }

    /// Takes up what the applier's thread has done. It wakes the loop for what it does later, if that is awaited.
    fn hear_applier(&mut self) {
        while let Some(report) = self.reports.take(self.driver.awaits_applied()) {
            self.driver.on_applied(report);
        }
    }

    fn expire_lease_if_paused(&mut self, ticker: &Ticker, now: Duration) {
        if ticker.has_let_out(now) {
            self.driver.expire_lease();
        }
    }

    fn on_request(&mut self, mut request: Request<S>) {
        request.measure_for(&self.shared.measurements);
        let driver = &mut self.driver;
        match request {
            Request::Propose { command, completion } => driver.propose(command, completion),
            Request::Query { query, consistency, completion } => driver.query(query, consistency, completion),
            Request::ChangeMembership { change, completion } => {
                driver.change_membership(&change, completion);
            }
            Request::Operate { goal, completion } => driver.operate(&goal, completion),
            Request::TransferLeader { to, completion } => driver.transfer_leader(to, completion),
        }
    }

    fn on_control(&mut self, control: Control) -> Result<(), StopReason> {
        match control {
            Control::Campaign => self.driver.campaign(),
            Control::Written(report) => self.driver.on_written(report, &mut self.outgoing)?,
            // It is taken up below, also when nobody was woken for it.
            Control::Applied => {}
            Control::Failed(reason) => return Err(reason),
            Control::SnapshotMade(made) => self.driver.on_snapshot_made(made),
            Control::HandOverAndStop => {
                self.driver.begin_stop();
                if self.driver.may_stop() {
                    return Err(StopReason::Requested);
                }
            }
            Control::Stop => return Err(StopReason::Requested),
        }
        Ok(())
    }

    fn on_peer_event(&mut self, event: PeerEvent) -> Result<(), StopReason> {
        match event {
            PeerEvent::Message(envelope) => self.driver.on_message(envelope)?,
            PeerEvent::Unreachable(node) => self.driver.report_unreachable(node),
            PeerEvent::Snapshot { node, arrived } => self.driver.report_snapshot(node, arrived),
        }
        Ok(())
    }

    /// Makes the snapshot on a thread of its own. One at a time, so the one before has nothing more to do.
    fn make_snapshot(&mut self, task: SnapshotTask) {
        let (to_control, cancellation) = (self.to_control.clone(), task.cancellation());
        let make = move || {
            // A node that has stopped needs no snapshot.
            let _stopped = to_control.send(Control::SnapshotMade(task.run()));
        };
        match Thread::spawn(format!("{}-snapshot", self.name), make) {
            Ok(thread) => self.snapshot_thread = Some((thread, cancellation)),
            Err(error) => self.driver.on_snapshot_made(SnapshotMade::failed(error.to_string())),
        }
    }

    /// The end, whatever it was that ended [`run`](Self::run): sees to it that nobody goes on waiting.
    pub(super) fn close(mut self, reason: StopReason, mailbox: &Mailbox<S>) {
        if matches!(reason, StopReason::Requested) {
            // It can do nothing more about a transport that panics now.
            let _sent = guarded(|| self.outgoing.send_held());
        }
        // First the reason, so that whoever is told can ask for it.
        self.shared.note_stopped(reason);
        self.gate.close();
        self.driver.stop();
        mailbox.discard(&self.shared.measurements);
        if let Some((_, cancellation)) = &self.snapshot_thread {
            cancellation.cancel();
        }
        // Those whose commands are being applied are told of that, if it does not take too long.
        let deadline = self.clock.now().saturating_add(self.options.stop_timeout);
        let time_left = || deadline.saturating_sub(self.clock.now());
        let (writer, applier) = (self.writer.close(), self.applier.close());
        if !applier.is_none_or(|applier| applier.join(time_left())) {
            self.shared.note_hung(Part::StateMachine);
            self.clients.give_up();
        }
        if !writer.is_none_or(|writer| writer.join(time_left())) {
            self.shared.note_hung(Part::Storage);
        }
        if !self.snapshot_thread.is_none_or(|(thread, _)| thread.join(time_left())) {
            self.shared.note_hung(Part::Snapshot);
        }
    }
}

#[cfg(test)]
mod tests;
