//! Snapshots, and what happens while they are made.

use super::*;

/// A snapshot is due after some commands.
fn short_log() -> Options {
    Options { compact_after_bytes: 100, keep_entries: 2, unknown_after_ticks: 1000, ..options() }
}

impl Cluster {
    fn propose_many(&mut self, id: usize) {
        (0..10).for_each(|_| self.propose(id, "x").on_done(drop));
        self.settle();
    }

    /// Makes the snapshot that is due at a node, if one is: up to where.
    fn make_snapshot(&mut self, id: usize) -> Option<LogIndex> {
        if !self.nodes[id - 1].make_snapshot() {
            return None;
        }
        let snapshot = StorageWriter::snapshot(&self.storages[id - 1]).unwrap();
        snapshot.map(|snapshot| snapshot.last.index)
    }
}

/// Elsewhere a snapshot that came due while another one was made was forgotten, and the log grew.
#[test]
fn d9_snapshot_comes_due_while_another_is_made() {
    let mut cluster = Cluster::new(3, &short_log());
    cluster.propose_many(1);
    let first = cluster.node(1).take_snapshot_task().unwrap();
    cluster.propose_many(1);
    assert!(cluster.node(1).take_snapshot_task().is_none(), "one at a time");
    cluster.nodes[0].keep(first.run());
    // No command need come for it.
    cluster.tick(1);
    assert_eq!(cluster.make_snapshot(1), Some(LogIndex(21)));
}

/// Elsewhere a command that its leader had not committed, and that a later leader's snapshot passed over, was waited
/// for until the end, or brought the node down.
#[test]
fn d10_snapshot_passes_over_the_command_of_a_deposed_leader() {
    let mut cluster = Cluster::new(3, &short_log());
    cluster.cut_off.insert(1);
    let mut below = cluster.propose(1, "lost");
    cluster.tick(25);
    let leader = (2..=3).find(|id| cluster.node(*id).status().core.role == RoleKind::Leader).unwrap();
    cluster.propose_many(leader);
    assert!(cluster.make_snapshot(leader).is_some());
    assert_eq!(below.try_take(), None);
    cluster.cut_off.clear();
    cluster.tick(5);
    assert_eq!(cluster.node(1).counters.snapshots_restored, 1);
    assert_eq!(below.try_take(), Some(Outcome::Unknown(UnknownReason::PassedBySnapshot)));
    assert_eq!(cluster.lines(1), cluster.lines(leader));
}
