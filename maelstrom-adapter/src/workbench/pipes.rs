//! The threads at the pipes of a node: one reads its stdout, one fills its stdin, one keeps its stderr.
//!
//! The router never touches a pipe, so a node that does not read (because it is paused, or slow) holds
//! up nobody else.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::wire::{Line, parse_line};

/// What a node's reader tells the router.
pub(super) enum FromNode {
    /// Lines that arrived together.
    Batch(Batch),
    /// The node wrote something it must not; nothing more is read from it.
    Violation(String),
    /// The node closed its stdout.
    Ended(Speaker),
}

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speaker {
    pub(super) node: usize,
    pub(super) node_count: usize,
    /// How often the node has been started. What an earlier life has said may still arrive.
    pub(super) life: u64,
}

/// Where all readers put their news for the router. A plain queue: a channel that spins before it sleeps
/// would take the nodes' processors.
#[derive(Default)]
pub(super) struct Inbox {
    news: Mutex<Vec<FromNode>>,
    is_filled: Condvar,
}

impl Inbox {
    fn put(&self, news: FromNode) {
        self.news.lock().push(news);
        self.is_filled.notify_one();
    }

    /// All news; waits for some until `deadline`.
    pub(super) fn take(&self, deadline: Instant) -> Vec<FromNode> {
        let mut news = self.news.lock();
        while news.is_empty() && !self.is_filled.wait_until(&mut news, deadline).timed_out() {}
        std::mem::take(&mut *news)
    }
}

/// Lines of one node that arrived together.
pub(super) struct Batch {
    pub(super) speaker: Speaker,
    pub(super) arrival: Instant,
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) lines: Vec<Line>,
}

/// Reads the stdout of a node until it ends.
pub(super) fn read_stdout(mut stdout: ChildStdout, speaker: Speaker, inbox: &Inbox) {
    let mut chunk = vec![0; 1 << 16];
    let mut unfinished: Vec<u8> = Vec::new();
    loop {
        let count = match stdout.read(&mut chunk) {
            Ok(count) if count > 0 => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => break,
        };
        let arrival = Instant::now();
        let Some(newline) = chunk[..count].iter().rposition(|byte| *byte == b'\n') else {
            unfinished.extend_from_slice(&chunk[..count]);
            continue;
        };
        let mut bytes = std::mem::take(&mut unfinished);
        bytes.extend_from_slice(&chunk[..=newline]);
        unfinished.extend_from_slice(&chunk[newline + 1..count]);
        let news = match parse_lines(&bytes, speaker) {
            Ok(lines) => FromNode::Batch(Batch { speaker, arrival, bytes: Arc::new(bytes), lines }),
            Err(violation) => FromNode::Violation(violation),
        };
        let is_violation = matches!(news, FromNode::Violation(_));
        inbox.put(news);
        if is_violation {
            return;
        }
    }
    inbox.put(FromNode::Ended(speaker));
}

fn parse_lines(bytes: &[u8], speaker: Speaker) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        if !line.trim_ascii().is_empty() {
            let (destination, kind) = parse_line(line.trim_ascii_end(), speaker.node, speaker.node_count)?;
            lines.push(Line { destination, kind, range });
        }
    }
    Ok(lines)
}

/// What waits to be written to a node's stdin.
#[derive(Default)]
pub(super) struct Outbox {
    content: Mutex<OutboxContent>,
    is_filled: Condvar,
}

#[derive(Default)]
struct OutboxContent {
    bytes: Vec<u8>,
    messages: usize,
    is_closed: bool,
}

impl Outbox {
    /// Adds messages and empties `bytes`.
    pub(super) fn append(&self, bytes: &mut Vec<u8>, messages: usize) {
        let mut content = self.content.lock();
        if content.bytes.is_empty() {
            std::mem::swap(&mut content.bytes, bytes);
        } else {
            content.bytes.append(bytes);
        }
        content.messages += messages;
        self.is_filled.notify_one();
    }

    /// How many messages the writer has not taken yet.
    pub(super) fn waiting(&self) -> usize {
        self.content.lock().messages
    }

    /// Lets the writer close the node's stdin once everything is written.
    pub(super) fn close(&self) {
        self.content.lock().is_closed = true;
        self.is_filled.notify_one();
    }

    /// Waits for messages and takes all of them into `bytes`; false once closed and empty.
    fn take(&self, bytes: &mut Vec<u8>) -> bool {
        bytes.clear();
        let mut content = self.content.lock();
        while content.bytes.is_empty() {
            if content.is_closed {
                return false;
            }
            self.is_filled.wait(&mut content);
        }
        std::mem::swap(&mut content.bytes, bytes);
        content.messages = 0;
        true
    }
}

/// Fills the stdin of a node until the outbox is closed or the node is gone.
pub(super) fn fill_stdin(mut stdin: ChildStdin, outbox: &Outbox) {
    let mut bytes = Vec::new();
    while outbox.take(&mut bytes) {
        if stdin.write_all(&bytes).is_err() {
            // The node is gone; the reader of its stdout reports that.
            return;
        }
    }
}

/// Keeps the stderr of a node in `log`, and shows it if wanted.
pub(super) fn keep_stderr(stderr: ChildStderr, speaker: Speaker, mut log: File, is_shown: bool) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        // A log that cannot be written must not end the test.
        let _ = log.write_all(&line);
        if is_shown {
            let _ = write!(std::io::stderr().lock(), "n{}: {}", speaker.node, String::from_utf8_lossy(&line));
        }
        line.clear();
    }
}
