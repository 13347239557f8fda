//! The caller's side of a slow call: it waits for the outcome, but not longer
//! than for the call's end.

use std::time::{Duration, Instant};

use extensions_types::ErrorCode;

use super::SlowLane;
use crate::{
    budget::Stop,
    call::{Failure, Outcome, Stats},
    invocation::Invocation,
    outcome,
    slice::{NO_TIME, Sliced},
};

/// A guest that runs stops itself at its end within a tick or two; only one
/// that waits for its turn is answered for.
const ANSWER_GRACE: Duration = Duration::from_millis(5);

impl SlowLane {
    /// Runs a call on in the lane, to its outcome or to its end.
    pub(crate) async fn finish(&self, call: Sliced) -> Outcome {
        let invocation = std::sync::Arc::clone(&call.invocation);
        let waiting = match self.submit(call) {
            Ok(waiting) => waiting,
            Err(refused) => return *refused,
        };
        let guard = GiveUp { lane: self, invocation: &invocation };
        let (end, which) = invocation.control.budget.end();
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left + ANSWER_GRACE, waiting).await {
            Ok(Ok(outcome)) => {
                std::mem::forget(guard);
                outcome
            }
            // The lane closed with the call in it; it has been observed there.
            Ok(Err(_)) => Outcome::failed(Failure::new(ErrorCode::Unavailable, "the host is stopping")),
            // The lane is too busy to stop the guest in time; the caller is answered in time all the same.
            Err(_) => early(which, &invocation),
        }
    }
}

fn early(which: Stop, invocation: &Invocation) -> Outcome {
    let Invocation { extension, call, control, .. } = invocation;
    let stats = control.stats(call.accepted, Instant::now(), Stats::default());
    if which == Stop::Wall && stats.cpu.is_zero() {
        // It never had a turn: that is the host's want of room, not the extension's slowness.
        return Outcome::failed(Failure::new(ErrorCode::Overloaded, NO_TIME));
    }
    // It runs on for a moment, and what it calls meanwhile is not known here.
    let issued = !extension.definition.host_calls.is_empty();
    Outcome { stats, issued, ..Outcome::failed(outcome::of_stop(which, &extension.definition.limits)) }
}

/// Tells the guest and the lane that nobody waits for it, unless it has ended.
struct GiveUp<'c> {
    lane: &'c SlowLane,
    invocation: &'c Invocation,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.invocation.control.caller_gave_up();
        self.lane.caller_left();
    }
}
