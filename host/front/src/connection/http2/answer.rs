//! An answer's way into a stream: whole ones at once, others frame by frame.

use std::{
    future::poll_fn,
    task::{Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::{
    HeaderValue, Response,
    header::{CONTENT_LENGTH, DATE},
};
use http_body::{Body as _, Frame};

use super::date;
use crate::{
    body::{BoxError, Content, Frames, FrontBody, ok_trailers},
    connection::InFlight,
};

/// Sends what there is of an answer; a stream is still to be [sent on](Streaming::go).
///
/// h2 keeps what the peer's window does not take yet. An answer that has been
/// sent here is no longer in flight: a peer that does not read it counts as idle.
pub(super) fn send(mut respond: SendResponse<Bytes>, response: Response<FrontBody>) -> Option<Streaming> {
    let (head, body) = response.into_parts();
    let (content, flight) = body.into_content();
    let sent = begin(&mut respond, Response::from_parts(head, ()), content);
    match sent {
        Ok(Some((to, frames))) => return Some(Streaming { to, frames, _flight: flight }),
        Ok(None) => {}
        Err(error) => {
            // Usually the peer has given the stream up.
            tracing::debug!(%error, "an answer could not be sent");
            respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }
    None
}

type Rest = Option<(SendStream<Bytes>, Frames)>;

fn begin(respond: &mut SendResponse<Bytes>, mut head: Response<()>, content: Content) -> Result<Rest, h2::Error> {
    if !matches!(content, Content::Message(_)) {
        // gRPC has no use for it; HTTP asks for it.
        head.headers_mut().entry(DATE).or_insert_with(date::now);
    }
    match content {
        Content::Done => respond.send_response(head, true).map(|_| None),
        Content::Full(bytes) => {
            head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            respond.send_response(head, false)?.send_data(bytes, true)?;
            Ok(None)
        }
        Content::Message(bytes) => {
            let mut to = respond.send_response(head, false)?;
            to.send_data(bytes, false)?;
            to.send_trailers(ok_trailers())?;
            Ok(None)
        }
        Content::Trailers => respond.send_response(head, false)?.send_trailers(ok_trailers()).map(|()| None),
        // gRPC's refusals are heads alone: an empty frame behind one would be an answer cut short.
        Content::Stream(frames) if frames.is_end_stream() => respond.send_response(head, true).map(|_| None),
        Content::Stream(frames) => {
            if let Some(length) = frames.size_hint().exact() {
                head.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            }
            Ok(Some((respond.send_response(head, false)?, frames)))
        }
    }
}

/// An answer whose frames come as they come.
pub(super) struct Streaming {
    to: SendStream<Bytes>,
    frames: Frames,
    /// Ends with the stream.
    _flight: Option<InFlight>,
}

impl Streaming {
    /// Sends frame after frame, as fast as the peer takes them, until either side ends it.
    pub(super) async fn go(mut self) {
        if let Err(error) = self.send_all().await {
            tracing::debug!(%error, "an answer's stream broke off");
        }
    }

    async fn send_all(&mut self) -> Result<(), h2::Error> {
        loop {
            let frame = match self.next().await? {
                Some(Ok(frame)) => frame,
                None => return self.to.send_data(Bytes::new(), true),
                Some(Err(error)) => {
                    tracing::debug!(%error, "what answers broke off");
                    self.to.send_reset(Reason::INTERNAL_ERROR);
                    return Ok(());
                }
            };
            let data = match frame.into_data().map_err(Frame::into_trailers) {
                Ok(data) => data,
                Err(Ok(trailers)) => return self.to.send_trailers(trailers),
                Err(Err(_unknown)) => continue,
            };
            let is_last = self.frames.is_end_stream();
            if !data.is_empty() {
                self.room().await?;
            }
            self.to.send_data(data, is_last)?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// The next frame; fails where the peer has given the stream up.
    async fn next(&mut self) -> Result<Option<Result<Frame<Bytes>, BoxError>>, h2::Error> {
        let (to, frames) = (&mut self.to, &mut self.frames);
        poll_fn(|cx| match to.poll_reset(cx) {
            Poll::Ready(reset) => Poll::Ready(Err(reset.map_or_else(|error| error, Into::into))),
            Poll::Pending => frames.as_mut().poll_frame(cx).map(Ok),
        })
        .await
    }

    /// Waits until the peer takes at least a byte: no more than one frame of a stream is kept for it.
    async fn room(&mut self) -> Result<(), h2::Error> {
        let to = &mut self.to;
        // A byte only: what waits for its turn must not hold the connection's window.
        to.reserve_capacity(1);
        poll_fn(|cx| {
            while to.capacity() == 0 {
                match ready!(to.poll_capacity(cx)) {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    None => return Poll::Ready(Err(Reason::CANCEL.into())),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}
