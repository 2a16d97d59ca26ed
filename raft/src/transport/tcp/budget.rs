//! A bound on memory that several connections share.

use std::sync::atomic::{AtomicUsize, Ordering};

/// So many bytes may be held, all together.
pub(super) struct Budget {
    max: usize,
    held: AtomicUsize,
}

/// Part of a budget; given back when it is dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    held: usize,
}

impl Budget {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, held: AtomicUsize::new(0) }
    }

    /// A share of no bytes yet.
    pub(super) const fn share(&self) -> Share<'_> {
        Share { budget: self, held: 0 }
    }

    pub(super) const fn max(&self) -> usize {
        self.max
    }
}

impl Share<'_> {
    /// Takes `more` bytes, if so many are left.
    pub(super) fn grow(&mut self, more: usize) -> bool {
        let grown = |held: usize| held.checked_add(more).filter(|sum| *sum <= self.budget.max);
        let is_granted = self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if is_granted {
            self.held += more;
        }
        is_granted
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_holds_the_other_cannot_and_gets_it_afterwards() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.grow(6));
        assert!(!other.grow(5));
        assert!(other.grow(4));
        assert!(!one.grow(1) && !one.grow(usize::MAX));
        drop(other);
        assert!(one.grow(4));
    }
}
