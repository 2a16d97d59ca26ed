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

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    sync::Arc,
};

use super::{
    command::SessionId,
    format::{FormatError, read_byte, read_number, read_run, write_number},
    response::StoredResponse,
    table::{State, Table},
};
use crate::{consensus::LogIndex, state_machine::RestoreError};

const FORMAT: u8 = 0x01;

/// Writes the sessions as they are at time `now_ms`. The state machine's own snapshot comes after.
pub(super) fn write<R: StoredResponse>(
    now_ms: u64,
    sessions: &BTreeMap<SessionId, Arc<State<R>>>,
    output: &mut dyn Write,
) -> io::Result<()> {
    output.write_all(&[FORMAT])?;
    write_number(output, now_ms)?;
    write_number(output, sessions.len() as u64)?;
    sessions.iter().try_for_each(|(id, state)| write_session(*id, state, output))
}

fn write_session<R: StoredResponse>(
    id: SessionId,
    state: &State<R>,
    output: &mut dyn Write,
) -> io::Result<()> {
    let State { timeout_ms, window, heard_ms, used, first_outstanding, responses } = state;
    let count = responses.len() as u64;
    for number in [id.0.0, *timeout_ms, *window, *heard_ms, used.0, *first_outstanding, count] {
        write_number(output, number)?;
    }
    let mut bytes = Vec::new();
    for (sequence, response) in responses {
        bytes.clear();
        response.encode(&mut bytes);
        write_number(output, *sequence)?;
        write_number(output, bytes.len() as u64)?;
        output.write_all(&bytes)?;
    }
    Ok(())
}

/// The sessions that the snapshot begins with. What is left in `input` then is the state machine's own.
pub(super) fn read<R: StoredResponse>(input: &mut dyn Read) -> Result<Table<R>, RestoreError> {
    match read_byte(input)? {
        FORMAT => {}
        unknown => return Err(RestoreError::new(FormatError::UnknownFormat(unknown))),
    }
    let (now_ms, count) = (read_number(input)?, read_number(input)?);
    let mut sessions = BTreeMap::new();
    // Nothing is reserved on the word of a number: each round takes bytes, or ends.
    for _ in 0..count {
        let (id, state) = read_session(input)?;
        let is_next = sessions.last_key_value().is_none_or(|(last, _)| *last < id);
        if !is_next || state.heard_ms > now_ms {
            return Err(RestoreError::new(FormatError::Contradiction));
        }
        sessions.insert(id, Arc::new(state));
    }
    Ok(Table::from_parts(now_ms, sessions))
}

fn read_session<R: StoredResponse>(input: &mut dyn Read) -> Result<(SessionId, State<R>), RestoreError> {
    let mut number = || read_number(input);
    let id = SessionId(LogIndex(number()?));
    let mut state = State {
        timeout_ms: number()?,
        window: number()?,
        heard_ms: number()?,
        used: LogIndex(number()?),
        first_outstanding: number()?,
        responses: BTreeMap::new(),
    };
    for _ in 0..number()? {
        let sequence = read_number(input)?;
        let is_next = state.responses.last_key_value().is_none_or(|(last, _)| *last < sequence);
        if !is_next || sequence < state.first_outstanding {
            return Err(RestoreError::new(FormatError::Contradiction));
        }
        state.responses.insert(sequence, R::decode(read_run(input)?)?);
    }
    Ok((id, state))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

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

    fn bytes<R: StoredResponse>(now_ms: u64, sessions: &BTreeMap<SessionId, Arc<State<R>>>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(now_ms, sessions, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn the_table_comes_back_as_it_was_and_what_follows_is_left() {
        let bytes = [bytes(70_001, &sessions()), b"inner".to_vec()].concat();
        let mut input = &bytes[..];
        let table = read::<String>(&mut input).unwrap();
        assert_eq!(table.parts(), (70_001, sessions()));
        assert_eq!(input, b"inner");
    }

    #[test]
    fn a_snapshot_that_was_cut_is_an_error_wherever_it_was_cut() {
        let bytes = bytes(70_001, &sessions());
        for length in 0..bytes.len() {
            assert!(read::<String>(&mut &bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_snapshot_that_contradicts_itself_is_an_error() {
        let is_refused = |bytes: &[u8]| read::<String>(&mut &*bytes).is_err();
        assert!(is_refused(&bytes(69_999, &sessions())), "a session was heard of in the future");
        let twice = [&[FORMAT, 5, 2][..], &[1, 0, 1, 0, 1, 0, 0], &[1, 0, 1, 0, 1, 0, 0]].concat();
        assert!(is_refused(&twice), "a session is there twice");
        let acknowledged = [FORMAT, 5, 1, 1, 0, 1, 0, 1, 9, 1, 8, 0];
        assert!(is_refused(&acknowledged), "a response is below the first outstanding");
        assert!(is_refused(b"\x02"), "another format");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_a_table_or_an_error(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let arbitrary = [&[FORMAT][..], &tail].concat();
            if let Ok(table) = read::<Bytes>(&mut &arbitrary[..]) {
                let (now_ms, sessions) = table.parts();
                let again = read::<Bytes>(&mut &bytes(now_ms, &sessions)[..]).unwrap();
                prop_assert_eq!(again.parts(), (now_ms, sessions));
            }
        }
    }
}
