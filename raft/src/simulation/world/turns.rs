//! What a process does when something has come: the turn of the runtime's loop.

use std::time::Duration;

use super::{
    Event, Packet, Step, What, World,
    network::{Notes, Sender},
    process::PeerEvent,
};
use crate::{
    consensus::{Envelope, Message, NodeId},
    runtime::StopReason,
    simulation::{trace::Fate, violation::Broken, workload::Workload},
    transport::Transport,
};

/// How long it takes at most to wake a thread.
const WAKING: Duration = Duration::from_micros(50);
/// As in the runtime.
const READYS_PER_TURN: usize = 16;

/// Takes what a driver sends.
#[derive(Default)]
pub(super) struct Outbox(Vec<Envelope>);

impl Transport for Outbox {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        self.0.append(messages);
    }
}

impl<W: Workload> World<W> {
    /// Has a node's loop turn after so much time, unless it does so earlier.
    pub(super) fn wake(&mut self, at: usize, after: Duration) {
        let then = self.now + after;
        let Some(process) = &mut self.nodes[at].process else { return };
        if process.next_turn.is_none_or(|turn| turn > then) {
            process.next_turn = Some(then);
            self.plan_for(at, after, |at, life| Event::Turn { at, life });
        }
    }

    /// Has a node's loop turn as soon as its thread wakes up.
    pub(in crate::simulation) fn wake_soon(&mut self, at: usize) {
        let after = self.nodes[at].random.duration(Duration::from_micros(1), WAKING);
        self.wake(at, after);
    }

    pub(super) fn turn(&mut self, at: usize, life: u32) -> Step {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        if node.life != life || process.next_turn != Some(self.now) {
            return Ok(());
        }
        process.next_turn = None;
        if node.pauses > 0 {
            // It turns when it goes on.
            return Ok(());
        }
        match self.take_up(at) {
            Ok(outbox) => self.post(at, outbox)?,
            Err(reason) => return self.on_failed(at, &reason),
        }
        self.drive(at)?;
        let Some(process) = &mut self.nodes[at].process else { return Ok(()) };
        let due = Outbox(process.notices.end_turn());
        if !process.notices.is_empty() {
            self.wake(at, WAKING);
        }
        self.put_on_network(at, due)?;
        let Some(process) = &self.nodes[at].process else { return Ok(()) };
        let until_tick = process.ticker.until_next(self.nodes[at].clock.shows(self.now));
        let has_more = process.driver.has_work() || !process.inbox.is_empty();
        let wait =
            if has_more { Some(Duration::ZERO) } else { self.nodes[at].clock.until_counted(until_tick) };
        if let Some(wait) = wait {
            // Time passes in any turn.
            self.wake(at, wait.max(Duration::from_micros(1)));
        }
        Ok(())
    }

    /// Takes up what was reported, what peers have sent, a tick if one is due, and what clients want.
    fn take_up(&mut self, at: usize) -> Result<Outbox, StopReason> {
        let node = &mut self.nodes[at];
        let mut outbox = Outbox::default();
        let Some(process) = &mut node.process else { return Ok(outbox) };
        let (driver, inbox) = (&mut process.driver, &mut process.inbox);
        for report in inbox.written.drain(..) {
            driver.on_written(report, &mut outbox)?;
        }
        inbox.applied.drain(..).for_each(|report| driver.on_applied(report));
        if let Some(made) = inbox.snapshot_made.take() {
            driver.on_snapshot_made(made);
        }
        for event in inbox.peers.drain(..) {
            match event {
                PeerEvent::Message(envelope) => driver.on_message(envelope)?,
                PeerEvent::Unreachable(peer) => driver.report_unreachable(peer),
                PeerEvent::Snapshot { node, arrived } => driver.report_snapshot(node, arrived),
            }
        }
        let now = node.clock.shows(self.now);
        if process.ticker.has_let_out(now) {
            driver.expire_lease();
        }
        if process.ticker.take_due(now) {
            driver.on_tick();
        }
        for order in std::mem::take(&mut process.inbox.requests) {
            process.take_up(order);
        }
        Ok(outbox)
    }

