//! Reads request bodies within bounds: size, time and memory over all connections.
//!
//! Nothing is read before the caller is authenticated, and nothing beyond the
//! first byte that is too many. A body of one frame is never copied.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use bytes::{Buf as _, Bytes, BytesMut};
use extensions_types::ErrorCode;
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::timeout_at;

use crate::{
    budget::{Allowance, Share},
    refused::Refused,
};

/// A gRPC message's prefix: compression flag and length.
pub(crate) const PREFIX_BYTES: usize = 5;
/// What a body of several frames starts with; it doubles from there.
const BUFFER_BYTES_FIRST: usize = 64 << 10;
/// What a caller should wait before it sends a large body again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// How much of a body is wanted, and by when.
#[derive(Debug)]
pub(crate) struct Bounds<'b> {
    pub(crate) bytes_max: usize,
    /// The end of the time for bodies.
    pub(crate) until: Instant,
    /// The caller's own deadline.
    pub(crate) deadline: Option<Instant>,
    pub(crate) budget: Allowance<'b>,
}

/// A body, and its share of the memory for bodies, to be kept while the bytes are.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    _share: Share,
}

/// The whole body.
pub(crate) async fn whole<B: Body<Data = Bytes> + Unpin>(body: &mut B, bounds: &Bounds<'_>) -> Result<Taken, Refused> {
    if body.size_hint().lower() > bounds.bytes_max as u64 {
        return Err(too_large(bounds.bytes_max));
    }
    in_time(bounds, async {
        let mut gathered = Gathered::new(bounds.budget);
        while let Some(chunk) = next_chunk(body).await? {
            if gathered.len() + chunk.len() > bounds.bytes_max {
                return Err(too_large(bounds.bytes_max));
            }
            gathered.push(chunk)?;
        }
        Ok(gathered.into_taken(0))
    })
    .await
}

/// The one gRPC message of a unary call, without its prefix.
///
/// It is handed on as soon as it is complete; a second message is refused if it
/// came along with the first and never read if it comes later.
pub(crate) async fn message<B: Body<Data = Bytes> + Unpin>(body: &mut B, bounds: &Bounds<'_>) -> Result<Taken, Refused> {
    in_time(bounds, async {
        let mut gathered = Gathered::new(bounds.budget);
        let mut wanted = PREFIX_BYTES;
        let mut prefix_read = false;
        loop {
            if gathered.len() >= wanted {
                if prefix_read {
                    break;
                }
                wanted = PREFIX_BYTES + message_length(&gathered.prefix(), bounds.bytes_max)?;
                prefix_read = true;
                continue;
            }
            match next_chunk(body).await? {
                Some(chunk) if prefix_read && gathered.len() + chunk.len() > wanted => return Err(second_message()),
                Some(chunk) => gathered.push(chunk)?,
                None if gathered.len() == 0 => return Err(Refused::bad_request("the call carries no message; a unary call has exactly one")),
                None => return Err(Refused::bad_request("the message ends before the length in its prefix")),
            }
        }
        if gathered.len() > wanted { Err(second_message()) } else { Ok(gathered.into_taken(PREFIX_BYTES)) }
    })
    .await
}

fn message_length(prefix: &[u8; PREFIX_BYTES], bytes_max: usize) -> Result<usize, Refused> {
    let [flag, length @ ..] = *prefix;
    match flag {
        0 => {}
        1 => return Err(Refused::unimplemented("compressed messages are not accepted; send identity encoding")),
        _ => return Err(Refused::bad_request("the message's compression flag is neither 0 nor 1; this is no gRPC frame")),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > bytes_max { Err(too_large(bytes_max)) } else { Ok(length) }
}

fn too_large(bytes_max: usize) -> Refused {
    Refused::new(ErrorCode::InputTooLarge, format!("the request is larger than the {bytes_max} bytes that this host accepts"))
}

fn second_message() -> Refused {
    Refused::bad_request("the call carries more than one message; a unary call has exactly one")
}

/// The next data of a body; trailers are passed over.
async fn next_chunk<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Option<Bytes>, Refused> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refused::bad_request("the request's body broke off")),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Ok(Some(data)),
                Err(_) => {}
            },
        }
    }
}

