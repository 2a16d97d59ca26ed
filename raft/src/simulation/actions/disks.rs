//! Disks that are slow, full, broken, or lost.

use std::time::Duration;

use super::{
    super::{
        counts::Count,
        disk::{Fault as DiskFault, Operation},
        plan::{PowerLoss, Whom},
        workload::Workload,
        world::World,
    },
    Done, Fault, damage,
};

impl<W: Workload> World<W> {
    pub(super) fn slow_disk(&mut self, number: usize, whom: Whom, sync: Duration, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultSlowDisk);
        self.nodes[at].slowness.push((number, sync));
        self.put_on(number, Fault::SlowDisk(at), lasts);
        Ok(())
    }

    pub(super) fn stall_disk(&mut self, number: usize, whom: Whom, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultStallDisk);
        self.nodes[at].stalls += 1;
        self.put_on(number, Fault::StallDisk(at), lasts);
        Ok(())
    }

    pub(super) fn fill_disk(&mut self, number: usize, whom: Whom, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultFullDisk);
        let files = &self.nodes[at].files;
        files.set_capacity(Some(files.used_bytes()));
        self.put_on(number, Fault::FullDisk(at), lasts);
        Ok(())
    }

    /// One reason less for a disk to be full.
    pub(super) fn make_room(&mut self, at: usize) {
        let fills = |fault: &Fault| matches!(fault, Fault::FullDisk(other) if *other == at);
        if !self.actions.faults.values().any(fills) {
            self.nodes[at].files.set_capacity(None);
        }
    }

    pub(super) fn fail_sync(&mut self, number: usize, whom: Whom, down: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultSync);
        let node = &mut self.nodes[at];
        node.files.fail_next(Operation::SyncData, DiskFault::Broken);
        node.down = Some(down);
        Ok(())
    }

    /// No disk fails any more, but for what it has lost.
    pub(super) fn heal_disks(&mut self) {
        for node in &mut self.nodes {
            node.files.stop_failing();
            node.down = None;
        }
    }

    pub(super) fn wipe(&mut self, number: usize, whom: Whom, down: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.check_survivable(at)?;
        self.counts.count(Count::FaultWipe);
        self.crash(at, PowerLoss::Whole);
        self.lose_disk(at);
        // Without incarnations nobody could tell it from the node that it was, and it would vote a second time: then its
        // operators know better than to start it.
        self.nodes[at].is_retired = !self.plan.nodes.incarnations;
        self.plan_start(at, down);
        self.wake_operators();
        Ok(())
    }

    pub(super) fn flip_bit(&mut self, number: usize, whom: Whom, choice: u64, down: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.check_survivable(at)?;
        self.crash(at, PowerLoss::Whole);
        // The log is judged as it now lies on the disk: no later failure may take anything from it.
        self.restore_power(at);
        self.plan_start(at, down);
        let node = &self.nodes[at];
        let Some(spot) = damage::choose(&node.files, choice) else { return Err("its disk is empty") };
        spot.flip(&node.files);
        let options = self.plan.nodes.disk_options(0);
        match damage::verdict(&node.files, &spot, options) {
            damage::Verdict::Sound => {}
            damage::Verdict::Refused => {
                let id = node.id;
                self.observer.on_damaged(id);
                self.nodes[at].is_lost = true;
                self.wake_operators();
            }
            damage::Verdict::Forgetful => {
                spot.flip(&node.files);
                return Err("a log that ends early takes back what was promised");
            }
        }
        self.counts.count(Count::FaultBitFlip);
        Ok(())
    }
}
