//! Starting a node's thread, watching over it, and stopping it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use slog::{Logger, error, info, o};

use super::{
    apply_reports::ApplyReports,
    clock::{Clock, SystemClock},
    driver::Driver,
    error::{Part, StartError, StopReason},
    event_loop::EventLoop,
    handle::Handle,
    mailbox::{Control, Mailbox, channels},
    notices::Outgoing,
    options::Options,
    port::{ApplyPort, WritePort},
    thread::Thread,
};
use crate::{consensus::Config, state_machine::StateMachine, storage::StorageWriter, transport::Transport};

/// A running node: a [`RawNode`](crate::RawNode) with its storage, its transport and its state machine, and the threads
/// that drive them. [Stopped](Self::stop) when it is dropped.
///
/// For node 1, `quorate-n1` is the thread of the loop; `quorate-n1-writer` writes, if the storage
/// [waits for a device](StorageWriter::waits_for_device); `quorate-n1-applier` applies, if that is not to be
/// [in line](Options::apply_in_line); and `quorate-n1-snapshot` comes and goes with each snapshot. If one of them
/// panics, the node stops, and says whose fault it was.
pub struct Node<S: StateMachine> {
    handle: Handle<S>,
    thread: Option<Thread>,
    /// Those on which clients' callbacks run.
    own_threads: Vec<thread::ThreadId>,
    /// How long its thread may take to end.
    patience: Duration,
}

impl<S: StateMachine> Node<S> {
    /// Starts a node as `storage` left it.
    ///
    /// Peers' messages must be given to its [`Handle`]; until the transport does so it is alone.
    ///
    /// # Errors
    /// [`StartError`] if it cannot run like this; then no thread was started.
    ///
    /// # Panics
    /// If the state machine does, while it is restored.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a logger is a handle, given as `RawNode::new` takes it"
    )]
    pub fn start(
        config: Config,
        options: Options,
        state_machine: S,
        storage: impl StorageWriter + 'static,
        transport: impl Transport,
        logger: Logger,
    ) -> Result<Self, StartError> {
        let name = format!("quorate-{}", config.id);
        let logger = logger.new(o!("node" => config.id.to_string()));
        let (driver, writer, applier) =
            Driver::open(config, options.clone(), state_machine, storage, logger.clone())?;
        let (senders, mailbox) = channels(&options, driver.status());
        let (to_loop, clients) = (&senders.control, applier.clients());
        let measurements = &senders.shared.measurements;
        let writer = WritePort::start(writer, &name, Arc::clone(measurements), to_loop.clone())
            .map_err(StartError::Thread)?;
        let reports = Arc::new(ApplyReports::default());
        let applier = ApplyPort::start(
            applier,
            options.apply_in_line,
            &name,
            Arc::clone(measurements),
            Arc::clone(&reports),
            to_loop.clone(),
        )
        .map_err(StartError::Thread)?;
        let mut own_threads: Vec<_> = applier.thread_id().into_iter().collect();
        // It waits itself for the others, for as long.
        let hand_over = options.tick.saturating_mul(options.hand_over_ticks);
        let patience = hand_over.saturating_add(options.stop_timeout.saturating_mul(2));
        let event_loop = EventLoop {
            driver,
            writer,
            applier,
            reports,
            clients,
            outgoing: Outgoing::new(Box::new(transport)),
            gate: Arc::clone(&senders.requests),
            shared: Arc::clone(&senders.shared),
            to_control: senders.control.clone(),
            clock: SystemClock::new(),
            options,
            name: name.clone(),
            snapshot_thread: None,
        };
        let body = move || supervise(event_loop, &mailbox, &logger);
        let thread = Thread::spawn(name, body).map_err(StartError::Thread)?;
        own_threads.push(thread.id());
        Ok(Self { handle: Handle::new(senders), thread: Some(thread), own_threads, patience })
    }

    /// A handle, for clients and for the transport.
    #[must_use]
    pub fn handle(&self) -> Handle<S> {
        self.handle.clone()
    }

    /// Stops the node and waits until its threads have ended: what was handed out to be written and applied is, every
    /// client that waited was told, and storage and transport are dropped.
    ///
    /// A leader hands leadership on first, so that the others need not miss it to elect another; it takes
    /// [`Options::hand_over_ticks`] at most. One that is dropped does not.
    ///
    /// # Errors
    /// [`StopReason`] if it had stopped before, by itself; or if one of its threads
    /// [did not end](StopReason::Hung) within [`Options::stop_timeout`].
    pub fn stop(mut self) -> Result<(), StopReason> {
        self.join(Control::HandOverAndStop);
        match (self.handle.stop_reason(), self.handle.hung()) {
            (None | Some(StopReason::Requested), None) => Ok(()),
            (None | Some(StopReason::Requested), Some(part)) => Err(StopReason::Hung(part)),
            (Some(reason), _) => Err(reason),
        }
    }

    fn join(&mut self, how: Control) {
        let Some(thread) = self.thread.take() else { return };
        self.handle.tell(how);
        // A callback on one of the node's own threads cannot wait for itself.
        if self.own_threads.contains(&thread::current().id()) {
            return;
        }
        if !thread.join(self.patience) {
            self.handle.give_up(Part::Loop);
        }
    }
}

impl<S: StateMachine> Drop for Node<S> {
    fn drop(&mut self) {
        self.join(Control::Stop);
    }
}

impl<S: StateMachine> fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("handle", &self.handle).finish()
    }
}

/// Runs the loop to its end, whatever end that is.
fn supervise<S: StateMachine, W: StorageWriter, C: Clock>(
    mut event_loop: EventLoop<S, W, C>,
    mailbox: &Mailbox<S>,
    logger: &Logger,
) {
    let end = catch_unwind(AssertUnwindSafe(|| event_loop.run(mailbox)));
    // The other parts' panics are caught where they are called.
    let reason = end.unwrap_or_else(|payload| StopReason::panicked(Part::Core, &*payload));
    match &reason {
        StopReason::Requested => info!(logger, "{reason}"),
        StopReason::Storage(_)
        | StopReason::Restore(_)
        | StopReason::Panicked { .. }
        | StopReason::Hung(_) => error!(logger, "{reason}"),
    }
    event_loop.close(reason, mailbox);
}
