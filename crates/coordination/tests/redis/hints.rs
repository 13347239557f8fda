//! Changes: heard by those of the environment, and what strangers say in between.

use extensions_coordination::{Change, Heard, RedisSettings};
use extensions_test_servers::Redis;
use extensions_types::Environment;
use redis::AsyncCommands as _;

use crate::kit::{DEV, connected, counted, entry, key, listening, settings, shout, soon, stranger, until};

#[tokio::test]
async fn a_change_is_heard_in_its_environment_alone() {
    let redis = Redis::shared().unwrap();
    let (speaker, settings) = {
        let settings = settings(&redis);
        (connected(&settings).await, settings)
    };
    let listener = connected(&settings).await;
    let (mut dev, mut prod) = (listening(&listener, DEV).await, listening(&listener, Environment::Prod).await);
    speaker.announce(DEV, &entry("a", 1)).await.unwrap();
    speaker.announce(Environment::Prod, &Change::Control { seq: 4 }).await.unwrap();
    assert_eq!(soon("dev's", dev.next()).await, Heard::Change(entry("a", 1)));
    assert_eq!(soon("prod's", prod.next()).await, Heard::Change(Change::Control { seq: 4 }));
    assert_eq!(counted(&listener, "redis_heard_total"), 2);
}

#[tokio::test]
async fn what_strangers_say_is_counted_and_dropped() {
    let redis = Redis::shared().unwrap();
    let (_dir, key_file) = key(1);
    let settings = RedisSettings { key_file: Some(key_file), ..settings(&redis) };
    let coordination = connected(&settings).await;
    let mut changes = listening(&coordination, DEV).await;
    let mut stranger = stranger(&redis).await;
    let forged = format!("1 {} {{\"of\":\"entry\",\"tenant\":\"acme\",\"extension\":\"a\",\"seq\":99}}", "ab".repeat(32));
    for text in [&b"\xff\xfe\x00"[..], b"{}", b"1 - {\"of\":\"control\",\"seq\":9}", forged.as_bytes(), &[b'x'; 1 << 20], b""] {
        shout(&mut stranger, &settings.namespace, text).await;
    }
    coordination.announce(DEV, &entry("a", 2)).await.unwrap();
    assert_eq!(soon("the genuine one", changes.next()).await, Heard::Change(entry("a", 2)), "nothing of a stranger comes before it");
    let dropped = |reason: &str| counted(&coordination, &format!("redis_dropped_total{{reason=\"{reason}\"}}"));
    assert_eq!((dropped("Malformed"), dropped("Unauthenticated"), dropped("TooLong")), (3, 2, 1));
}

#[tokio::test]
async fn a_message_of_another_environment_is_not_believed_and_a_repeated_one_not_taken() {
    let redis = Redis::shared().unwrap();
    let (_dir, key_file) = key(1);
    let settings = RedisSettings { key_file: Some(key_file), ..settings(&redis) };
    let coordination = connected(&settings).await;
    // Anyone can record what is said.
    let client = redis::Client::open(redis.url()).unwrap();
    let mut tap = client.get_async_pubsub().await.unwrap();
    tap.psubscribe(format!("{}:*", settings.namespace)).await.unwrap();
    let mut recorded = tap.into_on_message();
    let mut changes = listening(&coordination, DEV).await;
    let next = async |recorded: &mut redis::aio::PubSubStream| {
        soon("a recording", std::future::poll_fn(|context| futures_util::Stream::poll_next(std::pin::Pin::new(&mut *recorded), context)))
            .await
            .unwrap()
    };
    coordination.announce(Environment::Prod, &entry("a", 50)).await.unwrap();
    let of_prod = next(&mut recorded).await.get_payload_bytes().to_vec();
    coordination.announce(DEV, &entry("a", 3)).await.unwrap();
    let of_dev = next(&mut recorded).await.get_payload_bytes().to_vec();
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 3)));

    let mut stranger = stranger(&redis).await;
    shout(&mut stranger, &settings.namespace, &of_prod).await;
    for _ in 0..5 {
        shout(&mut stranger, &settings.namespace, &of_dev).await;
    }
    coordination.announce(DEV, &entry("a", 4)).await.unwrap();
    let mut heard = soon("the next change", changes.next()).await;
    if heard == Heard::Change(entry("a", 3)) {
        // A machine that stood still longer than an echo lasts: a hint that says nothing new.
        heard = soon("the next change", changes.next()).await;
    }
    assert_eq!(heard, Heard::Change(entry("a", 4)));
    assert_eq!(counted(&coordination, "redis_dropped_total{reason=\"Unauthenticated\"}"), 1);
}

#[tokio::test]
async fn a_flood_becomes_one_look_at_everything_now_and_then() {
    let redis = Redis::start().unwrap();
    let settings = settings(&redis);
    let coordination = connected(&settings).await;
    let mut changes = listening(&coordination, DEV).await;
    let mut stranger = stranger(&redis).await;
    let channel = format!("{}:dev:changes", settings.namespace);
    let mut sent = 0;
    while counted(&coordination, "redis_dropped_total{reason=\"Flood\"}") == 0 {
        let mut pipe = redis::pipe();
        for _ in 0..5_000 {
            sent += 1;
            let text = format!("1 - {{\"of\":\"entry\",\"tenant\":\"acme\",\"extension\":\"e{sent}\",\"seq\":1}}");
            pipe.cmd("PUBLISH").arg(&channel).arg(text).ignore();
        }
        let _: () = soon("5,000 messages", pipe.query_async(&mut stranger)).await.unwrap();
        assert!(sent < 1_000_000, "no flood is too much");
    }
    let mut taken = 0;
    while soon("a look at everything", changes.next()).await != Heard::Reconnected {
        taken += 1;
        assert!(taken < sent, "everything was told one by one");
    }
    // It goes on as before.
    until("the change after it", || async { coordination.announce(DEV, &entry("after", 1)).await.is_ok() }).await;
    let mut heard = soon("something", changes.next()).await;
    while heard != Heard::Change(entry("after", 1)) && heard != Heard::Reconnected {
        heard = soon("something", changes.next()).await;
    }
    let _: () = stranger.del("nothing").await.unwrap();
}
