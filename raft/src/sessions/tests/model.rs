//! What sessions are to do, said as simply as possible: nothing is ever forgotten, and everything is looked through.

use std::collections::BTreeMap;

use super::super::{SessionCommand, SessionId, SessionRefusal, SessionResponse, command::milliseconds};
use crate::consensus::LogIndex;

#[derive(Default)]
pub(super) struct Model {
    index: u64,
    now_ms: u64,
    applied: u64,
    open: BTreeMap<SessionId, Open>,
    /// The first response to each command there ever was.
    first: BTreeMap<(SessionId, u64), u64>,
}

struct Open {
    timeout_ms: u64,
    window: u64,
    heard_ms: u64,
    used: u64,
    acknowledged: u64,
}

impl Model {
    /// What a replica must answer to its next entry.
    pub(super) fn response(&mut self, command: &SessionCommand) -> SessionResponse<u64> {
        self.index += 1;
        if let SessionCommand::Open { time_ms, .. }
        | SessionCommand::Apply { time_ms, .. }
        | SessionCommand::KeepAlive { time_ms, .. }
        | SessionCommand::Close { time_ms, .. } = command
        {
            self.now_ms = self.now_ms.max(*time_ms);
            self.open.retain(|_, open| self.now_ms - open.heard_ms <= open.timeout_ms);
        }
        match command {
            SessionCommand::Plain(_) => SessionResponse::Applied(self.count()),
            SessionCommand::Open { options, .. } => {
                while self.open.len() as u64 >= options.max_sessions {
                    let oldest = *self.open.iter().min_by_key(|(_, open)| open.used).unwrap().0;
                    self.open.remove(&oldest);
                }
                let (timeout_ms, window) = (milliseconds(options.timeout), options.window);
                let open =
                    Open { timeout_ms, window, heard_ms: self.now_ms, used: self.index, acknowledged: 0 };
                let id = SessionId(LogIndex(self.index));
                self.open.insert(id, open);
                SessionResponse::Opened(id)
            }
            SessionCommand::Apply { session, sequence, first_outstanding, .. } => self
                .apply(*session, *sequence, *first_outstanding)
                .map_or_else(SessionResponse::Refused, SessionResponse::Applied),
            SessionCommand::KeepAlive { session, .. } => match self.hear_of(*session) {
                Some(_) => SessionResponse::KeptAlive,
                None => SessionResponse::Refused(SessionRefusal::Expired),
            },
            SessionCommand::Close { session, .. } => {
                self.open.remove(session);
                SessionResponse::Closed
            }
        }
    }

    fn apply(
        &mut self,
        session: SessionId,
        sequence: u64,
        first_outstanding: u64,
    ) -> Result<u64, SessionRefusal> {
        let open = self.hear_of(session).ok_or(SessionRefusal::Expired)?;
        open.acknowledged = open.acknowledged.max(first_outstanding);
        let (acknowledged, window) = (open.acknowledged, open.window);
        if sequence < acknowledged {
            return Err(SessionRefusal::Acknowledged);
        }
        if let Some(response) = self.first.get(&(session, sequence)) {
            return Ok(*response);
        }
        if sequence >= acknowledged + window {
            return Err(SessionRefusal::WindowFull);
        }
        let response = self.count();
        self.first.insert((session, sequence), response);
        Ok(response)
    }

    fn hear_of(&mut self, session: SessionId) -> Option<&mut Open> {
        let open = self.open.get_mut(&session)?;
        (open.heard_ms, open.used) = (self.now_ms, self.index);
        Some(open)
    }

    fn count(&mut self) -> u64 {
        self.applied += 1;
        self.applied
    }
}
