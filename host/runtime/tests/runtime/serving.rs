//! What the store says is what is served: on disk and on S3.

use extensions_test_servers::Minio;
use extensions_types::{EntryDocument, SwitchTarget};

use crate::{
    program::Place,
    shelf::{Shelf, answering, entry, of},
};

async fn follows(shelf: Shelf, store: &str) {
    let (place, x, y) = (Place::new(), of("x"), of("y"));
    shelf.promote(&x, 1).await;
    shelf.promote(&y, 1).await;
    let program = place.start(store).await;
    program.ready().await;
    program.serves("x", Ok(1)).await;
    assert_eq!(program.served("z").await, Err("NOT_FOUND".to_owned()));
    assert_eq!(program.call("x", "&version=2").await.error_code(), "NOT_PROMOTED");
    assert_eq!(program.call("x", "&env=dev").await.error_code(), "BAD_REQUEST");
    assert_eq!(program.call("x", "&env=prod").await.status, 200);
    assert_eq!(program.list().await["extensions"].as_array().unwrap().len(), 2);

    // A promotion reaches the host while it is called, and no call fails.
    shelf.promote(&x, 2).await;
    let mut versions = Vec::new();
    while versions.last() != Some(&2) {
        versions.push(program.served("x").await.unwrap());
    }
    assert!(versions.is_sorted(), "{versions:?}");

    // Disabled, enabled.
    let two = extensions_artifact::digest(&answering(2));
    shelf.write(&EntryDocument { enabled: false, applied_seq: 3, ..entry(&x, 2, two) }).await;
    program.serves("x", Err("DISABLED")).await;
    shelf.write(&EntryDocument { applied_seq: 4, ..entry(&x, 2, two) }).await;
    program.serves("x", Ok(2)).await;

    // Control.
    shelf.switch_off(1, &[SwitchTarget::Tenant { tenant: x.tenant.clone() }]).await;
    program.serves("x", Err("DISABLED")).await;
    program.serves("y", Err("DISABLED")).await;
    shelf.switch_off(2, &[]).await;
    program.serves("x", Ok(2)).await;
    let status = program.status().await;
    assert_eq!((&status["origin"], &status["control"]["seq"], &status["problems_total"]), (&"store".into(), &2.into(), &0.into()));
    assert!(program.stop().await.success());
}

#[tokio::test]
async fn a_host_follows_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    follows(Shelf::local(folder.path()), &format!("dir = {:?}", folder.path())).await;
}

#[tokio::test]
async fn a_host_follows_a_bucket() {
    let minio = Minio::start().unwrap();
    let bucket = minio.bucket().unwrap();
    follows(Shelf::bucket(&bucket), &bucket.to_toml()).await;
}

#[tokio::test]
async fn a_corrupt_or_lost_component_is_never_served_and_hurts_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, place) = (Shelf::local(folder.path()), Place::new());
    for id in ["good", "corrupt", "lost", "switched"] {
        shelf.promote(&of(id), 1).await;
    }
    let one = crate::shelf::version(1);
    shelf.0.put(&of("corrupt").component(one), answering(7).into()).await.unwrap();
    shelf.0.delete(&of("lost").component(one)).await.unwrap();
    let program = place.start(&format!("dir = {:?}", folder.path())).await;
    program.ready().await;
    // Components of the same bytes share code: these two must not have been loaded by another's.
    assert_eq!(program.served("corrupt").await, Err("ARTIFACT_CORRUPT".to_owned()));
    assert_eq!(program.served("lost").await, Err("ARTIFACT_CORRUPT".to_owned()));
    program.serves("good", Ok(1)).await;
    program.serves("switched", Ok(1)).await;

    // A loaded extension whose new version is corrupt keeps its last good one, and status says so.
    shelf.write(&entry(&of("switched"), 2, extensions_artifact::digest(&answering(2)))).await;
    shelf.0.put(&of("switched").component(crate::shelf::version(2)), answering(9).into()).await.unwrap();
    extensions_test_support::event(async { while program.status().await["problems_total"] == 0 {} }).await;
    let problem = program.status().await["problems"][0].clone();
    assert_eq!(problem["extension"], "switched");
    assert!(problem["problem"].as_str().unwrap().contains("version 2 cannot be loaded"), "{problem}");
    assert_eq!(program.served("switched").await, Ok(1));
    assert_eq!(program.served("good").await, Ok(1));
    // Mended, it is followed.
    shelf.promote(&of("switched"), 3).await;
    program.serves("switched", Ok(3)).await;
}
