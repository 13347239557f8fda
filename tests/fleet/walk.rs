//! Draft, dev, staging, prod, back; and what stays when programs and store die.

use crate::cast::{Fleet, RULE};

#[tokio::test(flavor = "multi_thread")]
async fn a_version_walks_to_prod_and_back_and_outlives_its_registry_and_its_store() {
    let mut fleet = Fleet::start().await;

    fleet.done(&["push", &fleet.component(1), "--why", "first"]).await;
    let skipped = fleet.ext(&["promote", &format!("{RULE}@1"), "--to", "prod"]).await;
    assert_eq!(skipped.code, 4, "an environment cannot be skipped: {}{}", skipped.stdout, skipped.stderr);
    let unknown = fleet.call(&fleet.prod, "prod").await;
    assert_eq!(unknown.code, 1, "prod serves nothing yet: {}", unknown.stdout);
    for env in ["dev", "staging", "prod"] {
        fleet.done(&["promote", &format!("{RULE}@1"), "--to", env]).await;
    }
    fleet.answers(&fleet.dev, "dev", 1).await;
    fleet.answers(&fleet.prod, "prod", 1).await;

    fleet.done(&["push", &fleet.component(2), "--why", "second"]).await;
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "dev"]).await;
    fleet.answers(&fleet.dev, "dev", 2).await;
    fleet.answers(&fleet.prod, "prod", 1).await;
    for env in ["staging", "prod"] {
        fleet.done(&["promote", &format!("{RULE}@2"), "--to", env]).await;
    }
    fleet.answers(&fleet.prod, "prod", 2).await;

    // A registry holds nothing: another one goes on where it was killed.
    fleet.registry.kill().await;
    fleet.answers(&fleet.prod, "prod", 2).await;
    fleet.start_registry().await;
    fleet.done(&["rollback", RULE, "--to", "1", "--env", "prod", "--why", "too strict"]).await;
    fleet.answers(&fleet.prod, "prod", 1).await;
    fleet.answers(&fleet.dev, "dev", 2).await;
    let shown = fleet.done(&["show", RULE]).await.stdout;
    assert!(shown.contains("promoted_prod"), "{shown}");

    // Without its store, a host goes on; a registry says so by name.
    fleet.minio.kill();
    fleet.answers(&fleet.prod, "prod", 1).await;
    let refused = fleet.ext(&["promote", &format!("{RULE}@2"), "--to", "prod"]).await;
    assert_eq!(refused.code, 1, "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("UNAVAILABLE"), "{}", refused.stderr);
    fleet.minio.restart().unwrap();
    fleet.done(&["promote", &format!("{RULE}@2"), "--to", "prod"]).await;
    fleet.answers(&fleet.prod, "prod", 2).await;
}
