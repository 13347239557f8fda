//! S3 is gone: while the host runs, and when it starts again.

use extensions_test_servers::Minio;
use extensions_types::SwitchTarget;

use crate::{
    program::Place,
    shelf::{Shelf, of},
};

#[tokio::test]
async fn a_host_goes_on_without_s3_and_starts_without_it() {
    let minio = Minio::start().unwrap();
    let bucket = minio.bucket().unwrap();
    let (shelf, place) = (Shelf::bucket(&bucket), Place::new());
    for id in ["warm", "cold", "stopped"] {
        shelf.promote(&of(id), 1).await;
    }
    let stopped = of("stopped");
    shelf.switch_off(1, &[SwitchTarget::Extension { tenant: stopped.tenant, extension: stopped.extension }]).await;
    let program = place.start(&bucket.to_toml()).await;
    program.ready().await;
    program.serves("warm", Ok(1)).await;
    program.serves("stopped", Err("DISABLED")).await;

    minio.kill();
    for _ in 0..20 {
        assert_eq!(program.served("warm").await, Ok(1));
    }
    assert_eq!(program.served("cold").await, Err("UNAVAILABLE".to_owned()), "known, never read");
    assert_eq!(program.served("none").await, Err("NOT_FOUND".to_owned()));
    assert!(program.is_ready().await, "readiness never depends on the store once there is a catalog");
    assert!(program.stop().await.success());

    // Its code is on disk, its entry and the switches too: nothing of the store is needed.
    let program = place.start(&bucket.to_toml()).await;
    program.ready().await;
    assert_eq!(program.status().await["origin"], "last_copy");
    program.serves("warm", Ok(1)).await;
    assert_eq!(program.served("stopped").await, Err("DISABLED".to_owned()));
    assert_eq!(program.served("none").await, Err("NOT_FOUND".to_owned()));

    minio.restart().unwrap();
    shelf.promote(&of("warm"), 2).await;
    program.serves("warm", Ok(2)).await;
    program.serves("cold", Ok(1)).await;
    assert_eq!(program.status().await["origin"], "store");
}

#[tokio::test]
async fn a_host_that_never_saw_its_store_is_not_ready() {
    let minio = Minio::start().unwrap();
    let bucket = minio.bucket().unwrap();
    minio.kill();
    let mut program = Place::new().start(&bucket.to_toml()).await;
    program.logged("cannot be listed").await;
    assert!(!program.is_ready().await);
    assert_eq!(program.served("x").await, Err("UNAVAILABLE".to_owned()));
    minio.restart().unwrap();
    program.ready().await;
    assert_eq!(program.served("x").await, Err("NOT_FOUND".to_owned()));
}
