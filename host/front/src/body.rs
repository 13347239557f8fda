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
    budget::{ByteBudget, Holder},
    connection::InFlight,
    refused::Refused,
    unread::{Pieces, WHOLE_BYTES_MAX},
};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Why a stream broke off; it is reset.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An answer whose frames come as they come.
pub(crate) type Frames = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// What a response carries.
pub(crate) struct FrontBody {
    content: Content,
    /// Who asked for it.
    holder: Holder,
    /// Ends with the last frame, or with the body where the caller left.
    flight: Option<InFlight>,
}

pub(crate) enum Content {
    /// Nothing, or nothing any more.
    Done,
    /// All of it at once: an HTTP body, or a gRPC message with its trailers.
    Whole(Bytes, Ends),
    /// The trailers of a message that has been sent.
    Trailers,
    /// Frames as they come.
    Stream(Frames),
}

/// What follows an answer's last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    Bare,
    /// Those of a good gRPC call.
    Trailers,
}

impl FrontBody {
    pub(crate) fn empty() -> Self {
        Self::of(Content::Done)
    }

    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::of(if bytes.is_empty() { Content::Done } else { Content::Whole(bytes, Ends::Bare) })
    }

    /// An encoded gRPC message, to be followed by `grpc-status: 0`.
    pub(crate) fn message(frame: Bytes) -> Self {
        Self::of(Content::Whole(frame, Ends::Trailers))
    }

    pub(crate) fn stream(body: impl Body<Data = Bytes, Error = BoxError> + Send + 'static) -> Self {
        Self::of(Content::Stream(Box::pin(body)))
    }

    fn of(content: Content) -> Self {
        Self { content, holder: Holder::NOBODY, flight: None }
    }

    /// Counts what waits of it for a caller.
    pub(crate) fn held_by(mut self, holder: Holder) -> Self {
        self.holder = holder;
        self
    }

    /// This body; a large one waits in pieces for its caller, or is refused where there is no memory for it.
    pub(crate) fn bounded(self, unread: &ByteBudget) -> Result<Self, Refused> {
        let Self { content, holder, flight } = self;
        let content = match content {
            Content::Whole(bytes, ends) if bytes.len() > WHOLE_BYTES_MAX => Content::Stream(Box::pin(Pieces::of(bytes, ends, unread.of(holder))?)),
            content => content,
        };
        Ok(Self { content, holder, flight })
    }

    /// Keeps the request in flight until the body has been handed on.
    pub(crate) fn carrying(mut self, flight: InFlight) -> Self {
        // What has no frames is handed on with its head.
        if !matches!(self.content, Content::Done) {
            self.flight = Some(flight);
        }
        self
    }

    /// For transports that need no [`Body`]: what is to be sent, to whom, and the request that is in flight until then.
    pub(crate) fn into_content(self) -> (Content, Holder, Option<InFlight>) {
        (self.content, self.holder, self.flight)
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
            Content::Whole(bytes, Ends::Bare) => Some(Ok(Frame::data(bytes))),
            Content::Whole(bytes, Ends::Trailers) => {
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
            Content::Whole(..) | Content::Trailers => false,
            Content::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Done => SizeHint::with_exact(0),
            Content::Whole(bytes, Ends::Bare) => SizeHint::with_exact(bytes.len() as u64),
            // No content-length on gRPC: trailers follow.
            Content::Whole(_, Ends::Trailers) | Content::Trailers => SizeHint::default(),
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
