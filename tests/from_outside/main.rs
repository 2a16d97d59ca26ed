//! Whatever a peer sends and whatever a disk answers, a node does not panic and stays sound.
//!
//! The core checks its own invariants after every call in debug builds; `harness::outside` checks again from outside,
//! with a state machine and a disk that refuse what does not fit. Coverage-guided, the same runs in `tests/fuzz`.
//!
//! `QUORATE_CASES` says how many inputs to try; `QUORATE_SEED` tries one, and `QUORATE_INPUT` what a file holds, which
//! is how a failure is replayed. Either prints every call.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a broken premise must stop it"
)]

mod disks;
mod found;
mod inputs;

use harness::outside;
use inputs::Inputs;

#[test]
fn a_node_stays_sound_whatever_peers_send() {
    Inputs::like("step").try_all("peers", outside::step);
}

#[test]
fn a_node_does_not_panic_whatever_its_disk_answers() {
    Inputs::like("step").try_all("disk", outside::lying_disk);
}

#[test]
fn a_message_from_any_bytes_comes_out_as_it_went_in() {
    Inputs::like("wire").try_all("bytes", |data, _| outside::wire(data));
}
