//! A running guest that is polled one slice at a time, on whatever thread holds it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use extensions_types::{ErrorCode, Limits};

use crate::{
    call::{Failure, Outcome},
    invocation::Invocation,
    orders::not_begun,
    run::Run,
};

type BoxedRun = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One invocation in flight. Its owner polls it to its end or abandons it.
pub(crate) struct Sliced {
    /// None once it has ended.
    run: Option<BoxedRun>,
    pub(crate) invocation: Arc<Invocation>,
    /// Slices that have begun.
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
        Self { run: Some(Box::pin(Run(Arc::clone(&invocation)).finish())), invocation, slices: 0, waits }
    }

    /// Runs one slice here. Pending means that the slice is over: nothing else
    /// makes a guest wait.
    pub(crate) fn poll_slice(&mut self) -> Poll<Outcome> {
        let first = self.slices == 0;
        if first && self.waits && self.invocation.extension.orders.forbid(&self.invocation) {
            return Poll::Ready(self.take_down(not_begun()));
        }
        // One that does not wait began a moment ago, and what that took is its own.
        let began = if first && !self.waits { self.invocation.begun } else { Instant::now() };
        self.slices += 1;
        let Invocation { extension, call, control, .. } = &*self.invocation;
        extension.beat.feel();
        let run = &mut self.run;
        let slice = control.metered(began, || {
            // A panic in one call must not end the thread that serves the others.
            catch_unwind(AssertUnwindSafe(|| run.as_mut().map(|run| run.as_mut().poll(&mut Context::from_waker(Waker::noop())))))
        });
        call.payer.charge(slice.cpu);
        match slice.result {
            Ok(Some(Poll::Pending)) => {
                // One long slice may be the machine's doing (a page fault, a stolen core); two are the guest's.
                if self.slices == 2 {
                    extension.outlived_its_slices();
                }
                Poll::Pending
            }
            Ok(Some(Poll::Ready(outcome))) => Poll::Ready(self.end(outcome, slice.ended)),
            Ok(None) | Err(_) => {
                tracing::error!(?extension, correlation_id = %call.context.correlation, "the engine panicked in a call");
                Poll::Ready(self.take_down(Failure::new(ErrorCode::Internal, "the platform failed; its logs tell more under the correlation id")))
            }
        }
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
        call.observer.ended(call, &extension.definition, &mut outcome);
        outcome
    }
}
