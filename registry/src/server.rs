//! A listener: accepts connections within a bound, serves a router on each,
//! closes them when asked.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{Extension, Router};
use extensions_registry_api::Connection;
use extensions_tls::{PeerNames, ServerTls};
use extensions_types::with_causes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Sleep, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// One request's head; a watch of a large tenant resumes with a cursor in it.
const HEAD_BYTES_MAX: u32 = 64 << 10;
/// A head must be there within this time, and a connection that says nothing is closed after it.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// As many bytes as the preface of HTTP/2: then the protocol is known.
const PREFACE_BYTES: usize = 24;
/// HTTP/2: a peer that does not answer a ping within this time is gone.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Streams of one connection: watches of a dashboard.
const STREAMS_MAX: u32 = 128;
/// After an error of accept (no descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What became of the connections at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) cut: usize,
}

/// A listener at work.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepting: CancellationToken,
    closing: CancellationToken,
    cutting: CancellationToken,
    connections: TaskTracker,
    open: Arc<AtomicUsize>,
}

impl Server {
    /// Listens at `address`, with TLS where there is a certificate.
    ///
    /// # Errors
    /// When the port is taken or may not be used.
    pub(crate) async fn bind(address: SocketAddr, tls: Option<ServerTls>, router: Router, connections_max: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let server = Self {
            address: listener.local_addr()?,
            accepting: CancellationToken::new(),
            closing: CancellationToken::new(),
            cutting: CancellationToken::new(),
            connections: TaskTracker::new(),
            open: Arc::default(),
        };
        server.connections.spawn(server.accept(listener, tls, router, connections_max));
        Ok(server)
    }

    fn accept(
        &self,
        listener: TcpListener,
        tls: Option<ServerTls>,
        router: Router,
        connections_max: usize,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (accepting, closing, cutting) = (self.accepting.clone(), self.closing.clone(), self.cutting.clone());
        let (connections, open) = (self.connections.clone(), Arc::clone(&self.open));
        let room = Arc::new(Semaphore::new(connections_max));
        async move {
            loop {
                let place = tokio::select! {
                    () = accepting.cancelled() => return,
                    place = Arc::clone(&room).acquire_owned() => place,
                };
                let (stream, peer) = tokio::select! {
                    () = accepting.cancelled() => return,
                    accepted = listener.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            tracing::warn!(%error, "a connection could not be accepted");
                            sleep(ACCEPT_PAUSE).await;
                            continue;
                        }
                    },
                };
                let (tls, router, closing, cutting, open) = (tls.clone(), router.clone(), closing.clone(), cutting.clone(), Arc::clone(&open));
                connections.spawn(async move {
                    let _place = place;
                    open.fetch_add(1, Relaxed);
                    tokio::select! {
                        () = secure(stream, peer, tls, router, closing) => {}
                        () = cutting.cancelled() => {}
                    }
                    open.fetch_sub(1, Relaxed);
                });
            }
        }
    }

    /// Accepts no more, lets requests in flight end for `within`, and cuts the rest.
    pub(crate) async fn close(self, within: Duration) -> Closed {
        self.accepting.cancel();
        self.closing.cancel();
        self.connections.close();
        let ended = tokio::time::timeout(within, self.connections.wait()).await.is_ok();
        let cut = if ended { 0 } else { self.open.load(Relaxed) };
        self.cutting.cancel();
        self.connections.wait().await;
        Closed { cut }
    }
}

/// Shakes hands where there is a certificate, then serves.
async fn secure(stream: TcpStream, peer: SocketAddr, tls: Option<ServerTls>, router: Router, closing: CancellationToken) {
    // A response is often one small frame; waiting for more only delays it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "a connection was gone before it began");
        return;
    }
    let Some(tls) = tls else { return serve(stream, peer, PeerNames::default(), router, closing).await };
    match tls.accept(stream).await {
        Ok(stream) => {
            let names = PeerNames::of(&stream);
            serve(stream, peer, names, router, closing).await;
        }
        Err(error) => tracing::debug!(error = %with_causes(&error), %peer, "closed: no TLS handshake"),
    }
}

async fn serve<T>(stream: T, peer: SocketAddr, names: PeerNames, router: Router, closing: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Connection::with_certificate(peer.ip().to_string(), names);
    let abused = connection.abused.clone();
    let service = TowerToHyperService::new(router.layer(Extension(connection)));
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX);
    let mut driven = pin!(builder.serve_connection(TokioIo::new(Hasty::new(stream)), service));
    let ended = tokio::select! {
        ended = driven.as_mut() => Some(ended),
        () = closing.cancelled() => None,
        () = abused.cancelled() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        // The answers under way, then the end.
        None => {
            driven.as_mut().graceful_shutdown();
            driven.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended otherwise than by its protocol");
    }
}

/// A stream whose peer must say which protocol it speaks within [`HEAD_WITHIN`].
struct Hasty<T> {
    stream: T,
    deadline: Option<Pin<Box<Sleep>>>,
    seen: usize,
}

impl<T> Hasty<T> {
    fn new(stream: T) -> Self {
        Self { stream, deadline: Some(Box::pin(sleep(HEAD_WITHIN))), seen: 0 }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Hasty<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            this.seen = this.seen.saturating_add(buffer.filled().len() - before);
            if this.seen >= PREFACE_BYTES {
                this.deadline = None;
            }
            return Poll::Ready(read);
        }
        let Some(deadline) = &mut this.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request came")))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Hasty<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
