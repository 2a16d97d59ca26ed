//! Anything that can be done to a node, and what must hold after each call.

#![no_main]

use harness::outside;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| outside::step(data, false));
