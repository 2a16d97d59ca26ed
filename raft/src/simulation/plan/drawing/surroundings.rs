//! How nodes are configured, and what network, disks and clients are like.

use std::time::Duration;

use crate::simulation::{
    plan::{ClientSettings, DiskSettings, NodeSettings, Plan, Profile, Weather},
    random::Random,
};

/// Everything but what happens.
pub(super) fn draw(profile: Profile, seed: u64, random: &mut Random, voters: u64) -> Plan {
    let network = draw_network(random);
    let disks = draw_disks(random);
    let mut nodes = draw_nodes(random, voters);
    adjust(&mut nodes, profile, random);
    let mut clients = draw_clients(profile, random);
    outlast(&mut nodes, &mut clients, network.delay_max * 2 + disks.sync_max * 2);
    let has_members = matches!(profile, Profile::Membership | Profile::Everything | Profile::Snapshots);
    let (learners, spares) = if has_members { (random.below(2), random.below(3)) } else { (0, 0) };
    Plan {
        seed,
        profile: profile.name().to_owned(),
        voters,
        learners,
        spares,
        nodes,
        network,
        disks,
        clock_rates: Vec::new(),
        clients,
        storm: Duration::ZERO,
        calm: Duration::ZERO,
        actions: Vec::new(),
    }
}

/// From one rack to opposite ends of the world.
fn draw_network(random: &mut Random) -> Weather {
    let (delay_min, delay_max) =
        [(50, 500), (100, 2_000), (1_000, 10_000), (10_000, 40_000), (40_000, 100_000)]
            [[0, 1, 1, 1, 2, 2, 3, 4][random.index(8)]];
    let chances: [u32; 4] =
        std::array::from_fn(|_| if random.per_mille(300) { 1 << random.below(6) } else { 0 });
    let [lost, doubled, overtaken, corrupted] = chances;
    let (delay_min, delay_max) = (Duration::from_micros(delay_min), Duration::from_micros(delay_max));
    Weather { delay_min, delay_max, lost, doubled, overtaken, corrupted: corrupted / 8 }
}

/// From one with a battery to one that turns.
fn draw_disks(random: &mut Random) -> DiskSettings {
    let (least, most) = [(10, 100), (100, 1_000), (500, 5_000), (5_000, 30_000)][random.index(4)];
    DiskSettings { sync_min: Duration::from_micros(least), sync_max: Duration::from_micros(most) }
}

/// Limits are small, so that each of them is met.
fn draw_nodes(random: &mut Random, voters: u64) -> NodeSettings {
    let election_ticks = 5 + u32::try_from(random.below(16)).unwrap_or_default();
    let heartbeat_ticks = 1 + u32::try_from(random.below(u64::from(election_ticks / 4))).unwrap_or_default();
    let priorities = if random.per_mille(200) {
        (0..voters).map(|_| random.below(3).cast_signed()).collect()
    } else {
        Vec::new()
    };
    let mut one_of = |sizes: &[usize]| sizes[random.index(sizes.len())];
    let mut nodes = NodeSettings {
        tick: Duration::from_millis(one_of(&[20, 50, 50, 100]) as u64),
        election_ticks,
        heartbeat_ticks,
        pre_vote: true,
        check_quorum: true,
        lease_reads: false,
        forward_proposals: true,
        priorities,
        max_message_bytes: one_of(&[200, 1_000, 4_000, 1 << 20]),
        max_inflight_messages: one_of(&[1, 2, 8, 64]),
        max_uncommitted_bytes: one_of(&[500, 4_000, 1 << 20]),
        max_committed_bytes_per_ready: one_of(&[100, 1_000, 1 << 20]),
        max_applying_bytes: one_of(&[200, 2_000, 1 << 20]),
        max_log_bytes_in_memory: one_of(&[0, 1_000, 1 << 20]),
        apply_in_line: false,
        compact_after_bytes: one_of(&[2_000, 10_000, 50_000]),
        keep_entries: one_of(&[0, 5, 100]) as u64,
        segment_bytes: one_of(&[16 << 10, 16 << 10, 64 << 10]) as u64,
        incarnations: true,
    };
    nodes.pre_vote = random.per_mille(700);
    nodes.check_quorum = random.per_mille(800);
    nodes.forward_proposals = random.per_mille(700);
    nodes.apply_in_line = random.per_mille(400);
    nodes.incarnations = random.per_mille(700);
    nodes
}

/// What a profile is about.
fn adjust(nodes: &mut NodeSettings, profile: Profile, random: &mut Random) {
    if profile == Profile::Leases || (profile == Profile::Everything && random.per_mille(400)) {
        (nodes.lease_reads, nodes.check_quorum) = (true, true);
        // The more ticks, the more clocks may differ.
        nodes.election_ticks = 20 + u32::try_from(random.below(21)).unwrap_or_default();
        nodes.tick = Duration::from_millis(10 + random.below(16));
    }
    if profile == Profile::Snapshots {
        nodes.compact_after_bytes = [200, 1_000, 4_000][random.index(3)];
        nodes.keep_entries = random.below(4);
    }
}

/// Timeouts are well above what messages and disks take, as they must be.
fn outlast(nodes: &mut NodeSettings, clients: &mut ClientSettings, exchange: Duration) {
    let ticks = |time: Duration| u32::try_from(time.as_micros() / nodes.tick.as_micros()).unwrap_or(u32::MAX);
    let heartbeat_ticks = nodes.heartbeat_ticks.max(ticks(exchange / 4));
    let election_ticks = nodes.election_ticks.max(ticks(exchange * 4) + heartbeat_ticks * 2 + 1);
    (nodes.heartbeat_ticks, nodes.election_ticks) = (heartbeat_ticks, election_ticks);
    // A command or a read may be passed on to the leader, wait for a batch before it, and then go to a majority.
    clients.patience = clients.patience.max(exchange * 4);
}

fn draw_clients(profile: Profile, random: &mut Random) -> ClientSettings {
    let is_impatient = matches!(profile, Profile::Sessions | Profile::Leases) || random.per_mille(200);
    let patience = if is_impatient { (100, 1_000) } else { (1_000, 10_000) };
    let millis = Duration::from_millis;
    // A stale read by lease shows only if somebody writes elsewhere in the moment before.
    let (least, pause) = if profile == Profile::Leases { (5, 60) } else { (1, 500) };
    ClientSettings {
        count: least + random.index(8),
        pause: random.duration(millis(20), millis(pause)),
        patience: random.duration(millis(patience.0), millis(patience.1)),
        lost: if is_impatient { 100 } else { [0, 0, 10, 50][random.index(4)] },
        requests: if profile == Profile::Leases { 10_000 } else { 2_000 },
    }
}
