//! Bytes that claim to be a message, and how much memory it takes to find out.

#![no_main]

use std::alloc::System;

use harness::outside;
use libfuzzer_sys::fuzz_target;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a byte on the wire may cost in memory, all copies that the checks make included.
const BYTES_PER_BYTE: usize = 1000;

fuzz_target!(|data: &[u8]| {
    let region = Region::new(ALLOCATOR);
    outside::wire(data);
    let allocated = region.change().bytes_allocated;
    assert!(allocated <= 10_000 + BYTES_PER_BYTE * data.len(), "{} bytes cost {allocated}", data.len());
});
