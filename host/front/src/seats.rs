//! Seats for streams that stay open: as many as a host has, whoever takes them.
//!
//! A connection bounds its own streams; ten thousand connections would still
//! have millions that only wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use extensions_types::ErrorCode;

use crate::refused::Refused;

/// Streams of health and reflection, which need no token. A host has a few
/// watchers: the balancers and gateways before it.
pub(crate) const WATCHERS_MAX: usize = 1_024;
/// Followers of logs: people who look at a screen. Each looks four times a second.
pub(crate) const FOLLOWERS_MAX: usize = 1_024;
/// What a caller should wait before it asks for a seat again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Seats that are still free. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Seats {
    free: Arc<AtomicUsize>,
}

/// One of them; given back on drop.
#[derive(Debug)]
pub(crate) struct Seat {
    free: Arc<AtomicUsize>,
}

impl Seats {
    pub(crate) fn new(seats: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(seats)) }
    }

    /// A seat, or OVERLOADED when all are taken.
    pub(crate) fn take(&self) -> Result<Seat, Refused> {
        let taken = self.free.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1)).is_ok();
        if taken {
            return Ok(Seat { free: Arc::clone(&self.free) });
        }
        let mut refused =
            Refused::new(ErrorCode::Overloaded, "too many streams are open at this host; ask once instead of watching, or come back later");
        refused.refusal.retry_after = Some(RETRY_AFTER);
        Err(refused)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.free.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_its_stream_ends() {
        let seats = Seats::new(2);
        let first = seats.take().unwrap();
        let _second = seats.clone().take().unwrap();
        assert_eq!(seats.take().unwrap_err().refusal.code, ErrorCode::Overloaded);
        drop(first);
        let _third = seats.take().unwrap();
        assert!(seats.take().is_err());
    }
}
