//! Any replicated state machine as a Maelstrom node.
//!
//! Maelstrom starts a node as a process, and talks to it in lines of JSON on stdin and stdout
//! (its `doc/protocol.md`). This module does everything that is the same for all services: `init`, names and
//! numbers, routing, errors, Raft's own messages, backpressure, the end. What differs is a [`Workload`].
//!
//! # A counter
//!
//! ```
//! use std::io::Read;
//!
//! use bytes::Bytes;
//! use maelstrom_adapter::node::{Fields, Reply, Request, Workload};
//! use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};
//!
//! /// What is replicated.
//! #[derive(Default)]
//! struct Counter(i64);
//!
//! impl StateMachine for Counter {
//!     type Response = ();
//!     type Query = ();
//!     type Answer = i64;
//!
//!     fn apply(&mut self, _index: LogIndex, command: &Bytes) {
//!         self.0 += (**command).try_into().map_or(0, i64::from_le_bytes);
//!     }
//!     fn query(&self, (): ()) -> i64 {
//!         self.0
//!     }
//!     fn snapshot(&self) -> SnapshotWriter {
//!         let count = self.0;
//!         Box::new(move |output| output.write_all(&count.to_le_bytes()))
//!     }
//!     fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
//!         let mut bytes = [0; 8];
//!         snapshot.read_exact(&mut bytes)?;
//!         self.0 = i64::from_le_bytes(bytes);
//!         Ok(())
//!     }
//! }
//!
//! /// How clients talk to it: Maelstrom's `pn-counter`.
//! struct PnCounter;
//!
//! impl Workload for PnCounter {
//!     type StateMachine = Counter;
//!
//!     fn state_machine(&self) -> Counter {
//!         Counter::default()
//!     }
//!     fn request(&self, kind: &str, fields: &Fields<'_>) -> Result<Request<()>, Reply> {
//!         match kind {
//!             "add" => {
//!                 let delta: i64 = fields.required("delta")?;
//!                 Ok(Request::Command(Bytes::copy_from_slice(&delta.to_le_bytes())))
//!             }
//!             "read" => Ok(Request::Query(())),
//!             _ => Err(Reply::not_supported(kind)),
//!         }
//!     }
//!     fn reply_to_command((): ()) -> Reply {
//!         Reply::ok("add_ok")
//!     }
//!     fn reply_to_query(count: i64) -> Reply {
//!         Reply::ok("read_ok").field("value", &count)
//!     }
//! }
//!
//! // A binary's main: node::run(PnCounter, &CommandLine::parse().node), as in `src/bin/lin-kv.rs`.
//! let fields = Fields::parse(r#"{"delta": 3}"#).unwrap();
//! assert!(PnCounter.request("add", &fields).is_ok());
//! assert!(PnCounter.request("sub", &fields).is_err());
//! ```
//!
//! # The life of a line
//!
//! 1. `lines`: stdin is read in large chunks and split into lines.
//! 2. `message`: each line is parsed once, borrowing from the chunk.
//! 3. `server`: a request is translated and proposed; a peer's message is decoded by `peers` and delivered,
//!    together with all others of the chunk.
//! 4. The runtime's own thread applies commands and answers queries.
//! 5. `reply` spells the answer, `peers` spells Raft's messages, both into the `outbox`.
//! 6. One thread writes whatever waits there to stdout, in one call.
//!
//! # What a client can rely on
//!
//! | what happens | answer |
//! |---|---|
//! | a request of an unknown type | error 10 |
//! | the command surely has no effect: no leader, too busy, another entry took its place | error 11 |
//! | fields missing or wrong, a command too large, `init` that makes no sense | error 12 |
//! | the command may have an effect: its leader was lost with it, the node stopped | error 13 |
//! | a query that nobody could answer in time | error 11 |
//! | a request before `init` | error 11 |
//! | `init`, but the node's directory is in use, damaged, or that of another cluster | error 13 |
//! | a second `init` | `init_ok` if it says the same as the first, else error 12 |
//! | a request without `msg_id`, a reply, a line for another node, or one that is no message | a line in the log |

mod cluster;
mod data_directory;
mod lines;
mod message;
mod options;
mod outbox;
mod peers;
mod reply;
mod server;
mod unsynced;
mod workload;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use quorate::ConfigError;
use quorate::runtime::StopReason;
use slog::{Drain as _, LevelFilter, Logger, error, o, warn};

use lines::LineReader;
pub use message::{FieldError, Fields};
pub use options::{LogLevel, NodeOptions};
use outbox::Outbox;
pub use reply::{ErrorCode, Reply};
use server::Server;
pub use workload::{Answer, Query, Request, Response, Workload};

