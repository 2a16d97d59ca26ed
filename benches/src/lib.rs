//! What the benches measure, and what they measure it with; shared with the comparison in `peers`.

pub mod callgrind;
pub mod counter;
pub mod disk;
pub mod groups;
pub mod in_process;
pub mod lockstep;

use std::error::Error;

/// What can go wrong: anything that does is a mistake, and ends the program with its message.
pub type Failure = Box<dyn Error + Send + Sync>;
