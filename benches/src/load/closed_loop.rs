//! Closed-loop load: so many calls in flight over so many connections.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use tokio::task::JoinSet;

use super::{endpoint::Endpoint, line::frame};
use crate::harness::{Sample, latencies};

/// What to call and how hard.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) endpoint: Endpoint,
    pub(crate) extension: &'static str,
    pub(crate) input: Bytes,
    pub(crate) connections: usize,
    pub(crate) in_flight: usize,
    /// A caller each, in turn.
    pub(crate) tokens: Arc<[String]>,
}

impl Load {
    /// Calls over gRPC for `length`; every answer must be good.
    pub(crate) async fn grpc(self, length: Duration) -> anyhow::Result<Sample> {
        let mut senders = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            senders.push(self.endpoint.http2().await?);
        }
        let (mut tasks, end) = (JoinSet::new(), Instant::now() + length);
        for (connection, sender) in senders.into_iter().enumerate() {
            for at in 0..self.in_flight / self.connections {
                let caller = connection + at * self.connections;
                tasks.spawn(call_grpc(sender.clone(), self.token(caller)?, frame(self.extension, self.input.clone()), end));
            }
        }
        collect(tasks, length).await
    }

    /// Calls over HTTP/1.1, a connection for each call in flight.
    pub(crate) async fn http(self, length: Duration) -> anyhow::Result<Sample> {
        let mut senders = Vec::with_capacity(self.in_flight);
        for _ in 0..self.in_flight {
            senders.push(self.endpoint.http1().await?);
        }
        let (mut tasks, end) = (JoinSet::new(), Instant::now() + length);
        for (at, sender) in senders.into_iter().enumerate() {
            tasks.spawn(call_http(sender, self.token(at)?, self.extension, self.input.clone(), end));
        }
        collect(tasks, length).await
    }

    /// One call over HTTP; its answer, which must be good.
    pub(crate) async fn ask_http(&self) -> anyhow::Result<Bytes> {
        let mut sender = self.endpoint.http1().await?;
        call_once(&mut sender, &self.token(0)?, &http_path(self.extension), self.input.clone()).await
    }

    fn token(&self, caller: usize) -> anyhow::Result<HeaderValue> {
        let token = &self.tokens[caller % self.tokens.len()];
        Ok(HeaderValue::from_str(&format!("Bearer {token}"))?)
    }
}

async fn call_grpc(sender: SendRequest<Bytes>, token: HeaderValue, frame: Bytes, end: Instant) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = latencies();
    let mut sender = sender.ready().await?;
    while Instant::now() < end {
        let start = Instant::now();
        let request = Request::post("http://localhost/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtension")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", token.clone())
            .body(())?;
        sender = sender.ready().await?;
        let (response, mut body) = sender.send_request(request, false)?;
        body.send_data(frame.clone(), true)?;
        let mut answer = response.await?.into_body();
        let mut bytes = 0;
        while let Some(data) = answer.data().await {
            let data = data?;
            bytes += data.len();
            answer.flow_control().release_capacity(data.len())?;
        }
        let trailers = answer.trailers().await?.context("no trailers")?;
        ensure!(trailers.get("grpc-status").is_some_and(|status| status == "0") && bytes > 5, "a call failed: {trailers:?}");
        histogram.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(histogram)
}

async fn call_http(
    mut sender: http1::SendRequest<Full<Bytes>>,
    token: HeaderValue,
    extension: &str,
    input: Bytes,
    end: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = latencies();
    let path = http_path(extension);
    while Instant::now() < end {
        let start = Instant::now();
        call_once(&mut sender, &token, &path, input.clone()).await?;
        histogram.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(histogram)
}

fn http_path(extension: &str) -> String {
    format!("/v1/extensions/{extension}:invoke?point=BeforeCreateOrder")
}

async fn call_once(sender: &mut http1::SendRequest<Full<Bytes>>, token: &HeaderValue, path: &str, input: Bytes) -> anyhow::Result<Bytes> {
    let request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", token.clone())
        .body(Full::new(input))?;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("a call failed with {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}

async fn collect(mut tasks: JoinSet<anyhow::Result<Histogram<u64>>>, length: Duration) -> anyhow::Result<Sample> {
    let mut all = latencies();
    while let Some(histogram) = tasks.join_next().await {
        all.add(histogram??)?;
    }
    Ok(Sample::of(&all, length))
}
