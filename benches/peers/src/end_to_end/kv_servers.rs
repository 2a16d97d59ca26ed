//! Three servers of `examples/kv_server.rs`.

use std::path::Path;

use kv::{
    Client,
    processes::{Processes, server_binary},
    protocol::{Answer, Request},
};

use super::{
    cluster::Cluster,
    failure::{EndToEndError, LoadError},
    kv_clients,
    load::{Load, Measured},
};

/// Three processes of `kv_server`, as it is when no flags are given but those that it must have.
pub(super) struct KvServers {
    processes: Processes,
}

impl KvServers {
    /// Builds and starts them, with new logs in this directory.
    pub(super) fn start(directory: &Path) -> Result<Self, EndToEndError> {
        let mut processes = Processes::new(server_binary()?, directory.to_owned(), 3, Vec::new())?;
        let ids: Vec<_> = processes.clients().ids().collect();
        ids.into_iter().try_for_each(|id| processes.start(id))?;
        Ok(Self { processes })
    }
}

impl Cluster for KvServers {
    fn name(&self) -> &'static str {
        "kv_server"
    }

    fn leader(&mut self) -> Option<String> {
        let servers = self.processes.clients();
        let mut client = Client::new(servers.clone());
        let leads = |id: &u64| {
            client.move_to(*id);
            let answer = client.attempt(&Request::Status);
            matches!(answer, Answer::Status(status) if status.leader == Some(status.node))
        };
        servers.ids().find(leads).and_then(|id| servers.address(id)).map(str::to_owned)
    }

    fn load(&mut self, address: &str, load: &Load) -> Result<Measured, LoadError> {
        kv_clients::run(address, load)
    }

    fn process_ids(&self) -> Vec<u32> {
        self.processes.process_ids().collect()
    }
}
