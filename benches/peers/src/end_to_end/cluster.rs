//! Three servers of one kind, under a load.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use super::{
    failure::{EndToEndError, LoadError},
    load::{Load, Measured},
};

/// How long servers may take until one of them leads.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a load is tried, if the leader changes under it.
const ATTEMPTS: usize = 3;

/// Linux tells the time that a process has used in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// Three servers of one kind.
pub(super) trait Cluster {
    /// Whose they are.
    fn name(&self) -> &'static str;

    /// Where clients reach the server that leads, if one says so of itself.
    fn leader(&mut self) -> Option<String>;

    /// Has clients carry out the load at that server.
    fn load(&mut self, address: &str, load: &Load) -> Result<Measured, LoadError>;

    /// The servers' processes.
    fn process_ids(&self) -> Vec<u32>;
}

/// What one load has cost.
pub(super) struct Cost {
    pub(super) measured: Measured,
    /// Processor time of the three servers, for each answer, in microseconds.
    pub(super) servers: f64,
    /// Of the clients.
    pub(super) clients: f64,
}

/// Has the load carried out at the leader; again, if the leader changes meanwhile.
pub(super) fn measure(cluster: &mut dyn Cluster, load: &Load) -> Result<Cost, EndToEndError> {
    let mut attempt = 1;
    loop {
        match attempt_load(cluster, load) {
            Ok(cost) => return Ok(cost),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

fn attempt_load(cluster: &mut dyn Cluster, load: &Load) -> Result<Cost, EndToEndError> {
    let name = cluster.name();
    let leader = wait_for_leader(cluster)?;
    let used = |cluster: &dyn Cluster| Some((used_by_all(&cluster.process_ids())?, used_by("self")?));
    let before = used(cluster);
    let measured = cluster.load(&leader, load).map_err(|source| EndToEndError::Load { name, source })?;
    let after = used(cluster);
    if wait_for_leader(cluster)? != leader {
        return Err(EndToEndError::LeaderChanged { name });
    }
    let (Some(before), Some(after)) = (before, after) else { return Err(EndToEndError::Died { name }) };
    let each = |seconds: f64| seconds * 1e6 / measured.answers();
    Ok(Cost { servers: each(after.0 - before.0), clients: each(after.1 - before.1), measured })
}

fn wait_for_leader(cluster: &mut dyn Cluster) -> Result<String, EndToEndError> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        if let Some(leader) = cluster.leader() {
            return Ok(leader);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(EndToEndError::NoLeader { name: cluster.name() })
}

/// The processor time of these processes together, in seconds; nothing if one is gone.
fn used_by_all(process_ids: &[u32]) -> Option<f64> {
    process_ids.iter().map(|id| used_by(&id.to_string())).sum()
}

fn used_by(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name comes second, in brackets, and may hold anything. After it, time in user mode is the 12th field.
    let (_, fields) = stat.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|ticks| ticks.parse::<f64>().ok()).sum::<Option<f64>>().map(|ticks| ticks / TICKS_PER_SECOND)
}
