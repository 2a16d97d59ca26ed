//! The last moment of a node process before it becomes the node: it asks to end with its parent.
//!
//! The workbench starts itself with a hidden subcommand, which asks the kernel for SIGKILL on the death
//! of its parent and then becomes the node's binary. So no node outlives the workbench, however it ends:
//! Ctrl-C, an error, even SIGKILL, and whether or not the node is paused.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The hidden subcommand.
pub(super) const SUBCOMMAND: &str = "run-node";

/// The command that starts `program` as a node. The thread that spawns it must live as long as it.
pub(super) fn node_command(program: &std::path::Path, arguments: &[String]) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(SUBCOMMAND).arg("--").arg(program).args(arguments);
    Ok(command)
}

/// Becomes the node; returns only if that failed.
pub(super) fn become_node(command: &[String]) -> io::Error {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        return error.into();
    }
    match command.split_first() {
        Some((program, arguments)) => Command::new(program).args(arguments).exec(),
        None => io::ErrorKind::InvalidInput.into(),
    }
}
