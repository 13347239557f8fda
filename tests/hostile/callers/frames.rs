//! HTTP/2 by the frame, for what a library would not send.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::wire::dial;
use crate::stage::Stage;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const ACK: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// The error codes of RFC 9113 by number.
const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// One frame's bytes.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = &u32::try_from(payload.len()).unwrap().to_be_bytes()[1..];
    [length, &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field of a header block, neither indexed nor compressed.
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    [vec![0], text(name), text(value)].concat()
}

/// The same, put into the decoder's table.
pub(super) fn indexed_field(name: &str, value: &str) -> Vec<u8> {
    [vec![0x40], text(name), text(value)].concat()
}

fn text(text: &str) -> Vec<u8> {
    let mut length = Vec::new();
    match u8::try_from(text.len()) {
        Ok(short @ 0..127) => length.push(short),
        _ => {
            length.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                length.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            length.push(u8::try_from(rest).unwrap());
        }
    }
    [length, text.as_bytes().to_vec()].concat()
}

/// The header block of a request, with more fields behind the usual ones.
pub(super) fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let usual = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "x")];
    usual.iter().chain(more).flat_map(|(name, value)| field(name, value)).collect()
}

/// The header block of a gRPC call by the attacker.
pub(super) fn grpc_head(stage: &Stage) -> Vec<u8> {
    let bearer = format!("Bearer {}", stage.platform.token(&stage.attacker));
    let path = "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension";
    head("POST", path, &[("te", "trailers"), ("content-type", "application/grpc"), ("authorization", &bearer)])
}

/// A frame that came.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

impl Frame {
    /// The name of the error in a RST_STREAM or GOAWAY.
    pub(super) fn error(&self) -> &'static str {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        let number = self.payload.get(at..at + 4).map_or(u32::MAX, |bytes| u32::from_be_bytes(bytes.try_into().unwrap()));
        ERRORS.get(number as usize).copied().unwrap_or("?")
    }
}

/// A connection that has sent its preface.
#[derive(Debug)]
pub(super) struct H2 {
    pub(super) io: TcpStream,
    read: Vec<u8>,
}

impl H2 {
    /// With the client's own settings, as identifier and value.
    pub(super) async fn dial(stage: &Stage, settings: &[(u16, u32)]) -> Self {
        let mut h2 = Self { io: dial(stage).await, read: Vec::new() };
        let payload: Vec<u8> = settings.iter().flat_map(|(id, value)| [id.to_be_bytes().to_vec(), value.to_be_bytes().to_vec()].concat()).collect();
        h2.send(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &payload)].concat()).await;
        h2
    }

    /// A host that has closed hears nothing; what it said before tells why.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).await;
    }

    /// The same for at most `time`: a host that reads no more holds the writer up.
    pub(super) async fn send_within(&mut self, bytes: &[u8], time: Duration) -> bool {
        timeout(time, self.io.write_all(bytes)).await.is_ok()
    }

    /// The next frame; none when the host closed, or said nothing for `time`.
    pub(super) async fn next_within(&mut self, time: Duration) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            let mut part = vec![0; 64 << 10];
            match timeout(time, self.io.read(&mut part)).await {
                Ok(Ok(count @ 1..)) => self.read.extend_from_slice(&part[..count]),
                _ => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let head = self.read.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags, stream) = (head[3], head[4], u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff);
        let payload = self.read.get(9..9 + length)?.to_vec();
        self.read.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }

    /// How the host takes what was sent: the first error that it names, by frame;
    /// `answered` when a stream ends well; `closed`; or `silent` after `time`.
    pub(super) async fn verdict(&mut self, time: Duration) -> String {
        loop {
            let Some(frame) = self.next_within(time).await else {
                let mut byte = [0];
                let closed = matches!(timeout(time, self.io.read(&mut byte)).await, Ok(Ok(0) | Err(_)));
                return if closed { "closed".to_owned() } else { "silent".to_owned() };
            };
            match frame.kind {
                RST_STREAM => return format!("RST_STREAM {}", frame.error()),
                GOAWAY => return format!("GOAWAY {}", frame.error()),
                HEADERS | DATA if frame.flags & END_STREAM != 0 => return "answered".to_owned(),
                _ => {}
            }
        }
    }
}
