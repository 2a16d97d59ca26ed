//! Clients of etcd: a task for each, in one thread.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{task::JoinSet, time::timeout};

use super::{
    etcd_api::Client,
    failure::LoadError,
    load::{Extent, Load, Measured, Operation, Run, VALUE_BYTES, value},
};

/// How much longer than the load all may take, before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does all of the load at one server, which should lead.
pub(super) async fn run(address: &str, load: &Load) -> Result<Measured, LoadError> {
    let patience = match load.extent {
        Extent::EachKey => PATIENCE,
        Extent::Time(time) => time + PATIENCE,
    };
    timeout(patience, ask_all(address, load)).await.unwrap_or(Err(LoadError::Silent))
}

async fn ask_all(address: &str, load: &Load) -> Result<Measured, LoadError> {
    let mut connections = Vec::new();
    for _ in 0..load.connections {
        connections.push(Client::connect(address).await?);
    }
    let run = Arc::new(Mutex::new(load.begin()));
    let mut clients = JoinSet::new();
    for connection in connections.iter().cycle().take(load.clients) {
        clients.spawn(ask(connection.clone(), load.operation, Arc::clone(&run)));
    }
    while let Some(end) = clients.join_next().await {
        end.map_err(io::Error::from)??;
    }
    let run = std::mem::replace(&mut *run.lock(), load.begin());
    Ok(run.end())
}

/// Asks one question after another, until the load is over.
async fn ask(mut client: Client, operation: Operation, run: Arc<Mutex<Run>>) -> Result<(), LoadError> {
    loop {
        let Some(key) = run.lock().next_key() else { return Ok(()) };
        let asked = Instant::now();
        match operation {
            Operation::Put => client.put(key, value()).await?,
            Operation::Read => {
                let held = client.read(key).await?;
                if held.is_none_or(|held| held.len() != VALUE_BYTES) {
                    return Err(LoadError::Unserved("a key does not hold what was put there".to_owned()));
                }
            }
        }
        run.lock().on_answer(asked);
    }
}
