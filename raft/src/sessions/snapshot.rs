//! The table of sessions and the state machine's own snapshot, as one.
//!
//! | bytes | what |
//! |---|---|
//! | `0x01` | the format |
//! | number | the log's time, in milliseconds |
//! | number | how many sessions follow |
//! | each session | id, timeout in ms, window, when last heard of in ms, index of its last entry, first outstanding sequence number, how many responses follow |
//! | each response | sequence number, how many bytes follow, its bytes |
//! | the rest | the state machine's snapshot |
//!
//! Numbers are of variable length, seven bits a byte. Sessions stand in the order of their ids, responses in that of
//! their sequence numbers.

use std::{collections::BTreeMap, sync::Arc};

use bytes::{BufMut, Bytes};

use super::{
    command::SessionId,
    format::{FormatError, Reader, put_number},
    response::StoredResponse,
    table::{State, Table},
};
use crate::state_machine::RestoreError;

const FORMAT: u8 = 0x01;

/// The snapshot of sessions at time `now_ms` around the state machine's own.
pub(super) fn encode<R: StoredResponse>(
    now_ms: u64,
    sessions: &BTreeMap<SessionId, Arc<State<R>>>,
    state_machine: &[u8],
) -> Bytes {
    let mut out = vec![FORMAT];
    put_number(&mut out, now_ms);
    put_number(&mut out, sessions.len() as u64);
    let mut response_bytes = Vec::new();
    for (id, state) in sessions {
        for number in [
            id.0.0,
            state.timeout_ms,
            state.window,
            state.heard_ms,
            state.used.0,
            state.first_outstanding,
            state.responses.len() as u64,
        ] {
            put_number(&mut out, number);
        }
        for (sequence, response) in &state.responses {
            response_bytes.clear();
            response.encode(&mut response_bytes);
            put_number(&mut out, *sequence);
            put_number(&mut out, response_bytes.len() as u64);
            out.put_slice(&response_bytes);
        }
    }
    out.put_slice(state_machine);
    out.into()
}

/// The table of sessions that `snapshot` holds, and the state machine's own snapshot.
pub(super) fn decode<R: StoredResponse>(snapshot: &Bytes) -> Result<(Table<R>, Bytes), RestoreError> {
    let mut reader = Reader::new(snapshot.clone());
    match reader.byte().map_err(RestoreError::new)? {
        FORMAT => {}
        unknown => return Err(RestoreError::new(FormatError::UnknownFormat(unknown))),
    }
    let now_ms = reader.number().map_err(RestoreError::new)?;
    let count = reader.number().map_err(RestoreError::new)?;
    let mut sessions = BTreeMap::new();
    // Nothing is reserved on the word of a number: each round takes bytes, or ends.
    for _ in 0..count {
        let (id, state) = decode_session(&mut reader)?;
        let is_next = sessions.last_key_value().is_none_or(|(last, _)| *last < id);
        if !is_next || state.heard_ms > now_ms {
            return Err(RestoreError::new(FormatError::Contradiction));
        }
        sessions.insert(id, Arc::new(state));
    }
    Ok((Table::from_parts(now_ms, sessions), reader.rest()))
}

fn decode_session<R: StoredResponse>(reader: &mut Reader) -> Result<(SessionId, State<R>), RestoreError> {
    let head = |reader: &mut Reader| -> Result<_, FormatError> {
        let id = reader.session()?;
        let (timeout_ms, window, heard_ms) = (reader.number()?, reader.number()?, reader.number()?);
        let (used, first_outstanding) = (reader.index()?, reader.number()?);
        let responses = BTreeMap::new();
        let state = State { timeout_ms, window, heard_ms, used, first_outstanding, responses };
        Ok((id, state, reader.number()?))
    };
    let (id, mut state, count) = head(reader).map_err(RestoreError::new)?;
    for _ in 0..count {
        let sequence = reader.number().map_err(RestoreError::new)?;
        let is_next = state.responses.last_key_value().is_none_or(|(last, _)| *last < sequence);
        if !is_next || sequence < state.first_outstanding {
            return Err(RestoreError::new(FormatError::Contradiction));
        }
        let response = R::decode(reader.run().map_err(RestoreError::new)?)?;
        state.responses.insert(sequence, response);
    }
    Ok((id, state))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consensus::LogIndex;

    fn sessions() -> BTreeMap<SessionId, Arc<State<String>>> {
        let state = |index: u64| State {
            timeout_ms: 1_000 + index,
            window: 16,
            heard_ms: 70_000,
            used: LogIndex(index + 5),
            first_outstanding: 3,
            responses: [(3, "three".to_owned()), (9, String::new())].into(),
        };
        [3, 200, 70_000].map(|index| (SessionId(LogIndex(index)), Arc::new(state(index)))).into()
    }

    #[test]
    fn the_table_and_the_state_machine_come_back_as_they_were() {
        let bytes = encode(70_001, &sessions(), b"inner");
        let (table, inner) = decode::<String>(&bytes).unwrap();
        assert_eq!(table.parts(), (70_001, sessions()));
        assert_eq!(inner, "inner");
    }

    #[test]
    fn a_snapshot_that_was_cut_is_an_error_wherever_it_was_cut() {
        let bytes = encode(70_001, &sessions(), b"");
        for length in 0..bytes.len() {
            assert!(decode::<String>(&bytes.slice(..length)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_snapshot_that_contradicts_itself_is_an_error() {
        let later = encode(69_999, &sessions(), b"");
        assert!(decode::<String>(&later).is_err(), "a session was heard of in the future");
        let twice = [&[FORMAT, 5, 2][..], &[1, 0, 1, 0, 1, 0, 0], &[1, 0, 1, 0, 1, 0, 0]].concat();
        assert!(decode::<String>(&twice.into()).is_err(), "a session is there twice");
        let acknowledged = [FORMAT, 5, 1, 1, 0, 1, 0, 1, 9, 1, 8, 0];
        assert!(
            decode::<String>(&acknowledged.to_vec().into()).is_err(),
            "a response is below the first outstanding"
        );
        assert!(decode::<String>(&Bytes::from_static(b"\x02")).is_err(), "another format");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_snapshot_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = Bytes::from([&[FORMAT][..], &tail].concat());
            if let Ok((table, inner)) = decode::<Bytes>(&bytes) {
                let (now_ms, sessions) = table.parts();
                let again = decode::<Bytes>(&encode(now_ms, &sessions, &inner)).unwrap();
                prop_assert_eq!(again.0.parts(), (now_ms, sessions));
                prop_assert_eq!(again.1, inner);
            }
        }
    }
}
