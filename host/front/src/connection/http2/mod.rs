//! HTTP/2 on the `h2` crate, which owns frames, flow control and the peer's
//! misbehaviour; what is here is who answers, and when.
//!
//! Requests are answered where they arrive: everything that one read brought is
//! taken first, each request is polled once, and the answers leave in one write.
//! Only a request that has to wait gets a task of its own.

mod answer;
mod date;
mod keep_alive;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{
    RecvStream,
    server::{Builder, Connection, Handshake, SendResponse},
};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};

use self::keep_alive::{KeepAlive, Pace};
use super::{Conn, HEAD_BYTES_MAX, answering::Answering, life::Transport};
use crate::{body::BoxError, request_body::RequestBody, service::Service, settings::FrontSettings, shared::Shared};

/// What one stream may send before we read it; 4 streams' worth per connection.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// Streams that a peer may open and reset before we have looked at them:
/// beyond it ("rapid reset") the connection ends.
const PENDING_RESETS_MAX: usize = 32;
/// Streams that we may have to reset for the peer's protocol errors.
const ERROR_RESETS_MAX: usize = 64;
/// Requests of one connection that are begun before the thread's others have
/// their turn: a connection with more must not hold them up.
const TURN_REQUESTS_MAX: usize = 32;

/// h2's server, configured once.
#[derive(Debug)]
pub(super) struct Settings {
    builder: Builder,
    pace: Pace,
}

impl Settings {
    pub(super) fn of(settings: &FrontSettings) -> Self {
        let mut builder = Builder::new();
        builder
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_concurrent_streams(settings.streams_per_connection_max)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(Some(ERROR_RESETS_MAX))
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let times = &settings.timeouts;
        Self { builder, pace: Pace { interval: times.keepalive_interval, timeout: times.keepalive_timeout } }
    }
}

/// A connection and the requests that have arrived on it.
pub(super) struct Http2<T, S> {
    stage: Stage<T>,
    conn: Arc<Conn<S>>,
    /// Taken from the connection, not yet begun.
    arrived: Vec<(Request<RecvStream>, SendResponse<Bytes>)>,
    is_leaving: bool,
}

enum Stage<T> {
    Shaking { hands: Handshake<T, Bytes>, pace: Pace },
    Serving { streams: Connection<T, Bytes>, keep_alive: KeepAlive },
}

impl<T: AsyncRead + AsyncWrite + Unpin, S: Service> Http2<T, S> {
    pub(super) fn serve(settings: &Settings, io: T, conn: Arc<Conn<S>>) -> Self {
        let stage = Stage::Shaking { hands: settings.builder.handshake(io), pace: settings.pace };
        Self { stage, conn, arrived: Vec::new(), is_leaving: false }
    }

    /// Takes what has arrived, and has h2 write what is to be written; ready when the connection is over.
    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            match &mut self.stage {
                Stage::Shaking { hands, pace } => {
                    let mut streams = ready!(Pin::new(hands).poll(cx))?;
                    if self.is_leaving {
                        streams.graceful_shutdown();
                    }
                    let pings = streams.ping_pong().expect("it is taken once, here");
                    self.stage = Stage::Serving { streams, keep_alive: KeepAlive::begin(*pace, pings) };
                }
                Stage::Serving { streams, keep_alive } => {
                    if let Poll::Ready(unanswered) = keep_alive.poll(cx, self.conn.state.begun()) {
                        return Poll::Ready(Err(unanswered.into()));
                    }
                    while self.arrived.len() < TURN_REQUESTS_MAX {
                        match ready!(streams.poll_accept(cx)) {
                            Some(stream) => self.arrived.push(stream?),
                            None => return Poll::Ready(Ok(())),
                        }
                    }
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin, S: Service> Transport for Http2<T, S> {
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let this = self.get_mut();
        if let Poll::Ready(ended) = this.poll_streams(cx) {
            return Poll::Ready(ended);
        }
        if this.arrived.is_empty() {
            return Poll::Pending;
        }
        for (request, respond) in this.arrived.drain(..) {
            answer(&this.conn, request, respond, cx);
        }
        // Their answers are written now; what arrives meanwhile waits for the others' turn.
        let ended = this.poll_streams(cx);
        if !this.arrived.is_empty() {
            cx.waker().wake_by_ref();
        }
        ended
    }

    fn leave(self: Pin<&mut Self>) {
        let this = self.get_mut();
        this.is_leaving = true;
        if let Stage::Serving { streams, .. } = &mut this.stage {
            streams.graceful_shutdown();
        }
    }
}

/// Answers at once, or in a task where the request has to wait for anything.
fn answer<S: Service>(conn: &Arc<Conn<S>>, request: Request<RecvStream>, respond: SendResponse<Bytes>, cx: &mut Context<'_>) {
    let (head, incoming) = request.into_parts();
    let body = RequestBody::http2(&head.headers, incoming);
    let mut answering = Answering::begin(Arc::clone(conn), head, body);
    match Pin::new(&mut answering).poll(cx) {
        Poll::Pending => drop(tokio::spawn(wait(answering, respond, Arc::clone(&conn.shared)))),
        Poll::Ready(response) => {
            if let Some(streaming) = answer::send(respond, response, &conn.shared.unread) {
                tokio::spawn(streaming.go(conn.shared.answer_read));
            }
        }
    }
}

/// Polls a request on, until there is an answer or the peer has given it up.
async fn wait<S>(mut answering: Answering, mut respond: SendResponse<Bytes>, shared: Arc<Shared<S>>) {
    let answered = poll_fn(|cx| match Pin::new(&mut answering).poll(cx) {
        Poll::Ready(response) => Poll::Ready(Some(response)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    })
    .await;
    drop(answering);
    if let Some(streaming) = answered.and_then(|response| answer::send(respond, response, &shared.unread)) {
        streaming.go(shared.answer_read).await;
    }
}
