//! A running guest that is polled one slice at a time, on whatever thread holds it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use extensions_fair::{Lane, Outlived, Share};
use extensions_types::{ErrorCode, Limits};

use crate::{
    budget::{SLICE, Stop},
    call::{Failure, Outcome},
    figures::Dropped,
    invocation::Invocation,
    orders::not_begun,
    outcome::of_stop,
    ready::Claim,
    run::Run,
};

/// One slice may take longer by the machine's doing: page faults, cold code, a
/// virtual machine that stood still, which charges its threads for that. One as
/// long as this is the guest's (a bulk instruction, which no tick interrupts)
/// where the clock went on ticking: it stands still with its machine.
const LONG_SLICE: Duration = Duration::from_micros(LONG_SLICE_TICKS * SLICE.as_micros() as u64);
const LONG_SLICE_TICKS: u64 = 4;
/// The clock's looks are up to two slices apart, and come late on busy cores.
const TICKS_SEEN_MIN: u64 = LONG_SLICE_TICKS / 2;

/// Public texts of calls that never began.
pub(crate) const NO_TIME: &str = "this host had no time for the call; try again";
const TOO_LATE: &str = "what was left of the caller's time is less than the extension takes; it was not begun";

type BoxedRun = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One invocation in flight. Its owner polls it to its end or abandons it.
pub(crate) struct Sliced {
    /// None once it has ended.
    run: Option<BoxedRun>,
    pub(crate) invocation: Arc<Invocation>,
    /// Slices that have begun.
    slices: u32,
    /// CPU time of the last one.
    last_slice: Duration,
    /// Where the first one was.
    began_in: Lane,
    /// Whether time passes between its admission and its first slice.
    waits: bool,
    /// Whether it is a call, and not a start made ahead: nobody sees one end, and
    /// lanes and histories are not about it.
    is_call: bool,
}

impl std::fmt::Debug for Sliced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sliced").field("extension", &self.invocation.extension).finish_non_exhaustive()
    }
}

impl Sliced {
    pub(crate) fn new(invocation: Arc<Invocation>, waits: bool) -> Self {
        let run = Box::pin(Run(Arc::clone(&invocation)).finish());
        Self { run: Some(run), invocation, slices: 0, last_slice: Duration::ZERO, began_in: Lane::Slow, waits, is_call: true }
    }

    /// The start of an instance, which is kept for another call if there is a claim.
    pub(crate) fn start(invocation: Arc<Invocation>, claim: Option<Claim>) -> Self {
        let run = Box::pin(Run(Arc::clone(&invocation)).start(claim));
        Self { run: Some(run), invocation, slices: 0, last_slice: Duration::ZERO, began_in: Lane::Slow, waits: true, is_call: false }
    }

    /// Runs one slice here. Pending means that the slice is over: nothing else
    /// makes a guest wait.
    pub(crate) fn poll_slice(&mut self, lane: Lane) -> Poll<Outcome> {
        let first = self.slices == 0;
        if first && self.waits && self.invocation.extension.common.orders.forbid(&self.invocation) {
            return Poll::Ready(self.take_down(not_begun()));
        }
        // One that does not wait began a moment ago, and what that took is its own.
        let began = if first && !self.waits { self.invocation.begun } else { Instant::now() };
        if first {
            self.began_in = lane;
        }
        self.slices += 1;
        let Invocation { extension, call, control, .. } = &*self.invocation;
        let (running, ticks) = (extension.common.beat.slice(began), extension.common.beat.ticks());
        let run = &mut self.run;
        let slice = control.metered(began, || {
            // A panic in one call must not end the thread that serves the others.
            catch_unwind(AssertUnwindSafe(|| run.as_mut().map(|run| run.as_mut().poll(&mut Context::from_waker(Waker::noop())))))
        });
        drop(running);
        let outlived = Outlived { began, ended: slice.ended, cpu: slice.cpu };
        self.last_slice = slice.cpu;
        call.payer.share().charge(lane, slice.cpu);
        call.payer.charge(slice.cpu);
        match slice.result {
            Ok(Some(Poll::Pending)) => {
                // What was charged may be a moment less than what the tick saw.
                if slice.cpu >= SLICE / 2 {
                    self.outlived(&outlived, ticks);
                }
                Poll::Pending
            }
            Ok(Some(Poll::Ready(outcome))) => {
                // One bulk instruction can be longer than any slice.
                if slice.cpu >= SLICE {
                    self.outlived(&outlived, ticks);
                }
                Poll::Ready(self.end(outcome, slice.ended))
            }
            Ok(None) | Err(_) => {
                tracing::error!(?extension, correlation_id = %call.context.correlation, "the engine panicked in a call");
                Poll::Ready(self.take_down(Failure::new(ErrorCode::Internal, "the platform failed; its logs tell more under the correlation id")))
            }
        }
    }

