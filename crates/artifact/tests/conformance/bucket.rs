//! A bucket's own troubles: wrong names and keys, a server that is gone, stopped or back.

use std::time::Duration;

use extensions_artifact::{S3Settings, Secret, Store, StoreError, Timing};
use extensions_test_servers::{Authority, Minio};

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

#[tokio::test]
async fn a_server_with_an_own_authority_is_believed_by_it_alone() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let minio = Minio::start_tls(&authority).unwrap();
    let settings = S3Settings { ca_file: Some(authority.ca_file()), ..s3(&minio.bucket().unwrap()) };
    let key = of("acme", "vat").head();
    let trusting = store(&settings);
    create(&trusting, &key, "secured").await;
    assert_eq!(text(&trusting, &key).await.as_deref(), Some("secured"));
    for wrong in [S3Settings { ca_file: Some(stranger.ca_file()), ..settings.clone() }, S3Settings { ca_file: None, ..settings }] {
        let answer = store(&wrong).get(&key).await;
        assert!(matches!(&answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn authorities_and_keys_are_replaced_while_the_store_is_open() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let minio = Minio::start_tls(&authority).unwrap();
    let bucket = minio.bucket().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::copy(stranger.ca_file(), at("ca")).unwrap();
    std::fs::write(at("access"), &bucket.access_key).unwrap();
    std::fs::write(at("secret"), "of yesterday".replace(' ', "-")).unwrap();
    let files =
        S3Settings { access_key: None, secret_key: None, access_key_file: Some(at("access")), secret_key_file: Some(at("secret")), ..s3(&bucket) };
    let opened = store(&S3Settings { ca_file: Some(at("ca")), ..files });
    assert!(matches!(opened.probe().await, Err(StoreError::Unavailable { .. })), "the server's authority is not known");
    std::fs::copy(authority.ca_file(), at("ca")).unwrap();
    until(|| async { matches!(opened.probe().await, Err(StoreError::Denied { .. })) }).await;
    std::fs::write(at("secret"), &bucket.secret_key).unwrap();
    until(|| async { opened.probe().await.is_ok() }).await;
    // What cannot be used takes nothing away.
    std::fs::write(at("ca"), "garbage").unwrap();
    std::fs::write(at("secret"), "").unwrap();
    tokio::time::sleep(2 * extensions_service::LOOK_EVERY).await;
    assert!(opened.probe().await.is_ok());
}

/// Looks again until it is so; replaced files are looked at every two seconds.
async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let patience = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so().await {
        assert!(std::time::Instant::now() < patience, "it did not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
