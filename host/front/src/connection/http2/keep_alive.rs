//! Whether the peer is still there: one PING each interval without a request,
//! which has to be answered in time.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep};

/// When to ask, and how long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
}

/// The peer is gone, or does not speak HTTP/2 as it should.
#[derive(Debug, thiserror::Error)]
#[error("a ping was not answered in time")]
pub(super) struct Unanswered;

/// One connection's pings.
pub(super) struct KeepAlive {
    pace: Pace,
    pings: PingPong,
    wait: Pin<Box<Sleep>>,
    asked: bool,
    /// Requests that had begun when the wait did.
    begun_before: u64,
}

impl KeepAlive {
    pub(super) fn begin(pace: Pace, pings: PingPong) -> Self {
        Self { pace, pings, wait: Box::pin(sleep(pace.interval)), asked: false, begun_before: 0 }
    }

    /// Never ready while the peer is heard of; `begun` counts the connection's requests.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, begun: u64) -> Poll<Unanswered> {
        loop {
            // An error of the pings is one of the connection, which says so itself.
            if self.asked && self.pings.poll_pong(cx).is_ready() {
                self.wait_again(begun);
            }
            if self.wait.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.asked {
                return Poll::Ready(Unanswered);
            }
            if begun != self.begun_before || self.pings.send_ping(Ping::opaque()).is_err() {
                self.wait_again(begun);
                continue;
            }
            self.asked = true;
            self.wait.as_mut().reset(Instant::now() + self.pace.timeout);
        }
    }

    fn wait_again(&mut self, begun: u64) {
        self.asked = false;
        self.begun_before = begun;
        self.wait.as_mut().reset(Instant::now() + self.pace.interval);
    }
}
