//! Draft, dev, staging, prod, back; and what stays when programs and store die.

use std::sync::Arc;

use extensions_test_servers::Minio;

use crate::cast::{Fleet, RULE};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_walks_to_prod_and_back_and_outlives_its_registry_and_its_store() {
    let mut fleet = Fleet::start(Arc::new(Minio::start().unwrap()), None).await;
    let (dev, prod) = (fleet.host("dev", "dev").await, fleet.host("prod", "prod").await);

    fleet.pushed(RULE, 1).await;
    let skipped = fleet.ext(&["promote", &format!("{RULE}@1"), "--to", "prod"]).await;
    assert_eq!(skipped.code, 4, "an environment cannot be skipped: {}", skipped.words());
    let unknown = fleet.invoke(&prod, RULE, "{}", "task").await;
    assert_eq!(unknown.code, 1, "prod serves nothing yet: {}", unknown.stdout);
    for env in ["dev", "staging", "prod"] {
        fleet.done(&["promote", &format!("{RULE}@1"), "--to", env]).await;
    }
    fleet.answers(&dev, RULE, 1).await;
    fleet.answers(&prod, RULE, 1).await;

    fleet.promoted(RULE, 2).await;
    fleet.answers(&dev, RULE, 2).await;
    fleet.answers(&prod, RULE, 1).await;
    for env in ["staging", "prod"] {
        fleet.done(&["promote", &format!("{RULE}@2"), "--to", env]).await;
    }
    fleet.answers(&prod, RULE, 2).await;

    // A registry holds nothing: another one goes on where it was killed.
    fleet.registry.kill().await;
    fleet.answers(&prod, RULE, 2).await;
    fleet.start_registry().await;
    fleet.done(&["rollback", RULE, "--to", "1", "--env", "prod", "--why", "too strict"]).await;
    fleet.answers(&prod, RULE, 1).await;
    fleet.answers(&dev, RULE, 2).await;
    let shown = fleet.done(&["show", RULE]).await.stdout;
    assert!(shown.contains("promoted_prod"), "{shown}");

    // Without its store, a host goes on; a registry says so by name.
    fleet.s3().kill();
    fleet.answers(&prod, RULE, 1).await;
    let refused = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "prod"]).await;
    assert_eq!(refused.code, 1, "{}", refused.words());
    assert!(refused.stderr.contains("UNAVAILABLE"), "{}", refused.stderr);
    fleet.s3().restart().unwrap();
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "prod"]).await;
    fleet.answers(&prod, RULE, 2).await;
}
