//! Links that are cut, and bad weather.

use std::time::Duration;

use super::{
    super::{
        counts::Count,
        plan::{Action, Direction, Weather, Whom},
        trace::What,
        workload::Workload,
        world::World,
    },
    Done, END, Fault,
};
use crate::consensus::NodeId;

/// Directed links, each from one node to another.
pub(super) type Links = Vec<(NodeId, NodeId)>;

impl<W: Workload> World<W> {
    pub(super) fn isolate(
        &mut self,
        number: usize,
        whom: Whom,
        direction: Direction,
        lasts: Duration,
    ) -> Done {
        let id = self.nodes[self.find(number, whom)?].id;
        let links = self.links_of(id, direction);
        let is_whole = direction == Direction::Both;
        self.counts.count(if is_whole { Count::FaultIsolation } else { Count::FaultOneWay });
        self.cut_links(number, links, lasts);
        Ok(())
    }

    /// Nodes that are set up while the network is parted reach both parts.
    pub(super) fn partition(&mut self, number: usize, side: &[NodeId], lasts: Duration) -> Done {
        let (one, other): (Vec<_>, Vec<_>) =
            self.nodes.iter().map(|node| node.id).partition(|id| side.contains(id));
        if one.is_empty() || other.is_empty() {
            return Err("all nodes are in one part");
        }
        let links = one.iter().flat_map(|a| other.iter().flat_map(|b| [(*a, *b), (*b, *a)])).collect();
        self.counts.count(Count::FaultPartition);
        self.cut_links(number, links, lasts);
        Ok(())
    }

    pub(super) fn cut_link(&mut self, number: usize, from: NodeId, to: NodeId, lasts: Duration) -> Done {
        self.counts.count(Count::FaultOneWay);
        self.cut_links(number, vec![(from, to)], lasts);
        Ok(())
    }

    pub(super) fn begin_swizzle(&mut self, number: usize) -> Done {
        self.counts.count(Count::FaultSwizzle);
        self.actions.faults.insert(number, Fault::Swizzle(Vec::new()));
        self.step_swizzle(number, 1);
        Ok(())
    }

    /// One node more is cut off, or comes back; steps are counted from 1.
    pub(super) fn step_swizzle(&mut self, number: usize, step: usize) {
        let Action::Swizzle { go, back, step: every } = self.plan.actions[number].action.clone() else {
            return;
        };
        let Some(Fault::Swizzle(mut away)) = self.actions.faults.remove(&number) else { return };
        if let Some(id) = go.get(step - 1) {
            let links = self.links_of(*id, Direction::Both);
            self.cut_all(&links);
            away.push((*id, links));
            self.note(Some(*id), What::Action(format!("#{number} is cut off")));
        } else if let Some(id) = back.get(step - 1 - go.len())
            && let Some(place) = away.iter().position(|(gone, _)| gone == id)
        {
            let (id, links) = away.remove(place);
            self.mend(&links);
            self.note(Some(id), What::Action(format!("#{number} is back")));
        }
        self.actions.faults.insert(number, Fault::Swizzle(away));
        let next = if step < go.len() + back.len() { step + 1 } else { END };
        self.plan_step(number, next, every);
    }

    pub(super) fn begin_storm(&mut self, number: usize, weather: Weather, lasts: Duration) -> Done {
        self.network.begin_storm(number, weather);
        self.counts.count(Count::FaultStorm);
        self.put_on(number, Fault::Storm, lasts);
        Ok(())
    }

    fn cut_links(&mut self, number: usize, links: Links, lasts: Duration) {
        self.cut_all(&links);
        self.put_on(number, Fault::Cut(links), lasts);
    }

    fn cut_all(&mut self, links: &Links) {
        links.iter().for_each(|(from, to)| self.network.cut(*from, *to));
    }

    pub(super) fn mend(&mut self, links: &Links) {
        links.iter().for_each(|(from, to)| self.network.mend(*from, *to));
    }

    /// The links between a node and all that there are now.
    fn links_of(&self, id: NodeId, direction: Direction) -> Links {
        let (hears, is_heard) = match direction {
            Direction::Both => (true, true),
            Direction::Inbound => (true, false),
            Direction::Outbound => (false, true),
        };
        let others = self.nodes.iter().map(|node| node.id).filter(|other| *other != id);
        let links = others.flat_map(|other| {
            let inbound = hears.then_some((other, id));
            let outbound = is_heard.then_some((id, other));
            inbound.into_iter().chain(outbound)
        });
        links.collect()
    }
}
