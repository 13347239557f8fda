//! What two guests that never return do to everyone else.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use http::Request;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate, latencies},
    load::Load,
    stage::{ORDER, Platform, multi_thread, spinner},
};

const HEALTH_PERIOD: Duration = Duration::from_millis(10);

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    // As long as a guest may have: the neighbours feel it all the while.
    let spinner = spinner().limits("[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n");
    let platform = Platform::of_hundred(bench.mode, vec![bench.built.discount()?, spinner])?;
    let address = platform.address()?;
    let client = multi_thread()?;
    let spin = AtomicBool::new(false);
    let tokens = &platform.tokens;
    let (endpoint, others) = (address.into(), tokens[2..].into());
    let short = Load { endpoint, extension: "order-discount", input: ORDER.into(), connections: 2, in_flight: 16, tokens: others };
    let quietly = |length| client.block_on(short.clone().grpc(length));
    let beside_spinners = |length| {
        client.block_on(async {
            spin.store(true, Ordering::Relaxed);
            let (calls, ..) = tokio::join!(
                async {
                    let calls = short.clone().grpc(length).await;
                    spin.store(false, Ordering::Relaxed);
                    calls
                },
                keep_spinning(address, &tokens[0], &spin),
                keep_spinning(address, &tokens[1], &spin),
            );
            calls
        })
    };
    let health = |length| {
        client.block_on(async {
            spin.store(true, Ordering::Relaxed);
            let (health, ..) = tokio::join!(
                async {
                    let health = probe_health(address, length).await;
                    spin.store(false, Ordering::Relaxed);
                    health
                },
                keep_spinning(address, &tokens[0], &spin),
                keep_spinning(address, &tokens[1], &spin),
            );
            health
        })
    };
    let contenders = vec![
        Contender::new("short calls, quiet", quietly),
        Contender::new("short calls beside two spinners", beside_spinners),
        Contender::new("health beside two spinners", health),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add("spinners", &series);
    section.goal("short calls beside two spinners, of their quiet rate", series[1].ratio(&series[0], |sample| sample.rate), "×", Bound::AtLeast(0.4));
    section.goal("health p99 beside two spinners", series[2].each(|sample| sample.p99_micros / 1e3), "ms", Bound::AtMost(2.0));
    Ok(())
}

/// Calls the spinner again and again; its limits end each call.
async fn keep_spinning(address: SocketAddr, token: &str, spin: &AtomicBool) -> anyhow::Result<()> {
    while spin.load(Ordering::Relaxed) {
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
        tokio::spawn(driver);
        let request = Request::post("/v1/extensions/endless:invoke")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::new("{}".into()) as Full<bytes::Bytes>)?;
        sender.send_request(request).await?.into_body().collect().await?;
    }
    Ok(())
}

/// Asks for health every 10 ms on one connection.
async fn probe_health(address: SocketAddr, length: Duration) -> anyhow::Result<Sample> {
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(driver);
    let mut histogram = latencies();
    let mut period = tokio::time::interval(HEALTH_PERIOD);
    let end = Instant::now() + length;
    while Instant::now() < end {
        period.tick().await;
        let start = Instant::now();
        let request = Request::get("/healthz").header("host", "localhost").body(Empty::<bytes::Bytes>::new())?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        anyhow::ensure!(response.status().is_success(), "health says {}", response.status());
        response.into_body().collect().await?;
        histogram.saturating_record(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, length))
}
