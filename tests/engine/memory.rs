//! Figures that tell what memory a guest had. Guests that want more are in tests/hostile.

use extensions_types::Kind;

use crate::support::{Scene, failed, hook};

const PAGE: u64 = 64 << 10;

#[tokio::test]
async fn the_peak_is_what_the_guest_had() {
    let scene = Scene::new().await;
    for (id, pages, body) in
        [("rests", 2, ""), ("grows", 12, "(drop (memory.grow (i32.const 10)))"), ("is-refused", 2, "(drop (memory.grow (i32.const 65000)))")]
    {
        let guest = hook(&format!("{body} (call $ok (call $answer))")).text("answer", "{}");
        scene.serve(id, Kind::ProcessHook, "", guest.component()).await;
        let stats = scene.invoke(id).await.unwrap().stats.unwrap();
        // A component's shims have tables of a few elements.
        assert!((pages * PAGE..pages * PAGE + 4_096).contains(&stats.memory_peak_bytes), "{id}: {stats:?}");
    }
}

/// A growth that the module's own maximum forbids takes no memory, however often it is tried.
#[tokio::test]
async fn what_the_module_itself_forbids_is_not_counted() {
    let scene = Scene::new().await;
    let body = "(local $left i32) (local.set $left (i32.const 100))
        (loop $again
            (drop (memory.grow (i32.const 100)))
            (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))";
    let guest = hook(&format!("{body} (call $ok (call $answer))")).text("answer", "{}").memory("2 4");
    scene.serve("bounded", Kind::ProcessHook, "", guest.component()).await;
    let stats = scene.invoke("bounded").await.unwrap().stats.unwrap();
    assert!((2 * PAGE..3 * PAGE).contains(&stats.memory_peak_bytes), "{stats:?}");
    let traps = hook(&format!("{body} (unreachable)")).memory("2 4");
    scene.serve("traps", Kind::ProcessHook, "", traps.component()).await;
    assert_eq!(failed(scene.invoke("traps").await).code, "TRAP", "it never reached the limit");
}
