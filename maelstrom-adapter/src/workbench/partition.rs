//! The shapes of partitions: which links each of them cuts.

use rand::Rng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;

/// A way to split a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Two halves, of which one is a majority if the number of nodes is odd.
    Halves,
    /// One node without the others.
    Alone,
    /// Every node hears a majority, no two of them the same one.
    MajorityRing,
    /// Two halves that only one node connects.
    Bridge,
    /// Two halves; the messages of one of them do not reach the other.
    OneWay,
}

impl Shape {
    const ALL: [Self; 5] = [Self::Halves, Self::Alone, Self::MajorityRing, Self::Bridge, Self::OneWay];

    /// A shape that cuts at least one link of `node_count` nodes.
    pub(super) fn draw(node_count: usize, random: &mut Pcg64Mcg) -> Self {
        // Two nodes have no bridge and no majority that leaves one out.
        let choices: &[Self] =
            if node_count < 3 { &[Self::Halves, Self::Alone, Self::OneWay] } else { &Self::ALL };
        choices[random.random_range(0..choices.len())]
    }

    /// The links that are cut, as `(from, to)`, and a description.
    pub(super) fn cut(self, node_count: usize, random: &mut Pcg64Mcg) -> (Vec<(usize, usize)>, String) {
        let mut nodes: Vec<usize> = (0..node_count).collect();
        nodes.shuffle(random);
        let half = node_count / 2;
        match self {
            Self::Halves => {
                let (left, right) = nodes.split_at(half);
                (both_ways(left, right), format!("halves {} | {}", names(left), names(right)))
            }
            Self::Alone => {
                let (left, right) = nodes.split_at(1);
                (both_ways(left, right), format!("alone {}", names(left)))
            }
            Self::MajorityRing => (majority_ring(&nodes), format!("majority ring {}", names(&nodes))),
            Self::Bridge => {
                let (left, rest) = nodes.split_at((node_count - 1) / 2);
                let (bridge, right) = rest.split_at(1);
                let text = format!("bridge {} – {} – {}", names(left), names(bridge), names(right));
                (both_ways(left, right), text)
            }
            Self::OneWay => {
                let (left, right) = nodes.split_at(half);
                (one_way(left, right), format!("one way {} → {} cut", names(left), names(right)))
            }
        }
    }
}

fn one_way(from: &[usize], to: &[usize]) -> Vec<(usize, usize)> {
    from.iter().flat_map(|left| to.iter().map(move |right| (*left, *right))).collect()
}

fn both_ways(left: &[usize], right: &[usize]) -> Vec<(usize, usize)> {
    let mut links = one_way(left, right);
    links.extend(one_way(right, left));
    links
}

/// In a ring, every node hears the majority around itself.
fn majority_ring(ring: &[usize]) -> Vec<(usize, usize)> {
    let count = ring.len();
    let majority = count / 2 + 1;
    let before = (majority - 1) / 2;
    let mut links = Vec::new();
    for (place, hearer) in ring.iter().enumerate() {
        // The first places past the window, once around to its beginning.
        for distance in (majority - before)..(count - before) {
            links.push((ring[(place + distance) % count], *hearer));
        }
    }
    links
}

/// Names for people: `n0 n3`.
pub(super) fn names(nodes: &[usize]) -> String {
    nodes.iter().map(|node| format!("n{node}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    fn cut(shape: Shape, count: usize) -> BTreeSet<(usize, usize)> {
        let mut random = Pcg64Mcg::seed_from_u64(7);
        shape.cut(count, &mut random).0.into_iter().collect()
    }

    #[test]
    fn every_shape_cuts_links_of_different_nodes_of_the_cluster() {
        for count in 2..8 {
            let mut random = Pcg64Mcg::seed_from_u64(count as u64);
            for _ in 0..50 {
                let links = Shape::draw(count, &mut random).cut(count, &mut random).0;
                assert!(!links.is_empty());
                assert!(links.iter().all(|(from, to)| from != to && *from < count && *to < count));
            }
        }
    }

    #[test]
    fn halves_and_alone_cut_both_directions() {
        assert_eq!(cut(Shape::Halves, 5).len(), 2 * 2 * 3);
        assert_eq!(cut(Shape::Alone, 5).len(), 2 * 4);
        assert_eq!(cut(Shape::OneWay, 5).len(), 2 * 3);
    }

    #[test]
    fn a_bridge_leaves_one_node_connected_to_all() {
        let links = cut(Shape::Bridge, 5);
        let untouched = (0..5).filter(|node| links.iter().all(|(from, to)| from != node && to != node));
        assert_eq!(untouched.count(), 1);
        assert_eq!(links.len(), 2 * 2 * 2);
    }

    #[test]
    fn in_a_majority_ring_everyone_hears_another_majority() {
        for count in 3..8 {
            let links = cut(Shape::MajorityRing, count);
            let heard = |hearer: usize| -> BTreeSet<usize> {
                (0..count).filter(|from| !links.contains(&(*from, hearer))).collect()
            };
            let majorities: BTreeSet<BTreeSet<usize>> = (0..count).map(heard).collect();
            assert_eq!(majorities.len(), count);
            assert!(majorities.iter().all(|majority| majority.len() == count / 2 + 1));
        }
    }
}
