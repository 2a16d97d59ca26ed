//! Starting a node's thread, watching over it, and stopping it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use slog::{Logger, error, info, o};

use super::{
    clock::{Clock, SystemClock},
    driver::Driver,
    error::{StartError, StopReason},
    event_loop::EventLoop,
    handle::Handle,
    mailbox::{Control, Mailbox, channels},
    options::Options,
};
use crate::{consensus::Config, state_machine::StateMachine, storage::StorageWriter, transport::Transport};

/// A running node: one thread that drives a [`RawNode`](crate::RawNode), its storage, its transport and its
/// state machine. [Stopped](Self::stop) when it is dropped.
pub struct Node<S: StateMachine> {
    handle: Handle<S>,
    thread: Option<thread::JoinHandle<()>>,
}

impl<S: StateMachine> Node<S> {
    /// Starts a node as `storage` left it.
    ///
    /// Its thread is named `quorate-n1`, for node 1. Peers' messages must be given to its
    /// [`Handle`]; until the transport does so it is alone.
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
        let driver = Driver::new(config, options.clone(), state_machine, storage, logger.clone())?;
        let (senders, mailbox) = channels(&options, driver.status());
        let event_loop = EventLoop {
            driver,
            transport: Box::new(transport),
            gate: Arc::clone(&senders.requests),
            shared: Arc::clone(&senders.shared),
            to_control: senders.control.clone(),
            clock: SystemClock::new(),
            options,
            name: name.clone(),
            snapshot_thread: None,
        };
        let body = move || supervise(event_loop, &mailbox, &logger);
        let thread = thread::Builder::new().name(name).spawn(body).map_err(StartError::Thread)?;
        Ok(Self { handle: Handle::new(senders), thread: Some(thread) })
    }

    /// A handle, for clients and for the transport.
    #[must_use]
    pub fn handle(&self) -> Handle<S> {
        self.handle.clone()
    }

    /// Stops the node and waits until its threads have ended: every client that waited was told, and storage
    /// and transport are dropped.
    ///
    /// A leader hands leadership on first, so that the others need not miss it to elect another; it takes
    /// [`Options::hand_over_ticks`] at most. One that is dropped does not.
    ///
    /// # Errors
    /// [`StopReason`] if it had stopped before, by itself.
    pub fn stop(mut self) -> Result<(), StopReason> {
        self.join(Control::HandOverAndStop);
        match self.handle.stop_reason() {
            None | Some(StopReason::Requested) => Ok(()),
            Some(reason) => Err(reason),
        }
    }

    fn join(&mut self, how: Control) {
        let Some(thread) = self.thread.take() else { return };
        self.handle.tell(how);
        // A callback on the node's own thread cannot wait for itself.
        if thread.thread().id() != thread::current().id() {
            let _supervised = thread.join();
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
    let reason = end.unwrap_or_else(|payload| StopReason::panicked(event_loop.driver.running, &*payload));
    match &reason {
        StopReason::Requested => info!(logger, "{reason}"),
        StopReason::Storage(_) | StopReason::Restore(_) | StopReason::Panicked { .. } => {
            error!(logger, "{reason}");
        }
    }
    event_loop.close(reason, mailbox);
}
