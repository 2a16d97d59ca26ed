//! A bound on what several connections hold together.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many bytes may be held, all together.
pub(super) struct Budget {
    max: u64,
    held: AtomicU64,
}

/// Part of a budget; given back when it is dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    held: u64,
}

impl Budget {
    pub(super) const fn new(max: u64) -> Self {
        Self { max, held: AtomicU64::new(0) }
    }

    /// A share of no bytes yet.
    pub(super) const fn share(&self) -> Share<'_> {
        Share { budget: self, held: 0 }
    }

    pub(super) const fn max(&self) -> u64 {
        self.max
    }
}

impl Share<'_> {
    /// Takes `more` bytes, if so many are left.
    pub(super) fn grow(&mut self, more: u64) -> bool {
        let grown = |held: u64| held.checked_add(more).filter(|sum| *sum <= self.budget.max);
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
        assert!(!one.grow(1) && !one.grow(u64::MAX));
        drop(other);
        assert!(one.grow(4));
    }
}
