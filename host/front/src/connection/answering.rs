//! A request being answered, in a box that is used again.

use std::{
    cell::Cell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Response, request::Parts};
use tokio_util::sync::ReusableBoxFuture;

use super::Conn;
use crate::{body::FrontBody, handler, request_body::RequestBody, service::Service};

type Boxed = ReusableBoxFuture<'static, Response<FrontBody>>;

thread_local! {
    /// The box of the last request that was answered here, for the next one:
    /// some kilobytes, which an allocator does not hand out for nothing.
    static SPARE: Cell<Option<Boxed>> = const { Cell::new(None) };
}

/// Ready with the answer. Boxed, since a request's future is moved before it is
/// first polled, and with a real service behind it, it is some kilobytes large.
pub(super) struct Answering(Option<Boxed>);

impl Answering {
    pub(super) fn begin<S: Service>(conn: Arc<Conn<S>>, head: Parts, body: RequestBody) -> Self {
        let request = handler::handle(conn, head, body);
        Self(Some(match SPARE.take() {
            Some(mut spare) => {
                spare.set(request);
                spare
            }
            None => Boxed::new(request),
        }))
    }
}

impl Future for Answering {
    type Output = Response<FrontBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<FrontBody>> {
        let boxed = self.0.as_mut().expect("it is polled until it is ready");
        let polled = boxed.poll(cx);
        if polled.is_ready() {
            // What has ended holds nothing. What has not is dropped with this: that cancels it.
            SPARE.set(self.0.take());
        }
        polled
    }
}
