//! One connection's life: protocol, limits, idleness, and how it ends.

use std::{
    fmt,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use extensions_identity::Channel;
use extensions_tls::{PeerNames, ServerTls};
use extensions_types::with_causes;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    handler,
    listener::{Accepted, Place, Socket},
    metrics::{Class, Shard, Turned},
    preface::{Protocol, sniff},
    router::{Plane, RouteName},
    service::Service,
    settings::FrontSettings,
    shared::Shared,
};

/// One request's head. A token, trace context and identity headers take 2 KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// What one stream may send before we read it; 16 streams' worth per connection.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// HTTP/1 reads into this; it holds a head and the start of a body.
const HTTP1_BUFFER_BYTES: usize = 64 << 10;
/// Streams that a peer may open and reset before we have looked at them:
/// beyond it ("rapid reset") the connection ends.
const PENDING_RESETS_MAX: usize = 32;
/// Streams that we may have to reset for the peer's protocol errors.
const ERROR_RESETS_MAX: usize = 64;
/// How long a connection that was asked to leave for abuse may take.
const ABUSE_GRACE: Duration = Duration::from_secs(1);

/// What the connections of one I/O thread share; nothing of it is touched by other threads' requests.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) closing: CancellationToken,
    pub(crate) shard: Arc<Shard>,
}

/// A connection and what it reaches.
pub(crate) struct Conn<S> {
    pub(crate) shared: Arc<Shared<S>>,
    pub(crate) state: Arc<ConnState>,
}

/// What is known about one connection.
#[derive(Debug)]
pub(crate) struct ConnState {
    pub(crate) worker: Arc<Worker>,
    pub(crate) plane: Plane,
    pub(crate) peer: Peer,
    pub(crate) channel: Channel,
    running: AtomicU32,
    begun: AtomicU64,
    abuse: AtomicBool,
    /// Whoever is at the other end has authenticated.
    known: AtomicBool,
    place: Place,
}

impl ConnState {
    fn new(worker: Arc<Worker>, plane: Plane, peer: Peer, place: Place) -> Self {
        let channel = Channel::new(std::time::Instant::now());
        Self {
            worker,
            plane,
            peer,
            channel,
            running: AtomicU32::new(0),
            begun: AtomicU64::new(0),
            abuse: AtomicBool::new(false),
            known: AtomicBool::new(false),
            place,
        }
    }

    /// Somebody has authenticated over it.
    pub(crate) fn is_a_callers(&self) {
        // Read first: connections of callers do not write into shared lines at each request.
        if !self.known.load(Relaxed) {
            self.known.store(true, Relaxed);
        }
    }

    /// It holds a place that a caller may need.
    fn is_in_the_way(&self) -> bool {
        !self.known.load(Relaxed) && self.place.is_crowded()
    }

    /// Ends the connection after the answer under way.
    pub(crate) fn leave_for_abuse(&self) {
        self.abuse.store(true, Relaxed);
    }

    pub(crate) fn is_leaving_for_abuse(&self) -> bool {
        self.abuse.load(Relaxed)
    }
}

/// Who is at the other end, for logs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    Unix,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// A request under way. Lives until its answer's last frame has been handed on,
/// so that a drain can count it and idleness does not.
#[derive(Debug)]
pub(crate) struct InFlight {
    state: Arc<ConnState>,
    route: RouteName,
    class: Class,
}

impl InFlight {
    pub(crate) fn begin(state: &Arc<ConnState>, route: RouteName) -> Self {
        state.running.fetch_add(1, Relaxed);
        state.begun.fetch_add(1, Relaxed);
        state.worker.shard.begin();
        Self { state: Arc::clone(state), route, class: Class::Cancelled }
    }

    /// There is an answer.
    pub(crate) fn answered(&mut self, class: Class) {
        self.class = class;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.running.fetch_sub(1, Relaxed);
        self.state.worker.shard.end(self.route, self.class);
    }
}

/// Both protocols, configured once.
#[derive(Debug)]
pub(crate) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
    header_read: Duration,
    idle: Duration,
    stranger: Duration,
}

