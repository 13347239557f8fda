//! HTTP/1.1: hyper reads heads and bodies and writes answers, one after another.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Conn, HEAD_BYTES_MAX, answering::Answering, life::Transport};
use crate::{body::BoxError, request_body::RequestBody, service::Service, settings::FrontSettings};

/// hyper reads into this; it holds a head and the start of a body.
const BUFFER_BYTES: usize = 64 << 10;

/// hyper's server, configured once.
#[derive(Debug)]
pub(super) struct Settings(http1::Builder);

impl Settings {
    pub(super) fn of(settings: &FrontSettings) -> Self {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(settings.timeouts.header_read)
            .max_header_size(HEAD_BYTES_MAX as usize)
            .max_buf_size(BUFFER_BYTES);
        Self(builder)
    }
}

/// A connection that hyper serves.
pub(super) struct Http1<C>(C);

impl Http1<()> {
    pub(super) fn serve<S: Service, T: AsyncRead + AsyncWrite + Unpin + 'static>(settings: &Settings, io: T, conn: Arc<Conn<S>>) -> impl Transport {
        let service = service_fn(move |request: Request<Incoming>| {
            let (head, incoming) = request.into_parts();
            Answering::begin(Arc::clone(&conn), head, RequestBody::Http1(incoming)).map(Ok::<_, Infallible>)
        });
        Http1(settings.0.serve_connection(TokioIo::new(io), service))
    }
}

impl<C: GracefulConnection<Error = hyper::Error> + Unpin> Transport for Http1<C> {
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Pin::new(&mut self.get_mut().0).poll(cx).map_err(Into::into)
    }

    fn leave(self: Pin<&mut Self>) {
        Pin::new(&mut self.get_mut().0).graceful_shutdown();
    }
}
