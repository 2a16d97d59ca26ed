//! After the storm: everything heals, and all nodes must come to agree.

use quorate::ConfChange;

use super::storm::Storm;

impl Storm {
    const ROUNDS_MAX: u32 = 60;

    /// Ends all faults and waits for agreement.
    pub(crate) fn calm_down(&mut self) {
        self.note("calm");
        self.cluster.haste = 100;
        self.cluster.network.heal();
        for id in self.cluster.ids() {
            if !self.cluster.is_up(id) {
                self.cluster.restart(id);
            }
        }
        self.cluster.settle();
        for _ in 0..Self::ROUNDS_MAX {
            self.cluster.pass(20);
            if self.is_settled() {
                self.check_agreement();
                return;
            }
        }
        let up = self.cluster.ids().filter(|id| self.cluster.is_up(*id));
        let views: Vec<_> =
            up.map(|id| format!("n{id} {:?} {:?}", self.cluster.kind(id), self.cluster.view(id))).collect();
        panic!("waited in vain for agreement:\n{}", views.join("\n"));
    }

    /// What an operator does: stops those who are no members, ends what was begun, and asks whether a command passes.
    fn is_settled(&mut self) -> bool {
        let Some(leader) = self.cluster.leader() else { return false };
        let members = self.cluster.view(leader).members;
        let belongs = |id: u64| members.has_voter(id) || members.learners.contains(&id);
        for id in self.cluster.ids() {
            match (belongs(id), self.cluster.is_up(id)) {
                (true, false) => self.cluster.restart(id),
                (false, true) => self.cluster.crash(id),
                (true, true) | (false, false) => {}
            }
        }
        // A snapshot from before a node of theirs has joined would be of no use to it.
        for id in self.cluster.ids().filter(|id| belongs(*id)) {
            self.cluster.on(id, |node| node.compact(3));
        }
        if !members.outgoing.is_empty() {
            if !members.auto_leave {
                self.cluster.on(leader, |node| node.change(&ConfChange::leave_joint()));
            }
            return false;
        }
        let before = self.cluster.applied().index();
        if !self.cluster.on(leader, |node| node.propose("last")) {
            return false;
        }
        self.cluster.pass(20);
        let (all, still) = (self.cluster.applied().index(), self.cluster.view(leader).members);
        let has_all = |id| self.cluster.machine(id).index() == all;
        still == members && all > before && self.cluster.ids().filter(|id| belongs(*id)).all(has_all)
    }

    /// One leader; equal logs, states and memberships; nothing that was ever applied anywhere is missing.
    fn check_agreement(&self) {
        let leader = self.cluster.leader().unwrap();
        let members = self.cluster.view(leader).members;
        let belongs = |id: &u64| members.has_voter(*id) || members.learners.contains(id);
        for id in self.cluster.ids().filter(belongs) {
            let view = self.cluster.view(id);
            assert_eq!((view.leads, view.leader), (id == leader, Some(leader)), "n{id}");
        }
        self.cluster.assert_agreement(self.cluster.ids().filter(belongs));
    }
}
