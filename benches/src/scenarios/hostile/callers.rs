//! What callers do to a host's memory without any guest: connections that say
//! nothing, tokens that are forged, and tenants that do not exist.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// One of each kind, so often.
const EVERY: Duration = Duration::from_millis(50);
/// Connections that are kept without a word, at most.
const SILENT_MAX: usize = 200;

/// Goes on for `length`; gives how many of all kinds there were.
pub(super) async fn trouble(host: SocketAddr, strangers: Arc<Vec<String>>, length: Duration) -> anyhow::Result<u64> {
    let (start, mut ticks) = (Instant::now(), tokio::time::interval(EVERY));
    let (mut silent, mut made) = (Vec::new(), 0_u64);
    while start.elapsed() < length {
        ticks.tick().await;
        if silent.len() >= SILENT_MAX {
            silent.clear();
        }
        let mut connection = TcpStream::connect(host).await?;
        connection.write_all(b"POST /v1/extensions/rule:invoke HTTP/1.1\r\nhost: a\r\nx-slow: ").await?;
        silent.push(connection);
        let at = usize::try_from(made).unwrap_or_default();
        let forged = format!("forged.{made}.token");
        for token in [&strangers[at % strangers.len()], &forged] {
            invoke(host, token, &format!("unknown-{made}")).await?;
        }
        made += 3;
    }
    Ok(made)
}

/// Whatever comes back is right; that something does is what matters.
async fn invoke(host: SocketAddr, token: &str, extension: &str) -> anyhow::Result<()> {
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(TcpStream::connect(host).await?)).await?;
    let driver = tokio::spawn(driver);
    let request = Request::post(format!("/v1/extensions/{extension}:invoke"))
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::new(bytes::Bytes::from_static(b"{}")))?;
    let answer = sender.send_request(request).await?;
    anyhow::ensure!(!answer.status().is_success(), "a stranger was answered {}", answer.status());
    answer.into_body().collect().await?;
    drop(sender);
    // A host may cut the connection of one that it refuses.
    let _ = driver.await;
    Ok(())
}
