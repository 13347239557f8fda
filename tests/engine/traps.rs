//! Guests that break: the text says how. That each trap is one is shown in tests/hostile.

use extensions_types::Kind;

use crate::support::{Scene, failed, hook};

#[tokio::test]
async fn the_text_says_what_broke() {
    let scene = Scene::new().await;
    for (id, body, says) in [
        ("panics", "(call $inner) (unreachable)", "unreachable"),
        ("divides", "(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
        ("recurses", "(call $endless) (unreachable)", "call stack exhausted"),
    ] {
        let guest = hook(body).fields("(func $inner (unreachable)) (func $endless (call $endless))");
        scene.serve(id, Kind::ProcessHook, "", guest.component()).await;
        let failed = failed(scene.invoke(id).await);
        assert!(failed.message.contains(says), "{}", failed.message);
    }
}
