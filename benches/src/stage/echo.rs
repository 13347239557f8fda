//! Bare echoes: the same bytes over the same protocols and transports with nothing behind.

use bytes::Bytes;
use extensions_proto::v1::{
    InvokeExtensionBatchRequest, InvokeExtensionBatchResponse, InvokeExtensionRequest, InvokeExtensionResponse, ListExtensionsRequest,
    ListExtensionsResponse,
    wasm_extension_runtime_server::{WasmExtensionRuntime, WasmExtensionRuntimeServer},
};
use futures_util::StreamExt as _;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    runtime::Runtime,
};
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};
use tonic::{Status, transport::Server};

use crate::{harness::ECHOES, load::Endpoint};

/// Where echoes listen, as long as it lives.
pub(crate) struct Echoes {
    runtime: Runtime,
    home: tempfile::TempDir,
}

impl Echoes {
    /// A thread for each core, as their documentation sets them up.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().thread_name(ECHOES).enable_all().build()?;
        Ok(Self { runtime, home: tempfile::tempdir()? })
    }

    /// tonic's server over TCP.
    pub(crate) fn tonic(&self) -> anyhow::Result<Endpoint> {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let endpoint = listener.local_addr()?.into();
        let incoming = TcpListenerStream::new(listener).map(|stream| stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream)));
        self.runtime.spawn(Server::builder().add_service(WasmExtensionRuntimeServer::new(Echo)).serve_with_incoming(incoming));
        Ok(endpoint)
    }

    /// The same over a Unix socket.
    pub(crate) fn tonic_unix(&self) -> anyhow::Result<Endpoint> {
        let (listener, endpoint) = self.unix("tonic.sock")?;
        let incoming = UnixListenerStream::new(listener);
        self.runtime.spawn(Server::builder().add_service(WasmExtensionRuntimeServer::new(Echo)).serve_with_incoming(incoming));
        Ok(endpoint)
    }

    /// hyper's HTTP/1.1 server over TCP, a task for each connection.
    pub(crate) fn hyper(&self) -> anyhow::Result<Endpoint> {
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let endpoint = listener.local_addr()?.into();
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection without it is slower, not wrong.
                let _ = stream.set_nodelay(true);
                serve(stream);
            }
        });
        Ok(endpoint)
    }

    /// The same over a Unix socket.
    pub(crate) fn hyper_unix(&self) -> anyhow::Result<Endpoint> {
        let (listener, endpoint) = self.unix("hyper.sock")?;
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream);
            }
        });
        Ok(endpoint)
    }

    fn unix(&self, name: &str) -> anyhow::Result<(UnixListener, Endpoint)> {
        let path = self.home.path().join(name);
        let _within = self.runtime.enter();
        Ok((UnixListener::bind(&path)?, Endpoint::Unix(path)))
    }
}

struct Echo;

#[tonic::async_trait]
impl WasmExtensionRuntime for Echo {
    async fn invoke_extension(&self, request: tonic::Request<InvokeExtensionRequest>) -> Result<tonic::Response<InvokeExtensionResponse>, Status> {
        let output_json = request.into_inner().input_json;
        Ok(tonic::Response::new(InvokeExtensionResponse { output_json, served_version: "1".to_owned(), ..InvokeExtensionResponse::default() }))
    }

    async fn invoke_extension_batch(
        &self,
        _: tonic::Request<InvokeExtensionBatchRequest>,
    ) -> Result<tonic::Response<InvokeExtensionBatchResponse>, Status> {
        Err(Status::unimplemented("nobody measures an echo of batches"))
    }

    async fn list_extensions(&self, _: tonic::Request<ListExtensionsRequest>) -> Result<tonic::Response<ListExtensionsResponse>, Status> {
        Ok(tonic::Response::new(ListExtensionsResponse::default()))
    }
}

fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)));
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}
