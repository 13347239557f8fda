//! A running guest that is polled one slice at a time, on whatever thread holds it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use extensions_types::{ErrorCode, Limits};

use crate::{
    call::{Failure, Outcome, Stats},
    invocation::Invocation,
    orders::not_begun,
    run::Run,
};

type BoxedRun = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One invocation in flight.
pub(crate) struct Sliced {
    run: BoxedRun,
    pub(crate) invocation: Arc<Invocation>,
    /// When the first slice began.
    started: Option<Instant>,
    /// Slices that have ended with the guest still running.
    slices: u32,
    /// Whether time passes between its admission and its first slice.
    waits: bool,
}

impl std::fmt::Debug for Sliced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sliced").field("extension", &self.invocation.extension).finish_non_exhaustive()
    }
}

impl Sliced {
    pub(crate) fn new(invocation: Arc<Invocation>, waits: bool) -> Self {
        Self { run: Box::pin(Run(Arc::clone(&invocation)).finish()), invocation, started: None, slices: 0, waits }
    }

    /// Runs one slice here. Pending means that the slice is over: nothing else
    /// makes a guest wait.
    pub(crate) fn poll_slice(&mut self) -> Poll<Outcome> {
        if self.waits && self.started.is_none() && self.invocation.extension.orders.forbid(&self.invocation) {
            return Poll::Ready(self.end(Outcome::failed(not_begun()), self.invocation.call.accepted.elapsed()));
        }
        let started = *self.started.get_or_insert_with(Instant::now);
        let Invocation { extension, call, control } = &*self.invocation;
        extension.beat.feel();
        let run = &mut self.run;
        let before = control.cpu();
        let polled = control.metered(|| {
            // A panic in one call must not end the thread that serves the others.
            catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(&mut Context::from_waker(Waker::noop()))))
        });
        call.payer.charge(control.cpu().saturating_sub(before));
        let outcome = match polled {
            Ok(Poll::Pending) => {
                self.slices += 1;
                // One long slice may be the machine's doing (a page fault, a stolen core); two are the guest's.
                if self.slices == 2 {
                    extension.outlived_its_slices();
                }
                return Poll::Pending;
            }
            Ok(Poll::Ready(outcome)) => outcome,
            Err(_) => {
                tracing::error!(?extension, correlation_id = %call.context.correlation, "the engine panicked in a call");
                Outcome::failed(Failure::new(ErrorCode::Internal, "the platform failed; its logs tell more under the correlation id"))
            }
        };
        Poll::Ready(self.end(outcome, started.saturating_duration_since(call.accepted)))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.invocation.extension.definition.limits
    }

    /// Ends a call that will not be polled again.
    pub(crate) fn abandon(self, failure: Failure) -> Outcome {
        let queue = self.started.unwrap_or_else(Instant::now).saturating_duration_since(self.invocation.call.accepted);
        self.end(Outcome::failed(failure), queue)
    }

    fn end(&self, mut outcome: Outcome, queue: Duration) -> Outcome {
        let Invocation { extension, call, control } = &*self.invocation;
        outcome.stats = Stats { cpu: control.cpu(), wall: call.accepted.elapsed(), queue, ..outcome.stats };
        extension.observer.ended(&extension.definition, &call.context, &outcome);
        outcome
    }
}
