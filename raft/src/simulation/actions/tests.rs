//! Faults begin, overlap and end as a plan says.

use super::super::{Counts, plan::Profile, run, tests::Adding};

#[test]
fn hunt() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let only = std::env::var("PROFILE").ok();
    let (from, count) = (number("FROM").unwrap_or(1), number("SEEDS").unwrap_or(20));
    let trace = std::env::var("TRACE").is_ok();
    for profile in Profile::ALL.iter().filter(|profile| only.as_deref().is_none_or(|name| name == profile.name())) {
        let (mut counts, mut simulated, began) = (Counts::default(), std::time::Duration::ZERO, std::time::Instant::now());
        let mut bad = 0;
        let mut longest = (std::time::Duration::ZERO, 0);
        for seed in from..from + count {
            let plan = profile.draw(seed, number("VOTERS"));
            let (storm, calm) = (plan.storm, plan.calm);
            if trace {
                println!("{plan:#?}");
            }
            let report = std::panic::catch_unwind(|| run(plan, Adding::default(), trace));
            let report = match report { Ok(report) => report, Err(_) => { println!("{profile} {seed}: PANIC"); bad += 1; continue } };
            if trace {
                print!("{}", report.trace);
            }
            if let Some(violation) = &report.violation {
                println!("{profile} {seed}: {violation} (calm {calm:?})");
                bad += 1;
            } else {
                longest = longest.max((report.simulated.saturating_sub(storm), seed));
            }
            counts += &report.counts;
            simulated += report.simulated;
        }
        let missing: Vec<_> = profile.expected().iter().filter(|count| counts.of(**count) == 0).collect();
        let speed = simulated.as_secs_f64() / began.elapsed().as_secs_f64();
        println!("== {profile}: {bad} bad of {count}, {speed:.0} x real time, missing {missing:?}, healed after {longest:?}");
        if std::env::var("COUNTS").is_ok() {
            println!("{counts}");
        }
    }
}
