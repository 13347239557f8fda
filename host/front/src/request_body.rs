//! A request's body, from either protocol.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::body::BoxError;

/// Data and trailers as they arrive.
pub(crate) enum RequestBody {
    Http1(Incoming),
    Http2(Stream),
}

/// What one HTTP/2 stream brings.
pub(crate) struct Stream {
    incoming: RecvStream,
    /// What its head says it holds; h2 sees to it that it does.
    declared: Option<u64>,
    has_all_data: bool,
}

impl RequestBody {
    /// The body of a request with these headers.
    pub(crate) fn http2(headers: &HeaderMap, incoming: RecvStream) -> Self {
        let declared = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        Self::Http2(Stream { incoming, declared, has_all_data: false })
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Http1(incoming) => Pin::new(incoming).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Self::Http2(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(incoming) => incoming.is_end_stream(),
            Self::Http2(stream) => stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(incoming) => incoming.size_hint(),
            Self::Http2(stream) => stream.declared.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.has_all_data {
            match ready!(self.incoming.poll_data(cx)) {
                Some(Ok(data)) => {
                    // Read is read: the peer may send as much again. It fails only for more than there was.
                    let _ = self.incoming.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(broken(error)),
                None => self.has_all_data = true,
            }
        }
        match ready!(self.incoming.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(broken(error)),
        }
    }
}

/// A reset without an error says that the rest is not needed.
fn broken(error: h2::Error) -> Option<Result<Frame<Bytes>, BoxError>> {
    if error.reason() == Some(Reason::NO_ERROR) { None } else { Some(Err(error.into())) }
}
