//! The bearer token of a request; a connection that is wrong too often is closed.

use std::time::{Duration, Instant};

use extensions_types::ErrorCode;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

use crate::{budget::Holder, connection::Conn, refused::Refused, service::Service};

/// What a caller should wait before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Who calls, and for whom the memory of its bodies is counted.
pub(crate) struct Caller<P> {
    pub(crate) principal: P,
    pub(crate) holder: Holder,
}

/// Who calls. On too many failures the connection is told to close, and what
/// still arrives on it is refused unverified.
pub(crate) async fn authenticate<S: Service>(conn: &Conn<S>, headers: &HeaderMap) -> Result<Caller<S::Principal>, Refused> {
    if conn.state.is_leaving_for_abuse() {
        return Err(too_many());
    }
    let verified = match bearer(headers) {
        Ok(token) => conn.shared.service.authenticate(&conn.state.channel, token).await.map_err(Refused::from),
        Err(refused) => Err(refused),
    };
    if verified.is_ok() {
        conn.state.is_a_callers();
    }
    let verified = verified.inspect_err(|refused| {
        // Keys that we could not read yet, and too many good tokens, are no attempts.
        if matches!(refused.refusal.code, ErrorCode::Unauthenticated | ErrorCode::PermissionDenied) {
            count_failure(conn, Instant::now());
        }
    });
    verified.map(|principal| Caller { holder: conn.shared.holders.of(conn.shared.service.holder(&principal)), principal })
}

/// A failed authentication, also one of a mounted service.
pub(crate) fn count_failure<S>(conn: &Conn<S>, now: Instant) {
    // A genuine token that claims too much costs a signature check each time, too.
    conn.state.worker.shard.auth_failed();
    if !conn.state.channel.may_fail(now) {
        conn.state.leave_for_abuse();
        tracing::warn!(peer = %conn.state.peer, "closing a connection: too many failed authentications");
    }
}

pub(crate) fn too_many() -> Refused {
    let mut refused = Refused::new(ErrorCode::Unavailable, "too many failed authentications on this connection; connect again with a valid token");
    refused.refusal.retry_after = Some(RECONNECT_AFTER);
    refused
}

/// The token after `Bearer `; none where the header is absent.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    extensions_identity::bearer(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes))
        .map_err(|error| Refused::new(error.code(), error.to_string()))
}
