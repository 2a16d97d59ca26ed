//! What a node does with a line.

use std::convert::Infallible;

use crossbeam_channel::{Receiver, Sender};
use quorate::runtime::{Handle, Node, Outcome, RefusalReason, StartError, StopReason};
use quorate::{Envelope, MemStorage, NodeId, StorageWriter};
use slog::{Logger, debug, error, info, o, warn};

use super::cluster::Cluster;
use super::data_directory::{self, DataError, Kept};
use super::message::{Body, Message};
use super::options::NodeOptions;
use super::outbox::Outbox;
use super::peers::{self, PeerTransport};
use super::reply::{ErrorCode, Reply, ReturnAddress};
use super::workload::{Request, Workload};

/// A node from its first line to its last.
pub(super) struct Server<W: Workload> {
    workload: W,
    options: NodeOptions,
    outbox: Outbox,
    logger: Logger,
    /// Every request under way holds a clone: when all are gone, all were answered.
    in_flight: Sender<Infallible>,
    all_answered: Receiver<Infallible>,
    member: Option<Member<W>>,
}

/// What a node is once `init` has told it who it is.
struct Member<W: Workload> {
    cluster: Cluster,
    node: Node<W::StateMachine>,
    handle: Handle<W::StateMachine>,
    /// Peers' messages of the lines that came together.
    arrived: Vec<Envelope>,
}

impl<W: Workload> Server<W> {
    pub(super) fn new(workload: W, options: NodeOptions, outbox: Outbox, logger: Logger) -> Self {
        let (in_flight, all_answered) = crossbeam_channel::bounded(0);
        Self { workload, options, outbox, logger, in_flight, all_answered, member: None }
    }

    /// Takes in one line. Call [`end_batch`](Self::end_batch) after the last of those that came together.
    pub(super) fn receive(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let message = match Message::parse(line) {
            Ok(message) => message,
            Err(error) => {
                warn!(self.logger, "not a message: {error} -> drop the line"; "line" => excerpt(line));
                return;
            }
        };
        if message.body.is_reply {
            debug!(self.logger, "a reply, but this node asks nothing -> drop it"; "line" => excerpt(line));
        } else if self.is_for_another(&message) {
            warn!(self.logger, "a message for another node -> drop it"; "line" => excerpt(line));
        } else if peers::is_from_raft(&message.body.fields) && self.is_from_peer(&message) {
            self.receive_from_peer(&message);
        } else {
            self.receive_from_client(&message);
        }
    }

    fn is_for_another(&self, message: &Message<'_>) -> bool {
        match &self.member {
            Some(member) => message.dest.text() != member.cluster.own_name(),
            // A node that has no name yet answers to any.
            None => message.dest.is_empty(),
        }
    }

    /// Before `init` nobody is known to be a client, and a message of Raft's must not be answered.
    fn is_from_peer(&self, message: &Message<'_>) -> bool {
        self.member.as_ref().is_none_or(|member| member.cluster.id_of(&message.src.text()).is_some())
    }

    fn receive_from_peer(&mut self, message: &Message<'_>) {
        let Some(member) = &mut self.member else {
            debug!(self.logger, "a peer is earlier than init -> drop its message: it will send another");
            return;
        };
        let from = member.cluster.id_of(&message.src.text()).unwrap_or(NodeId(0));
        match peers::envelope(&member.cluster, from, &message.body.fields) {
            Ok(envelope) => member.arrived.push(envelope),
            Err(error) => {
                let name = message.src.text();
                warn!(self.logger, "a peer's message is malformed: {error} -> drop it"; "src" => &*name);
            }
        }
    }

    fn receive_from_client(&mut self, message: &Message<'_>) {
        let body = &message.body;
        let Some(msg_id) = body.msg_id else {
            warn!(self.logger, "a request without an integer as msg_id -> drop it, for no reply could name it";
                "src" => &*message.src.text());
            return;
        };
        let client = ReturnAddress::new(message.dest.json(), message.src.json(), msg_id);
        let reply = match (body.kind.as_deref(), &self.member) {
            (None, _) => Some(Reply::error(
                ErrorCode::MalformedRequest,
                "the request has no type: send one, as a string",
            )),
            (Some("init"), _) => Some(self.initialize(body)),
            (Some(_), None) => Some(Reply::error(
                ErrorCode::TemporarilyUnavailable,
                "this node does not know who it is: send init first",
            )),
            (Some(kind), Some(member)) => self.ask(kind, body, member, &client).err(),
        };
        if let Some(reply) = reply {
            self.outbox.append(|out| client.write(&reply, out));
        }
    }

    /// Passes a request on to the node, which will answer it; or says at once why not.
    fn ask(
        &self,
        kind: &str,
        body: &Body<'_>,
        member: &Member<W>,
        client: &ReturnAddress,
    ) -> Result<(), Reply> {
        let request = self.workload.request(kind, &body.fields)?;
        let (outbox, client, in_flight) = (self.outbox.clone(), client.clone(), self.in_flight.clone());
        let answer = move |reply: &Reply| {
            outbox.append(|out| client.write(reply, out));
            drop(in_flight);
        };
        match request {
            Request::Command(command) => member.handle.propose_with(command, move |outcome| {
                answer(&reply_to_outcome(outcome, W::reply_to_command));
            }),
            Request::Query(query) => member.handle.query_with(query, move |outcome| {
                answer(&reply_to_outcome(outcome, W::reply_to_query));
            }),
        }
        Ok(())
    }