    /// Remembers a call by its first two slices: what it takes altogether shows
    /// later. By the CPU clock, so that a stolen core is not held against it; and a
    /// call with a large answer leaves its slice before the slice is over.
    fn outlived(&self, slice: &Outlived, ticks_before: u64) {
        if self.slices > 2 || !self.is_call {
            return;
        }
        let Invocation { extension, call, .. } = &*self.invocation;
        let ticks = extension.common.beat.ticks() - ticks_before;
        extension.history.outlived(slice, slice.cpu >= LONG_SLICE && ticks >= TICKS_SEEN_MIN);
        if self.began_in == Lane::Fast && call.payer.share().outlived(slice) {
            extension.common.counters.surprised();
        }
    }

    /// Why a call that waited does not begin at all, if so.
    pub(crate) fn not_worth_beginning(&self, now: Instant) -> Option<(Failure, Dropped)> {
        let Invocation { extension, control, .. } = &*self.invocation;
        if self.has_begun() {
            return None;
        }
        if control.is_caller_gone() {
            return Some((Self::caller_left(), Dropped::CallerGone));
        }
        let (end, which) = control.budget.end();
        if now >= end {
            return Some(match which {
                Stop::Caller => (of_stop(which, self.limits()), Dropped::Deadline),
                // That is the host's want of room, not the extension's slowness.
                Stop::Cpu | Stop::Wall | Stop::Operators => (Failure::new(ErrorCode::Overloaded, NO_TIME), Dropped::NoTurn),
            });
        }
        let needs = extension.history.takes_at_least(now);
        let is_too_late = control.budget.caller_end.is_some_and(|end| now + needs > end);
        is_too_late.then(|| (Failure::new(ErrorCode::Deadline, TOO_LATE), Dropped::TooLate))
    }

    /// Whether the caller's time was over before the call was there.
    pub(crate) fn came_late(&self) -> bool {
        self.invocation.control.budget.caller_end.is_some_and(|end| end <= self.invocation.begun)
    }

    /// How a call ends that nobody waits for.
    pub(crate) fn caller_left() -> Failure {
        Failure::new(ErrorCode::Deadline, "the caller left before the extension began")
    }

    pub(crate) fn is_call(&self) -> bool {
        self.is_call
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.slices > 0
    }

    pub(crate) fn is_caller_gone(&self) -> bool {
        self.invocation.control.is_caller_gone()
    }

    /// When it is over at the latest.
    pub(crate) fn end_at(&self) -> Instant {
        self.invocation.control.budget.end().0
    }

    /// CPU time of its last slice.
    pub(crate) fn last_slice(&self) -> Duration {
        self.last_slice
    }

    pub(crate) fn share(&self) -> &Arc<Share> {
        self.invocation.call.payer.share()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.invocation.extension.definition.limits
    }

    /// Ends a call that will not be polled again.
    pub(crate) fn abandon(mut self, failure: Failure) -> Outcome {
        self.take_down(failure)
    }

    /// Ends the call where it is. Its instance goes at its own cost.
    fn take_down(&mut self, failure: Failure) -> Outcome {
        let Invocation { extension, call, control, .. } = &*self.invocation;
        let (run, began) = (self.run.take(), Instant::now());
        let mut outcome = Outcome::failed(failure);
        let mut ended = began;
        if self.slices > 0 {
            let last = control.metered(began, || catch_unwind(AssertUnwindSafe(|| drop(run))));
            call.payer.share().charge(self.began_in, last.cpu);
            call.payer.charge(last.cpu);
            if last.result.is_err() {
                tracing::error!(?extension, correlation_id = %call.context.correlation, "the engine panicked while it took a call down");
            }
            ended = last.ended;
            // What it called is not known any more.
            outcome.issued = !extension.definition.host_calls.is_empty();
        }
        self.end(outcome, ended)
    }

    fn end(&self, mut outcome: Outcome, ended: Instant) -> Outcome {
        let Invocation { extension, call, control, .. } = &*self.invocation;
        outcome.stats = control.stats(call.accepted, ended, outcome.stats);
        if self.has_begun() && self.is_call {
            extension.history.ended(self.slices, control.own_cpu(), ended);
        }
        call.observer.ended(call, &extension.definition, &mut outcome);
        outcome
    }
}
