//! How many bytes of bodies may wait in memory, over all connections and for each caller.

use std::{
    hash::{BuildHasher as _, Hash, RandomState},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// 64 of the largest inputs at once, and half as many of one caller; beyond it callers are told to come back.
pub(crate) const BODY_BYTES_MAX: usize = 512 << 20;

/// Bytes that are still free, and who holds the others: each caller may hold as
/// many as it leaves free. One alone gets half of them, and the next one half of
/// what is left.
///
/// Bodies of one frame are not charged: HTTP/2 and the read buffer bound those
/// already.
#[derive(Debug, Clone)]
pub(crate) struct ByteBudget {
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Counts {
    free: AtomicUsize,
    held: Box<[AtomicUsize]>,
}

/// For whom bytes are held. Callers share a thousand numbers, dealt anew at each
/// start: nobody can choose whose number to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder(usize);

impl Holder {
    /// What is counted for no caller: refusals, and answers to operators.
    pub(crate) const NOBODY: Self = Self(0);
    const NUMBER: usize = 1 << 10;
}

/// Tells callers apart.
#[derive(Debug, Default)]
pub(crate) struct Holders(RandomState);

impl Holders {
    /// The holder that a caller is, by what tells it from others.
    pub(crate) fn of(&self, caller: impl Hash) -> Holder {
        let hash = usize::try_from(self.0.hash_one(caller) >> 32).unwrap_or(0);
        Holder(1 + hash % (Holder::NUMBER - 1))
    }
}

impl ByteBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        let held = (0..Holder::NUMBER).map(|_| AtomicUsize::new(0)).collect();
        Self { counts: Arc::new(Counts { free: AtomicUsize::new(bytes), held }) }
    }

    pub(crate) fn of(&self, holder: Holder) -> Allowance<'_> {
        Allowance { budget: self, holder }
    }
}

/// A budget as one of its holders sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance<'b> {
    budget: &'b ByteBudget,
    holder: Holder,
}

impl Allowance<'_> {
    /// An empty share, to be grown.
    pub(crate) fn share(self) -> Share {
        Share { budget: self.budget.clone(), holder: self.holder, bytes: 0 }
    }
}

/// Bytes taken from a budget; given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    budget: ByteBudget,
    holder: Holder,
    bytes: usize,
}

impl Share {
    /// Takes `bytes` more; false, and nothing taken, when they are not there for this holder.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let Counts { free, held } = &*self.budget.counts;
        let held = &held[self.holder.0];
        // First what only this holder looks at: an attempt that fails takes nothing from others.
        held.fetch_add(bytes, Relaxed);
        let left = |free: usize| free.checked_sub(bytes).filter(|left| held.load(Relaxed) <= *left);
        let taken = free.fetch_update(Relaxed, Relaxed, left).is_ok();
        if taken {
            self.bytes += bytes;
        } else {
            held.fetch_sub(bytes, Relaxed);
        }
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            let Counts { free, held } = &*self.budget.counts;
            held[self.holder.0].fetch_sub(self.bytes, Relaxed);
            free.fetch_add(self.bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Holder = Holder(1);
    const TWO: Holder = Holder(2);

    #[test]
    fn shares_are_bounded_and_come_back() {
        let budget = ByteBudget::new(12);
        let share = |holder| budget.of(holder).share();
        let (mut one, mut again, mut two) = (share(ONE), share(ONE), share(TWO));
        assert!(!one.grow(7) && one.grow(4) && again.grow(2), "half of it");
        assert!(!one.grow(1) && !again.grow(1), "a caller holds no more than is free");
        assert!(two.grow(3) && !two.grow(1), "another one finds a half of what is left");
        assert!(!share(Holder::NOBODY).grow(2));
        drop((one, again));
        assert!(two.grow(3));
        drop(two);
        assert_eq!(budget.counts.free.load(Relaxed), 12);
        assert!(budget.counts.held.iter().all(|held| held.load(Relaxed) == 0));
    }

    #[test]
    fn callers_are_told_apart_and_nobody_from_all() {
        let holders = Holders::default();
        let all: Vec<_> = (0..4_096).map(|at| holders.of(format!("tenant-{at}"))).collect();
        assert!(all.iter().all(|holder| *holder != Holder::NOBODY && holder.0 < Holder::NUMBER));
        assert_eq!(all[7], holders.of("tenant-7".to_owned()));
        assert!(all.iter().filter(|holder| **holder == all[0]).count() < 64);
    }
}
