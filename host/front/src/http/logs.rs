//! `GET /v1/extensions/{extension_id}:logs?after=&follow=`: a tenant's own log
//! lines as newline-delimited JSON.
//!
//! One response is bounded in time and size; a follower comes back with the
//! last `seq` it saw as `after`.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use extensions_admission::Refusal;
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body::{Body, Frame};
use tokio::time::{Interval, MissedTickBehavior, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{invoke::extension_id, query};
use crate::{
    auth::{Caller, authenticate},
    body::{BoxError, FrontBody},
    connection::Conn,
    metrics::Class,
    refused::Refused,
    seats::Seat,
    service::Service,
};

pub(super) const QUERY: [&str; 2] = ["after", "follow"];
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// Records per look: at 64 KiB of log an invocation, one frame stays small.
const RECORDS_PER_READ: usize = 256;
/// How often a follower's log is looked at; people do not read faster.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A follower's token is verified again when it comes back.
const FOLLOW_FOR: Duration = Duration::from_secs(300);
/// One response; more is for the next.
const RESPONSE_BYTES_MAX: usize = 16 << 20;

pub(crate) async fn logs<S: Service>(conn: &Conn<S>, extension: &str, head: &Parts) -> Result<(Response<FrontBody>, Class), Refused> {
    let Caller { principal, .. } = authenticate(conn, &head.headers).await?;
    let [after, follow] = query::parse(head.uri.query(), QUERY)?;
    let after = query::number("after", after.as_deref())?.unwrap_or(0);
    let seat = query::flag("follow", follow.as_deref())?.then(|| conn.shared.followers.take()).transpose()?;
    let mut source = Source { service: Arc::clone(&conn.shared.service), principal, extension: extension_id(extension)?.into_owned(), after };
    // The first look decides whether there is an answer at all.
    let first = source.look()?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let lines = Lines {
        source,
        first: Some(first),
        left: RESPONSE_BYTES_MAX,
        follow: seat.map(|seat| Follow {
            looks,
            end: Box::pin(tokio::time::sleep(FOLLOW_FOR)),
            leaving: Box::pin(conn.state.worker.closing.clone().cancelled_owned()),
            _seat: seat,
        }),
    };
    let mut response = Response::new(FrontBody::stream(lines));
    response.headers_mut().insert(CONTENT_TYPE, NDJSON);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((response, Class::Ok))
}

/// One extension's log, read from where it was left.
struct Source<S: Service> {
    service: Arc<S>,
    principal: S::Principal,
    extension: String,
    after: u64,
}

impl<S: Service> Source<S> {
    /// The next lines; empty when there are none now.
    fn look(&mut self) -> Result<Bytes, Refusal> {
        let records = self.service.logs(&self.principal, &self.extension, self.after, RECORDS_PER_READ)?;
        let mut lines = BytesMut::new();
        for record in &records {
            // A record that does not serialise is passed over: the rest are still worth reading.
            if let Ok(line) = serde_json::to_vec(record) {
                lines.extend_from_slice(&line);
                lines.extend_from_slice(b"\n");
            }
            self.after = self.after.max(S::log_seq(record));
        }
        Ok(lines.freeze())
    }
}

/// The response's body.
struct Lines<S: Service> {
    source: Source<S>,
    first: Option<Bytes>,
    left: usize,
    follow: Option<Follow>,
}

/// What ends following, and what paces it.
struct Follow {
    looks: Interval,
    end: Pin<Box<Sleep>>,
    leaving: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Given back when following ends.
    _seat: Seat,
}

impl Follow {
    /// Ready with false when it is over, with true when it is time to look.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.leaving.as_mut().poll(cx).is_ready() || self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        self.looks.poll_tick(cx).map(|_| true)
    }
}

// Nothing in it is pinned in place: its futures are boxed.
impl<S: Service> Unpin for Lines<S> {}

impl<S: Service> Body for Lines<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            // A refusal midway (the extension is gone, the token was revoked) ends the stream.
            let lines = match this.first.take() {
                Some(first) => first,
                None => this.source.look().unwrap_or_default(),
            };
            if !lines.is_empty() {
                if lines.len() > this.left {
                    return Poll::Ready(None);
                }
                this.left -= lines.len();
                return Poll::Ready(Some(Ok(Frame::data(lines))));
            }
            let Some(follow) = &mut this.follow else { return Poll::Ready(None) };
            match follow.poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Ready(true) => {}
            }
        }
    }
}