async fn in_time<T>(bounds: &Bounds<'_>, reading: impl Future<Output = Result<T, Refused>>) -> Result<T, Refused> {
    let mut reading = pin!(reading);
    // Most bodies have come with their heads: nothing is set up to wait for those.
    if let Poll::Ready(read) = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        return read;
    }
    let until = bounds.deadline.map_or(bounds.until, |deadline| deadline.min(bounds.until));
    match timeout_at(until.into(), reading).await {
        Ok(read) => read,
        Err(_) if bounds.deadline == Some(until) => {
            Err(Refused::new(ErrorCode::Deadline, "the caller's time ran out while the request's body arrived"))
        }
        Err(_) => Err(Refused::bad_request("the request's body took too long to arrive")),
    }
}

/// Chunks as one; the first is kept as it came until a second arrives.
struct Gathered {
    first: Bytes,
    joined: BytesMut,
    share: Share,
}

impl Gathered {
    fn new(budget: Allowance<'_>) -> Self {
        Self { first: Bytes::new(), joined: BytesMut::new(), share: budget.share() }
    }

    fn len(&self) -> usize {
        self.first.len() + self.joined.len()
    }

    fn push(&mut self, chunk: Bytes) -> Result<(), Refused> {
        if self.len() == 0 {
            self.first = chunk;
            return Ok(());
        }
        if !self.share.grow(self.first.len() + chunk.len()) {
            let mut refused = Refused::new(ErrorCode::Overloaded, "too many large requests of yours, or of all callers, are arriving at this host");
            refused.refusal.retry_after = Some(RETRY_AFTER);
            return Err(refused);
        }
        if self.joined.is_empty() {
            self.joined.reserve(BUFFER_BYTES_FIRST.max(self.first.len() + chunk.len()));
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.joined.extend_from_slice(&chunk);
        Ok(())
    }

    /// Must hold that many bytes.
    fn prefix(&self) -> [u8; PREFIX_BYTES] {
        let held: &[u8] = if self.joined.is_empty() { &self.first } else { &self.joined };
        let mut prefix = [0; PREFIX_BYTES];
        prefix.copy_from_slice(&held[..PREFIX_BYTES]);
        prefix
    }

    fn into_taken(self, skipped: usize) -> Taken {
        let mut bytes = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        bytes.advance(skipped);
        Taken { bytes, _share: self.share }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use http_body::Frame;

    use super::*;
    use crate::budget::{ByteBudget, Holder};

    /// Yields its chunks, then ends or hangs; counts what was taken.
    struct Script {
        chunks: VecDeque<Bytes>,
        hangs: bool,
    }

    fn script(chunks: &[&[u8]]) -> Script {
        Script { chunks: chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect(), hangs: false }
    }

    impl Body for Script {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.chunks.pop_front() {
                None if self.hangs => Poll::Pending,
                next => Poll::Ready(next.map(|chunk| Ok(Frame::data(chunk)))),
            }
        }
    }

    fn bounds(budget: &ByteBudget) -> Bounds<'_> {
        Bounds { bytes_max: 8, until: Instant::now() + Duration::from_secs(30), deadline: None, budget: budget.of(Holder::NOBODY) }
    }

    async fn read(chunks: &[&[u8]]) -> Result<Vec<u8>, ErrorCode> {
        let budget = ByteBudget::new(1 << 20);
        message(&mut script(chunks), &bounds(&budget)).await.map(|taken| taken.bytes.to_vec()).map_err(|refused| refused.refusal.code)
    }

