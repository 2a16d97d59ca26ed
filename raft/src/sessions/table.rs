//! Which sessions there are, what each has been answered, and when it ends. The same on every node.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    command::{SessionId, SessionOptions, milliseconds},
    response::SessionRefusal,
};
use crate::consensus::LogIndex;

/// All sessions at one point of the log.
pub(super) struct Table<R> {
    /// The log's own time: the latest clock that any proposer has told, in milliseconds since 1970. Clocks of clients
    /// differ and go back; this one is the same on all nodes and does not.
    now_ms: u64,
    /// Shared with the snapshot that is being made, if there is one; then a session is copied when it changes.
    sessions: BTreeMap<SessionId, Arc<State<R>>>,
    /// When each session ends unless it is heard of, the soonest first.
    ends: BTreeSet<(u64, SessionId)>,
}

/// One session.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct State<R> {
    pub(super) timeout_ms: u64,
    pub(super) window: u64,
    /// The log's time when it was last heard of, in milliseconds.
    pub(super) heard_ms: u64,
    /// The last entry that was its.
    pub(super) used: LogIndex,
    /// The client waits for no response below this.
    pub(super) first_outstanding: u64,
    /// By sequence number; those that were applied and that the client may still ask for.
    pub(super) responses: BTreeMap<u64, R>,
}

/// A command of a session, but for what the state machine is to do.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    pub(super) session: SessionId,
    pub(super) sequence: u64,
    pub(super) first_outstanding: u64,
}

/// What is to become of a command of a session.
pub(super) enum Verdict<R> {
    /// It is here for the first time: apply it, and [`keep`](Table::keep) the response.
    Apply,
    /// It was applied before, with this response.
    Again(R),
    Refuse(SessionRefusal),
}

impl<R: Clone> Table<R> {
    pub(super) fn new() -> Self {
        Self { now_ms: 0, sessions: BTreeMap::new(), ends: BTreeSet::new() }
    }

    /// The table with these sessions at this time.
    pub(super) fn from_parts(now_ms: u64, sessions: BTreeMap<SessionId, Arc<State<R>>>) -> Self {
        let ends = sessions.iter().map(|(id, state)| (state.end_ms(), *id)).collect();
        Self { now_ms, sessions, ends }
    }

    /// Time and sessions as they are now, cheaply.
    pub(super) fn parts(&self) -> (u64, BTreeMap<SessionId, Arc<State<R>>>) {
        (self.now_ms, self.sessions.clone())
    }

    /// A proposer's clock has shown `time_ms`: sessions that were not heard of for too long end.
    pub(super) fn advance_time(&mut self, time_ms: u64) {
        self.now_ms = self.now_ms.max(time_ms);
        while let Some((end_ms, id)) = self.ends.first().copied()
            && end_ms < self.now_ms
        {
            self.close(id);
        }
    }

    /// Opens a session at `index`, and ends those not used for longest if there are too many.
    pub(super) fn open(&mut self, index: LogIndex, options: SessionOptions) -> SessionId {
        let room = usize::try_from(options.max_sessions.max(1)).unwrap_or(usize::MAX);
        while self.sessions.len() >= room
            && let Some(id) = self.least_recently_used()
        {
            self.close(id);
        }
        let id = SessionId(index);
        let state = State {
            timeout_ms: milliseconds(options.timeout),
            window: options.window.max(1),
            heard_ms: self.now_ms,
            used: index,
            first_outstanding: 0,
            responses: BTreeMap::new(),
        };
        self.ends.insert((state.end_ms(), id));
        self.sessions.insert(id, Arc::new(state));
        id
    }

    /// Looks through all of them: there is no need for it but when one is opened and there is no room.
    fn least_recently_used(&self) -> Option<SessionId> {
        let used = self.sessions.iter().map(|(id, state)| (state.used, *id));
        used.min().map(|(_, id)| id)
    }

    /// Ends a session. Whether there was one.
    pub(super) fn close(&mut self, id: SessionId) -> bool {
        let Some(state) = self.sessions.remove(&id) else { return false };
        let was_to_end = self.ends.remove(&(state.end_ms(), id));
        assert!(was_to_end, "{id} has no end");
        true
    }

    /// A session was heard of at `index`.
    pub(super) fn keep_alive(&mut self, id: SessionId, index: LogIndex) -> Result<(), SessionRefusal> {
        self.hear_of(id, index).map(drop)
    }

    fn hear_of(&mut self, id: SessionId, index: LogIndex) -> Result<&mut State<R>, SessionRefusal> {
        let state = Arc::make_mut(self.sessions.get_mut(&id).ok_or(SessionRefusal::Expired)?);
        state.used = index;
        // Many commands come within a millisecond: most leave the end where it is.
        if state.heard_ms != self.now_ms {
            self.ends.remove(&(state.end_ms(), id));
            state.heard_ms = self.now_ms;
            self.ends.insert((state.end_ms(), id));
        }
        Ok(state)
    }

    /// What is to become of a command that stands at `index`.
    pub(super) fn judge(&mut self, index: LogIndex, command: Numbered) -> Verdict<R> {
        let state = match self.hear_of(command.session, index) {
            Ok(state) => state,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        state.acknowledge(command.first_outstanding);
        // Before the look at the responses: what lies below was forgotten, so it would seem new.
        if command.sequence < state.first_outstanding {
            return Verdict::Refuse(SessionRefusal::Acknowledged);
        }
        if let Some(response) = state.responses.get(&command.sequence) {
            return Verdict::Again(response.clone());
        }
        if command.sequence - state.first_outstanding >= state.window {
            return Verdict::Refuse(SessionRefusal::WindowFull);
        }
        Verdict::Apply
    }

    /// Keeps the response to a command that was [to be applied](Verdict::Apply).
    pub(super) fn keep(&mut self, command: Numbered, response: R) {
        let Some(state) = self.sessions.get_mut(&command.session) else { return };
        let before = Arc::make_mut(state).responses.insert(command.sequence, response);
        assert!(before.is_none(), "{}: command {} was applied twice", command.session, command.sequence);
    }
}

impl<R> State<R> {
    /// The session ends when the log's time is past this.
    pub(super) fn end_ms(&self) -> u64 {
        self.heard_ms.saturating_add(self.timeout_ms)
    }

    /// Commands may arrive in another order than they were sent in: the highest number told counts.
    fn acknowledge(&mut self, first_outstanding: u64) {
        if first_outstanding > self.first_outstanding {
            self.first_outstanding = first_outstanding;
            self.responses = self.responses.split_off(&first_outstanding);
        }
    }
}
