//! Networks that lose, double, delay and reorder, each by itself; the schedules mix them.

use interop::{Cluster, Packet};
use rand::{Rng as _, SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64Mcg;

use super::each_leader;

/// Every message comes twice, and the second time after those that were sent later.
#[test]
fn doubled_messages() {
    under(|| |_, packets| packets.extend(packets.clone()));
}

/// What was sent in one tick comes in any order.
#[test]
fn reordered_messages() {
    under(|| |random, packets| packets.shuffle(random));
}

/// Every third message is lost.
#[test]
fn lost_messages() {
    under(|| |random, packets| packets.retain(|_| random.random_ratio(2, 3)));
}

/// Half of what was sent comes one tick later, if not two.
#[test]
fn delayed_messages() {
    under(|| {
        let mut late = Vec::new();
        move |random, packets| {
            let (now, later) = packets.drain(..).partition(|_| random.random_bool(0.5));
            let before = std::mem::replace(&mut late, later);
            *packets = now;
            packets.extend(before);
        }
    });
}

/// Clients propose and read at all nodes under such a network; when it is sound again, all agree.
fn under<Weather: FnMut(&mut Pcg64Mcg, &mut Vec<Packet>)>(weather: impl Fn() -> Weather) {
    for (mixture, leader) in each_leader(3).chain(each_leader(5).step_by(7)) {
        let mut weather = weather();
        let mut random = Pcg64Mcg::seed_from_u64(leader);
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for number in 0..60 {
            let id = random.random_range(cluster.ids());
            cluster.on(id, |node| node.propose(&number.to_string()));
            cluster.read(id);
            cluster.ids().for_each(|id| cluster.tick(id));
            let mut packets: Vec<_> = cluster.network.in_flight.drain(..).collect();
            weather(&mut random, &mut packets);
            packets.iter().for_each(|packet| cluster.deliver(packet));
        }
        cluster.pass(60);
        let leader = cluster.leader().expect("somebody leads");
        cluster.propose(leader, "last");
        cluster.pass(5);
        cluster.assert_agreement(cluster.ids());
        assert!(cluster.answered.len() > 3, "{mixture}: reads are answered");
    }
}
