//! Before every request: who calls, is there room, how long may it take.
//!
//! Authentication reads the head only; a body of a caller who is not known is
//! never read.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use extensions_identity::{Channel, PeerNames, Principal, Verifier, VerifyError, bearer, new_correlation};
use extensions_types::{CallLabel, ErrorCode, Refusal};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{Call, Service, audit::harmless, grpc, http as rest};

pub(crate) const CORRELATION_ID: HeaderName = HeaderName::from_static("x-ameide-correlation-id");

/// Requests at once, until their answer's head: each may hold a history in memory.
const REQUESTS_MAX: usize = 256;
/// A request is answered within this time; an upload has its own bounds within it.
const ANSWER_WITHIN: Duration = Duration::from_secs(150);
/// What a caller should wait before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// One connection, as its requests know it: put it into their extensions.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The peer's address, for history and audit.
    pub peer: Arc<str>,
    /// What it may do, and whom its certificate names.
    pub channel: Arc<Channel>,
    /// Cancelled when it should be closed: too many of them.
    pub abused: CancellationToken,
}

impl Connection {
    /// A connection from `peer` that begins now, of a client without a certificate.
    #[must_use]
    pub fn new(peer: impl Into<Arc<str>>) -> Self {
        Self::with_certificate(peer, PeerNames::default())
    }

    /// A connection of a client whose certificate proves `names`.
    #[must_use]
    pub fn with_certificate(peer: impl Into<Arc<str>>, names: PeerNames) -> Self {
        Self { peer: peer.into(), channel: Arc::new(Channel::with_certificate(Instant::now(), names)), abused: CancellationToken::new() }
    }
}

/// Whom the registry lets in, and how many at a time.
#[derive(Debug, Clone)]
pub struct Gate {
    verifier: Arc<Verifier>,
    room: Arc<Semaphore>,
}

impl Gate {
    /// Lets in those whose tokens `verifier` accepts.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, room: Arc::new(Semaphore::new(REQUESTS_MAX)) }
    }

    async fn authenticate(&self, headers: &HeaderMap, connection: Option<&Connection>) -> Result<Arc<Principal>, Refusal> {
        if connection.is_some_and(|connection| connection.abused.is_cancelled()) {
            let refusal =
                Refusal::new(ErrorCode::Unavailable, "too many failed authentications on this connection; connect again with a valid token");
            return Err(Refusal { retry_after: Some(RECONNECT_AFTER), ..refusal });
        }
        let token = bearer(headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes));
        let verified = match (token.and_then(|token| token.ok_or(VerifyError::Header)), connection) {
            (Ok(token), Some(connection)) => self.verifier.verify_soon(&connection.channel, token).await,
            (Ok(token), None) => self.verifier.verify(token, SystemTime::now()),
            (Err(error), _) => Err(error),
        };
        verified.map_err(|error| {
            // A genuine token that claims too much costs a signature check each time, too.
            // Keys that we could not read yet, and too many good tokens, are no attempts.
            let is_attempt = matches!(error.code(), ErrorCode::Unauthenticated | ErrorCode::PermissionDenied);
            if let Some(connection) = connection.filter(|_| is_attempt)
                && !connection.channel.may_fail(Instant::now())
            {
                tracing::warn!(peer = %connection.peer, "closing a connection: too many failed authentications");
                connection.abused.cancel();
            }
            Refusal { retry_after: error.retry_after(), ..Refusal::new(error.code(), error.to_string()) }
        })
    }
}

/// The middleware: lets a request through, or refuses it in its transport's form.
pub(crate) async fn pass(State((gate, service)): State<(Gate, Service)>, mut request: Request, next: Next) -> Response {
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|content| content.as_bytes().starts_with(b"application/grpc"));
    let correlation = correlation(request.headers());
    let connection = request.extensions().get::<Connection>().cloned();
    let from = connection.as_ref().map_or_else(|| Arc::from("unknown"), |connection| Arc::clone(&connection.peer));
    let path = harmless(request.uri().path());
    let refuse = |refusal: Refusal| {
        let refusal = Refusal { correlation: Some(correlation.clone()), ..refusal };
        if is_grpc { grpc::refuse(&refusal) } else { rest::refuse(&refusal) }
    };
    let audited = |refusal: Refusal| {
        service.note_stranger(&path, &from, correlation.as_str(), &refusal);
        refuse(refusal)
    };
    let principal = match gate.authenticate(request.headers(), connection.as_ref()).await {
        Ok(principal) => principal,
        Err(refusal) => return audited(refusal),
    };
    let Ok(_room) = gate.room.try_acquire() else {
        let refusal = Refusal::new(ErrorCode::Overloaded, "the registry answers as many requests as it has room for; try again");
        return refuse(Refusal { retry_after: Some(RECONNECT_AFTER), ..refusal });
    };
    request.extensions_mut().insert(Call { principal, from: Arc::clone(&from), correlation: correlation.clone() });
    let Ok(response) = timeout(ANSWER_WITHIN, next.run(request)).await else {
        return refuse(Refusal::new(ErrorCode::Deadline, "the registry could not answer in time; repeat it with the same idempotency key"));
    };
    let mut response = match grpc::nameless(&response) {
        // The transport's own: an unknown method, a message that is too large or none.
        Some((code, refusal)) => {
            let refusal = Refusal { correlation: Some(correlation.clone()), ..refusal };
            service.note_stranger(&path, &from, correlation.as_str(), &refusal);
            grpc::refuse_as(code, &refusal)
        }
        None => response,
    };
    if let Ok(value) = HeaderValue::from_str(correlation.as_str()) {
        response.headers_mut().insert(CORRELATION_ID, value);
    }
    response
}

/// The caller's id where it sent a usable one, else a new one.
fn correlation(headers: &HeaderMap) -> CallLabel {
    let sent = headers.get(CORRELATION_ID).and_then(|value| value.to_str().ok());
    sent.and_then(|text| CallLabel::parse(text).ok()).unwrap_or_else(|| new_correlation(Instant::now()))
}
