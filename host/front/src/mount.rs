//! Another service on the same port: whole paths are handed over, with their
//! bodies as they come. `ext dev` mounts the registry so.
//!
//! Drain, connection limits and the bound on failed authentications are still
//! this front's; who may do what, and how large a body may be, is the mounted
//! service's own business.

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Instant};

use bytes::Bytes;
use http::{
    HeaderName, Request, Response, StatusCode,
    header::{CONNECTION, TRANSFER_ENCODING, UPGRADE},
    request::Parts,
};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};

use crate::{
    auth,
    body::{FrontBody, GRPC_STATUS},
    connection::Conn,
    metrics::Class,
    refused::Refused,
    request_body::RequestBody,
    service::Service,
};

/// A body on its way to or from a mounted service.
pub type MountBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// A service beside the host's own.
pub trait Mount: Send + Sync + fmt::Debug {
    /// Whether requests for `path` are this service's; asked for paths that the
    /// host does not know.
    fn owns(&self, path: &str) -> bool;

    /// Answers one request. It is polled on an I/O thread: whatever takes its
    /// time belongs on threads of the service's own.
    fn call(&self, request: Request<MountBody>) -> Pin<Box<dyn Future<Output = Response<MountBody>> + Send>>;
}

/// Who is at the other end, among a mounted request's extensions.
#[derive(Debug, Clone)]
pub struct PeerName(pub Arc<str>);

/// Headers that speak of a connection, which is this front's. HTTP/2 knows none of them.
const OF_THE_CONNECTION: [HeaderName; 5] =
    [CONNECTION, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive"), HeaderName::from_static("proxy-connection")];

/// Hands a request over.
pub(crate) async fn forward<S: Service>(
    conn: &Conn<S>,
    mount: &dyn Mount,
    head: &Parts,
    body: RequestBody,
) -> Result<(Response<FrontBody>, Class), Refused> {
    if conn.state.is_leaving_for_abuse() {
        return Err(auth::too_many());
    }
    let mut request = Request::from_parts(head.clone(), body.boxed_unsync());
    request.extensions_mut().insert(PeerName(conn.state.peer.to_string().into()));
    let mut response = mount.call(request).await;
    for name in &OF_THE_CONNECTION {
        response.headers_mut().remove(name);
    }
    if is_unauthenticated(&response) {
        auth::count_failure(conn, Instant::now());
    } else {
        conn.state.is_a_callers();
    }
    let class = Class::of(response.status().as_u16());
    Ok((response.map(FrontBody::stream), class))
}

/// Also where gRPC says so: with the head, since there is no answer to stream.
fn is_unauthenticated(response: &Response<MountBody>) -> bool {
    const UNAUTHENTICATED: &[u8] = b"16";
    let status = response.headers().get(GRPC_STATUS);
    response.status() == StatusCode::UNAUTHORIZED || status.is_some_and(|status| status.as_bytes() == UNAUTHENTICATED)
}
