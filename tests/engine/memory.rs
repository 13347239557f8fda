//! Guests that want more memory than they may have, and figures that tell what they had.

use extensions_test_support::{Guest, components::process_hook_with};
use extensions_types::Kind;

use crate::support::{Attack, Scene, attack, failed, hook};

const SMALL: &str = "[limits]\nmemory_mb = 1\n";
const PAGE: u64 = 64 << 10;

/// A body that grows until it is refused, and traps then.
fn grows(step: u32) -> Guest {
    hook(&format!("(loop $more (br_if $more (i32.ne (memory.grow (i32.const {step})) (i32.const -1)))) (unreachable)"))
}

#[tokio::test]
async fn what_exceeds_the_limit_fails_under_its_name() {
    let scene = Scene::new().await;
    let table = |start: u32, grow: u32| {
        let body =
            format!("(if (i32.eq (table.grow $t (ref.null func) (i32.const {grow})) (i32.const -1)) (then (unreachable))) (call $ok (call $answer))");
        hook(&body).text("answer", "{}").fields(&format!("(table $t {start} funcref)"))
    };
    let second = "(core module $b (memory 600)) (core instance (instantiate $b)) (core module $c (memory 600)) (core instance (instantiate $c))";
    let two = |first: &'static str| Attack { component: process_hook_with(first), ..attack("", &hook("(unreachable)"), "MEMORY_LIMIT") };
    scene
        .withstands(vec![
            attack("grows at once", &grows(65_535), "MEMORY_LIMIT"),
            attack("grows in steps", &grows(16), "MEMORY_LIMIT"),
            attack("grows by the page", &grows(1), "MEMORY_LIMIT").limits(SMALL),
            attack("starts too large", &hook("(unreachable)").memory("1025"), "MEMORY_LIMIT"),
            attack("grows its table", &table(1, 200_000), "MEMORY_LIMIT").limits(SMALL),
            Attack { name: "two memories above the sum", ..two("(core module $b (memory 1023)) (core instance (instantiate $b))") },
        ])
        .await;
    // More memories than the pool has for a component, and more than any definition may ask for.
    for (id, component) in [("three-memories", process_hook_with(second)), ("larger-than-any", hook("(unreachable)").memory("4097").component())] {
        scene.platform.serve(&scene.hostile, id, Kind::ProcessHook, "", component);
        assert_eq!(failed(scene.invoke(id).await).code, "ARTIFACT_CORRUPT", "{id}");
        scene.others_are_unharmed(id).await;
    }
}

#[tokio::test]
async fn a_refused_growth_alone_is_no_failure() {
    let scene = Scene::new().await;
    let guest = hook("(if (i32.ne (memory.grow (i32.const 65000)) (i32.const -1)) (then (unreachable))) (call $ok (call $answer))");
    scene.serve("asks", Kind::ProcessHook, "", guest.text("answer", "{}").component()).await;
    assert_eq!(scene.output("asks").await, serde_json::json!({}));
}

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
