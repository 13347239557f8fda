//! TLS and passwords.

use extensions_coordination::{Heard, RedisSettings};
use extensions_test_servers::{Authority, Redis, Validity};
use extensions_tls::ClientTlsSettings;

use crate::kit::{DEV, connected, entry, listening, opened, settings, soon, until};

async fn refused(settings: &RedisSettings, word: &str) {
    let coordination = opened(settings);
    until(word, || async { coordination.status().last_error.is_some_and(|error| error.contains(word)) }).await;
    assert!(!coordination.status().connected);
}

#[tokio::test]
async fn hints_travel_over_tls_and_only_to_the_redis_that_is_meant() {
    let (ours, theirs) = (Authority::new().unwrap(), Authority::new().unwrap());
    let redis = Redis::start_tls(&ours).unwrap();
    let trusting = |authority: &Authority| ClientTlsSettings { ca_file: Some(authority.ca_file()), ..ClientTlsSettings::default() };
    let secured = RedisSettings { tls: trusting(&ours), ..settings(&redis) };
    let coordination = connected(&secured).await;
    let mut changes = listening(&coordination, DEV).await;
    coordination.announce(DEV, &entry("a", 1)).await.unwrap();
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 1)));

    // Both authorities bear the same name, so that the signature is what tells them apart.
    refused(&RedisSettings { tls: trusting(&theirs), ..secured.clone() }, "ertificate").await;
    let expired = Redis::start_tls_as(&ours, &ours.issue(&["localhost", "127.0.0.1"], Validity::Expired).unwrap()).unwrap();
    refused(&RedisSettings { url: expired.url(), ..secured.clone() }, "expired").await;
    let elsewhere = Redis::start_tls_as(&ours, &ours.issue(&["elsewhere.example"], Validity::Now).unwrap()).unwrap();
    refused(&RedisSettings { url: elsewhere.url(), ..secured }, "another name").await;
}

#[tokio::test]
async fn a_password_is_read_from_its_file_whenever_it_connects() {
    let redis = Redis::start_with(&["--requirepass", "open sesame"]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let settings = RedisSettings { password_file: Some(file.clone()), ..settings(&redis) };
    let coordination = opened(&settings);
    until("it is refused", || async {
        coordination.status().last_error.is_some_and(|error| error.contains("WRONGPASS") || error.contains("assword"))
    })
    .await;
    std::fs::write(&file, "open sesame\n").unwrap();
    soon("a connection with the new one", coordination.connected()).await;
    let mut changes = listening(&coordination, DEV).await;
    coordination.announce(DEV, &entry("a", 1)).await.unwrap();
    assert_eq!(soon("the change", changes.next()).await, Heard::Change(entry("a", 1)));
    let without = RedisSettings { password_file: None, ..settings };
    refused(&without, "uthentication").await;
}
