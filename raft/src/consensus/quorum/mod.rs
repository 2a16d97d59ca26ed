//! Who votes, and what enough of them have agreed on (§5.2, §5.3, §6).
//!
//! A [`Majority`] is one set of voters. A [`Joint`] is one or two of them: while a change of membership is
//! under way, every decision needs a majority of the old voters and of the new ones, each for itself.
//! [`Membership`] adds the learners, who receive the log and decide nothing.

mod change;
mod joint;
mod majority;
mod membership;

pub use change::{ChangeError, ChangeStep, ConfChange, Transition};
pub use joint::Joint;
pub use majority::{Majority, VoteResult};
pub use membership::Membership;
