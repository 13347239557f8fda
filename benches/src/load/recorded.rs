//! Requests as our own client once wrote them, fed to a host again and again:
//! a caller that costs the cores next to nothing, since it neither encodes
//! requests nor decodes answers.
//!
//! The first request on a connection teaches the host's header table; all later
//! ones are the same bytes but for the stream's number.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request};
use tokio::io::AsyncReadExt as _;

use super::frames::{Frame, Frames, Kind, PREFACE, SETTINGS_ACK, renumber};

/// What a client's window may be at most: answers are never held up.
const WINDOW_BYTES: u32 = (1 << 31) - 1;
/// Room for what a client writes before anything is answered.
const PIPE_BYTES: usize = 1 << 16;

/// What a client writes.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    /// From the connection's first byte to the end of its first request.
    opening: Vec<u8>,
    /// Each later request, on stream 3.
    request: Vec<u8>,
}

impl Recording {
    /// Lets our client write calls of `message`, a length-prefixed one, and keeps the bytes.
    pub(crate) async fn make(token: &str, message: &Bytes) -> anyhow::Result<Self> {
        let (near, mut far) = tokio::io::duplex(PIPE_BYTES);
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
        let (sender, driver) = builder.handshake::<_, Bytes>(near).await?;
        let driver = tokio::spawn(driver);
        let (mut sender, mut frames, mut requests) = (sender, Frames::default(), Vec::new());
        // One that nobody waits for any more would be reset, in the next one's bytes.
        let mut waiting = Vec::new();
        let mut preface = [0; PREFACE.len()];
        far.read_exact(&mut preface).await?;
        ensure!(preface == *PREFACE, "the client does not begin as HTTP/2 does");
        for _ in 0..3 {
            let request = Request::post("http://localhost/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension")
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .header("authorization", HeaderValue::from_str(&format!("Bearer {token}"))?)
                .body(())?;
            sender = sender.ready().await?;
            let (response, mut body) = sender.send_request(request, false)?;
            waiting.push(response);
            body.send_data(message.clone(), true)?;
            requests.push(written(&mut far, &mut frames).await?);
        }
        driver.abort();
        let [first, mut second, mut third] = <[Vec<u8>; 3]>::try_from(requests).ok().context("three requests were recorded")?;
        renumber(&mut second, 3);
        renumber(&mut third, 3);
        ensure!(second == third, "a client's later requests differ: they cannot be fed again");
        Ok(Self { opening: [PREFACE.as_slice(), &first].concat(), request: third })
    }
}

/// What the client writes up to the end of a request.
async fn written(far: &mut tokio::io::DuplexStream, frames: &mut Frames) -> anyhow::Result<Vec<u8>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; PIPE_BYTES]);
    loop {
        let read = far.read(&mut chunk).await?;
        ensure!(read > 0, "the client went away");
        bytes.extend_from_slice(&chunk[..read]);
        let mut ended = false;
        frames.push(&chunk[..read], |frame| {
            ended |= frame.kind == Kind::Data && frame.ends_stream();
            Ok(())
        })?;
        if ended {
            return Ok(bytes);
        }
    }
}

/// One connection's requests and answers, apart from the socket.
#[derive(Debug)]
pub(super) struct Feed {
    recording: Recording,
    /// Of the next request.
    stream: u32,
    in_flight: usize,
    frames: Frames,
    /// What is to be sent besides requests.
    replies: Vec<u8>,
    /// That came, and answers that ended: none without a message.
    messages: u64,
    answered: u64,
}

impl Feed {
    pub(super) fn new(recording: Recording) -> Self {
        Self { recording, stream: 1, in_flight: 0, frames: Frames::default(), replies: Vec::new(), messages: 0, answered: 0 }
    }

    /// Appends what a client would write now, to have so many calls in flight.
    pub(super) fn ask(&mut self, in_flight: usize, out: &mut Vec<u8>) {
        while self.in_flight < in_flight {
            let from = out.len();
            if self.stream == 1 {
                out.extend_from_slice(&self.recording.opening);
            } else {
                out.extend_from_slice(&self.recording.request);
                renumber(&mut out[from..], self.stream);
            }
            self.stream += 2;
            self.in_flight += 1;
        }
        // After the preface: a host may speak first.
        out.append(&mut self.replies);
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes what the host wrote; gives how many answers ended with it.
    ///
    /// # Errors
    /// An answer without a message, a reset stream, a connection that is ended.
    pub(super) fn take(&mut self, bytes: &[u8]) -> anyhow::Result<u64> {
        let before = self.answered;
        let Self { frames, replies, messages, answered, in_flight, .. } = self;
        frames.push(bytes, |frame: Frame<'_>| {
            match frame.kind {
                Kind::Data => *messages += u64::from(!frame.payload.is_empty()),
                Kind::Headers if frame.ends_stream() => {
                    *answered += 1;
                    *in_flight -= 1;
                }
                Kind::Settings if !frame.is_ack() => replies.extend_from_slice(&SETTINGS_ACK),
                Kind::Ping if !frame.is_ack() => replies.extend_from_slice(&frame.pong()),
                Kind::Reset | Kind::GoAway => bail!("the host ended a call: {frame:?}"),
                Kind::Headers | Kind::Settings | Kind::Ping | Kind::Other => {}
            }
            Ok(())
        })?;
        ensure!(self.messages >= self.answered, "a call was refused: {} answers, {} messages", self.answered, self.messages);
        Ok(self.answered - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn recording() -> Recording {
        Recording::make("a-token", &Bytes::from_static(b"\0\0\0\0\x02{}")).await.unwrap()
    }

    #[tokio::test]
    async fn requests_are_fed_on_streams_of_their_own_and_as_many_as_are_answered() {
        let mut feed = Feed::new(recording().await);
        let mut out = Vec::new();
        feed.ask(3, &mut out);
        let (mut frames, mut streams) = (Frames::default(), Vec::new());
        let mut ended = |frame: Frame<'_>| {
            streams.extend((frame.kind == Kind::Data && frame.ends_stream()).then_some(frame.stream));
            Ok(())
        };
        frames.push(out.strip_prefix(PREFACE.as_slice()).unwrap(), &mut ended).unwrap();
        assert_eq!(streams, [1, 3, 5]);
        // An answer: a head, a message, trailers that end the stream.
        feed.take(b"\0\0\0\x01\x04\0\0\0\x01\0\0\x01\0\0\0\0\0\x01x\0\0\0\x01\x05\0\0\0\x01").unwrap();
        out.clear();
        feed.ask(3, &mut out);
        assert_eq!((feed.answered, out.len()), (1, feed.recording.request.len()), "one more for the one that ended");
    }

    #[tokio::test]
    async fn a_refusal_is_no_answer() {
        let mut feed = Feed::new(recording().await);
        feed.ask(1, &mut Vec::new());
        let refused = feed.take(b"\0\0\0\x01\x05\0\0\0\x01").unwrap_err();
        assert!(refused.to_string().contains("refused"), "{refused}");
        assert!(Feed::new(recording().await).take(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08").is_err(), "a reset");
    }
}
