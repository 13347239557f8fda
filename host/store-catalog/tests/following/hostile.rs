//! Documents that lie: refused by name, each for its own entry only.

use extensions_artifact::{Operation, Owned, testing::Fault};
use extensions_catalog::{Catalog as _, Missing, Unread};
use serde_json::{Value, json};

use crate::support::{Scene, a_poll, entry, of};

/// Ways in which a document can be wrong, and what its problem says.
fn lies(of: &Owned) -> Vec<(Vec<u8>, &'static str)> {
    let honest = serde_json::to_value(entry(of, 9, &[1])).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut lie = honest.clone();
        *lie.pointer_mut(pointer).unwrap() = value;
        serde_json::to_vec(&lie).unwrap()
    };
    let mut deep = b"{\"schema\":1,\"x\":".to_vec();
    deep.extend(std::iter::repeat_n(b'[', 100_000));
    vec![
        (b"".to_vec(), "not a document"),
        (b"{}".to_vec(), "not a document"),
        (vec![0xff; 512], "not a document"),
        (deep, "not a document"),
        (with("/schema", json!(2)), "schema 2"),
        (with("/tenant", json!("other")), "it is about other/x in prod"),
        (with("/extension", json!("other")), "it is about acme/other in prod"),
        (with("/env", json!("dev")), "it is about acme/x in dev"),
        (with("/tenant", json!("../other")), "content is not as expected"),
        (with("/current", json!(7)), "current version 7"),
        (with("/versions/1/definition/tenant_id", json!("other")), "its definition is that of other/x@1"),
        (with("/versions/1/definition/id", json!("other")), "its definition is that of acme/other@1"),
        (with("/versions/1/definition/version", json!(2)), "its definition is that of acme/x@2"),
        (with("/versions/1/definition/schema", json!(2)), "schema 2"),
        (with("/versions/1/definition/limits/cpu_millis", json!(60_000)), "limits.cpu_millis"),
        (with("/versions/1/blob/sha256", json!("0".repeat(64))), "different digests"),
        (with("/versions/1/blob/key", json!("other/x/1.wasm")), "not at `acme/x/1.wasm`"),
        (with("/versions/1/blob/key", json!("acme/x/../../other/x/1.wasm")), "not at `acme/x/1.wasm`"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_lie_is_refused_by_name_and_concerns_its_own_entry_only() {
    let scene = Scene::new();
    let (x, honest) = (of("acme", "x"), of("acme", "honest"));
    scene.put(&entry(&honest, 1, &[1])).await;
    for (bytes, expected) in lies(&x) {
        scene.put_bytes(&x, &bytes).await;
        // A host that has seen nothing else of it.
        let running = Scene::ready(&scene).await;
        assert!(matches!(running.find(&x).await, Err(Missing::Unread(Unread::Damaged))), "{expected}");
        let problem = running.problem(&x).unwrap();
        assert!(problem.contains(expected), "{problem} should say: {expected}");
        assert_eq!(running.latest(&honest).await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_served_before_a_lie_goes_on_also_after_a_restart() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    for (bytes, expected) in lies(&x) {
        scene.put_bytes(&x, &bytes).await;
        a_poll().await;
        assert_eq!(running.latest(&x).await, 1, "{expected}");
        assert!(running.problem(&x).unwrap().contains(expected));
    }
    drop(running);
    let running = scene.ready().await;
    assert_eq!(running.latest(&x).await, 1);
    assert!(running.problem(&x).is_some());
    scene.put(&entry(&x, 2, &[2])).await;
    a_poll().await;
    assert_eq!((running.latest(&x).await, running.problem(&x)), (2, None));
}

#[tokio::test(start_paused = true)]
async fn an_oversized_entry_is_never_buffered() {
    let scene = Scene::new();
    let x = of("acme", "x");
    // The store that is written through refuses it too, so it is put behind its back.
    let path = object_store::path::Path::from(x.entry(crate::support::ENV).path());
    let bytes = vec![b' '; (4 << 20) + 1];
    object_store::ObjectStoreExt::put(&*scene.backend(), &path, bytes.into()).await.unwrap();
    let running = scene.ready().await;
    assert!(matches!(running.find(&x).await, Err(Missing::Unread(Unread::Damaged))));
    assert!(running.problem(&x).unwrap().contains("at most"));
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_on_the_way_are_refused_and_read_again() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    let running = scene.ready().await;
    scene.meet(Operation::Get, Fault::WrongBytes);
    assert!(matches!(running.find(&x).await, Err(Missing::Unread(Unread::Damaged))));
    let reads = scene.reads();
    assert!(running.find(&x).await.is_err());
    assert_eq!(scene.reads(), reads, "not for each caller");
    scene.faults.clear();
    a_poll().await;
    assert_eq!(running.latest(&x).await, 1);
}

#[tokio::test(start_paused = true)]
async fn foreign_objects_among_the_entries_are_passed_over() {
    let scene = Scene::new();
    let x = of("acme", "x");
    scene.put(&entry(&x, 1, &[1])).await;
    for path in ["_env/prod/entries/README.md", "_env/prod/entries/UPPER/x.json", "_env/prod/entries/a/b/c.json", "_env/prod/entries/acme/x.json.bak"]
    {
        let path = object_store::path::Path::from(path);
        object_store::ObjectStoreExt::put(&*scene.backend(), &path, bytes::Bytes::from_static(b"{}").into()).await.unwrap();
    }
    let running = scene.ready().await;
    assert_eq!(running.catalog.status().entries, 1);
    assert_eq!(running.latest(&x).await, 1);
}
