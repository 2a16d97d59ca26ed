//! The judge of histories: is every key of a store a linearizable register?
//!
//! A history is what the clients saw: when each operation was called, when it was answered, and with what. Whether it can
//! be ordered is found by [`quorate::simulation::linearizability`]; here is what concerns keys and values.
//!
//! - [`history`]: values as small numbers.
//! - [`model`]: what a register answers.
//! - [`explain`]: if there is no order, the smallest window that shows it.
//!
//! The checker is pure: it knows no clocks, no files and no nodes. It judges registers only, each key on
//! its own, which is sound because linearizability is local.

pub mod explain;
pub mod history;
pub mod model;

#[cfg(test)]
mod tests;

pub use explain::Conflict;
pub use history::{ValueId, Values};
pub use model::{Action, Operation, Register};
use quorate::simulation::linearizability::order_exists;

/// Judges the operations of one key, which is missing at first.
///
/// Operations that definitely failed must not be among them; operations of unknown outcome have no
/// answer, and may take effect at any time after their call, or never.
///
/// # Errors
///
/// The smallest window of operations that cannot be ordered.
pub fn check(operations: &[Operation]) -> Result<(), Conflict> {
    if order_exists(operations, &[Register::MISSING]) { Ok(()) } else { Err(explain::conflict(operations)) }
}