/// The longest line that is read; longer ones are skipped. Between nodes also a snapshot must fit, in base64.
const LINE_BYTES_MAX: usize = 64 << 20;

/// How long answers may take after the input has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Runs `workload` as a node on stdin and stdout, until stdin ends; logs on stderr. For a binary's `main`.
///
/// The exit code is 0 when stdin has ended and every answer that was due is written.
#[must_use]
pub fn run<W: Workload>(workload: W, options: &NodeOptions) -> ExitCode {
    let logger = stderr_logger(options.log_level);
    match serve(workload, options, io::stdin(), io::stdout(), &logger) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(logger, "{failure} -> exit");
            ExitCode::FAILURE
        }
    }
}

/// Logs on stderr, line by line.
fn stderr_logger(level: LogLevel) -> Logger {
    let decorator = slog_term::PlainSyncDecorator::new(io::stderr());
    let format = slog_term::FullFormat::new(decorator).use_utc_timestamp().build();
    Logger::root(LevelFilter::new(format, level.level()).fuse(), o!())
}

/// Runs `workload` as a node on any two streams, until `input` ends.
///
/// # Errors
/// [`ServeError`] if the options cannot work, a stream fails, or the node stops by itself. Then a thread may still be waiting for input.
pub fn serve<W: Workload>(
    workload: W,
    options: &NodeOptions,
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    logger: &Logger,
) -> Result<(), ServeError> {
    options.validate()?;
    let outbox = Outbox::default();
    let server = Server::new(workload, options.clone(), outbox.clone(), logger.clone());
    let (ended, endings) = crossbeam_channel::unbounded();

    let reader =
        Reader { input, server, outbox: outbox.clone(), ended: ended.clone(), logger: logger.clone() };
    spawn("stdin", move || reader.run())?;
    spawn("stdout", move || {
        let result = outbox.write_all_to(output);
        // Nobody listens if the reader's failure came first.
        let _ = ended.send(Ending::Output(result));
    })?;

    let mut input_result = Err(ServeError::Panicked);
    for ending in endings {
        match ending {
            Ending::Input(result) => input_result = result,
            Ending::Output(Ok(())) => return input_result,
            Ending::Output(Err(failure)) => return Err(ServeError::Output(failure)),
        }
    }
    Err(ServeError::Panicked)
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), ServeError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(ServeError::Thread)?;
    Ok(())
}

/// A thread that has come to its end, and how.
enum Ending {
    Input(Result<(), ServeError>),
    Output(io::Result<()>),
}

/// The thread that reads lines.
struct Reader<I, W: Workload> {
    input: I,
    server: Server<W>,
    outbox: Outbox,
    ended: Sender<Ending>,
    logger: Logger,
}

impl<I: Read, W: Workload> Reader<I, W> {
    fn run(self) {
        // Also when something below panics: then the writer ends, and with it the process.
        let _closing = CloseOnDrop(self.outbox);
        let mut server = self.server;
        let result = read_all(self.input, &mut server, &self.logger);
        server.finish();
        // Nobody listens if the writer's failure came first.
        let _ = self.ended.send(Ending::Input(result));
    }
}

fn read_all<W: Workload>(
    input: impl Read,
    server: &mut Server<W>,
    logger: &Logger,
) -> Result<(), ServeError> {
    let mut lines = LineReader::new(input, LINE_BYTES_MAX);
    let mut skipped = 0;
    loop {
        let is_open = lines.read_lines(|line| server.receive(line)).map_err(ServeError::Input)?;
        server.end_batch()?;
        if lines.skipped() > skipped {
            skipped = lines.skipped();
            warn!(logger, "a line of more than {LINE_BYTES_MAX} bytes -> skip it");
        }
        if !is_open {
            return Ok(());
        }
    }
}

/// Closes the outbox when its owner is done, in whatever way.
struct CloseOnDrop(Outbox);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Why a node did not run to the end of its input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The flags contradict each other.
    #[error(transparent)]
    Options(#[from] ConfigError),
    /// Requests cannot be read.
    #[error("reading requests failed: {0}")]
    Input(#[source] io::Error),
    /// Replies cannot be written, so there is no use in going on.
    #[error("writing replies failed: {0}")]
    Output(#[source] io::Error),
    /// The operating system gives no thread.
    #[error("no thread for stdin or stdout: see the limits of this process ({0})")]
    Thread(#[source] io::Error),
    /// The replicated node has stopped.
    #[error(transparent)]
    Stopped(#[from] StopReason),
    /// A thread panicked; it has said why on stderr.
    #[error("a thread of the adapter panicked: please report what it said")]
    Panicked,
}
