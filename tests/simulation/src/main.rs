//! `cargo simulate`: simulated clusters from seeds.

fn main() {}
