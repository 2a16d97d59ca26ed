//! Three servers on this machine, killed and started again at random while clients write; in the end nothing that was
//! acknowledged may be lost.
//!
//! `cargo run --example kv_cluster`. It ends by itself. The crash test in `tests/crash` does the same without mercy.
#![expect(clippy::print_stdout, reason = "it is there to be watched")]

use std::{
    error::Error,
    hash::{BuildHasher as _, RandomState},
    io::{self, IsTerminal as _},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use kv::{
    Addresses, Client,
    processes::{Processes, server_binary},
    protocol::{Answer, Consistency, Request, Status, Write},
};
use rand::{Rng, SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64;

/// Servers that are killed and started again at random while clients write.
#[derive(Parser)]
struct CommandLine {
    /// How long.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Decides on what is done when [default: a random one].
    #[arg(long)]
    seed: Option<u64>,
}

/// How many clients write, each to a key of its own; and how long one tries.
const CLIENTS: u64 = 2;
const PATIENCE: Duration = Duration::from_secs(30);

/// A client's key, and the largest number that it was told is written there.
struct Counter {
    key: String,
    acknowledged: AtomicU64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = CommandLine::parse();
    let seed = flags.seed.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000);
    println!("seed {seed}: the same is done again with --seed {seed}, and may end differently");
    let directory = tempfile::tempdir()?;
    let server_flags = ["--tick-ms=20", "--segment-bytes=1048576"].map(str::to_owned).to_vec();
    let mut servers = Processes::new(server_binary()?, directory.path().to_owned(), 3, server_flags)?;
    let ids: Vec<u64> = servers.clients().ids().collect();
    ids.iter().try_for_each(|id| servers.start(*id))?;

    let counters: Vec<_> = (1..=CLIENTS).map(Counter::new).collect();
    let addresses = servers.clients().clone();
    let stop = AtomicBool::new(false);
    let kills = thread::scope(|scope| {
        for counter in &counters {
            scope.spawn(|| counter.count_up(&addresses, &stop));
        }
        let kills = torment(&mut servers, &ids, &counters, &flags, seed);
        stop.store(true, Ordering::Relaxed);
        kills
    })?;

    ids.iter().try_for_each(|id| servers.start(*id))?;
    let lost: Vec<_> = counters.iter().filter_map(|counter| counter.lost(&addresses)).collect();
    lost.iter().for_each(|loss| println!("{loss}"));
    let acknowledged: u64 = counters.iter().map(Counter::acknowledged).sum();
    println!("{kills} kills, {acknowledged} writes acknowledged, {} of {CLIENTS} keys wrong", lost.len());
    if lost.is_empty() { Ok(()) } else { Err("acknowledged writes are lost".into()) }
}

/// Kills and starts servers, and shows how they stand; how many kills there were.
fn torment(
    servers: &mut Processes,
    ids: &[u64],
    counters: &[Counter],
    flags: &CommandLine,
    seed: u64,
) -> Result<usize, Box<dyn Error>> {
    let mut chance = Pcg64::seed_from_u64(seed);
    let mut table = Table::new(servers.clients());
    let (begin, mut kills) = (Instant::now(), 0);
    let mut next_deed = Duration::from_secs(2);
    while begin.elapsed().as_secs() < flags.seconds {
        let elapsed = begin.elapsed();
        if elapsed >= next_deed {
            next_deed += Duration::from_millis(chance.random_range(300..2_000));
            let down = ids.iter().find(|id| !servers.is_running(**id));
            if let Some(id) = down {
                servers.start(*id)?;
                table.news = "one was started";
            } else {
                // Mostly one, which the others survive; sometimes all, which their disks survive.
                let is_one = chance.random_ratio(3, 4);
                let mut victims = ids.to_vec();
                victims.shuffle(&mut chance);
                victims.truncate(if is_one { 1 } else { ids.len() });
                kills += victims.len();
                for id in victims {
                    servers.kill(id);
                }
                table.news = if is_one { "one was killed" } else { "all were killed" };
            }
        }
        table.show(elapsed, counters);
        thread::sleep(Duration::from_millis(if table.is_terminal { 200 } else { 1_000 }));
    }
    Ok(kills)
}

impl Counter {
    fn new(client: u64) -> Self {
        Self { key: format!("counter-{client}"), acknowledged: AtomicU64::new(0) }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Writes 1, 2, 3 and so on. A number that is not known to be written is left out.
    fn count_up(&self, servers: &Addresses, stop: &AtomicBool) {
        let mut client = Client::new(servers.clone());
        for number in 1.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let write = Write::Put { key: self.key.clone(), value: number.to_string() };
            if let Answer::Written { .. } = client.write_once(&write, PATIENCE) {
                self.acknowledged.store(number, Ordering::Relaxed);
            }
        }
    }

    /// What is lost, in words.
    fn lost(&self, servers: &Addresses) -> Option<String> {
        let request = Request::Get { key: self.key.clone(), consistency: Consistency::Linearizable };
        let answer = Client::new(servers.clone()).call(&request, PATIENCE);
        let held = if let Answer::Value { value: Some(value) } = &answer { value.parse().ok() } else { None };
        let acknowledged = self.acknowledged();
        // The last write may have been made without its client being told.
        (held.unwrap_or(0) < acknowledged)
            .then(|| format!("{}: {acknowledged} was acknowledged, but: {answer}", self.key))
    }
}

/// How all servers stand: on a terminal a table in place, else a line a second.
struct Table {
    clients: Vec<(u64, Client)>,
    is_terminal: bool,
    /// What was done last.
    news: &'static str,
    /// How many lines are to be written over.
    lines: usize,
}

impl Table {
    fn new(servers: &Addresses) -> Self {
        let alone = |(id, address): (&u64, &String)| Addresses([(*id, address.clone())].into());
        let clients = servers
            .0
            .iter()
            .map(|server| (*server.0, Client::new(alone(server)).with_patience(Duration::from_millis(200))));
        let is_terminal = io::stdout().is_terminal();
        Self { clients: clients.collect(), is_terminal, news: "", lines: 0 }
    }

    fn show(&mut self, elapsed: Duration, counters: &[Counter]) {
        let status = |client: &mut Client| {
            let answer = client.attempt(&Request::Status);
            if let Answer::Status(status) = answer { Some(status) } else { None }
        };
        let rows: Vec<_> = self.clients.iter_mut().map(|(id, client)| (*id, status(client))).collect();
        let last = rows.iter().filter_map(|(_, status)| Some(status.as_ref()?.last)).max().unwrap_or(0);
        let acknowledged: u64 = counters.iter().map(Counter::acknowledged).sum();
        let seconds = elapsed.as_secs();
        let head = format!("{seconds:>3} s  {acknowledged} writes acknowledged  {}", self.news);
        let rows = rows.iter().map(|(id, status)| row(*id, status.as_ref(), last));
        if self.is_terminal {
            let lines: Vec<_> = [head].into_iter().chain(rows).collect();
            let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
            self.lines = lines.len();
            println!("{up}{}\x1b[K", lines.join("\x1b[K\n"));
        } else {
            println!("{head} | {}", rows.collect::<Vec<_>>().join(" | "));
        }
    }
}

/// One server, and how far it is behind the longest log.
fn row(id: u64, status: Option<&Status>, last: u64) -> String {
    let Some(status) = status else { return format!("n{id} down") };
    let Status { role, term, commit, applied, .. } = status;
    let lag = last.saturating_sub(*applied);
    format!("n{id} {role:<13} term {term:<3} committed {commit:<6} applied {applied:<6} lag {lag}")
}
