//! The wrapper that applies each command once.

use std::io::{BufReader, BufWriter, Read, Write};

use bytes::Bytes;

use super::{
    command::SessionCommand,
    response::{SessionRefusal, SessionResponse, StoredResponse},
    snapshot,
    table::{Numbered, Table, Verdict},
};
use crate::{
    consensus::LogIndex,
    state_machine::{RestoreError, SnapshotWriter, StateMachine},
};

/// A state machine of yours, with sessions around it: see [the module](super).
///
/// Its commands are [`SessionCommand`]s. Queries pass through.
pub struct Sessions<S: StateMachine<Response: StoredResponse>> {
    state_machine: S,
    table: Table<S::Response>,
}

impl<S: StateMachine<Response: StoredResponse>> Sessions<S> {
    /// Puts sessions around `state_machine`; none is open yet.
    ///
    /// The state machine must start empty, and be restored from the node's snapshot: the sessions are nowhere else.
    /// So [`Config::applied`](crate::Config::applied) stays 0, also if it keeps its state on a disk of its own.
    #[must_use]
    pub fn new(state_machine: S) -> Self {
        Self { state_machine, table: Table::new() }
    }

    /// The state machine inside.
    #[must_use]
    pub fn state_machine(&self) -> &S {
        &self.state_machine
    }

    fn apply_command(
        &mut self,
        index: LogIndex,
        command: SessionCommand,
    ) -> Result<SessionResponse<S::Response>, SessionRefusal> {
        match command {
            SessionCommand::Plain(command) => {
                Ok(SessionResponse::Applied(self.state_machine.apply(index, &command)))
            }
            SessionCommand::Open { time_ms, options } => {
                self.table.advance_time(time_ms);
                Ok(SessionResponse::Opened(self.table.open(index, options)))
            }
            SessionCommand::Apply { session, sequence, first_outstanding, time_ms, command } => {
                self.table.advance_time(time_ms);
                let numbered = Numbered { session, sequence, first_outstanding };
                self.apply_once(index, numbered, &command).map(SessionResponse::Applied)
            }
            SessionCommand::KeepAlive { session, time_ms } => {
                self.table.advance_time(time_ms);
                self.table.keep_alive(session, index).map(|()| SessionResponse::KeptAlive)
            }
            SessionCommand::Close { session, time_ms } => {
                self.table.advance_time(time_ms);
                // Whoever closes it again has got what was wanted.
                let _was_open = self.table.close(session);
                Ok(SessionResponse::Closed)
            }
        }
    }

    fn apply_once(
        &mut self,
        index: LogIndex,
        numbered: Numbered,
        command: &Bytes,
    ) -> Result<S::Response, SessionRefusal> {
        match self.table.judge(index, numbered) {
            Verdict::Apply => {
                let response = self.state_machine.apply(index, command);
                self.table.keep(numbered, response.clone());
                Ok(response)
            }
            Verdict::Again(response) => Ok(response),
            Verdict::Refuse(refusal) => Err(refusal),
        }
    }
}

impl<S: StateMachine<Response: StoredResponse>> StateMachine for Sessions<S> {
    type Response = SessionResponse<S::Response>;
    type Query = S::Query;
    type Answer = S::Answer;

    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Self::Response {
        let command = SessionCommand::decode(command).map_err(|_| SessionRefusal::NotUnderstood);
        command
            .and_then(|command| self.apply_command(index, command))
            .unwrap_or_else(SessionResponse::Refused)
    }

    fn end_batch(&mut self) {
        self.state_machine.end_batch();
    }

    fn query(&self, query: S::Query) -> S::Answer {
        self.state_machine.query(query)
    }

    fn snapshot(&self) -> SnapshotWriter {
        let (now_ms, sessions) = self.table.parts();
        let write_state_machine = self.state_machine.snapshot();
        Box::new(move |output| {
            let mut buffered = BufWriter::new(&mut *output);
            snapshot::write(now_ms, &sessions, &mut buffered)?;
            buffered.flush()?;
            drop(buffered);
            write_state_machine(output)
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut buffered = BufReader::new(snapshot);
        let table = snapshot::read(&mut buffered)?;
        self.state_machine.restore(&mut buffered)?;
        self.table = table;
        Ok(())
    }
}

impl<S: StateMachine<Response: StoredResponse> + Default> Default for Sessions<S> {
    fn default() -> Self {
        Self::new(S::default())
    }
}
