//! A whole store, end to end: three servers of `examples/kv_server.rs` beside three of etcd, under the same clients.
//!
//! - **The same work.** Each client asks, waits for its answer, and asks again: puts of 256 bytes, or linearizable
//!   reads (etcd's default), of keys drawn from one seed. Every answer is looked at.
//! - **The same machine.** Each store is three processes on this machine, with the flags that they must have and no
//!   others: so all is on disk before it is acknowledged. Their directories lie side by side. Both stores run all the
//!   time, and one at a time is under load; who begins, changes with each round.
//! - **The same way in.** Clients talk to the server that leads, over as many connections on either side: one for each
//!   client, or one that all share, which is what etcd is best at. All clients are in one thread of this process, for
//!   etcd as tasks of tokio. A load whose leader has changed is measured again.
//! - **What differs.** etcd speaks gRPC, `kv_server` JSON. etcd keeps old versions of each key on disk, in a B-tree
//!   beside its log; `kv_server` keeps the keys in memory, and makes a snapshot of them for each 64 MiB of log.

mod cluster;
mod etcd_api;
mod etcd_clients;
mod etcd_servers;
mod failure;
mod kv_clients;
mod kv_servers;
mod load;
mod results;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use self::{
    cluster::{Cluster, measure},
    etcd_servers::EtcdServers,
    failure::EndToEndError,
    kv_servers::KvServers,
    load::{Extent, KEYS, Load, Operation, VALUE_BYTES},
    results::Results,
};
use crate::{Failure, Options, machine, report::Comparison};

/// How long one store is under load in a round, for each case.
const TURN: Duration = Duration::from_millis(1_500);

/// After it both rest, so that what a store has put off does not fall on the other.
const REST: Duration = Duration::from_millis(300);

/// For the keys; each round has the next one.
const SEED: u64 = 1;

/// How many clients there are, and over how many connections.
const CLIENTS: [(usize, usize); 5] = [(1, 1), (64, 64), (64, 1), (256, 256), (256, 1)];

/// So many clients do that.
#[derive(Clone, Copy)]
struct Case {
    operation: Operation,
    clients: usize,
    connections: usize,
}

/// Measures puts and linearizable reads, by one client and by many.
///
/// # Errors
/// If etcd is not installed, no case is selected, or servers do not serve.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let cases = options.select(Case::all())?;
    let (etcd, version) = etcd_servers::find()?;
    if machine::file_system_of(&options.directory) == "tmpfs" {
        return Err(EndToEndError::InMemory { path: options.directory.clone() }.into());
    }
    let directory = TempDir::with_prefix_in("end_to_end-", &options.directory)?;
    let mut ours = KvServers::start(&folder(directory.path(), "kv_server")?)?;
    let mut theirs = EtcdServers::start(&etcd, &folder(directory.path(), "etcd")?)?;
    fill(&mut ours)?;
    fill(&mut theirs)?;
    let mut results: Vec<_> = cases.into_iter().map(Results::new).collect();
    for round in 0..options.rounds {
        for results in &mut results {
            let load = results.case.load(options.turn(TURN), round);
            measure_both(&load, round, results, &mut ours, &mut theirs)?;
        }
    }
    Ok(Comparison {
        name: "end_to_end",
        peer: format!("etcd {version}"),
        rows: results.iter().flat_map(Results::rows).collect(),
        notes: notes(&results, options.rounds),
    })
}

/// Writes every key, and reads every key, so that a load finds them all, and warm servers.
fn fill(cluster: &mut dyn Cluster) -> Result<(), EndToEndError> {
    for operation in [Operation::Put, Operation::Read] {
        let load = Load { operation, clients: 64, connections: 1, extent: Extent::EachKey, seed: SEED };
        measure(cluster, &load)?;
    }
    Ok(())
}

fn measure_both(
    load: &Load,
    round: usize,
    results: &mut Results,
    ours: &mut dyn Cluster,
    theirs: &mut dyn Cluster,
) -> Result<(), EndToEndError> {
    let rested = |cluster| {
        thread::sleep(REST);
        measure(cluster, load)
    };
    let (our_cost, their_cost) = if round.is_multiple_of(2) {
        let our_cost = rested(ours)?;
        (our_cost, rested(theirs)?)
    } else {
        let their_cost = rested(theirs)?;
        (rested(ours)?, their_cost)
    };
    results.ours.push(our_cost);
    results.theirs.push(their_cost);
    Ok(())
}

fn notes(results: &[Results], rounds: usize) -> Vec<String> {
    let [ours, theirs] = results::clients_of(results);
    vec![
        format!(
            "values of {VALUE_BYTES} bytes; {KEYS} keys, drawn with the seeds {SEED} to {rounds}, one for each round"
        ),
        "cpu: processor time of the three servers together, for each operation".to_owned(),
        format!("the clients' own, not in it: {ours} µs for kv_server, {theirs} µs for etcd, by case"),
    ]
}

fn folder(directory: &Path, name: &str) -> Result<PathBuf, EndToEndError> {
    let path = directory.join(name);
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(EndToEndError::Directory { path, source }),
    }
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        let of = |operation| CLIENTS.map(|(clients, connections)| Self { operation, clients, connections });
        [Operation::Put, Operation::Read].into_iter().flat_map(of)
    }

    fn load(&self, time: Duration, round: usize) -> Load {
        let Self { operation, clients, connections } = *self;
        Load { operation, clients, connections, extent: Extent::Time(time), seed: SEED + round as u64 }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, clients, connections } = self;
        let operation = match operation {
            Operation::Put => "put",
            Operation::Read => "read",
        };
        write!(f, "{operation} clients={clients} connections={connections}")
    }
}