impl Protocols {
    pub(crate) fn new(settings: &FrontSettings) -> Self {
        let times = &settings.timeouts;
        let mut http1 = http1::Builder::new();
        http1.timer(TokioTimer::new()).header_read_timeout(times.header_read).max_header_size(HEAD_BYTES_MAX).max_buf_size(HTTP1_BUFFER_BYTES);
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_concurrent_streams(settings.streams_per_connection_max)
            .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
            .max_local_error_reset_streams(ERROR_RESETS_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(times.keepalive_interval)
            .keep_alive_timeout(times.keepalive_timeout);
        Self { http1, http2, header_read: times.header_read, idle: times.idle, stranger: times.stranger }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve<S: Service>(accepted: Accepted, shared: Arc<Shared<S>>, worker: Arc<Worker>, protocols: Arc<Protocols>) {
    let Accepted { socket, plane, place } = accepted;
    let peer = match &socket {
        Socket::Tcp(_, address) | Socket::Tls(_, address, _) => Peer::Tcp(*address),
        Socket::Unix(_) => Peer::Unix,
    };
    let state = ConnState::new(worker, plane, peer, place);
    let unwatched = |error| tracing::warn!(%error, "cannot watch an accepted socket; it is closed");
    match socket {
        Socket::Tcp(stream, _) => match TcpStream::from_std(stream) {
            Ok(io) => speak(io, shared, state, &protocols).await,
            Err(error) => unwatched(error),
        },
        // Boxed, so that connections without TLS are as small as they would be without this arm.
        Socket::Tls(stream, _, tls) => match TcpStream::from_std(stream) {
            Ok(io) => Box::pin(secured(io, tls, shared, state, &protocols)).await,
            Err(error) => unwatched(error),
        },
        Socket::Unix(stream) => match UnixStream::from_std(stream) {
            Ok(io) => speak(io, shared, state, &protocols).await,
            Err(error) => unwatched(error),
        },
    }
}

/// As [`speak`], once both ends have shaken hands.
async fn secured<S: Service>(io: TcpStream, tls: ServerTls, shared: Arc<Shared<S>>, mut state: ConnState, protocols: &Protocols) {
    let closing = state.worker.closing.clone();
    let shaken = tokio::select! {
        shaken = tls.accept(io) => shaken,
        () = closing.cancelled() => return,
    };
    match shaken {
        Ok(io) => {
            state.channel = Channel::with_certificate(std::time::Instant::now(), PeerNames::of(&io));
            speak(io, shared, state, protocols).await;
        }
        Err(error) => {
            shared.metrics.turned_away(Turned::Handshake);
            // Anybody can make it fail: for the counter, not for the log of a quiet day.
            tracing::debug!(peer = %state.peer, error = %with_causes(&error), "closed: no TLS handshake");
        }
    }
}

async fn speak<S: Service, T: AsyncRead + AsyncWrite + Unpin + 'static>(io: T, shared: Arc<Shared<S>>, state: ConnState, protocols: &Protocols) {
    let closing = state.worker.closing.clone();
    let sniffed = tokio::select! {
        sniffed = timeout(protocols.header_read, sniff(io)) => sniffed,
        () = closing.cancelled() => return,
    };
    let (protocol, io) = match sniffed {
        Ok(Ok(Some(known))) => known,
        Ok(Ok(None) | Err(_)) => return,
        Err(_) => return tracing::debug!(peer = %state.peer, "closed: no request head within the time"),
    };
    let state = Arc::new(state);
    let conn = Arc::new(Conn { shared, state: Arc::clone(&state) });
    // Boxed: hyper and tokio move a request's future several times before its first
    // poll, and with a real service behind it, it is some kilobytes large.
    let service = service_fn(move |request| Box::pin(handler::handle(Arc::clone(&conn), request)));
    let io = TokioIo::new(io);
    let end = match protocol {
        Protocol::Http1 => drive(protocols.http1.serve_connection(io, service), &state, protocols).await,
        Protocol::Http2 => drive(protocols.http2.serve_connection(io, service), &state, protocols).await,
    };
    tracing::debug!(peer = %state.peer, ?end, "connection ended");
}

/// Why a connection ended.
#[derive(Debug)]
#[allow(dead_code, reason = "the error is read by Debug, for the log")]
enum End {
    Done,
    Failed(hyper::Error),
    /// It was asked to leave and did not.
    Dropped,
}

/// Polls the connection; asks it to leave on drain, abuse, idleness, or where it
/// is in the way, and drops it where it does not.
async fn drive<C: GracefulConnection<Error = hyper::Error>>(conn: C, state: &ConnState, protocols: &Protocols) -> End {
    let Protocols { idle, stranger, .. } = *protocols;
    let mut conn = pin!(conn);
    let mut closing = pin!(state.worker.closing.cancelled());
    let mut idle_at = Instant::now() + idle;
    let mut watch = pin!(sleep(idle.min(stranger)));
    let mut begun_before = 0;
    let mut leaving = Leaving::No;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(ended) = conn.as_mut().poll(cx) {
                return Poll::Ready(ended.map_or_else(End::Failed, |()| End::Done));
            }
            if leaving < Leaving::Abuse && state.is_leaving_for_abuse() {
                conn.as_mut().graceful_shutdown();
                watch.as_mut().reset(Instant::now() + ABUSE_GRACE);
                leaving = Leaving::Abuse;
                continue;
            }
            if leaving == Leaving::No && closing.as_mut().poll(cx).is_ready() {
                conn.as_mut().graceful_shutdown();
                leaving = Leaving::Asked;
                continue;
            }
            if watch.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if leaving == Leaving::No && state.is_in_the_way() {
                conn.as_mut().graceful_shutdown();
                leaving = Leaving::Asked;
                // One that does not read its answer is dropped soon.
                idle_at = now + stranger;
                begun_before = state.begun.load(Relaxed);
            }
            if leaving != Leaving::Abuse && now < idle_at {
                let look_at = if state.known.load(Relaxed) { idle_at } else { idle_at.min(now + stranger) };
                watch.as_mut().reset(look_at);
                continue;
            }
            idle_at = now + idle;
            let begun = state.begun.load(Relaxed);
            let quiet = begun == begun_before && state.running.load(Relaxed) == 0;
            begun_before = begun;
            match leaving {
                Leaving::Abuse => return Poll::Ready(End::Dropped),
                // Answers are with the transport and the peer does not take them.
                Leaving::Asked if quiet => return Poll::Ready(End::Dropped),
                Leaving::No if quiet => {
                    conn.as_mut().graceful_shutdown();
                    leaving = Leaving::Asked;
                }
                Leaving::No | Leaving::Asked => {}
            }
            watch.as_mut().reset(idle_at);
        }
    })
    .await
}

/// Whether a connection has been asked to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaving {
    No,
    Asked,
    Abuse,
}
