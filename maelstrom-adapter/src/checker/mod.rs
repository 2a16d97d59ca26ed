//! The judge of histories: is every key of a store a linearizable register?
//!
//! A history is what the clients saw: when each operation was called, when it was answered, and with
//! what. It is linearizable if every operation can be given one instant between its call and its answer
//! at which it took effect alone. The search for such an order is Wing and Gong's, with the memory of
//! visited configurations that Lowe added ("Testing for linearizability", 2017).
//!
//! - [`history`]: what a history consists of, values as small numbers.
//! - [`model`]: what a register answers.
//! - [`search`]: whether an order exists.
//! - [`explain`]: if none does, the smallest window that shows it.
//!
//! The checker is pure: it knows no clocks, no files and no nodes. It judges registers only, each key on
//! its own, which is sound because linearizability is local.

pub mod explain;
pub mod history;
pub mod model;
pub mod search;

#[cfg(test)]
mod tests;

pub use explain::Conflict;
pub use history::{Operation, ValueId, Values};
pub use model::{Action, Register};

/// Judges the operations of one key, which is missing at first.
///
/// Operations that definitely failed must not be among them; operations of unknown outcome have no
/// answer, and may take effect at any time after their call, or never.
///
/// # Errors
///
/// The smallest window of operations that cannot be ordered.
pub fn check(operations: &[Operation]) -> Result<(), Conflict> {
    if search::order_exists(operations, &[Register::MISSING]) {
        Ok(())
    } else {
        Err(explain::conflict(operations))
    }
}
