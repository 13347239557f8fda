//! Which protocol a connection speaks, from its first bytes, and a stream that
//! gives those bytes back.
//!
//! HTTP/2 with prior knowledge is told from HTTP/1 by its 24-byte preface;
//! `Upgrade: h2c` is not offered.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the protocol is certain; none when the peer left before.
pub(crate) async fn sniff<T: AsyncRead + Unpin>(mut io: T) -> io::Result<Option<(Protocol, Replayed<T>)>> {
    let mut seen = [0; PREFACE.len()];
    let mut filled = 0;
    loop {
        let read = io.read(&mut seen[filled..]).await?;
        if read == 0 {
            return Ok(None);
        }
        filled += read;
        let protocol = match seen[..filled] == PREFACE[..filled] {
            false => Protocol::Http1,
            true if filled == PREFACE.len() => Protocol::Http2,
            true => continue,
        };
        return Ok(Some((protocol, Replayed { io, seen, given: 0, filled })));
    }
}

/// A stream whose first bytes were read before.
#[derive(Debug)]
pub(crate) struct Replayed<T> {
    io: T,
    seen: [u8; PREFACE.len()],
    given: usize,
    filled: usize,
}

impl<T: AsyncRead + Unpin> AsyncRead for Replayed<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.given == this.filled {
            return Pin::new(&mut this.io).poll_read(cx, buf);
        }
        let count = buf.remaining().min(this.filled - this.given);
        buf.put_slice(&this.seen[this.given..this.given + count]);
        this.given += count;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Replayed<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn replay(bytes: &[u8]) -> Option<(Protocol, Vec<u8>)> {
        let (protocol, mut io) = sniff(bytes).await.unwrap()?;
        let mut all = Vec::new();
        io.read_to_end(&mut all).await.unwrap();
        Some((protocol, all))
    }

    #[tokio::test]
    async fn the_preface_decides_and_nothing_is_lost() {
        let h2 = [PREFACE.as_slice(), b"frames"].concat();
        assert_eq!(replay(&h2).await, Some((Protocol::Http2, h2.clone())));
        let h1 = b"POST / HTTP/1.1\r\n\r\n".to_vec();
        assert_eq!(replay(&h1).await, Some((Protocol::Http1, h1.clone())));
        assert_eq!(replay(b"PRI * HTTP/2.0").await, None);
        assert_eq!(replay(b"").await, None);
    }
}
