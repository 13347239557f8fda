//! A bucket's own troubles: wrong names and keys, a server that is gone, stopped or back.

use std::time::Duration;

use extensions_artifact::{S3Settings, Secret, Store, StoreError, Timing};
use extensions_test_servers::Minio;

use crate::place::{create, of, s3, text};

/// Tells quickly; a local server answers within milliseconds.
const IMPATIENT: Timing = Timing { try_timeout: Duration::from_millis(300), tries: 2, pause: Duration::from_millis(10) };

fn store(settings: &S3Settings) -> Store {
    Store::s3(settings).unwrap().with_timing(IMPATIENT)
}

#[tokio::test]
async fn a_wrong_bucket_is_not_an_empty_one() {
    let minio = Minio::shared().unwrap();
    let wrong = store(&S3Settings { bucket: "nowhere".into(), ..s3(&minio.bucket().unwrap()) });
    let key = of("acme", "vat").head();
    let answers = [
        wrong.get(&key).await.map(drop),
        wrong.page(&extensions_artifact::Prefix::All, None, 10).await.map(drop),
        wrong.create(&key, "{}".into()).await.map(drop),
        wrong.put(&key, "{}".into()).await.map(drop),
        wrong.probe().await,
    ];
    for answer in answers {
        assert!(matches!(&answer, Err(StoreError::Misconfigured { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn wrong_keys_are_told_from_a_missing_object() {
    let minio = Minio::shared().unwrap();
    let settings = s3(&minio.bucket().unwrap());
    for keys in [
        S3Settings { secret_key: Some(Secret::new("another")), ..settings.clone() },
        S3Settings { access_key: Some(Secret::new("nobody")), ..settings },
    ] {
        let wrong = store(&keys);
        let key = of("acme", "vat").head();
        for answer in [wrong.get(&key).await.map(drop), wrong.create(&key, "{}".into()).await.map(drop), wrong.probe().await] {
            assert!(matches!(&answer, Err(StoreError::Denied { .. })), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn folders_of_a_bucket_do_not_see_each_other() {
    let minio = Minio::shared().unwrap();
    let bucket = s3(&minio.bucket().unwrap());
    let one = store(&S3Settings { prefix: Some("one".into()), ..bucket.clone() });
    let (other, whole) = (store(&S3Settings { prefix: Some("one-more".into()), ..bucket.clone() }), store(&bucket));
    let key = of("acme", "vat").head();
    create(&one, &key, "one").await;
    assert_eq!((text(&other, &key).await, text(&whole, &key).await), (None, None));
    assert!(other.tenants(None, 10).await.unwrap().names.is_empty());
    create(&other, &key, "other").await;
    assert_eq!(text(&one, &key).await.unwrap(), "one");
    assert!(!one.same_as(&other) && one.same_as(&store(&S3Settings { prefix: Some("one".into()), ..bucket })));
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_comes_back() {
    let minio = Minio::start().unwrap();
    let store = store(&s3(&minio.bucket().unwrap()));
    let key = of("acme", "vat").head();
    let etag = create(&store, &key, "one").await;
    minio.kill();
    // Nobody listens: what was asked cannot have been done.
    let refused = [store.get(&key).await.map(drop), store.create(&of("acme", "vat").event(1), "{}".into()).await.map(drop), store.probe().await];
    for answer in refused {
        assert!(matches!(&answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }
    minio.restart().unwrap();
    assert_eq!(text(&store, &key).await.unwrap(), "one");
    crate::place::swap(&store, &key, "two", &etag).await;
}

#[tokio::test]
async fn a_server_that_hangs_leaves_writes_undecided() {
    let minio = Minio::start().unwrap();
    let store = store(&s3(&minio.bucket().unwrap()));
    let key = of("acme", "vat").event(1);
    create(&store, &of("acme", "vat").head(), "one").await;
    minio.hang().unwrap();
    let read = store.get(&key).await;
    assert!(matches!(&read, Err(StoreError::Unavailable { .. })), "{read:?}");
    let written = store.create(&key, "ours".into()).await;
    assert!(matches!(&written, Err(error) if error.is_undecided()), "{written:?}");
    minio.go_on().unwrap();
    // Now it is done or not; trying again with the same content settles it.
    let patient = store.with_timing(Timing::default());
    patient.create(&key, "ours".into()).await.unwrap();
    assert_eq!(text(&patient, &key).await.unwrap(), "ours");
}
