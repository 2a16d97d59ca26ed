//! The four ways to learn an outcome.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use crossbeam_channel::unbounded;
use quorate::Outcome;

use crate::cluster::{Cluster, PATIENCE, eventually, options, outcome};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest executor there is.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn an_outcome_is_waited_for_polled_awaited_or_called_for() {
    let cluster = Cluster::start(1, options());
    let handle = cluster.handle(cluster.leader());

    assert_eq!(handle.propose("wait").wait(PATIENCE).unwrap(), Outcome::Applied(1));

    let mut ticket = handle.propose("poll");
    assert_eq!(eventually("it is there", || ticket.try_take()), Outcome::Applied(2));
    assert_eq!(ticket.try_take(), None, "an outcome can be taken once");

    assert_eq!(block_on(handle.propose("await")), Outcome::Applied(3));

    let (told, outcomes) = unbounded();
    let tell = move |outcome| told.send(outcome).unwrap();
    handle.propose("call").on_done(tell.clone());
    handle.propose_with("call at once", tell.clone());
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Outcome::Applied(4)));
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Outcome::Applied(5)));

    let ticket = handle.propose("call late");
    assert_eq!(outcome(handle.propose("later")), Outcome::Applied(7));
    ticket.on_done(tell);
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok(Outcome::Applied(6)));
}

#[test]
fn a_ticket_that_is_still_pending_comes_back() {
    let cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    cluster.network.isolate(leader);
    let pending = cluster.handle(leader).propose("x").wait(Duration::from_millis(1)).unwrap_err();
    assert!(matches!(outcome(pending.ticket), Outcome::Unknown(_) | Outcome::NotAccepted(_)));
}
