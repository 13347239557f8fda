//! The bearer token of a request, and how often one connection may be wrong.
//!
//! Verifying a signature costs some 50 µs, so a connection that keeps sending
//! bad tokens is a cheap attack. Valid tokens are not bounded here: a gateway
//! sends those of many users over one connection, and admission has quotas.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use extensions_types::ErrorCode;
use http::{HeaderMap, header::AUTHORIZATION};

use crate::{connection::Conn, refused::Refused, service::Service};

/// Failures that a connection may make at once: a client with a stale token
/// and as many requests in flight as HTTP libraries open by default.
const FAILURES_BURST: u32 = 20;
/// One more failure is forgiven after this.
const FAILURE_FORGIVEN_AFTER: Duration = Duration::from_secs(1);
/// What a caller should wait before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Failed authentications of one connection: a token bucket.
#[derive(Debug)]
pub(crate) struct Failures {
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: u32,
    counted: Instant,
}

impl Failures {
    pub(crate) fn new() -> Self {
        Self { bucket: Mutex::new(Bucket { left: FAILURES_BURST, counted: Instant::now() }) }
    }

    /// Counts one; false when it was one too many.
    fn count(&self, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let forgiven = now.saturating_duration_since(bucket.counted).as_secs() / FAILURE_FORGIVEN_AFTER.as_secs();
        if forgiven > 0 {
            let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
            *bucket = Bucket { left: bucket.left.saturating_add(forgiven).min(FAILURES_BURST), counted: now };
        }
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }
}

/// Who calls. On too many failures the connection is told to close, and what
/// still arrives on it is refused unverified.
pub(crate) fn authenticate<S: Service>(conn: &Conn<S>, headers: &HeaderMap) -> Result<S::Principal, Refused> {
    if conn.state.is_leaving_for_abuse() {
        return Err(too_many());
    }
    let refused = match bearer(headers).and_then(|token| Ok(conn.shared.service.authenticate(token)?)) {
        Ok(principal) => return Ok(principal),
        Err(refused) => refused,
    };
    // A genuine token that claims too much costs a signature check each time, too.
    conn.state.worker.shard.auth_failed();
    if !conn.state.failures.count(Instant::now()) {
        conn.state.leave_for_abuse();
        tracing::warn!(peer = %conn.state.peer, "closing a connection: too many failed authentications");
    }
    Err(refused)
}

fn too_many() -> Refused {
    let mut refused = Refused::new(ErrorCode::Unavailable, "too many failed authentications on this connection; connect again with a valid token");
    refused.refusal.retry_after = Some(RECONNECT_AFTER);
    refused
}

/// The token after `Bearer `; none where the header is absent.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let malformed = || Refused::new(ErrorCode::Unauthenticated, "send exactly one header `authorization: Bearer <token>`");
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(one) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(malformed());
    }
    let text = one.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(malformed)?;
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() { Ok(Some(token)) } else { Err(malformed()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn one_bearer_token_is_read() {
        assert_eq!(bearer(&headers(&[])), Ok(None));
        assert_eq!(bearer(&headers(&["Bearer abc.def"])), Ok(Some("abc.def")));
        assert_eq!(bearer(&headers(&["bearer  abc"])), Ok(Some("abc")));
    }

    #[test]
    fn anything_else_is_unauthenticated() {
        for values in [&["abc"][..], &["Bearer"], &["Bearer "], &["Basic abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(bearer(&headers(values)).unwrap_err().refusal.code, ErrorCode::Unauthenticated, "{values:?}");
        }
    }

    #[test]
    fn failures_are_bounded_and_forgiven_with_time() {
        let failures = Failures::new();
        let start = Instant::now();
        assert!((0..FAILURES_BURST).all(|_| failures.count(start)));
        assert!(!failures.count(start));
        let later = start + 3 * FAILURE_FORGIVEN_AFTER;
        assert_eq!((0..10).filter(|_| failures.count(later)).count(), 3);
    }
}
