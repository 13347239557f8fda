//! Where a server listens, and connections to it: gRPC over bare HTTP/2, HTTP
//! over bare HTTP/1.1, so that the client costs the cores that it shares with
//! the server as little as it can.

use std::{net::SocketAddr, path::PathBuf};

use bytes::Bytes;
use h2::client::SendRequest;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// What may come back on a stream before the client takes it.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 22;

/// The address of a listener.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl Endpoint {
    /// A new connection for gRPC.
    pub(crate) async fn http2(&self) -> anyhow::Result<SendRequest<Bytes>> {
        match self {
            Self::Tcp(address) => http2(tcp(*address).await?).await,
            Self::Unix(path) => http2(UnixStream::connect(path).await?).await,
        }
    }

    /// A new connection for HTTP.
    pub(crate) async fn http1(&self) -> anyhow::Result<http1::SendRequest<Full<Bytes>>> {
        match self {
            Self::Tcp(address) => http1(tcp(*address).await?).await,
            Self::Unix(path) => http1(UnixStream::connect(path).await?).await,
        }
    }
}

async fn tcp(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn http2<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> anyhow::Result<SendRequest<Bytes>> {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(STREAM_WINDOW_BYTES).initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    let (sender, driver) = builder.handshake(stream).await?;
    tokio::spawn(driver);
    Ok(sender)
}

async fn http1<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> anyhow::Result<http1::SendRequest<Full<Bytes>>> {
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(sender)
}
