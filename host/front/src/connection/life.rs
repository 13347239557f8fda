//! How long a connection lives, whatever it speaks: it is asked to leave on
//! drain, abuse, idleness, or where it is in the way, and dropped where it does not.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::state::ConnState;
use crate::body::BoxError;

/// How long a connection that was asked to leave for abuse may take.
const ABUSE_GRACE: Duration = Duration::from_secs(1);

/// A protocol at work on one connection.
pub(super) trait Transport {
    /// Serves; ready when the connection is over.
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>>;

    /// Takes no more requests; it is over once those under way have their answers.
    fn leave(self: Pin<&mut Self>);
}

/// What a connection may take of time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without a request.
    pub(super) idle: Duration,
    /// Without a token, where it is crowded.
    pub(super) stranger: Duration,
}

/// Why a connection ended.
#[derive(Debug)]
#[allow(dead_code, reason = "the error is read by Debug, for the log")]
pub(super) enum End {
    Done,
    Failed(BoxError),
    /// It was asked to leave and did not.
    Dropped,
}

/// Polls the connection until it ends or has to.
pub(super) async fn drive<T: Transport>(transport: T, state: &ConnState, patience: Patience) -> End {
    let mut transport = pin!(transport);
    let mut closing = pin!(state.worker.closing.cancelled());
    let mut life = Life::begin(state, patience, Instant::now());
    let mut watch = pin!(sleep(patience.idle.min(patience.stranger)));
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = transport.as_mut().poll_end(cx) {
                return Poll::Ready(ended.map_or_else(End::Failed, |()| End::Done));
            }
            if life.leaves_for_abuse() {
                transport.as_mut().leave();
                watch.as_mut().reset(Instant::now() + ABUSE_GRACE);
            } else if life.leaving == Leaving::No && closing.as_mut().poll(cx).is_ready() {
                life.leaving = Leaving::Asked;
                transport.as_mut().leave();
            } else if watch.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            } else {
                let stayed = life.leaving == Leaving::No;
                let Some(look_at) = life.look(Instant::now()) else { return Poll::Ready(End::Dropped) };
                if stayed && life.leaving != Leaving::No {
                    transport.as_mut().leave();
                }
                watch.as_mut().reset(look_at);
            }
        }
    })
    .await
}

/// Whether a connection has been asked to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaving {
    No,
    Asked,
    Abuse,
}

/// The decisions alone; looks at no clock.
struct Life<'c> {
    state: &'c ConnState,
    patience: Patience,
    leaving: Leaving,
    /// When it is idle, unless something happens.
    idle_at: Instant,
    /// How many requests there had been at the last look.
    begun_before: u64,
}

impl<'c> Life<'c> {
    fn begin(state: &'c ConnState, patience: Patience, now: Instant) -> Self {
        Self { state, patience, leaving: Leaving::No, idle_at: now + patience.idle, begun_before: 0 }
    }

    /// True once.
    fn leaves_for_abuse(&mut self) -> bool {
        let leaves = self.leaving < Leaving::Abuse && self.state.is_leaving_for_abuse();
        if leaves {
            self.leaving = Leaving::Abuse;
        }
        leaves
    }

    /// Looks at whether it should leave; says when to look again, none when it must be dropped.
    fn look(&mut self, now: Instant) -> Option<Instant> {
        if self.leaving == Leaving::Abuse {
            return None;
        }
        if self.leaving == Leaving::No && self.state.is_in_the_way() {
            self.leaving = Leaving::Asked;
            // One that does not read its answer is dropped soon.
            self.idle_at = now + self.patience.stranger;
            self.begun_before = self.state.begun();
        }
        if now < self.idle_at {
            let until = if self.state.is_known() { self.idle_at } else { self.idle_at.min(now + self.patience.stranger) };
            return Some(until);
        }
        self.idle_at = now + self.patience.idle;
        let begun = self.state.begun();
        let quiet = begun == self.begun_before && !self.state.is_busy();
        self.begun_before = begun;
        match (self.leaving, quiet) {
            // Answers are with the transport and the peer does not take them.
            (Leaving::Asked | Leaving::Abuse, true) => return None,
            (Leaving::No, true) => self.leaving = Leaving::Asked,
            (_, false) => {}
        }
        Some(self.idle_at)
    }
}
