//! A lease is as good as the clock, and only the loop knows when nobody looked at that.

use super::*;
use crate::{Ticket, consensus::RoleKind};

/// Far more than an election timeout.
const PAUSE: Duration = Duration::from_secs(60);

impl Bench {
    /// Node 1 of three, which leads and has a lease: n2 answers it.
    fn with_lease() -> Self {
        let mut bench = Self::with_config(3, Config { lease_reads: true, ..Config::new(NodeId(1), 1) });
        for _ in 0..40 {
            bench.event_loop.clock.pass(TICK);
            bench.turn();
            bench.answer();
        }
        bench.turn();
        bench.sent.0.lock().clear();
        assert_eq!(bench.event_loop.driver.status().core.role, RoleKind::Leader);
        bench
    }

    /// Begins a lease query.
    fn query(&self) -> Ticket<Vec<String>> {
        let (completion, ticket) = Completion::ticket();
        let request = Request::Query { query: (), consistency: Consistency::Lease, completion };
        assert!(self.senders.requests.send(request).is_ok());
        ticket
    }
}

fn answered() -> Option<Outcome<Vec<String>>> {
    Some(Outcome::Applied(Vec::new()))
}

#[test]
fn a_lease_query_is_answered_in_the_turn_in_which_it_comes() {
    let mut bench = Bench::with_lease();
    bench.event_loop.clock.pass(TICK);
    let mut ticket = bench.query();
    bench.turn();
    assert_eq!(ticket.try_take(), answered());
}

#[test]
fn f5_a_lease_is_not_trusted_after_a_pause() {
    let mut bench = Bench::with_lease();
    bench.event_loop.clock.pass(PAUSE);
    let mut ticket = bench.query();
    bench.turn();
    assert_eq!(ticket.try_take(), None, "somebody else may have been elected");
    assert!(bench.sent.count("heartbeat") > 0, "so the others are asked");
    bench.answer();
    bench.turn();
    assert_eq!(ticket.try_take(), answered());
}

#[test]
fn f5_a_lease_is_not_trusted_after_a_pause_within_a_turn() {
    let mut bench = Bench::with_lease();
    // It begins when the turn has looked whether a tick is due.
    bench.event_loop.clock.pause.set(PAUSE);
    let mut ticket = bench.query();
    bench.turn();
    assert_eq!(ticket.try_take(), None);
    bench.answer();
    bench.turn();
    assert_eq!(ticket.try_take(), answered());
}

#[test]
fn f5_an_answer_from_before_a_pause_renews_no_lease() {
    let mut bench = Bench::with_lease();
    bench.event_loop.clock.pass(TICK);
    bench.turn();
    bench.answer();
    bench.event_loop.clock.pass(PAUSE);
    let mut ticket = bench.query();
    bench.turn();
    assert_eq!(ticket.try_take(), None);
}
