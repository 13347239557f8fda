//! Too many failed authentications end a connection, and only that one.

use crate::{
    shot::{Shot, Transport},
    stage::Stage,
};

/// More than a connection may make at once.
const TRIES: usize = 30;

#[tokio::test]
async fn guessing_ends_the_connection() {
    let stage = Stage::new().await;
    let guessing = Transport::grpc(&stage.platform.tcp()).await;
    let mut told = Vec::new();
    for at in 0..TRIES {
        let guess = Shot { token: Some(format!("guess-{at}")), ..stage.good() };
        told.push(guess.fire(&guessing).await.error_code);
    }
    assert_eq!(told[..20], ["UNAUTHENTICATED"; 20]);
    let metrics = stage.platform.metrics().await;
    assert!(metrics.contains("extensions_front_authentication_failures_total"), "{metrics}");
    for (name, transport) in &stage.transports {
        let next = stage.good().fire(transport).await;
        assert_eq!(next.output, "{\"by\":1}", "{name}: {}", next.message);
    }
}
