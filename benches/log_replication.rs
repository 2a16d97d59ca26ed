//! How many entries a second three nodes commit and apply: see `lockstep.rs` for the work itself.

#![expect(clippy::expect_used, reason = "a bench that fails has nothing to measure")]

use criterion::{Criterion, Throughput};
use quorate_benches::{
    groups::Groups,
    lockstep::{Case, Cluster},
};

fn log_replication(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("log_replication");
    for case in Case::ALL {
        let mut cluster =
            Groups::new(case.groups, || Cluster::new(case.nodes)).expect("healthy nodes elect a leader");
        case.prepare(&mut cluster).expect("healthy nodes commit");
        group.throughput(Throughput::Elements(case.batch as u64));
        group.bench_function(case.to_string(), |bencher| {
            bencher.iter_custom(|batches| {
                let batches = usize::try_from(batches).expect("criterion asks for what it can wait for");
                case.time(&mut cluster, batches).expect("healthy nodes commit")
            });
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    log_replication(&mut criterion);
    criterion.final_summary();
}
