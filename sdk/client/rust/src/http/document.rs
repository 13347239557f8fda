//! The body of an answer, read as it comes.

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::{ANSWER_BYTES_MAX, InvokeError};

/// A line that has not ended by then is no record of ours.
const LINE_BYTES_MAX: usize = 1 << 20;

/// An answer whose head has come. Dropping it ends the stream.
#[derive(Debug)]
pub struct Document {
    headers: HeaderMap,
    body: Incoming,
    /// What has come and was not yet given out.
    pending: BytesMut,
    /// How much of `pending` is known to hold no line end.
    searched: usize,
}

impl Document {
    pub(super) fn new(headers: HeaderMap, body: Incoming) -> Self {
        Self { headers, body, pending: BytesMut::new(), searched: 0 }
    }

    /// The headers of the answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next line without its end, as soon as it is whole; none at the end
    /// of the document. Waits as long as the server keeps the stream open.
    ///
    /// # Errors
    /// When the connection breaks or a line is longer than 1 MiB.
    pub async fn next_line(&mut self) -> Result<Option<Bytes>, InvokeError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            if self.pending.len() > LINE_BYTES_MAX {
                return Err(InvokeError::protocol(format!("a line of the answer is longer than {LINE_BYTES_MAX} bytes")));
            }
            match self.chunk().await? {
                Some(chunk) => self.pending.extend_from_slice(&chunk),
                None if self.pending.is_empty() => return Ok(None),
                None => return Ok(Some(self.take_rest())),
            }
        }
    }

    /// All that is left of the document, up to the largest answer that is read.
    ///
    /// # Errors
    /// When the connection breaks or the document is larger.
    pub async fn bytes(mut self) -> Result<Bytes, InvokeError> {
        while let Some(chunk) = self.chunk().await? {
            if self.pending.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(InvokeError::protocol(format!("the answer is larger than {ANSWER_BYTES_MAX} bytes")));
            }
            self.pending.extend_from_slice(&chunk);
        }
        Ok(self.take_rest())
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, InvokeError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| InvokeError::Unreachable { sent: true, source: error.into() })?;
            // Trailers say nothing that a reader of lines needs.
            if let Ok(chunk) = frame.into_data() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let Some(end) = self.pending[self.searched..].iter().position(|&byte| byte == b'\n') else {
            self.searched = self.pending.len();
            return None;
        };
        let mut line = self.pending.split_to(self.searched + end);
        self.pending.advance(1);
        self.searched = 0;
        if line.last() == Some(&b'\r') {
            line.truncate(line.len() - 1);
        }
        Some(line.freeze())
    }

    fn take_rest(&mut self) -> Bytes {
        self.searched = 0;
        self.pending.split().freeze()
    }
}
