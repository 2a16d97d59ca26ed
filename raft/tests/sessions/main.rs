//! Sessions as their users meet them: clients that try again while nodes and leaders come and go.
//!
//! Nothing here says how long anything takes; each test waits for what must come in the end, and gives up only after
//! [`PATIENCE`](cluster::PATIENCE).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod clients;
mod cluster;

use std::{thread, time::Duration};

use quorate::{
    Outcome,
    runtime::{RefusalReason, UnknownReason},
    sessions::{Session, SessionCommand, SessionError, SessionOptions, SessionRefusal, SessionResponse},
};

use crate::{
    clients::Increments,
    cluster::{Cluster, PATIENCE, outcome},
};

/// A command as a client in another process would send it, to be proposed as often as one likes.
fn increment(session: &Session<cluster::Counter>, sequence: u64) -> SessionCommand {
    SessionCommand::Apply {
        session: session.id(),
        sequence,
        first_outstanding: sequence,
        time_ms: 0,
        command: "increment".into(),
    }
}

#[test]
fn the_total_is_exact_though_leaders_change_and_nodes_restart_under_the_clients() {
    let cluster = Cluster::start();
    let increments = thread::scope(|scope| {
        let clients = Increments::start(scope, &cluster);
        for round in 0..6 {
            let leader = cluster.leader();
            match round % 3 {
                0 => drop(outcome(cluster.handle(leader).transfer_leader(cluster.follower()))),
                1 => {
                    cluster.network.isolate(leader);
                    cluster.leader_other_than(Some(leader));
                    cluster.network.heal_all();
                }
                _ => {
                    cluster.stop(leader);
                    cluster.leader();
                    cluster.start_node(leader);
                }
            }
            clients.let_each_count();
        }
        clients.stop()
    });
    let total = outcome(cluster.handle(cluster.leader()).query(())).applied();
    println!("{increments:?}");
    assert_eq!(total, Some(increments.answered), "{increments:?}");
}

#[test]
fn the_same_command_through_two_nodes_and_after_a_restart_gets_the_same_answer() {
    let cluster = Cluster::start();
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let session = cluster.open(leader);
    let bytes = increment(&session, 1).encode();
    let first = cluster.apply(leader, &bytes);
    assert_eq!(first, SessionResponse::Applied(1));
    assert_eq!(cluster.apply(follower, &bytes), first);
    cluster.stop_all();
    cluster.start_all();
    assert_eq!(cluster.apply(cluster.leader(), &bytes), first);
    assert_eq!(outcome(cluster.handle(leader).query(())).applied(), Some(1));
}

#[test]
fn a_command_in_doubt_whose_session_has_ended_is_told_as_such() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let session = cluster.open(leader);
    cluster.network.isolate(leader);
    let mut in_doubt = session.propose("increment");
    // What comes after it in the same log is decided no earlier.
    let marker = cluster.handle(leader).propose(SessionCommand::Plain("marker".into()).encode());
    assert_eq!(outcome(marker), Outcome::Unknown(UnknownReason::Undecided));
    assert_eq!(in_doubt.wait(Duration::ZERO), Err(SessionError::TimedOut));
    assert!(in_doubt.is_in_doubt());

    let next = cluster.leader_other_than(Some(leader));
    let close = SessionCommand::Close { session: session.id(), time_ms: 0 };
    assert_eq!(cluster.apply(next, &close.encode()), SessionResponse::Closed);
    cluster.network.heal_all();
    assert_eq!(in_doubt.wait(PATIENCE), Err(SessionError::InDoubt));
    assert_eq!(session.call("increment", PATIENCE), Err(SessionError::Expired), "this one is in no doubt");
}

#[test]
fn a_session_that_is_not_heard_of_ends_and_one_that_is_kept_alive_goes_on() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let mut options = SessionOptions::default();
    options.timeout = Duration::from_millis(1);
    let short = Session::open(cluster.handle(leader), options, PATIENCE).unwrap();
    let long = cluster.open(leader);
    assert_eq!(long.call("increment", PATIENCE), Ok(1));
    thread::sleep(Duration::from_millis(10));
    assert_eq!(long.keep_alive(PATIENCE), Ok(()));
    assert_eq!(short.keep_alive(PATIENCE), Err(SessionError::Expired));
    assert_eq!(short.call("increment", PATIENCE), Err(SessionError::Expired));
    assert_eq!(long.call("increment", PATIENCE), Ok(2));
    long.close(PATIENCE).unwrap();
    assert_eq!(long.call("increment", PATIENCE), Err(SessionError::Expired));
}

#[test]
fn a_response_is_kept_until_its_client_has_heard_it_and_no_longer() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let session = cluster.open(leader);
    let (mut first, mut second) = (session.propose("increment"), session.propose("increment"));
    second.wait(PATIENCE).unwrap();
    // The first was not waited for yet, so a copy of it is still answered.
    let copy = increment(&session, first.sequence());
    assert!(matches!(cluster.apply(leader, &copy.encode()), SessionResponse::Applied(_)));
    first.wait(PATIENCE).unwrap();
    assert_eq!(first.wait(PATIENCE), Err(SessionError::Answered));
    // The next command tells that both were heard.
    session.call("increment", PATIENCE).unwrap();
    let forgotten = SessionResponse::Refused(SessionRefusal::Acknowledged);
    assert_eq!(cluster.apply(leader, &copy.encode()), forgotten);
}

#[test]
fn a_session_goes_on_through_another_node_when_its_own_has_stopped() {
    let cluster = Cluster::start();
    let leader = cluster.leader();
    let session = cluster.open(leader);
    assert_eq!(session.call("increment", PATIENCE), Ok(1));
    cluster.stop(leader);
    let mut ticket = session.propose("increment");
    match ticket.wait(PATIENCE) {
        Err(SessionError::Refused(refusal)) => assert_eq!(refusal.reason, RefusalReason::Stopped),
        other => panic!("the node has stopped: {other:?}"),
    }
    session.redirect(cluster.handle(cluster.leader()));
    assert_eq!(ticket.wait(PATIENCE), Ok(2));
}
