//! When a call is repeated, and after how long.
//!
//! What has not run: a refusal whose code says that a retry helps and that
//! carries a hint, or a connection that never took the request. What may have
//! run only where a second run does no more than the first. An extension's own
//! outcome and a spent deadline are never repeated.

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

use extensions_types::Retry;
use tokio::time::{Instant, sleep, timeout_at};

use crate::InvokeError;

/// Enough to pass a restarting host; more only adds load to one that is full.
pub const RETRIES_DEFAULT: u32 = 2;

/// A longer hint is the caller's to wait for.
const HINT_MAX: Duration = Duration::from_secs(5);
/// Between attempts to connect; doubles.
const CONNECT_BACKOFF: Duration = Duration::from_millis(50);

/// What a second run of a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Maybe more than the first: an invocation.
    Twice,
    /// No more than the first: a read, or a change with an idempotency key.
    Once,
}

/// Runs `attempt` with the time that is left, and again where that helps.
pub(crate) async fn within<T, F: Future<Output = Result<T, InvokeError>>>(
    timeout: Duration,
    retries: u32,
    effect: Effect,
    // Not AsyncFnMut: callers' futures could not be sent to another thread then.
    mut attempt: impl FnMut(Duration) -> F,
) -> Result<T, InvokeError> {
    let start = Instant::now();
    // A timeout beyond what the clock can say is a day: longer than any connection lives.
    let end = start.checked_add(timeout).unwrap_or(start + Duration::from_secs(86_400));
    let mut done = 0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let failed = match timeout_at(end, attempt(left)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failed)) => failed,
            Err(_) => return Err(InvokeError::deadline()),
        };
        let left = end.saturating_duration_since(Instant::now());
        match wait_before_retry(&failed, effect, done, retries, left, jitter()) {
            Some(wait) => sleep(wait).await,
            None => return Err(failed),
        }
        done += 1;
    }
}

/// How long to wait before the call is repeated; none where it is not.
/// `jitter` in 0..1 spreads the callers that one event has refused.
pub(crate) fn wait_before_retry(failed: &InvokeError, effect: Effect, done: u32, retries: u32, left: Duration, jitter: f64) -> Option<Duration> {
    if done >= retries {
        return None;
    }
    let wait = match failed {
        InvokeError::Refused(refused) => match (refused.code.retry(), refused.retry_after) {
            // Never before the hint.
            (Retry::AfterHint, Some(hint)) if hint <= HINT_MAX => hint.mul_f64(1.0 + jitter / 2.0),
            (Retry::AfterHint | Retry::No | Retry::CallerDecides | Retry::AfterRead, _) => return None,
        },
        InvokeError::Unreachable { sent, .. } if !sent || effect == Effect::Once => {
            (CONNECT_BACKOFF * 2u32.saturating_pow(done.min(6))).mul_f64(0.5 + jitter / 2.0)
        }
        InvokeError::Unreachable { .. } | InvokeError::Outcome(_) | InvokeError::Absent { .. } | InvokeError::Protocol { .. } => return None,
    };
    (wait < left).then_some(wait)
}

/// Each hasher of the standard library starts from fresh randomness.
pub(crate) fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0u8) >> 11;
    random as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use extensions_types::ErrorCode;

    use super::*;
    use crate::Refused;

    const LEFT: Duration = Duration::from_secs(10);

    fn refused(code: ErrorCode, hint_ms: Option<u64>) -> InvokeError {
        let retry_after = hint_ms.map(Duration::from_millis);
        InvokeError::Refused(Box::new(Refused { code, message: String::new(), retry_after, correlation: None }))
    }

    fn unreachable(sent: bool) -> InvokeError {
        InvokeError::Unreachable { sent, source: "x".into() }
    }

    #[test]
    fn only_what_the_table_allows_is_repeated() {
        for &code in ErrorCode::ALL {
            let allowed = code.retry() == Retry::AfterHint;
            assert_eq!(wait_before_retry(&refused(code, Some(10)), Effect::Twice, 0, 2, LEFT, 0.0).is_some(), allowed, "{code}");
            assert_eq!(wait_before_retry(&refused(code, None), Effect::Twice, 0, 2, LEFT, 0.0), None, "{code} without a hint");
        }
        assert_eq!(wait_before_retry(&unreachable(true), Effect::Twice, 0, 2, LEFT, 0.0), None);
        assert!(wait_before_retry(&unreachable(true), Effect::Once, 0, 2, LEFT, 0.0).is_some(), "a read may be repeated");
        assert_eq!(wait_before_retry(&InvokeError::protocol("x"), Effect::Once, 0, 2, LEFT, 0.0), None);
    }

    #[test]
    fn hints_are_kept_spread_and_bounded() {
        let full = refused(ErrorCode::Overloaded, Some(100));
        assert_eq!(wait_before_retry(&full, Effect::Twice, 0, 2, LEFT, 0.0), Some(Duration::from_millis(100)));
        assert_eq!(wait_before_retry(&full, Effect::Twice, 1, 2, LEFT, 0.5), Some(Duration::from_millis(125)));
        assert_eq!(wait_before_retry(&full, Effect::Twice, 2, 2, LEFT, 0.0), None);
        assert_eq!(wait_before_retry(&full, Effect::Twice, 0, 2, Duration::from_millis(100), 0.0), None);
        assert_eq!(wait_before_retry(&refused(ErrorCode::QuotaExceeded, Some(5001)), Effect::Twice, 0, 2, LEFT, 0.0), None);
    }

    #[test]
    fn connecting_backs_off() {
        let waits: Vec<_> =
            (0..3).map(|done| wait_before_retry(&unreachable(false), Effect::Twice, done, 3, LEFT, 1.0).unwrap().as_millis()).collect();
        assert_eq!(waits, [50, 100, 200]);
    }

    #[test]
    fn jitter_lies_between_0_and_1() {
        assert!((0..1000).map(|_| jitter()).all(|jitter| (0.0..1.0).contains(&jitter)));
    }
}
