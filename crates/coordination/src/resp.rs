//! What Redis sends to a listener, taken apart within bounds.
//!
//! A message may be half a gigabyte long and there is no end of them: one that
//! is longer than any of ours is passed over as it arrives, never kept.

use crate::change::MESSAGE_BYTES_MAX;

/// A line of the protocol: a length, a greeting, an error.
const LINE_BYTES_MAX: usize = 512;
/// `message`, its channel, its payload.
const ELEMENTS_MAX: usize = 3;

/// One answer or message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Its elements; none where one is longer than any of ours.
    Array(Vec<Option<Vec<u8>>>),
    /// An answer of one line.
    Line(String),
    /// A refusal.
    Error(String),
}

/// Bytes that are not the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what answers does not speak Redis's protocol")]
pub(crate) struct Nonsense;

/// Frames out of bytes, however these arrive.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    skip: u64,
    array: Option<Array>,
}

#[derive(Debug)]
struct Array {
    wanted: usize,
    elements: Vec<Option<Vec<u8>>>,
}

impl Frames {
    /// Takes what has arrived; call [`next`](Self::next) until it has no more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= passed as u64;
        self.buffer.extend_from_slice(&bytes[passed..]);
    }

    /// The next whole frame, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Nonsense> {
        loop {
            if let Some(whole) = self.array.take_if(|array| array.elements.len() == array.wanted && self.skip == 0) {
                return Ok(Some(Frame::Array(whole.elements)));
            }
            let Some(line) = self.line()? else { return Ok(None) };
            let (kind, text) = line.split_at_checked(1).ok_or(Nonsense)?;
            match (kind, &mut self.array) {
                ("$", Some(_)) => {
                    if !self.bulk(&line, text)? {
                        return Ok(None);
                    }
                }
                (":", Some(array)) => array.elements.push(Some(text.as_bytes().to_vec())),
                ("*", None) => {
                    let wanted = text.parse().ok().filter(|wanted| (1..=ELEMENTS_MAX).contains(wanted)).ok_or(Nonsense)?;
                    self.array = Some(Array { wanted, elements: Vec::with_capacity(wanted) });
                }
                ("+", None) => return Ok(Some(Frame::Line(text.to_owned()))),
                ("-", None) => return Ok(Some(Frame::Error(text.to_owned()))),
                _ => return Err(Nonsense),
            }
        }
    }

    /// A line without its end; it is taken out of the buffer.
    fn line(&mut self) -> Result<Option<String>, Nonsense> {
        if self.skip > 0 {
            return Ok(None);
        }
        let Some(end) = self.buffer.windows(2).take(LINE_BYTES_MAX).position(|pair| pair == b"\r\n") else {
            return if self.buffer.len() > LINE_BYTES_MAX { Err(Nonsense) } else { Ok(None) };
        };
        let line = std::str::from_utf8(&self.buffer[..end]).map_err(|_| Nonsense)?.to_owned();
        self.buffer.drain(..end + 2);
        Ok(Some(line))
    }

    /// An element of a length; false where it has not arrived whole, and its line is put back.
    fn bulk(&mut self, line: &str, length: &str) -> Result<bool, Nonsense> {
        let length: u64 = length.parse().map_err(|_| Nonsense)?;
        let Some(array) = &mut self.array else { return Err(Nonsense) };
        if length > MESSAGE_BYTES_MAX as u64 {
            array.elements.push(None);
            let whole = length.saturating_add(2);
            let here = usize::try_from(whole).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.drain(..here);
            self.skip = whole - here as u64;
            return Ok(true);
        }
        let length = usize::try_from(length).map_err(|_| Nonsense)?;
        if self.buffer.len() < length + 2 {
            self.buffer.splice(..0, line.bytes().chain(*b"\r\n"));
            return Ok(false);
        }
        if &self.buffer[length..length + 2] != b"\r\n" {
            return Err(Nonsense);
        }
        array.elements.push(Some(self.buffer[..length].to_vec()));
        self.buffer.drain(..length + 2);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[&[u8]]) -> Result<Vec<Frame>, Nonsense> {
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for chunk in chunks {
            frames.push(chunk);
            while let Some(frame) = frames.next()? {
                found.push(frame);
            }
            assert!(frames.buffer.len() <= MESSAGE_BYTES_MAX + LINE_BYTES_MAX, "{}", frames.buffer.len());
        }
        Ok(found)
    }

    fn message(payload: &[u8]) -> Vec<u8> {
        let mut bytes = format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${}\r\n", payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    fn heard(payload: Option<&[u8]>) -> Frame {
        Frame::Array(vec![Some(b"message".to_vec()), Some(b"c".to_vec()), payload.map(<[u8]>::to_vec)])
    }

    #[test]
    fn answers_and_messages_are_frames() {
        let bytes = [b"+OK\r\n-ERR no\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".to_vec(), message(b"a\r\nb")].concat();
        let subscribed = Frame::Array(vec![Some(b"subscribe".to_vec()), Some(b"c".to_vec()), Some(b"1".to_vec())]);
        let expected = vec![Frame::Line("OK".to_owned()), Frame::Error("ERR no".to_owned()), subscribed, heard(Some(b"a\r\nb"))];
        assert_eq!(all(&[&bytes]), Ok(expected.clone()));
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(all(&single), Ok(expected), "however it arrives");
    }

    #[test]
    fn a_huge_message_is_passed_over_and_the_next_is_heard() {
        let bytes = [message(&[b'x'; 100_000]), message(b"next")].concat();
        let chunks: Vec<&[u8]> = bytes.chunks(97).collect();
        assert_eq!(all(&chunks), Ok(vec![heard(None), heard(Some(b"next"))]));
    }

    #[test]
    fn nonsense_ends_the_connection() {
        for bytes in
            [&b"HTTP/1.1 400\r\n"[..], b"*9\r\n", b"*-1\r\n", b"$3\r\nabc\r\n", b"*1\r\n$x\r\n", b"*1\r\n$3\r\nabcde\r\n", &[b'+'; 600], b"\r\n"]
        {
            assert_eq!(all(&[bytes]), Err(Nonsense), "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_none_are_kept_beyond_the_bound(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..40)) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let _ = all(&chunks);
        }
    }
}
