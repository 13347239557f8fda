//! The bodies that the front answers with.
//!
//! The two of the hot path, one message with trailers and one whole text, hold
//! no box; streams do.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use crate::{
    budget::ByteBudget,
    connection::InFlight,
    refused::Refused,
    unread::{Ends, Pieces, WHOLE_BYTES_MAX},
};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Why a stream broke off; it is reset.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer whose frames come as they come.
pub(crate) type Frames = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// What a response carries.
pub(crate) struct FrontBody {
    content: Content,
    /// Ends with the last frame, or with the body where the caller left.
    flight: Option<InFlight>,
}

pub(crate) enum Content {
    /// Nothing, or nothing any more.
    Done,
    /// A whole HTTP body.
    Full(Bytes),
    /// One gRPC message, then its trailers.
    Message(Bytes),
    /// The trailers of a message that has been sent.
    Trailers,
    /// Frames as they come.
    Stream(Frames),
}

impl FrontBody {
    pub(crate) fn empty() -> Self {
        Self { content: Content::Done, flight: None }
    }

    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { content: if bytes.is_empty() { Content::Done } else { Content::Full(bytes) }, flight: None }
    }

    /// An encoded gRPC message, to be followed by `grpc-status: 0`.
    pub(crate) fn message(frame: Bytes) -> Self {
        Self { content: Content::Message(frame), flight: None }
    }

    pub(crate) fn stream(body: impl Body<Data = Bytes, Error = BoxError> + Send + 'static) -> Self {
        Self { content: Content::Stream(Box::pin(body)), flight: None }
    }

    /// This body; a large one waits in pieces for its caller, or is refused where there is no memory for it.
    pub(crate) fn bounded(self, unread: &ByteBudget) -> Result<Self, Refused> {
        let (bytes, ends) = match self.content {
            Content::Full(bytes) if bytes.len() > WHOLE_BYTES_MAX => (bytes, Ends::Bare),
            Content::Message(bytes) if bytes.len() > WHOLE_BYTES_MAX => (bytes, Ends::Trailers),
            _ => return Ok(self),
        };
        Ok(Self { content: Content::Stream(Box::pin(Pieces::of(bytes, ends, unread)?)), flight: self.flight })
    }

    /// Keeps the request in flight until the body has been handed on.
    pub(crate) fn carrying(mut self, flight: InFlight) -> Self {
        // What has no frames is handed on with its head.
        if !matches!(self.content, Content::Done) {
            self.flight = Some(flight);
        }
        self
    }

    /// For transports that need no [`Body`]: what is to be sent, and the request that is in flight until then.
    pub(crate) fn into_content(self) -> (Content, Option<InFlight>) {
        (self.content, self.flight)
    }
}

/// The trailers of a good gRPC answer.
pub(crate) fn ok_trailers() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}

impl Body for FrontBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let frame = match std::mem::replace(&mut this.content, Content::Done) {
            Content::Done => None,
            Content::Full(bytes) => Some(Ok(Frame::data(bytes))),
            Content::Message(bytes) => {
                this.content = Content::Trailers;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Content::Trailers => Some(Ok(Frame::trailers(ok_trailers()))),
            Content::Stream(mut stream) => {
                let polled = stream.as_mut().poll_frame(cx);
                if !matches!(polled, Poll::Ready(None)) {
                    this.content = Content::Stream(stream);
                    return polled;
                }
                None
            }
        };
        this.flight = None;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Done => true,
            Content::Full(_) | Content::Message(_) | Content::Trailers => false,
            Content::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Done => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            // No content-length on gRPC: trailers follow.
            Content::Message(_) | Content::Trailers => SizeHint::default(),
            Content::Stream(stream) => stream.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_message_is_one_frame_and_trailers() {
        let mut body = FrontBody::message(Bytes::from_static(b"\0\0\0\0\0"));
        assert!(!body.is_end_stream() && body.size_hint().exact().is_none());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 5);
        assert!(!body.is_end_stream(), "the trailers are to come");
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers[GRPC_STATUS], "0");
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_text_says_its_length_and_ends_with_its_frame() {
        let mut body = FrontBody::full("abc");
        assert_eq!(body.size_hint().exact(), Some(3));
        assert!(body.frame().await.unwrap().unwrap().is_data() && body.is_end_stream());
        assert!(FrontBody::full("").is_end_stream());
    }
}
