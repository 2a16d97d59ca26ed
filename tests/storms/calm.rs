//! After the storm: nothing fails any more, and the cluster must come to rest.

use harness::Node;
use quorate::{ConfChange, Envelope, Membership, NodeId, Proposed, RawNode};

use crate::world::World;

impl World {
    /// So many ticks are many election timeouts, a few of which may end in split votes.
    const TICKS_MAX: u32 = 400;
    /// Far more messages than a tick can need, beside what the storm has left.
    const MESSAGES_MAX: usize = 5_000;

    /// Ends all faults and waits for agreement.
    pub(crate) fn calm_down(&mut self) {
        self.note("calm");
        self.network.heal();
        for at in 0..self.nodes.len() {
            if self.standstill[at] > 0 {
                self.standstill[at] = 1;
            }
            if !self.nodes[at].is_up() {
                self.restart(at);
            }
        }
        self.wake();
        self.wait_for("a leader of its own membership", |world| world.leader());
        self.stop_who_disturbs();
        self.wait_for("no joint configuration", |world| world.is_out_of_joint());
        // Something new, so that all that went before must be settled too.
        let proposed = self.wait_for("a proposal to be taken", |world| {
            let at = world.leader()?;
            match world.propose(at, 1) {
                Some(Proposed::Appended(id)) => Some(id),
                Some(Proposed::Forwarded(_)) | None => None,
            }
        });
        self.wait_for("agreement", |world| {
            let first = &world.members().next()?.machine;
            let agrees = |node: &Node| {
                node.machine.index() >= proposed.index
                    && node.machine.index() == node.status().last_index
                    && (node.machine.last(), node.machine.digest()) == (first.last(), first.digest())
            };
            world.members().all(agrees).then_some(())
        });
        // Each accepted id has ended, or ends when its time is up.
        self.wait_for("every read, forward and transfer to end", |world| {
            let nobody_waits = world.clients.nobody_waits() && world.reads.nobody_waits();
            (nobody_waits && world.handovers.all_ended()).then_some(())
        });
        self.oracle.check_end(self.members());
        self.expect_silence();
    }

    /// Who leads the newest term of those that lead, if it will go on doing so: it has committed in its term, and
    /// nobody takes its place by a change that is not applied yet.
    fn leader(&self) -> Option<usize> {
        let leaders = (0..self.nodes.len()).filter(|at| self.nodes[*at].leads());
        let newest = leaders.max_by_key(|at| self.nodes[*at].status().hard_state.term)?;
        let status = self.nodes[newest].status();
        let is_settled = status.applied == status.last_index && status.membership == *self.membership();
        (is_settled && status.membership.voters.contains(status.id)).then_some(newest)
    }

    fn membership(&self) -> &Membership {
        self.oracle.memberships.latest()
    }

    fn is_member(&self, node: NodeId) -> bool {
        self.membership().contains(node)
    }

    fn members(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| self.is_member(node.id()))
    }

    /// Those who have left are not told that they have. Voters who hear from a leader refuse them; where some do not
    /// listen for it (without CheckQuorum), they must be switched off before there can be rest.
    fn stop_who_disturbs(&mut self) {
        if self.nodes.iter().all(Node::checks_quorum) {
            return;
        }
        for at in 0..self.nodes.len() {
            if !self.is_member(self.nodes[at].id()) {
                self.crash(at);
            }
        }
    }

    /// An explicit joint configuration is left on request, any other by itself.
    fn is_out_of_joint(&mut self) -> Option<()> {
        let at = self.leader()?;
        let membership = self.nodes[at].status().membership;
        if membership.voters.is_joint() && !membership.auto_leave {
            self.propose_change(at, &ConfChange::leave_joint());
        }
        (!membership.voters.is_joint()).then_some(())
    }

    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..Self::TICKS_MAX {
            self.calm_tick();
            if let Some(found) = look(self) {
                return found;
            }
        }
        let states: Vec<_> = self.nodes.iter().filter(|node| node.is_up()).map(Node::status).collect();
        panic!("waited in vain for {what}: {states:#?}");
    }

    /// One tick of every clock; then everything is delivered, written and applied.
    fn calm_tick(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.tick(at));
        for _ in 0..Self::MESSAGES_MAX + 5 * self.network.in_flight.len() {
            for at in 0..self.nodes.len() {
                self.carry_out_everything(at);
            }
            let Some(message) = self.network.in_flight.pop_front() else {
                self.check();
                return;
            };
            self.deliver(message);
        }
        panic!("the nodes never stop talking: {:?}", self.network.in_flight);
    }

    fn tick(&mut self, at: usize) {
        if self.nodes[at].is_up() {
            RawNode::tick(self.nodes[at].raw());
        }
    }

    fn carry_out_everything(&mut self, at: usize) {
        for _ in 0..Self::MESSAGES_MAX {
            let acted = self.process(at);
            if !self.nodes[at].is_up() || (!acted && !self.nodes[at].is_busy()) {
                return;
            }
            self.finish_write(at);
            self.nodes[at].finish_apply();
        }
        panic!("{} always has something to do", self.nodes[at].id());
    }

    /// A cluster at rest says nothing but heartbeats. Who does not belong to it may ask in vain.
    fn expect_silence(&mut self) {
        for _ in 0..10 {
            self.calm_tick();
            for at in 0..self.nodes.len() {
                self.tick(at);
                self.carry_out_everything(at);
            }
            let is_among_members = |m: &&Envelope| self.is_member(m.from) && self.is_member(m.to);
            let mut said = self.network.in_flight.iter().filter(is_among_members);
            let other = said.find(|m| !m.message.name().starts_with("heartbeat"));
            assert_eq!(other, None, "a cluster at rest still has something to say");
        }
    }
}
