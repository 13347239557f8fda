//! An answer's way into a stream: whole ones at once, others frame by frame.

use std::{
    future::poll_fn,
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, SendStream, server::SendResponse};
use http::{
    HeaderValue, Response,
    header::{CONTENT_LENGTH, DATE},
};
use http_body::{Body as _, Frame};
use tokio::time::timeout;

use super::date;
use crate::{
    body::{BoxError, Content, Ends, Frames, FrontBody, ok_trailers},
    budget::{Allowance, ByteBudget},
    connection::InFlight,
    unread::Pieces,
};

/// Sends what there is of an answer; a stream is still to be [sent on](Streaming::go).
///
/// Whole ones are those that the peer's windows take: h2 keeps them until the
/// socket does, and takes no further requests meanwhile. They are no longer in
/// flight then: a peer that does not read them counts as idle.
pub(super) fn send(mut respond: SendResponse<Bytes>, response: Response<FrontBody>, unread: &ByteBudget) -> Option<Streaming> {
    let (head, body) = response.into_parts();
    let (content, holder, flight) = body.into_content();
    let sent = begin(&mut respond, Response::from_parts(head, ()), content, unread.of(holder));
    match sent {
        Ok(Some((to, frames))) => return Some(Streaming { to, frames, _flight: flight }),
        Ok(None) => {}
        Err(error) => {
            // Usually the peer has given the stream up.
            tracing::debug!(%error, "an answer could not be sent");
            respond.send_reset(error.reason().unwrap_or(Reason::INTERNAL_ERROR));
        }
    }
    None
}

type Rest = Option<(SendStream<Bytes>, Frames)>;

fn begin(respond: &mut SendResponse<Bytes>, mut head: Response<()>, content: Content, unread: Allowance<'_>) -> Result<Rest, h2::Error> {
    if !matches!(content, Content::Whole(_, Ends::Trailers)) {
        // gRPC has no use for it; HTTP asks for it.
        head.headers_mut().entry(DATE).or_insert_with(date::now);
    }
    match content {
        Content::Done => respond.send_response(head, true).map(|_| None),
        Content::Whole(bytes, ends) => {
            if ends == Ends::Bare {
                head.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            }
            let mut to = respond.send_response(head, false)?;
            if !is_taken(&mut to, &bytes) {
                return pieces(to, bytes, ends, unread).map(Some);
            }
            to.send_data(bytes, ends == Ends::Bare)?;
            if ends == Ends::Trailers {
                to.send_trailers(ok_trailers())?;
            }
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

/// Whether the peer's windows have room for all of it.
fn is_taken(to: &mut SendStream<Bytes>, bytes: &Bytes) -> bool {
    to.reserve_capacity(bytes.len());
    to.capacity() >= bytes.len()
}

/// What a small window leaves behind; a peer that leaves too much there has to calm down.
fn pieces(to: SendStream<Bytes>, bytes: Bytes, ends: Ends, unread: Allowance<'_>) -> Result<(SendStream<Bytes>, Frames), h2::Error> {
    let pieces = Pieces::of(bytes, ends, unread).map_err(|_| h2::Error::from(Reason::ENHANCE_YOUR_CALM))?;
    Ok((to, Box::pin(pieces)))
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
    ///
    /// One that takes none of a frame within `patience` loses the answer.
    pub(super) async fn go(mut self, patience: Duration) {
        if let Err(error) = self.send_all(patience).await {
            tracing::debug!(%error, "an answer's stream broke off");
        }
    }

    async fn send_all(&mut self, patience: Duration) -> Result<(), h2::Error> {
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
            if !data.is_empty() && !self.has_room(patience).await? {
                self.to.send_reset(Reason::CANCEL);
                return Ok(());
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

    /// Whether the peer makes room in time.
    async fn has_room(&mut self, patience: Duration) -> Result<bool, h2::Error> {
        match timeout(patience, self.room()).await {
            Ok(room) => room.map(|()| true),
            Err(_) => Ok(false),
        }
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
