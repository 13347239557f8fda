//! The registry on the host's own port.

use std::{pin::Pin, sync::Arc};

use axum::{Router, body::Body};
use extensions_host::{Mount, MountBody, PeerName};
use extensions_registry::{Connection, owns};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tower::ServiceExt as _;

/// A registry's API as a host mounts it. Its work runs on threads of its own:
/// the host's I/O threads are for calls.
#[derive(Debug)]
pub(super) struct Mounted {
    router: Router,
    runtime: Handle,
}

impl Mounted {
    pub(super) fn new(router: Router, runtime: Handle) -> Self {
        Self { router, runtime }
    }
}

impl Mount for Mounted {
    fn owns(&self, path: &str) -> bool {
        owns(path)
    }

    fn call(&self, request: Request<MountBody>) -> Pin<Box<dyn Future<Output = Response<MountBody>> + Send>> {
        let peer = request.extensions().get::<PeerName>().map_or_else(|| Arc::from("unknown"), |peer| Arc::clone(&peer.0));
        let mut request = request.map(Body::new);
        // The host counts failed authentications for the whole connection.
        request.extensions_mut().insert(Connection::new(peer));
        // A command goes on when its caller hangs up: its event may be written already.
        let answered = self.runtime.spawn(self.router.clone().oneshot(request));
        Box::pin(async move {
            match answered.await {
                Ok(Ok(response)) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
                Ok(Err(never)) => match never {},
                Err(error) => {
                    tracing::error!(%error, "a request of the registry panicked");
                    let mut failed = Response::new(Body::empty().map_err(Into::into).boxed_unsync());
                    *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    failed
                }
            }
        })
    }
}
