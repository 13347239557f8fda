//! A host that leaves: calls in flight finish, new ones are refused.

use extensions_client::{Client, Invoke};
use extensions_front::Drained;
use extensions_test_support::{Guest, event, until};
use extensions_types::Kind;
use tokio::net::TcpStream;

use crate::{
    shot::{Shot, Transport},
    stage::Stage,
};

/// Works until half a second of its 30 is gone.
const WORKS: &str = "(local $end i32)
    (call $current (i32.const 2048))
    (local.set $end (i32.sub (i32.load (i32.const 2128)) (i32.const 500)))
    (loop $again
        (call $current (i32.const 2048))
        (br_if $again (i32.gt_u (i32.load (i32.const 2128)) (local.get $end))))
    (call $ok (call $answer))";

#[tokio::test]
async fn calls_in_flight_finish_and_new_ones_are_refused() {
    let stage = Stage::new().await;
    let guest = Guest::new(Kind::ProcessHook, WORKS).text("answer", "{\"done\":1}");
    // `current` is answered into fresh memory each time.
    let limits = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\nmemory_mb = 256\n";
    let served = stage.platform.serve(&stage.acme, "works", Kind::ProcessHook, limits, guest.component());
    stage.platform.load(&served).await.unwrap();
    let (token, tcp) = (stage.platform.token(&stage.acme), stage.platform.tcp());
    let connection = Transport::grpc(&tcp).await;
    let shot = stage.good();
    let works = Shot { extension: "works".into(), ..shot.clone() };
    let calling = {
        let connection = connection.clone();
        tokio::spawn(async move { works.fire(&connection).await })
    };
    let engine = stage.platform.engine().clone();
    until(|| engine.slow_calls() == 1).await;
    let extensions_client::Endpoint::Tcp(uri) = &tcp else { panic!("{tcp}") };
    let address = uri.authority().unwrap().to_string();
    let draining = tokio::spawn(stage.platform.drain());
    event(async { while TcpStream::connect(&address).await.is_ok() {} }).await;
    let late = Client::builder().token(&token).retries(0).connect(&tcp).unwrap();
    assert!(late.invoke(Invoke::new("rule")).await.is_err(), "the listener is closed");
    assert!(!calling.is_finished(), "the call outlasts the listener");
    assert_eq!(event(calling).await.unwrap().output, "{\"done\":1}");
    let Drained { finished, cut } = event(draining).await.unwrap();
    assert_eq!((finished, cut), (1, 0));
    assert_ne!(shot.fire(&connection).await.status, 0, "the old connection is gone");
}
