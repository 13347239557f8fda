//! tonic's servers for health and reflection, behind our router.
//!
//! Both need no token, so both are kept small: bounded messages, and a bounded
//! number of streams, which end when the connection is asked to leave.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::service::Routes;
use tower::Service as _;

use crate::{
    body::{BoxError, FrontBody, GRPC_STATUS},
    connection::Conn,
    refused::Refused,
    request_body::RequestBody,
    seats::Seat,
    service::Service,
};

/// A reflection request is a name.
const REFLECTION_BYTES_MAX: usize = 4 << 10;
const UNAVAILABLE: HeaderValue = HeaderValue::from_static("14");

/// Both versions of gRPC reflection over our own descriptors and health's.
pub(crate) fn reflection() -> Result<Routes, BoxError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(extensions_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = builder().build_v1()?.max_decoding_message_size(REFLECTION_BYTES_MAX);
    let v1alpha = builder().build_v1alpha()?.max_decoding_message_size(REFLECTION_BYTES_MAX);
    Ok(Routes::new(v1).add_service(v1alpha))
}

pub(crate) async fn health<S: Service>(conn: &Conn<S>, request: Request<RequestBody>) -> Result<Response<FrontBody>, Refused> {
    // Who asks once needs no seat: watchers never keep a probe out.
    let seat = if request.uri().path().ends_with("/Check") { None } else { Some(conn.shared.watchers.take()?) };
    let mut server = conn.shared.health.clone();
    // Before it answers it reads one small message, which may not come.
    let Ok(answered) = timeout(conn.shared.body_read, server.call(request)).await else {
        return Err(Refused::bad_request("the request's body took too long to arrive"));
    };
    // tonic's servers answer every request; their error type has no value.
    let response = answered.unwrap_or_else(|never| match never {});
    Ok(until_leaving(response, &conn.state.worker.closing, seat))
}

pub(crate) async fn reflect<S: Service>(conn: &Conn<S>, request: Request<RequestBody>) -> Result<Response<FrontBody>, Refused> {
    let Some(mut routes) = conn.shared.reflection.clone() else {
        return Err(Refused::unimplemented("reflection is off on this host"));
    };
    let seat = conn.shared.watchers.take()?;
    let response = routes.call(request).await.unwrap_or_else(|never| match never {});
    Ok(until_leaving(response, &conn.state.worker.closing, Some(seat)))
}

fn until_leaving(response: Response<tonic::body::Body>, closing: &CancellationToken, seat: Option<Seat>) -> Response<FrontBody> {
    response.map(|body| {
        if body.is_end_stream() {
            return FrontBody::empty();
        }
        FrontBody::stream(UntilLeaving { body, leaving: Some(Box::pin(closing.clone().cancelled_owned())), _seat: seat })
    })
}

/// A stream that says UNAVAILABLE when the host leaves: a watcher would keep
/// the connection otherwise.
struct UntilLeaving {
    body: tonic::body::Body,
    leaving: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// Given back with the stream.
    _seat: Option<Seat>,
}

impl Body for UntilLeaving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(leaving) = &mut this.leaving else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if leaving.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.leaving = None;
        let trailers = HeaderMap::from_iter([(GRPC_STATUS, UNAVAILABLE)]);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.leaving.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
