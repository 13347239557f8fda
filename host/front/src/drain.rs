//! Leaving without losing a call: say so, stop accepting, let calls end, then cut.
//!
//! The order is fixed here; `runtime.rs` and `connection.rs` follow its phases.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::metrics::Metrics;

/// Where a front is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Everything is answered.
    Serving,
    /// Everything is answered, and health says that it will end.
    Notice,
    /// Nothing new is accepted; connections are told to go.
    Closing,
    /// Whatever is left is dropped.
    Cut,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Requests that got their answer after the drain began.
    pub finished: u64,
    /// Requests that were dropped when the time was up.
    pub cut: u64,
}

/// The drain's state, shared by all threads.
#[derive(Debug)]
pub(crate) struct Draining {
    begun: AtomicBool,
    phase: watch::Sender<Phase>,
    /// When the drain must be over; none before it began.
    deadline: watch::Sender<Option<Instant>>,
    ended: watch::Sender<Option<Drained>>,
}

impl Draining {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicBool::new(false),
            phase: watch::Sender::new(Phase::Serving),
            deadline: watch::Sender::new(None),
            ended: watch::Sender::new(None),
        })
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Relaxed)
    }

    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Drops everything now, without a conductor.
    pub(crate) fn cut(&self) {
        self.phase.send_replace(Phase::Cut);
    }

    /// Carries a drain out, from its beginning to the end of its last request.
    /// `idle` resolves when every I/O thread has let go of its connections.
    pub(crate) async fn conduct(&self, metrics: &Metrics, notice: Duration, idle: impl Future<Output = ()>) -> Drained {
        let mut deadline = self.deadline.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = deadline.wait_for(Option::is_some).await;
        let ended_before = metrics.ended();
        tracing::info!(in_flight = metrics.in_flight(), "draining: health says so, new calls are still answered");
        self.phase.send_replace(Phase::Notice);
        tokio::select! {
            () = tokio::time::sleep(notice) => {}
            () = passed(&mut deadline) => {}
        }
        tracing::info!(in_flight = metrics.in_flight(), "draining: listeners closed, waiting for calls in flight");
        self.phase.send_replace(Phase::Closing);
        tokio::pin!(idle);
        let late = tokio::select! {
            biased;
            () = idle.as_mut() => false,
            () = passed(&mut deadline) => true,
        };
        let finished = metrics.ended() - ended_before;
        let cut = if late { metrics.in_flight() } else { 0 };
        if late {
            self.phase.send_replace(Phase::Cut);
            idle.await;
        }
        let drained = Drained { finished, cut };
        tracing::info!(finished, cut, "drained");
        self.ended.send_replace(Some(drained));
        drained
    }
}

/// Resolves when the deadline, which may be moved forward meanwhile, has passed.
async fn passed(deadline: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let until = *deadline.borrow_and_update();
        let sleep = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => return,
            Ok(()) = deadline.changed() => {}
        }
    }
}

/// Starts a front's drain and learns of its end, from any thread or task.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) draining: Arc<Draining>,
}

impl Handle {
    /// Begins to drain, to be over within `timeout`. Called again, it can only
    /// shorten the time: a second signal with zero ends everything now.
    pub fn drain(&self, timeout: Duration) {
        let now = Instant::now();
        // An absurd timeout means "as long as it takes": a day.
        let until = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400));
        self.draining.begun.store(true, Relaxed);
        self.draining.deadline.send_if_modified(|deadline| {
            let sooner = deadline.is_none_or(|old| until < old);
            if sooner {
                *deadline = Some(until);
            }
            sooner
        });
    }

    /// Whether a drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.has_begun()
    }

    /// Waits for the end of the drain; it does not begin one.
    pub async fn drained(&self) -> Drained {
        let mut ended = self.draining.ended.subscribe();
        let seen = ended.wait_for(Option::is_some).await.ok().and_then(|drained| *drained);
        seen.unwrap_or(Drained { finished: 0, cut: 0 })
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::{metrics::Class, router::RouteName};

    const NOTICE: Duration = Duration::from_secs(2);

    fn handle() -> Handle {
        Handle { draining: Draining::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_front_leaves_after_its_notice() {
        let (handle, metrics) = (handle(), Metrics::new(1));
        handle.drain(Duration::from_secs(30));
        let start = tokio::time::Instant::now();
        let drained = handle.draining.conduct(&metrics, NOTICE, async {}).await;
        assert_eq!(drained, Drained { finished: 0, cut: 0 });
        assert_eq!(start.elapsed(), NOTICE);
        assert_eq!(handle.drained().await, drained);
    }

    #[tokio::test(start_paused = true)]
    async fn what_outlasts_the_timeout_is_cut_and_counted() {
        let (handle, metrics) = (handle(), Metrics::new(1));
        let shard = metrics.shard(0);
        (0..3).for_each(|_| shard.begin());
        let mut phases = handle.draining.phases();
        let idle = async {
            let _ = phases.wait_for(|phase| *phase == Phase::Closing).await;
            shard.end(RouteName::GrpcInvoke, Class::Ok);
            let _ = phases.wait_for(|phase| *phase == Phase::Cut).await;
        };
        handle.drain(Duration::from_secs(30));
        assert_eq!(handle.draining.conduct(&metrics, NOTICE, idle).await, Drained { finished: 1, cut: 2 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_drain_only_shortens() {
        let (handle, metrics) = (handle(), Metrics::new(1));
        handle.drain(Duration::from_secs(30));
        handle.drain(Duration::ZERO);
        handle.drain(Duration::from_secs(60));
        let mut phases = handle.draining.phases();
        let idle = async move { drop(phases.wait_for(|phase| *phase == Phase::Cut).await) };
        let start = tokio::time::Instant::now();
        handle.draining.conduct(&metrics, NOTICE, idle).await;
        assert!(start.elapsed() < NOTICE);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_begins_by_itself() {
        let (handle, metrics) = (handle(), Metrics::new(1));
        let conduct = handle.draining.conduct(&metrics, NOTICE, pending());
        assert!(tokio::time::timeout(Duration::from_secs(3600), conduct).await.is_err());
        assert!(!handle.is_draining());
    }
}
