//! Three servers of etcd.

use std::{
    env,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use kv::processes::free_ports;
use tokio::runtime::Runtime;

use super::{
    cluster::Cluster,
    etcd_api::Client,
    etcd_clients,
    failure::{EndToEndError, LoadError},
    load::{Load, Measured},
};
use crate::{Failure, Omitted};

const SERVERS: usize = 3;

/// Three processes of etcd, as it is when no flags are given but those that it must have. Killed when this is dropped.
pub(super) struct EtcdServers {
    servers: Vec<Child>,
    /// Where clients reach them.
    addresses: Vec<String>,
    /// What etcd's clients need.
    runtime: Runtime,
}

/// Where a server listens.
#[derive(Clone)]
struct Ports {
    peers: u16,
    clients: u16,
}

impl EtcdServers {
    /// Starts them, with new data in this directory.
    pub(super) fn start(binary: &Path, directory: &Path) -> Result<Self, EndToEndError> {
        let mut free = free_ports();
        let ports = || Some(Ports { peers: free.next()?, clients: free.next()? });
        let ports: Vec<_> = std::iter::from_fn(ports).take(SERVERS).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(EndToEndError::Etcd)?;
        let addresses = ports.iter().map(|ports| format!("127.0.0.1:{}", ports.clients)).collect();
        // From here on each server that runs is ended with this, also if the next cannot be started.
        let mut cluster = Self { servers: Vec::new(), addresses, runtime };
        for number in 0..ports.len() {
            let server = start(binary, directory, &ports, number).map_err(EndToEndError::Etcd)?;
            cluster.servers.push(server);
        }
        Ok(cluster)
    }
}

impl Cluster for EtcdServers {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn leader(&mut self) -> Option<String> {
        let leads = |address: &&String| {
            self.runtime.block_on(async {
                match Client::connect(address).await {
                    Ok(mut client) => client.leads().await.unwrap_or(false),
                    Err(_) => false,
                }
            })
        };
        self.addresses.iter().find(leads).cloned()
    }

    fn load(&mut self, address: &str, load: &Load) -> Result<Measured, LoadError> {
        self.runtime.block_on(etcd_clients::run(address, load))
    }

    fn process_ids(&self) -> Vec<u32> {
        self.servers.iter().map(Child::id).collect()
    }
}

impl Drop for EtcdServers {
    fn drop(&mut self) {
        for server in &mut self.servers {
            // Both fail only for a process that is gone.
            let _gone = server.kill();
            let _status = server.wait();
        }
    }
}

/// Where etcd is, and its version.
pub(super) fn find() -> Result<(PathBuf, String), Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let binary = folders.map(|folder| folder.join("etcd")).find(|file| file.is_file());
    let binary = binary.ok_or(Omitted::Missing {
        program: "etcd",
        remedy: "on Debian: apt-get install etcd-server, or put etcd 3 from its own releases into PATH",
    })?;
    let output = Command::new(&binary).arg("--version").output().map_err(EndToEndError::Etcd)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().find_map(|line| line.strip_prefix("etcd Version: "));
    Ok((binary, version.unwrap_or("of an unknown version").to_owned()))
}

fn start(binary: &Path, directory: &Path, ports: &[Ports], number: usize) -> io::Result<Child> {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let name = |number: usize| format!("n{}", number + 1);
    let members = ports.iter().enumerate().map(|(at, ports)| format!("{}={}", name(at), url(ports.peers)));
    let members: Vec<_> = members.collect();
    let Some(own) = ports.get(number) else { return Err(io::ErrorKind::AddrNotAvailable.into()) };
    let log = File::create(directory.join(format!("{}.log", name(number))))?;
    // A server ends with whoever started it, however that ends.
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(binary)
        .args(["--name", &name(number)])
        .arg("--data-dir")
        .arg(directory.join(name(number)))
        .args(["--listen-client-urls", &url(own.clients), "--advertise-client-urls", &url(own.clients)])
        .args(["--listen-peer-urls", &url(own.peers), "--initial-advertise-peer-urls", &url(own.peers)])
        .args(["--initial-cluster", &members.join(",")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
}
