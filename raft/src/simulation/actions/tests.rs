//! Faults begin, overlap and end as a plan says.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Call, Counts, Random, Request, Workload, plan::Profile, run, tests::Sum};
use crate::runtime::{Consistency, Outcome};

/// Adds, and asks for the sum, which must never be less than it was known to be before.
#[derive(Default)]
struct Adding {
    /// When a client learned a sum, and the greatest that one had learned by then.
    known: Vec<(Duration, u64)>,
    stale: Option<String>,
}

impl Adding {
    fn learn(&mut self, call: Call<u64>) {
        let Outcome::Applied(sum) = call.outcome else { return };
        let before = self.known.partition_point(|(at, _)| *at < call.began);
        let known = self.known[..before].last().map_or(0, |(_, sum)| *sum);
        if sum < known {
            let (node, began) = (call.node, call.began);
            self.stale = Some(format!("asked at {began:?}, {node} said {sum}, but {known} was known before"));
        }
        let greatest = self.known.last().map_or(sum, |(_, known)| sum.max(*known));
        self.known.push((call.ended, greatest));
    }
}

impl Workload for Adding {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        Sum::default()
    }

    fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
        if random.per_mille(500) {
            return Request::Command(Bytes::from(vec![7; 1 + random.index(100)]));
        }
        let is_lease = random.per_mille(500);
        Request::Query((), if is_lease { Consistency::Lease } else { Consistency::Linearizable })
    }

    fn on_command(&mut self, call: Call<u64>) {
        self.learn(call);
    }

    fn on_query(&mut self, call: Call<u64>) {
        self.learn(call);
    }

    fn check(&self, _machine: &Sum) -> Result<(), String> {
        self.stale.clone().map_or(Ok(()), Err)
    }
}

#[test]
fn hunt() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let only = std::env::var("PROFILE").ok();
    let (from, count) = (number("FROM").unwrap_or(1), number("SEEDS").unwrap_or(20));
    let trace = std::env::var("TRACE").is_ok();
    for profile in
        Profile::ALL.iter().filter(|profile| only.as_deref().is_none_or(|name| name == profile.name()))
    {
        let (mut counts, mut simulated, began) =
            (Counts::default(), std::time::Duration::ZERO, std::time::Instant::now());
        let mut bad = 0;
        let mut longest = (std::time::Duration::ZERO, 0);
        for seed in from..from + count {
            let plan = profile.draw(seed, number("VOTERS"));
            let (storm, calm) = (plan.storm, plan.calm);
            if trace {
                println!("{plan:#?}");
            }
            let report = std::panic::catch_unwind(|| run(plan, Adding::default(), trace));
            let report = match report {
                Ok(report) => report,
                Err(_) => {
                    println!("{profile} {seed}: PANIC");
                    bad += 1;
                    continue;
                }
            };
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
        println!(
            "== {profile}: {bad} bad of {count}, {speed:.0} x real time, missing {missing:?}, healed after {longest:?}"
        );
        if std::env::var("COUNTS").is_ok() {
            println!("{counts}");
        }
    }
}