    /// Does what the node wants done.
    fn drive(&mut self, at: usize) -> Step {
        for _ in 0..READYS_PER_TURN {
            let Some(process) = &mut self.nodes[at].process else { break };
            let mut outbox = Outbox::default();
            if let Err(reason) = process.driver.run(&mut outbox) {
                return self.on_failed(at, &reason);
            }
            self.take_jobs(at)?;
            self.post(at, outbox)?;
            self.begin_jobs(at)?;
            if !self.nodes[at].process.as_ref().is_some_and(|process| process.driver.has_work()) {
                break;
            }
        }
        Ok(())
    }

    /// Puts on the network what a node sends, but holds notices as the runtime does.
    fn post(&mut self, at: usize, mut outbox: Outbox) -> Step {
        if let Some(process) = &mut self.nodes[at].process {
            process.notices.hold(&mut outbox.0);
        }
        self.put_on_network(at, outbox)
    }

    fn put_on_network(&mut self, at: usize, outbox: Outbox) -> Step {
        let node = &self.nodes[at];
        let Some(process) = &node.process else { return Ok(()) };
        let id = node.id;
        let sender = Sender { incarnation: process.incarnation, is_later_version: node.is_later_version };
        for envelope in outbox.0 {
            self.observer.on_sent(&envelope, &mut self.counts).map_err(|broken| broken.at(id))?;
            let mut notes = Notes { now: self.now, trace: &mut self.trace, counts: &mut self.counts };
            let agenda = &mut self.agenda;
            let add = |then, packet| agenda.add(then, Event::Arrival(packet));
            let sent = self.network.send(&envelope, sender, &mut notes, add);
            // A snapshot that cannot be read is one that does not arrive.
            if !sent.unwrap_or(false) && matches!(envelope.message, Message::SnapshotRequest { .. }) {
                self.tell_of_snapshot(at, envelope.to, false);
            }
        }
        Ok(())
    }

    pub(super) fn arrive(&mut self, packet: &Packet) -> Step {
        let fate = match self.network.receive(packet, &mut self.counts) {
            Ok(_) if packet.is_corrupted() => {
                let message = format!("message #{} was changed on its way, and taken", packet.number);
                return Err(Broken::new("integrity of messages", message).into());
            }
            Ok(envelope) => self.hand_over(packet, envelope),
            Err(fate) => fate,
        };
        self.note(Some(packet.to), What::Ended { number: packet.number, fate });
        if packet.is_snapshot
            && let Some(sender) = self.position(packet.from)
        {
            self.tell_of_snapshot(sender, packet.to, fate == Fate::Arrived);
        }
        Ok(())
    }

    fn hand_over(&mut self, packet: &Packet, envelope: Envelope) -> Fate {
        let Some(at) = self.position(packet.to) else { return Fate::Down };
        let Some(process) = &mut self.nodes[at].process else { return Fate::Down };
        let own = process.incarnation;
        if self.plan.nodes.incarnations
            && !self.network.knows(packet.from, packet.incarnation, packet.to, own)
        {
            return Fate::Refused;
        }
        process.inbox.peers.push_back(PeerEvent::Message(envelope));
        self.wake_soon(at);
        Fate::Arrived
    }

    /// The transport tells a leader what became of a snapshot; sometimes it does not know.
    fn tell_of_snapshot(&mut self, at: usize, node: NodeId, arrived: bool) {
        if self.nodes[at].random.per_mille(100) {
            return;
        }
        if let Some(process) = &mut self.nodes[at].process {
            process.inbox.peers.push_back(PeerEvent::Snapshot { node, arrived });
            if !arrived {
                process.inbox.peers.push_back(PeerEvent::Unreachable(node));
            }
            self.wake_soon(at);
        }
    }
}
