//! Whether any worker is there to take jobs.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Workers that wait for a hint at once: each holds a request open.
const WAITING_MAX: usize = 64;
/// A worker that was heard of within this time is there: it asks again at least every 20 seconds, between two jobs.
const HEARD_WITHIN: Duration = Duration::from_secs(30);

/// Who waits for a hint, and when a worker was heard of last.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    waiting: AtomicUsize,
    heard: Mutex<Option<Instant>>,
}

/// One worker that waits.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Presence>);

impl Presence {
    /// A worker waits from now on; none where too many do.
    pub(crate) fn wait(self: &Arc<Self>) -> Option<Waiting> {
        self.hear();
        let waiting = Waiting(Arc::clone(self));
        (self.waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(waiting)
    }

    /// A worker said something.
    pub(crate) fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a worker is there.
    pub(crate) fn is_anyone(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.load(Ordering::Relaxed) > 0 || heard.is_some_and(|at| at.elapsed() < HEARD_WITHIN)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.hear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_is_there_while_it_waits_and_a_little_longer() {
        let presence = Arc::new(Presence::default());
        assert!(!presence.is_anyone());
        let waiting = presence.wait().unwrap();
        tokio::time::advance(HEARD_WITHIN * 2).await;
        assert!(presence.is_anyone());
        drop(waiting);
        assert!(presence.is_anyone());
        tokio::time::advance(HEARD_WITHIN).await;
        assert!(!presence.is_anyone());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_wait_are_bounded() {
        let presence = Arc::new(Presence::default());
        let all: Vec<_> = (0..WAITING_MAX).map(|_| presence.wait().unwrap()).collect();
        assert!(presence.wait().is_none());
        drop(all);
        assert!(presence.wait().is_some());
    }
}
