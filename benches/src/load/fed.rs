//! Recorded requests as a connection of this process: what a host reads from it
//! is made on the host's own thread, and what it writes is looked at there, so
//! that no caller takes any of the cores and no socket lies between.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::Sender,
    },
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::recorded::{Feed, Recording};

/// What the fed and those who wait for them share.
#[derive(Debug, Default)]
pub(crate) struct Feeding {
    /// No more is asked.
    pub(crate) over: AtomicBool,
    /// Answers that came.
    pub(crate) answered: AtomicU64,
}

/// One connection. When it is over, its last answer has come or it is broken: `ended` is told which.
#[derive(Debug)]
pub(crate) struct Fed {
    feed: Feed,
    in_flight: usize,
    feeding: Arc<Feeding>,
    ended: Sender<Result<(), String>>,
    broken: Option<String>,
    /// Made, and handed on up to `read`.
    out: Vec<u8>,
    read: usize,
    reader: Option<Waker>,
}

impl Fed {
    /// So many calls in flight, until `feeding` is over.
    pub(crate) fn new(recording: Recording, in_flight: usize, feeding: Arc<Feeding>, ended: Sender<Result<(), String>>) -> Self {
        Self { feed: Feed::new(recording), in_flight, feeding, ended, broken: None, out: Vec::new(), read: 0, reader: None }
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.feed.take(bytes) {
            Ok(answered) => {
                self.feeding.answered.fetch_add(answered, Relaxed);
                if let Some(reader) = self.reader.take() {
                    reader.wake();
                }
                Ok(bytes.len())
            }
            Err(error) => {
                let words = format!("{error:#}");
                self.broken = Some(words.clone());
                Err(io::Error::other(words))
            }
        }
    }
}

impl AsyncRead for Fed {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read == this.out.len() {
            (this.read, _) = (0, this.out.clear());
            let over = this.feeding.over.load(Relaxed);
            this.feed.ask(if over { 0 } else { this.in_flight }, &mut this.out);
            if this.out.is_empty() {
                if over && this.feed.in_flight() == 0 {
                    return Poll::Ready(Ok(()));
                }
                this.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        let length = buffer.remaining().min(this.out.len() - this.read);
        buffer.put_slice(&this.out[this.read..this.read + length]);
        this.read += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Fed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.get_mut().take(bytes))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, _: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Poll::Ready(parts.iter().try_fold(0, |written, part| Ok(written + this.take(part)?)))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Fed {
    fn drop(&mut self) {
        let left = self.feed.in_flight();
        let ended = match self.broken.take() {
            Some(broken) => Err(broken),
            None if left > 0 => Err(format!("the host closed a connection with {left} calls under way")),
            None => Ok(()),
        };
        // Nobody waits where a measurement failed before.
        let _ = self.ended.send(ended);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ENOUGH: u64 = 10;

    /// As a host does: the whole request, then a head, a message and trailers.
    async fn answer((request, mut respond): (http::Request<h2::RecvStream>, h2::server::SendResponse<Bytes>), feeding: Arc<Feeding>) {
        let mut body = request.into_body();
        while let Some(data) = body.data().await {
            body.flow_control().release_capacity(data.unwrap().len()).unwrap();
        }
        let mut answer = respond.send_response(http::Response::new(()), false).unwrap();
        answer.send_data(Bytes::from_static(b"\0\0\0\0\0"), false).unwrap();
        answer.send_trailers(http::HeaderMap::new()).unwrap();
        feeding.over.store(feeding.answered.load(Relaxed) >= ENOUGH, Relaxed);
    }

    #[tokio::test]
    async fn a_server_answers_what_it_is_fed_until_it_is_over() {
        let recording = Recording::make("a-token", &Bytes::from_static(b"\0\0\0\0\x02{}")).await.unwrap();
        let (feeding, (send, ended)) = (Arc::new(Feeding::default()), std::sync::mpsc::channel());
        let fed = Fed::new(recording, 4, Arc::clone(&feeding), send);
        let mut server = h2::server::handshake(fed).await.unwrap();
        while let Some(request) = server.accept().await {
            tokio::spawn(answer(request.unwrap(), Arc::clone(&feeding)));
        }
        drop(server);
        assert_eq!(ended.recv().unwrap(), Ok(()));
        assert!(feeding.answered.load(Relaxed) >= ENOUGH);
    }
}
