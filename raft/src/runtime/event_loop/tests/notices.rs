//! When followers are told of a commit, if no append tells them.

use super::*;
use crate::consensus::RoleKind;

impl Bench {
    /// Node 1 of three, which leads and has told all that it knows.
    fn leading() -> Self {
        let mut bench = Self::new(3);
        while bench.event_loop.driver.status().core.role != RoleKind::Leader {
            bench.event_loop.clock.pass(TICK);
            bench.turn();
            bench.answer();
        }
        bench.settle();
        bench
    }

    /// Turns without time, until nothing is left to be said.
    fn settle(&mut self) {
        for _ in 0..5 {
            self.turn();
            self.answer();
        }
        self.sent.0.lock().clear();
    }

    /// A command is committed, and its client told.
    fn commit(&mut self) {
        self.propose(1);
        self.turn();
        self.answer();
        self.turn();
    }
}

#[test]
fn a_commit_is_told_when_there_is_nothing_else_to_do() {
    let mut bench = Bench::leading();
    bench.commit();
    assert_eq!(bench.sent.count("commit_notice"), 0, "the next command may be on its way");
    bench.event_loop.clock.pass(TICK);
    bench.event_loop.wait(&bench.mailbox, &bench.ticker).unwrap();
    assert_eq!(bench.sent.count("commit_notice"), 1, "n3 has acknowledged nothing");
}

#[test]
fn a_leader_that_is_never_idle_tells_of_a_commit_one_turn_later() {
    let mut bench = Bench::leading();
    bench.commit();
    bench.turn();
    assert_eq!(bench.sent.count("commit_notice"), 1);
}

#[test]
fn an_append_tells_of_the_commit_before_it() {
    let mut bench = Bench::leading();
    bench.commit();
    bench.propose(1);
    bench.turn();
    bench.turn();
    assert_eq!(bench.sent.count("commit_notice"), 0);
}

#[test]
fn who_stops_has_told_all_that_it_knew() {
    let mut bench = Bench::leading();
    bench.commit();
    let Bench { event_loop, mailbox, sent, .. } = bench;
    event_loop.close(StopReason::Requested, &mailbox);
    assert_eq!(sent.count("commit_notice"), 1);
}
