//! Batches beside single calls of the same inputs, over gRPC: rates count inputs.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::{BufMut as _, Bytes, BytesMut};
use extensions_proto::v1::{InvokeExtensionBatchRequest, InvokeExtensionBatchResponse};
use h2::client::SendRequest;
use hdrhistogram::Histogram;
use http::{HeaderValue, Request};
use prost::Message as _;
use tokio::task::JoinSet;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Series, Servers, alternate, latencies},
    load::{Endpoint, Load},
    stage::{ORDER, Platform, multi_thread},
};

const METHOD: &str = "http://localhost/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtensionBatch";
const INPUTS: usize = 100;
/// Requests in flight, and connections.
const LEVELS: [(usize, usize); 2] = [(1, 1), (64, 4)];
/// At one request in flight, where a caller waits for each.
const RATE_OVER_SINGLE_MIN: f64 = 4.0;
/// Compression flag and length, in front of a message.
const PREFIX_BYTES: usize = 5;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let platform = Platform::of_hundred(bench.mode, vec![bench.built.discount()?])?;
    let (endpoint, client) = (Endpoint::from(platform.address()?), multi_thread()?);
    for (in_flight, connections) in LEVELS {
        let load = Load {
            endpoint: endpoint.clone(),
            extension: "order-discount",
            input: ORDER.into(),
            connections,
            in_flight,
            tokens: platform.tokens.clone(),
        };
        let (single, batches) = (load.clone(), load);
        let contenders = vec![
            Contender::served("single calls", Servers::Hosts, |length| client.block_on(single.clone().grpc(length))),
            Contender::served(format!("batches of {INPUTS}"), Servers::Hosts, |length| client.block_on(in_batches(batches.clone(), length))),
        ];
        let series = alternate(contenders, bench.plan)?;
        tell(&series, in_flight, section);
    }
    Ok(())
}

fn tell(series: &[Series], in_flight: usize, section: &mut Section) {
    let [single, batches] = series else { return };
    section.add(&format!("{in_flight} in flight"), series);
    let rate = batches.ratio(single, |sample| sample.rate);
    let cpu = batches.ratio(single, Sample::cpu);
    let what = format!("inputs a second in batches of {INPUTS} over single calls, {in_flight} in flight");
    if in_flight == 1 {
        section.goal(what, rate, "×", Bound::AtLeast(RATE_OVER_SINGLE_MIN));
    } else {
        section.figure(what, rate, "×");
    }
    section.figure(format!("server CPU of an input in a batch over a call's, {in_flight} in flight"), cpu, "×");
}

/// Batches for `length`; every input must be answered.
async fn in_batches(load: Load, length: Duration) -> anyhow::Result<Sample> {
    let Load { endpoint, extension, input, connections, in_flight, tokens } = load;
    let frame = frame(extension, input);
    let mut tasks = JoinSet::new();
    let mut senders = Vec::with_capacity(connections);
    for _ in 0..connections {
        senders.push(endpoint.http2().await?);
    }
    let end = Instant::now() + length;
    for at in 0..in_flight {
        let token = HeaderValue::from_str(&format!("Bearer {}", tokens[at % tokens.len()]))?;
        tasks.spawn(call(senders[at % connections].clone(), token, frame.clone(), end));
    }
    let mut all = latencies();
    while let Some(histogram) = tasks.join_next().await {
        all.add(histogram??)?;
    }
    let sample = Sample::of(&all, length);
    Ok(Sample { rate: sample.rate * INPUTS as f64, ..sample })
}

fn frame(extension: &str, input: Bytes) -> Bytes {
    let request = InvokeExtensionBatchRequest {
        extension_id: extension.to_owned(),
        inputs: vec![input; INPUTS],
        hook_point: "BeforeCreateOrder".to_owned(),
        ..InvokeExtensionBatchRequest::default()
    };
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + request.encoded_len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(request.encoded_len()).unwrap_or(u32::MAX));
    request.encode(&mut frame).expect("the buffer grows");
    frame.freeze()
}

async fn call(mut sender: SendRequest<Bytes>, token: HeaderValue, frame: Bytes, end: Instant) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = latencies();
    while Instant::now() < end {
        let start = Instant::now();
        let request = Request::post(METHOD)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", token.clone())
            .body(())?;
        sender = sender.ready().await?;
        let (response, mut body) = sender.send_request(request, false)?;
        body.send_data(frame.clone(), true)?;
        let mut answer = response.await?.into_body();
        let mut message = BytesMut::new();
        while let Some(data) = answer.data().await {
            let data = data?;
            answer.flow_control().release_capacity(data.len())?;
            message.extend_from_slice(&data);
        }
        let trailers = answer.trailers().await?.context("no trailers")?;
        ensure!(trailers.get("grpc-status").is_some_and(|status| status == "0") && message.len() > PREFIX_BYTES, "a batch failed: {trailers:?}");
        let results = InvokeExtensionBatchResponse::decode(&message[PREFIX_BYTES..])?.results;
        let failed = results.iter().find(|result| !result.error_code.is_empty());
        ensure!(results.len() == INPUTS && failed.is_none(), "{} results, one of them {failed:?}", results.len());
        histogram.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(histogram)
}
