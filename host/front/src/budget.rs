//! How many bytes of request bodies may wait in memory, over all connections.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// 64 of the largest inputs at once; beyond it callers are told to come back.
pub(crate) const BODY_BYTES_MAX: usize = 512 << 20;

/// Bytes that are still free. Bodies of one frame are not charged: HTTP/2 and
/// the read buffer bound those already.
#[derive(Debug, Clone)]
pub(crate) struct ByteBudget {
    free: Arc<AtomicUsize>,
}

impl ByteBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(bytes)) }
    }

    /// An empty share, to be grown.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes taken from a budget; given back on drop.
#[derive(Debug)]
pub(crate) struct Share {
    budget: ByteBudget,
    bytes: usize,
}

impl Share {
    /// Takes `bytes` more; false, and nothing taken, when they are not there.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let taken = self.budget.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(bytes)).is_ok();
        self.bytes += if taken { bytes } else { 0 };
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.free.fetch_add(self.bytes, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_and_come_back() {
        let budget = ByteBudget::new(10);
        let (mut one, mut two) = (budget.share(), budget.share());
        assert!(one.grow(6) && !two.grow(5) && two.grow(4) && !one.grow(1));
        drop(one);
        assert!(two.grow(6));
        drop(two);
        assert_eq!(budget.free.load(Relaxed), 10);
    }
}
