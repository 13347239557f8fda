//! Bare echoes: the same bytes over the same protocols with nothing behind.

use std::net::SocketAddr;

use bytes::Bytes;
use extensions_proto::v1::{
    InvokeExtensionRequest, InvokeExtensionResponse, ListExtensionsRequest, ListExtensionsResponse,
    wasm_extension_runtime_server::{WasmExtensionRuntime, WasmExtensionRuntimeServer},
};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime::Handle};
use tonic::Status;

struct Echo;

#[tonic::async_trait]
impl WasmExtensionRuntime for Echo {
    async fn invoke_extension(&self, request: tonic::Request<InvokeExtensionRequest>) -> Result<tonic::Response<InvokeExtensionResponse>, Status> {
        let output_json = request.into_inner().input_json;
        Ok(tonic::Response::new(InvokeExtensionResponse { output_json, served_version: "1".to_owned(), ..InvokeExtensionResponse::default() }))
    }

    async fn list_extensions(&self, _: tonic::Request<ListExtensionsRequest>) -> Result<tonic::Response<ListExtensionsResponse>, Status> {
        Ok(tonic::Response::new(ListExtensionsResponse::default()))
    }
}

/// tonic as its documentation sets it up.
pub(crate) fn tonic(runtime: &Handle) -> anyhow::Result<SocketAddr> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let incoming = futures_util::StreamExt::map(tokio_stream::wrappers::TcpListenerStream::new(listener), |stream| {
        stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream))
    });
    runtime.spawn(tonic::transport::Server::builder().add_service(WasmExtensionRuntimeServer::new(Echo)).serve_with_incoming(incoming));
    Ok(address)
}

/// hyper's HTTP/1.1 server, a task for each connection.
pub(crate) fn hyper(runtime: &Handle) -> anyhow::Result<SocketAddr> {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection without it is slower, not wrong.
            let _ = stream.set_nodelay(true);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo)));
        }
    });
    Ok(address)
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}
