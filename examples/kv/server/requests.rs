//! What is done for each request of a client.

use std::{future::Future, time::SystemTime};

use quorate::{
    Handle, LogIndex, Membership, NodeId, Ticket, runtime,
    sessions::{SessionCommand, SessionId, SessionOptions, Sessions},
};

use crate::{
    pending::{Pending, in_words, malformed, membership},
    protocol::{Answer, Consistency, Pattern, Request, Status, Write},
    store::{Command, Found, Query, Store},
};

/// Passes requests to the node. Never waits.
#[derive(Clone)]
pub(super) struct Requests {
    handle: Handle<Sessions<Store>>,
}

impl Requests {
    pub(super) fn new(handle: Handle<Sessions<Store>>) -> Self {
        Self { handle }
    }

    /// Passes a request on. What is known at once is answered here.
    pub(super) fn take(&self, request: Request) -> Pending {
        let handle = &self.handle;
        match request {
            Request::Get { key, consistency } => self.ask(Query::Value(key), consistency),
            Request::List { prefix, after, consistency } => {
                self.ask(Query::List { prefix, after }, consistency)
            }
            Request::Digest => self.ask(Query::Digest, Consistency::Local),
            Request::Write(write) => self.propose(&Command::Write(write)),
            Request::OpenSession => self.open_session(),
            Request::Once { session, sequence, write } => self.write_once(session, sequence, write),
            Request::Status => Answer::Status(self.status()).into(),
            Request::Metrics => Answer::Metrics { text: handle.metrics().render() }.into(),
            Request::AddVoter { node, address } => {
                steps(self.clone().bring_in(node, address, move |handle| handle.add_voter(NodeId(node))))
            }
            Request::AddLearner { node, address } => {
                steps(self.clone().bring_in(node, address, move |handle| handle.add_learner(NodeId(node))))
            }
            Request::Remove { node } => steps(self.clone().take_out(node)),
            Request::Replace { old, new, address } => steps(self.clone().replace(old, new, address)),
            Request::Transfer { to } => steps(hand_over(handle.transfer_leader(NodeId(to)))),
            Request::Watch(_) => malformed("a watch takes a connection of its own").into(),
        }
    }

    /// Asks for what is there, and for what changes after that.
    pub(super) fn watch(&self, pattern: Pattern) -> Ticket<Found> {
        self.handle.query_at(Query::Watch(pattern), runtime::Consistency::Linearizable)
    }

    fn ask(&self, query: Query, consistency: Consistency) -> Pending {
        Pending::Query(self.handle.query_at(query, of_runtime(consistency)))
    }

    fn propose(&self, command: &Command) -> Pending {
        self.propose_in(&SessionCommand::Plain(command.encode()))
    }

    fn open_session(&self) -> Pending {
        self.propose_in(&SessionCommand::Open { time_ms: now_ms(), options: SessionOptions::default() })
    }

    /// The same number again gets the first answer, and changes nothing.
    fn write_once(&self, session: u64, sequence: u64, write: Write) -> Pending {
        self.propose_in(&SessionCommand::Apply {
            session: SessionId(LogIndex(session)),
            sequence,
            // A client has one write under way at a time.
            first_outstanding: sequence,
            time_ms: now_ms(),
            command: Command::Write(write).encode(),
        })
    }

    fn propose_in(&self, command: &SessionCommand) -> Pending {
        Pending::Write(self.handle.propose(command.encode()))
    }

    /// Tells all servers where `node` is, then does what makes it a member.
    async fn bring_in(
        self,
        node: u64,
        address: String,
        operate: impl FnOnce(&Handle<Sessions<Store>>) -> Ticket<Membership>,
    ) -> Answer {
        let command = Command::Address { node, address: Some(address) };
        let answer = self.propose(&command).await;
        if !matches!(answer, Answer::Written { .. }) {
            return answer;
        }
        in_words(operate(&self.handle).await, membership)
    }

    async fn take_out(self, node: u64) -> Answer {
        let answer = in_words(self.handle.remove(NodeId(node)).await, membership);
        self.forget_if_done(node, answer).await
    }

    async fn replace(self, old: u64, new: u64, address: String) -> Answer {
        let operate = move |handle: &Handle<_>| handle.replace(NodeId(old), NodeId(new));
        let answer = self.clone().bring_in(new, address, operate).await;
        self.forget_if_done(old, answer).await
    }

    /// Once `node` is out of the cluster, nobody need try to reach it. If this fails, they go on trying.
    async fn forget_if_done(&self, node: u64, answer: Answer) -> Answer {
        if matches!(answer, Answer::Membership { .. }) {
            let command = Command::Address { node, address: None };
            let _forgotten = self.propose(&command).await;
        }
        answer
    }

    fn status(&self) -> Status {
        let core = self.handle.status().core;
        Status {
            node: core.id.0,
            role: core.role.to_string(),
            term: core.hard_state.term.0,
            leader: core.leader.map(|leader| leader.0),
            last: core.last_index.0,
            commit: core.hard_state.commit.0,
            applied: core.applied.0,
            membership: core.membership.to_string(),
        }
    }
}

async fn hand_over(transfer: Ticket<()>) -> Answer {
    in_words(transfer.await, |()| Answer::Done)
}

/// Steps that follow one another. No runtime carries them out: whoever polls the answer does, whenever the outcome of a
/// step is there.
fn steps(steps: impl Future<Output = Answer> + Send + 'static) -> Pending {
    Pending::Steps(Box::pin(steps))
}

/// For the log's own time, by which sessions end.
fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

fn of_runtime(consistency: Consistency) -> runtime::Consistency {
    match consistency {
        Consistency::Linearizable => runtime::Consistency::Linearizable,
        Consistency::Lease => runtime::Consistency::Lease,
        Consistency::Local => runtime::Consistency::Local,
    }
}
