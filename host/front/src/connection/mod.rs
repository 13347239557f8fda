//! One connection: what it speaks, its limits, and how it ends.

mod answering;
mod http1;
mod http2;
mod life;
mod state;

use std::{sync::Arc, time::Duration};

use extensions_identity::Channel;
use extensions_tls::{PeerNames, ServerTls};
use extensions_types::with_causes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time::timeout,
};
use tokio_io_timeout::TimeoutWriter;

pub(crate) use self::state::{Conn, ConnState, InFlight, Peer, Worker};
use self::{
    http1::Http1,
    http2::Http2,
    life::{Patience, drive},
};
use crate::{
    handout::{Accepted, Socket},
    metrics::Turned,
    preface::{Protocol, sniff},
    service::Service,
    settings::FrontSettings,
    shared::Shared,
};

/// One request's head. A token, trace context and identity headers take 2 KiB.
const HEAD_BYTES_MAX: u32 = 16 << 10;

/// Both protocols, configured once.
#[derive(Debug)]
pub(crate) struct Protocols {
    http1: http1::Settings,
    http2: http2::Settings,
    header_read: Duration,
    patience: Patience,
}

impl Protocols {
    pub(crate) fn new(settings: &FrontSettings) -> Self {
        let times = &settings.timeouts;
        Self {
            http1: http1::Settings::of(settings),
            http2: http2::Settings::of(settings),
            header_read: times.header_read,
            patience: Patience { idle: times.idle, stranger: times.stranger },
        }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve<S: Service>(accepted: Accepted, shared: Arc<Shared<S>>, worker: Arc<Worker>, protocols: Arc<Protocols>) {
    let Accepted { socket, plane, place } = accepted;
    let peer = match &socket {
        Socket::Tcp(_, address) | Socket::Tls(_, address, _) => Peer::Tcp(*address),
        Socket::Unix(_) => Peer::Unix,
        Socket::Attached(_) => Peer::Memory,
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
        Socket::Attached(stream) => Box::pin(speak(stream, shared, state, &protocols)).await,
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
    // Whatever is written: a peer that takes nothing for so long is gone.
    let mut io = TimeoutWriter::new(io);
    io.set_timeout(Some(shared.answer_read));
    let io = Box::pin(io);
    let conn = Arc::new(Conn { shared, state: Arc::new(state) });
    let state = Arc::clone(&conn.state);
    let end = match protocol {
        Protocol::Http1 => drive(Http1::serve(&protocols.http1, io, conn), &state, protocols.patience).await,
        Protocol::Http2 => drive(Http2::serve(&protocols.http2, io, conn), &state, protocols.patience).await,
    };
    tracing::debug!(peer = %state.peer, ?end, "connection ended");
}
