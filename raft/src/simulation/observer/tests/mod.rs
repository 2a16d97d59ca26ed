//! Every promise, broken on purpose: the smallest thing that must not happen, after a beginning in which all is well.

mod cluster;
mod disks;
mod elections;
mod logs;
mod memberships;
mod state_machines;

use super::super::violation::Broken;

/// The promise that is broken by this.
fn promise_broken_by<T: std::fmt::Debug>(result: Result<T, Broken>) -> &'static str {
    result.expect_err("a promise is broken, and nobody has seen it").promise
}
