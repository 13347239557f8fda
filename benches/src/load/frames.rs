//! HTTP/2 frames by their heads: enough to feed recorded requests and to see answers end.

use bytes::Buf as _;

/// What a client writes first.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const SETTINGS_ACK: [u8; HEAD_BYTES] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
const HEAD_BYTES: usize = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
/// Of a ping.
const PING_BYTES: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    Ping,
    GoAway,
    Other,
}

#[derive(Debug)]
pub(super) struct Frame<'f> {
    pub(super) kind: Kind,
    flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'f [u8],
}

impl Frame<'_> {
    pub(super) fn ends_stream(&self) -> bool {
        self.flags & END_STREAM != 0
    }

    pub(super) fn is_ack(&self) -> bool {
        self.flags & ACK != 0
    }

    /// The answer to a ping.
    pub(super) fn pong(&self) -> [u8; HEAD_BYTES + PING_BYTES] {
        let mut pong = [0, 0, 8, 6, ACK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let length = self.payload.len().min(PING_BYTES);
        pong[HEAD_BYTES..HEAD_BYTES + length].copy_from_slice(&self.payload[..length]);
        pong
    }
}

/// Cuts what arrives into frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a frame whose end has not arrived.
    partial: Vec<u8>,
}

impl Frames {
    /// Shows each frame that is whole now.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Frame<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.partial.extend_from_slice(bytes);
        let mut rest = self.partial.as_slice();
        while let Some((frame, length)) = first(rest) {
            each(frame)?;
            rest.advance(length);
        }
        let taken = self.partial.len() - rest.len();
        self.partial.drain(..taken);
        Ok(())
    }
}

/// The first frame and its length on the wire, if all of it is there.
fn first(bytes: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *head;
    let payload = rest.get(..u32::from_be_bytes([0, l0, l1, l2]) as usize)?;
    let kind = match kind {
        0 => Kind::Data,
        1 => Kind::Headers,
        3 => Kind::Reset,
        4 => Kind::Settings,
        6 => Kind::Ping,
        7 => Kind::GoAway,
        _ => Kind::Other,
    };
    let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
    Some((Frame { kind, flags, stream, payload }, HEAD_BYTES + payload.len()))
}

/// Moves a recorded request's frames to another stream.
pub(super) fn renumber(mut frames: &mut [u8], stream: u32) {
    while let Some((Frame { stream: old, .. }, length)) = first(frames) {
        let (frame, rest) = std::mem::take(&mut frames).split_at_mut(length);
        // Settings and windows of the connection stay its own.
        if old != 0 {
            frame[HEAD_BYTES - 4..HEAD_BYTES].copy_from_slice(&stream.to_be_bytes());
        }
        frames = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings, then data that ends stream 5.
    const WIRE: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\x02\0\x01\0\0\0\x05hi";

    #[test]
    fn frames_are_found_however_they_are_cut() {
        for cut in 0..WIRE.len() {
            let (mut frames, mut seen) = (Frames::default(), Vec::new());
            for part in [&WIRE[..cut], &WIRE[cut..]] {
                let each = |frame: Frame<'_>| {
                    seen.push((frame.kind, frame.stream, frame.ends_stream(), frame.payload.to_vec()));
                    Ok(())
                };
                frames.push(part, each).unwrap();
            }
            assert_eq!(seen, [(Kind::Settings, 0, false, vec![]), (Kind::Data, 5, true, b"hi".to_vec())], "cut at {cut}");
        }
    }

    #[test]
    fn streams_are_renumbered_and_the_connection_is_not() {
        let mut wire = WIRE.to_vec();
        renumber(&mut wire, 9);
        let mut streams = Vec::new();
        Frames::default()
            .push(&wire, |frame| {
                streams.push(frame.stream);
                Ok(())
            })
            .unwrap();
        assert_eq!(streams, [0, 9]);
    }
}
