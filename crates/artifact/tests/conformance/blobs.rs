//! Verified blobs: once, within bounds, and never wrong.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use extensions_artifact::{
    BlobError, BlobSettings, Blobs, Store, StoreError, digest,
    testing::{Fault, Faults, Memory},
};
use futures_util::future::join_all;

use crate::place::{create, of, version};

fn bench(settings: BlobSettings) -> (Faults, Store, Blobs) {
    let faults = Faults::default();
    let store = Store::over(faults.over(Arc::new(Memory::default())));
    (faults, store.clone(), Blobs::new(store, settings))
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_are_one_read() {
    let (faults, store, blobs) = bench(BlobSettings::default());
    let (key, bytes) = (of("acme", "vat").component(version(1)), Bytes::from(vec![7; 10_000]));
    create(&store, &key, bytes.clone()).await;
    faults.reset();
    faults.at(1, Fault::Delay(Duration::from_secs(1)));
    let wanted = digest(&bytes);
    let fetched = join_all((0..100).map(|_| blobs.fetch(&key, &wanted))).await;
    assert!(fetched.into_iter().all(|fetched| fetched.unwrap() == bytes));
    assert_eq!(faults.count(), 1);
    assert!(blobs.cached_bytes() >= 10_000);
    // The same component of another tenant is the same bytes; a read goes to the store all the same.
    assert_eq!(blobs.fetch(&of("other", "vat").component(version(9)), &wanted).await.unwrap(), bytes);
    assert_eq!(faults.count(), 1);
    assert_eq!(blobs.read(&key, &wanted).await.unwrap(), bytes);
    assert_eq!(faults.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_are_never_handed_out() {
    let (faults, store, blobs) = bench(BlobSettings::default());
    let key = of("acme", "vat").component(version(1));
    create(&store, &key, "component").await;
    faults.reset();
    faults.at(1, Fault::WrongBytes);
    let wanted = digest(b"component");
    let fetched = blobs.fetch(&key, &wanted).await;
    assert!(matches!(&fetched, Err(BlobError::Corrupt { wanted: w, got, .. }) if *w == wanted && *got != wanted), "{fetched:?}");
    // For a moment nobody asks again; then it is read anew.
    assert!(matches!(blobs.fetch(&key, &wanted).await, Err(BlobError::Corrupt { .. })));
    assert_eq!(faults.count(), 1);
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(blobs.fetch(&key, &wanted).await.unwrap(), "component");
}

#[tokio::test(start_paused = true)]
async fn a_lost_blob_is_named_and_found_again() {
    let (faults, store, blobs) = bench(BlobSettings::default());
    let (key, wanted) = (of("acme", "vat").component(version(1)), digest(b"component"));
    for fetched in join_all((0..50).map(|_| blobs.fetch(&key, &wanted))).await {
        assert!(matches!(&fetched, Err(BlobError::Missing { .. })), "{fetched:?}");
    }
    assert_eq!(faults.count(), 1);
    create(&store, &key, "component").await;
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(blobs.fetch(&key, &wanted).await.unwrap(), "component");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_once() {
    let (faults, _, blobs) = bench(BlobSettings::default());
    faults.rule(|_| Some(Fault::Silent));
    let (key, wanted) = (of("acme", "vat").component(version(1)), digest(b"component"));
    let started = tokio::time::Instant::now();
    for fetched in join_all((0..50).map(|_| blobs.fetch(&key, &wanted))).await {
        assert!(matches!(&fetched, Err(BlobError::Store(StoreError::Unavailable { .. }))), "{fetched:?}");
    }
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert_eq!(faults.count(), 3);
}

#[tokio::test]
async fn an_asker_who_leaves_keeps_nobody_waiting() {
    let (faults, store, blobs) = bench(BlobSettings::default());
    let (key, wanted) = (of("acme", "vat").component(version(1)), digest(b"component"));
    create(&store, &key, "component").await;
    faults.reset();
    faults.at(1, Fault::Silent);
    let mut leaves = Box::pin(blobs.fetch(&key, &wanted));
    assert!(futures_util::poll!(leaves.as_mut()).is_pending());
    drop(leaves);
    assert_eq!(blobs.fetch(&key, &wanted).await.unwrap(), "component");
}

#[tokio::test]
async fn the_cache_keeps_within_its_bytes() {
    let (_, store, blobs) = bench(BlobSettings { cache_bytes: 1_000_000, ..BlobSettings::default() });
    for number in 1..=50 {
        let (key, bytes) = (of("acme", "vat").component(version(number)), Bytes::from(vec![number as u8; 100_000]));
        create(&store, &key, bytes.clone()).await;
        assert_eq!(blobs.fetch(&key, &digest(&bytes)).await.unwrap(), bytes);
        assert!(blobs.cached_bytes() <= 1_000_000, "{}", blobs.cached_bytes());
    }
    assert!(blobs.cached_bytes() > 300_000, "{}", blobs.cached_bytes());
}
