//! What is to happen when.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// Events in the order of time; those of the same moment in the order in which they were planned.
pub(super) struct Agenda<E> {
    /// When, which number, and in which place the event is kept.
    moments: BinaryHeap<Reverse<(Duration, u64, usize)>>,
    places: Vec<Option<E>>,
    free: Vec<usize>,
    next: u64,
}

impl<E> Agenda<E> {
    pub(super) fn new() -> Self {
        Self { moments: BinaryHeap::new(), places: Vec::new(), free: Vec::new(), next: 0 }
    }

    pub(super) fn add(&mut self, at: Duration, event: E) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(event);
        self.moments.push(Reverse((at, self.next, place)));
        self.next += 1;
    }

    /// The next event, and when it is.
    pub(super) fn take(&mut self) -> Option<(Duration, E)> {
        let Reverse((at, _, place)) = self.moments.pop()?;
        self.free.push(place);
        self.places[place].take().map(|event| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_the_order_of_time_and_then_of_planning() {
        let mut agenda = Agenda::new();
        for (at, event) in [(3, "d"), (1, "a"), (2, "b"), (2, "c")] {
            agenda.add(Duration::from_millis(at), event);
        }
        let order: Vec<_> = std::iter::from_fn(|| agenda.take()).map(|(_, event)| event).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