    fn initialize(&mut self, body: &Body<'_>) -> Reply {
        let refuse = |problem: &str| Reply::error(ErrorCode::MalformedRequest, problem);
        let cluster = match Cluster::from_init(&body.fields) {
            Ok(cluster) => cluster,
            Err(error) => return refuse(&error.to_string()),
        };
        if let Some(member) = &self.member {
            // The network may double messages; the second copy asks for nothing new.
            return if member.cluster == cluster {
                Reply::ok("init_ok")
            } else {
                refuse("this node was told before that it is another one: start a new process")
            };
        }
        match self.start(cluster) {
            Ok(()) => Reply::ok("init_ok"),
            Err(failure) => {
                error!(self.logger, "{failure} -> refuse init");
                Reply::error(ErrorCode::Crash, &failure.to_string())
            }
        }
    }

    fn start(&mut self, cluster: Cluster) -> Result<(), InitFailure> {
        match &self.options.data_dir {
            None => self.start_on(MemStorage::with_voters(cluster.ids()), 1, cluster)?,
            Some(parent) => {
                let (files, options) = (self.options.file_system(), self.options.disk());
                let logger = self.logger.clone();
                let Kept { storage, life } = data_directory::open(parent, files, &cluster, options, logger)?;
                self.start_on(storage, life, cluster)?;
            }
        }
        Ok(())
    }

    /// Starts the node on `storage`; it is the `life`-th time that it is started there.
    fn start_on(
        &mut self,
        storage: impl StorageWriter + 'static,
        life: u64,
        cluster: Cluster,
    ) -> Result<(), StartError> {
        let (id, seed) = (cluster.own_id(), self.options.seed());
        let name = cluster.own_name().to_owned();
        info!(self.logger, "init -> node {name:?} is {id} of {} in Raft", cluster.names().len();
            "seed" => seed, "life" => life);
        let logger = self.logger.new(o!("name" => name));
        let node = Node::start(
            self.options.config(id, seed, life),
            self.options.runtime(),
            self.workload.state_machine(),
            storage,
            PeerTransport::new(&cluster, self.outbox.clone(), logger.clone()),
            logger.clone(),
        )?;
        self.logger = logger;
        let handle = node.handle();
        if life == 1 && cluster.ids().next() == Some(id) {
            // Somebody must be first in a new cluster; if its peers are not up yet, the timers decide.
            handle.campaign();
        }
        self.member = Some(Member { cluster, node, handle, arrived: Vec::new() });
        Ok(())
    }

    /// Passes on what came together.
    ///
    /// # Errors
    /// Why the node has stopped, if it has.
    pub(super) fn end_batch(&mut self) -> Result<(), StopReason> {
        let Some(member) = &mut self.member else { return Ok(()) };
        if !member.arrived.is_empty() {
            member.handle.deliver_many(member.arrived.drain(..));
        }
        member.handle.stop_reason().map_or(Ok(()), Err)
    }

    /// No more lines will come: waits a moment for the answers that are due, and stops the node, which then
    /// gives the others.
    pub(super) fn finish(self) {
        drop(self.in_flight);
        // It ends either way; a request that is still open is answered with an error as the node stops.
        let _ = self.all_answered.recv_timeout(super::LAST_ANSWERS);
        if let Some(member) = self.member {
            info!(self.logger, "stdin has ended -> stop");
            if let Err(reason) = member.node.stop() {
                warn!(self.logger, "the node had {reason}");
            }
        }
    }
}

/// Why a node cannot be what `init` wants it to be.
#[derive(Debug, thiserror::Error)]
enum InitFailure {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Start(#[from] StartError),
}

/// The reply to what a request has come to.
fn reply_to_outcome<T>(outcome: Outcome<T>, reply: impl FnOnce(T) -> Reply) -> Reply {
    match outcome {
        Outcome::Applied(response) => reply(response),
        Outcome::NotAccepted(refusal) => {
            let is_malformed = matches!(refusal.reason, RefusalReason::TooLarge { .. });
            let code =
                if is_malformed { ErrorCode::MalformedRequest } else { ErrorCode::TemporarilyUnavailable };
            Reply::error(code, &refusal.reason.to_string())
        }
        Outcome::Unknown(reason) => Reply::error(ErrorCode::Crash, &reason.to_string()),
    }
}

/// The beginning of a line, fit for a log.
pub(super) fn excerpt(line: &[u8]) -> String {
    const LENGTH: usize = 200;
    let beginning = &line[..line.len().min(LENGTH)];
    let end = if line.len() > LENGTH { "…" } else { "" };
    format!("{}{end}", String::from_utf8_lossy(beginning))
}
