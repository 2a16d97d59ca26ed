//! What clients ask: reads, writes and compare-and-sets, a few keys at a time, fresh keys as time goes on.
//!
//! As in Jepsen's linearizable-register: two clients of each node share a key, one of them reads, the
//! other mixes one write with two compare-and-sets. Values are few, so that some compare-and-sets
//! succeed. A key gets a bounded number of operations and of clients, so that histories stay short; but
//! some reads go to keys that nobody changes any more, since a crash may have taken something from there too.

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::wire::Request;

/// Values are 0 to 4.
const VALUE_COUNT: u8 = 5;

/// About this many operations go to a key; each key varies a little, so that keys do not change together.
const OPERATIONS_PER_KEY: u32 = 100;

/// At most this many clients touch a key: each one beyond those that run at a time replaces one whose
/// request is open for ever, and open requests make judging hard.
const CLIENTS_PER_KEY: u32 = 20;

/// How often a read goes to a key that is in use no more.
const FORMER_KEY: f64 = 0.05;

/// The operations of all clients.
pub(super) struct Workload {
    random: Pcg64Mcg,
    node_count: usize,
    groups: Vec<Group>,
    next_key: u32,
}

/// Clients that share a key.
struct Group {
    key: u32,
    operations_left: u32,
    clients_left: u32,
}

impl Workload {
    pub(super) fn new(client_count: usize, node_count: usize, random: Pcg64Mcg) -> Self {
        let mut workload = Self { random, node_count, groups: Vec::new(), next_key: 0 };
        for _ in 0..client_count.div_ceil(2 * node_count) {
            let group = workload.fresh_group();
            workload.groups.push(group);
        }
        workload
    }

    /// How many keys are in use.
    pub(super) fn key_count(&self) -> u32 {
        self.next_key
    }

    /// The next operation of the client in row `row`.
    pub(super) fn next(&mut self, row: usize) -> (u32, Request) {
        // The first half of a group reads; nodes take turns, so each has clients of both kinds.
        let is_reader = row % (2 * self.node_count) < self.node_count;
        if is_reader && self.random.random_bool(FORMER_KEY) {
            // It may be one in use as well.
            return (self.random.random_range(0..self.next_key), Request::Read);
        }
        let group_index = self.group_of(row);
        let group = &mut self.groups[group_index];
        group.operations_left -= 1;
        let key = group.key;
        if group.operations_left == 0 {
            self.groups[group_index] = self.fresh_group();
        }
        (key, if is_reader { Request::Read } else { self.change() })
    }

    /// A client of row `row` was replaced, because the outcome of its change is unknown.
    pub(super) fn replaced(&mut self, row: usize) {
        let group_index = self.group_of(row);
        let group = &mut self.groups[group_index];
        group.clients_left = group.clients_left.saturating_sub(1);
        if group.clients_left == 0 {
            self.groups[group_index] = self.fresh_group();
        }
    }

    fn group_of(&self, row: usize) -> usize {
        row / (2 * self.node_count)
    }

    fn fresh_group(&mut self) -> Group {
        let key = self.next_key;
        self.next_key += 1;
        let operations_left =
            self.random.random_range(OPERATIONS_PER_KEY * 9 / 10..=OPERATIONS_PER_KEY * 11 / 10);
        let replacements =
            CLIENTS_PER_KEY.saturating_sub(u32::try_from(2 * self.node_count).unwrap_or(u32::MAX));
        Group { key, operations_left, clients_left: replacements.max(CLIENTS_PER_KEY / 4) }
    }

    fn change(&mut self) -> Request {
        let value = self.random.random_range(0..VALUE_COUNT);
        match self.random.random_range(0..3) {
            0 => Request::Write(value),
            _ => Request::Cas { from: value, to: self.random.random_range(0..VALUE_COUNT) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use rand::SeedableRng as _;

    use super::*;

    fn workload(client_count: usize, node_count: usize) -> Workload {
        Workload::new(client_count, node_count, Pcg64Mcg::seed_from_u64(1))
    }

    #[test]
    fn keys_are_few_at_a_time_and_bounded_in_length() {
        let mut workload = workload(12, 3);
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        for round in 0..1000 {
            let operations = (0..12).map(|row| workload.next((row + round) % 12));
            let changes = operations.filter(|(_, request)| *request != Request::Read);
            let keys: BTreeSet<u32> = changes.map(|(key, _)| key).collect();
            assert!(keys.len() <= 4, "two groups, each of which may change its key in a round");
            for row in 0..12 {
                *counts.entry(workload.next(row).0).or_default() += 1;
            }
        }
        assert!(counts.values().all(|count| *count <= 150));
        assert!((200..=280).contains(&counts.len()), "{}", counts.len());
    }

    #[test]
    fn half_of_the_clients_read_and_the_others_change() {
        let mut workload = workload(4, 1);
        let kinds: Vec<BTreeSet<&str>> =
            (0..4).map(|row| (0..200).map(|_| workload.next(row).1.kind()).collect()).collect();
        let (reads, changes) = (BTreeSet::from(["read"]), BTreeSet::from(["cas", "write"]));
        assert_eq!(kinds, [reads.clone(), changes.clone(), reads, changes]);
    }

    #[test]
    fn keys_that_are_left_behind_are_read_now_and_then_and_not_changed() {
        let mut workload = workload(6, 3);
        let operations: Vec<(u32, Request)> = (0..6000).map(|count| workload.next(count % 6)).collect();
        let is_former = |(place, (key, _)): &(usize, &(u32, Request))| {
            operations[..*place].iter().any(|(earlier, _)| earlier > key)
        };
        let former: Vec<_> = operations.iter().enumerate().filter(is_former).collect();
        assert!(former.len() > 50, "{}", former.len());
        assert!(former.iter().all(|(_, (_, request))| *request == Request::Read));
    }

    #[test]
    fn many_replaced_clients_bring_a_fresh_key() {
        let mut workload = workload(6, 3);
        let (key, _) = workload.next(0);
        (0..CLIENTS_PER_KEY).for_each(|_| workload.replaced(4));
        assert_ne!(workload.next(0).0, key);
    }
}
