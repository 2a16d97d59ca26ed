//! `cargo simulate`: simulated clusters from seeds.

use quorate::simulation::{plan::Profile, run};
use simulate::registers::RegistersWorkload;

fn main() {
    let start = std::time::Instant::now();
    let mut simulated = 0.0;
    for seed in 1..=200 {
        let report = run(Profile::Calm.draw(seed, 3), RegistersWorkload::default(), false);
        simulated += report.simulated.as_secs_f64();
        if let Some(violation) = report.violation {
            eprintln!("{seed}: {violation}");
        }
    }
    eprintln!("{simulated} s in {:?}", start.elapsed());
}