    #[tokio::test]
    async fn messages_arrive_however_they_are_cut() {
        let wire = b"\0\0\0\0\x03abc";
        assert_eq!(read(&[wire]).await.unwrap(), b"abc");
        for cut in 1..wire.len() {
            assert_eq!(read(&[&wire[..cut], &wire[cut..]]).await.unwrap(), b"abc", "cut at {cut}");
        }
        let single: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(read(&single).await.unwrap(), b"abc");
        assert_eq!(read(&[b"\0\0\0\0\0"]).await.unwrap(), b"");
    }

    #[tokio::test]
    async fn one_frame_is_not_copied() {
        let budget = ByteBudget::new(0);
        let wire = Bytes::from_static(b"\0\0\0\0\x03abc");
        let mut body = Script { chunks: [wire.clone()].into(), hangs: true };
        let taken = message(&mut body, &bounds(&budget)).await.unwrap();
        assert_eq!(taken.bytes.as_ptr(), wire[5..].as_ptr());
    }

    #[tokio::test]
    async fn broken_frames_are_refused() {
        use ErrorCode::{BadRequest, InputTooLarge};
        assert_eq!(read(&[]).await, Err(BadRequest));
        assert_eq!(read(&[b"\0\0\0"]).await, Err(BadRequest));
        assert_eq!(read(&[b"\0\0\0\0\x03ab"]).await, Err(BadRequest));
        assert_eq!(read(&[b"\0\0\0\0\x01ab"]).await, Err(BadRequest));
        assert_eq!(read(&[b"\0\0\0\0\x02a", b"bc"]).await, Err(BadRequest));
        assert_eq!(read(&[b"\x07\0\0\0\x01a"]).await, Err(BadRequest));
        assert_eq!(read(&[b"\0\0\0\0\x09"]).await, Err(InputTooLarge));
        assert_eq!(read(&[b"\0\xff\xff\xff\xff"]).await, Err(InputTooLarge));
        let budget = ByteBudget::new(0);
        let compressed = message(&mut script(&[b"\x01\0\0\0\x01a"]), &bounds(&budget)).await.unwrap_err();
        assert_eq!(compressed.grpc, crate::refused::GRPC_UNIMPLEMENTED);
    }

    #[tokio::test]
    async fn a_large_body_is_not_read_to_its_end() {
        let budget = ByteBudget::new(1 << 20);
        let mut body = script(&[b"12345", b"678", b"9", b"rest"]);
        let refused = whole(&mut body, &bounds(&budget)).await.unwrap_err();
        assert_eq!(refused.refusal.code, ErrorCode::InputTooLarge);
        assert_eq!(body.chunks.len(), 1);
        let mut body = script(&[b"1234", b"5678"]);
        assert_eq!(whole(&mut body, &bounds(&budget)).await.unwrap().bytes, "12345678");
    }

    #[tokio::test]
    async fn memory_for_bodies_is_shared() {
        let budget = ByteBudget::new(8);
        let taken = whole(&mut script(&[b"12", b"34"]), &bounds(&budget)).await.unwrap();
        let refused = whole(&mut script(&[b"12", b"34"]), &bounds(&budget)).await.unwrap_err();
        assert_eq!((refused.refusal.code, refused.retry_after_ms()), (ErrorCode::Overloaded, 250));
        drop(taken);
        assert!(whole(&mut script(&[b"12", b"34"]), &bounds(&budget)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn slow_bodies_end_by_the_clock_that_strikes_first() {
        let budget = ByteBudget::new(0);
        let slow = || Script { chunks: [Bytes::from_static(b"\0\0")].into(), hangs: true };
        let refused = message(&mut slow(), &bounds(&budget)).await.unwrap_err();
        assert_eq!(refused.refusal.code, ErrorCode::BadRequest);
        let now = tokio::time::Instant::now().into_std();
        let bounds = Bounds { until: now + Duration::from_secs(30), deadline: Some(now + Duration::from_millis(5)), ..bounds(&budget) };
        let refused = message(&mut slow(), &bounds).await.unwrap_err();
        assert_eq!(refused.refusal.code, ErrorCode::Deadline);
    }
}
