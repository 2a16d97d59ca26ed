//! What a connection ends with that others should not wait for: it gets a thread of its own.

use std::{
    io::{self, Read as _},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use slog::{Logger, info};

use super::{Guest, WRITE_PATIENCE, requests::Requests};
use crate::{
    lines::{self, REQUEST_BYTES_MAX},
    pending::{in_words, malformed},
    protocol::{Answer, Change, Pattern},
    store::Found,
};

/// How long a watch may take to begin: the node ends every request by itself, and long before.
const REQUEST_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How often a watcher is told that nothing has changed. Only so is it noticed that one is gone.
const WATCH_SILENCE: Duration = Duration::from_secs(1);

/// How long, and how much at most, is heard from a client that has sent too long a line.
const HEARING_OUT: Duration = Duration::from_secs(1);
const HEARING_OUT_BYTES: u64 = 64 << 20;

/// The last that is done for a connection.
pub(super) enum Errand {
    /// Tell what these keys hold, and their changes, until the client has enough.
    Watch(Pattern),
    /// Say what was wrong.
    RefuseLongLine,
}

impl Errand {
    /// Has a thread do it.
    pub(super) fn begin(
        self,
        mut stream: TcpStream,
        guest: Guest,
        requests: Requests,
        logger: Logger,
    ) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        let run = move || {
            let _until_the_end = guest;
            let ended = match self {
                Self::Watch(pattern) => watch(pattern, &requests, &mut stream),
                Self::RefuseLongLine => refuse_long_line(&mut stream),
            };
            if let Err(error) = ended {
                info!(logger, "a client is lost: {error}");
            }
        };
        thread::Builder::new().name("client".to_owned()).spawn(run).map(drop)
    }
}

fn watch(pattern: Pattern, requests: &Requests, stream: &mut TcpStream) -> io::Result<()> {
    let mut watching = None;
    let begun = |found| match found {
        Found::Watching(entries, changes) => {
            watching = Some((entries, changes));
            Answer::Done
        }
        Found::Value(_) | Found::Entries(..) | Found::Digest(..) => malformed("this is no watch"),
    };
    let answer = match requests.watch(pattern).wait(REQUEST_PATIENCE) {
        Ok(outcome) => in_words(outcome, begun),
        Err(pending) => Answer::Unknown { reason: pending.to_string() },
    };
    match watching {
        None => lines::write(stream, &answer),
        Some((entries, changes)) => tell_changes(entries, &changes, stream),
    }
}

/// Tells what is there, in pages that no reader finds too long, and then each change, until the watch ends.
fn tell_changes(
    entries: Vec<(String, String)>,
    changes: &Receiver<Change>,
    stream: &mut TcpStream,
) -> io::Result<()> {
    for entry in entries {
        lines::write(stream, &Answer::Entries { entries: vec![entry], more: true })?;
    }
    lines::write(stream, &Answer::Entries { entries: Vec::new(), more: false })?;
    loop {
        let answer = match changes.recv_timeout(WATCH_SILENCE) {
            Ok(change) => Answer::Change(change),
            Err(RecvTimeoutError::Timeout) => Answer::NoChange,
            Err(RecvTimeoutError::Disconnected) => return lines::write(stream, &Answer::WatchEnded),
        };
        lines::write(stream, &answer)?;
    }
}

/// Says what was wrong. What the client still sends is thrown away for a moment: if the connection were closed on it,
/// the client might never see the answer.
fn refuse_long_line(stream: &mut TcpStream) -> io::Result<()> {
    let reason = format!("a request has at most {REQUEST_BYTES_MAX} bytes: make it smaller");
    lines::write(stream, &malformed(&reason))?;
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(HEARING_OUT))?;
    io::copy(&mut stream.take(HEARING_OUT_BYTES), &mut io::sink()).map(drop)
}
