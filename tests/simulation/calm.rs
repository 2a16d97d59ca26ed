//! After the storm: nothing fails any more, and the cluster must come to rest.

use harness::Node;
use quorate::Proposed;

use crate::world::World;

impl World {
    /// So many ticks are many election timeouts, a few of which may end in split votes.
    const TICKS_MAX: u32 = 400;
    /// Far more messages than a tick can need, beside what the storm has left.
    const MESSAGES_MAX: usize = 5_000;

    /// Ends all faults and waits for agreement.
    pub(crate) fn calm_down(&mut self) {
        self.network.heal();
        for at in 0..self.nodes.len() {
            if !self.nodes[at].is_up() {
                self.restart(at);
            }
        }
        self.wait_for("a leader", |world| world.leader().map(|_| ()));
        // Something new, so that all that went before must be settled too.
        let proposed = self.wait_for("a proposal to be taken", |world| {
            let at = world.leader()?;
            match world.clients.propose(&mut world.nodes[at], 1) {
                Some(Proposed::Appended(id)) => Some(id),
                Some(Proposed::Forwarded(_)) | None => None,
            }
        });
        self.wait_for("agreement", |world| {
            let first = &world.nodes[0].machine;
            let agrees = |node: &Node| {
                node.machine.index() >= proposed.index
                    && node.machine.index() == node.status().last_index
                    && (node.machine.last(), node.machine.digest()) == (first.last(), first.digest())
            };
            world.nodes.iter().all(agrees).then_some(())
        });
        // Each accepted id has ended, or ends when its time is up.
        self.wait_for("every read and forward to end", |world| world.clients.nobody_waits().then_some(()));
        self.oracle.check_end(&self.nodes);
        self.expect_silence();
    }

    /// Who leads the newest term, if anybody does.
    fn leader(&self) -> Option<usize> {
        let newest = self.nodes.iter().map(|node| node.status().hard_state.term).max()?;
        self.nodes.iter().position(|node| node.leads() && node.status().hard_state.term == newest)
    }

    fn wait_for<T>(&mut self, what: &str, mut look: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..Self::TICKS_MAX {
            self.calm_tick();
            if let Some(found) = look(self) {
                return found;
            }
        }
        let states: Vec<_> = self.nodes.iter().map(Node::status).collect();
        panic!("waited in vain for {what}: {states:#?}");
    }

    /// One tick of every clock; then everything is delivered, written and applied.
    fn calm_tick(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.raw().tick());
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

    fn carry_out_everything(&mut self, at: usize) {
        for _ in 0..Self::MESSAGES_MAX {
            let acted = self.process(at);
            if !acted && !self.nodes[at].is_busy() {
                return;
            }
            self.finish_write(at);
            self.nodes[at].finish_apply();
        }
        panic!("{} always has something to do", self.nodes[at].id());
    }

    /// A cluster at rest says nothing but heartbeats.
    fn expect_silence(&mut self) {
        for _ in 0..10 {
            self.calm_tick();
            self.nodes.iter_mut().for_each(|node| node.raw().tick());
            (0..self.nodes.len()).for_each(|at| self.carry_out_everything(at));
            let other = self.network.in_flight.iter().find(|m| !m.message.name().starts_with("heartbeat"));
            assert_eq!(other, None, "a cluster at rest still has something to say");
        }
    }
}
