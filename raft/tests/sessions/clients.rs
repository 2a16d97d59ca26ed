//! Clients that increment one counter from threads of their own.

use std::{
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread::{Scope, ScopedJoinHandle},
};

use quorate::{
    NodeId,
    runtime::RefusalReason,
    sessions::{Session, SessionError, SessionTicket},
};

use crate::cluster::{Cluster, Counter, PATIENCE, eventually};

/// One client through each node, which increments until it is told to stop.
pub(crate) struct Increments<'scope> {
    clients: Vec<Client<'scope>>,
    is_over: Arc<AtomicBool>,
}

struct Client<'scope> {
    answered: Arc<AtomicU64>,
    thread: ScopedJoinHandle<'scope, Total>,
}

/// What clients have seen.
#[derive(Default, Debug)]
pub(crate) struct Total {
    /// Commands that were answered: each took effect once.
    pub(crate) answered: u64,
    /// How many of them were in doubt for a while, so that without a session they could not have been tried again.
    pub(crate) in_doubt: u64,
    /// How often a node had stopped, and the client came again when it was back.
    pub(crate) redirected: u64,
}

impl<'scope> Increments<'scope> {
    pub(crate) fn start(scope: &'scope Scope<'scope, '_>, cluster: &'scope Cluster) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let client = |id: NodeId| {
            let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::clone(&is_over));
            let count = Arc::clone(&answered);
            let thread = scope.spawn(move || increment_until(&is_over, &count, cluster, id));
            Client { answered, thread }
        };
        Self { clients: [1, 2, 3].map(NodeId).map(client).into(), is_over }
    }

    /// Waits until each client has got some more answers, so that every fault meets every client.
    pub(crate) fn let_each_count(&self) {
        for client in &self.clients {
            let before = client.answered.load(Ordering::Relaxed);
            eventually("a client is answered", || {
                (client.answered.load(Ordering::Relaxed) >= before + 20).then_some(())
            });
        }
    }

    pub(crate) fn stop(self) -> Total {
        self.is_over.store(true, Ordering::Relaxed);
        let totals = self.clients.into_iter().map(|client| client.thread.join().unwrap());
        totals.fold(Total::default(), |sum, total| Total {
            answered: sum.answered + total.answered,
            in_doubt: sum.in_doubt + total.in_doubt,
            redirected: sum.redirected + total.redirected,
        })
    }
}

/// A few commands at a time, each until it is answered.
fn increment_until(is_over: &AtomicBool, answered: &AtomicU64, cluster: &Cluster, id: NodeId) -> Total {
    let session = cluster.open(id);
    let mut total = Total::default();
    while !is_over.load(Ordering::Relaxed) {
        let mut tickets: Vec<_> = (0..4).map(|_| session.propose("increment")).collect();
        for ticket in &mut tickets {
            total.redirected += wait_to_the_end(ticket, &session, cluster, id);
            total.answered += 1;
            total.in_doubt += u64::from(ticket.is_in_doubt());
            answered.store(total.answered, Ordering::Relaxed);
        }
    }
    total
}

/// How often the node had stopped meanwhile.
fn wait_to_the_end(
    ticket: &mut SessionTicket<Counter>,
    session: &Session<Counter>,
    cluster: &Cluster,
    id: NodeId,
) -> u64 {
    for stops in 0.. {
        match ticket.wait(PATIENCE) {
            Ok(_) => return stops,
            Err(SessionError::Refused(refusal)) if refusal.reason == RefusalReason::Stopped => {
                session.redirect(cluster.running_handle(id));
            }
            Err(error) => panic!("{id}: {error}"),
        }
    }
    0
}
