//! Nothing that one call left is there for another: not in memory, tables,
//! globals or data, whoever calls.

use extensions_client::Invoke;
use extensions_test_support::{Guest, Start};
use extensions_types::{Kind, TenantId};
use serde_json::json;

use crate::support::{CHILD, Scene, hook};

const LONG: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
const ROUNDS: usize = 8;
/// Pages within the window that is reset by writing, and far beyond it.
const SMALL: u32 = 4;
const LARGE: u32 = 200;

/// Writes a secret over all of its memory, however much it may have.
fn writer(pages: u32) -> Guest {
    let bytes = (pages + 1) << 16;
    hook(&format!(
        "(drop (memory.grow (i32.const {})))
         (memory.fill (i32.const 65536) (i32.const 0xa5) (i32.const {}))
         (table.fill $t (i32.const 0) (ref.func $spare) (i32.const 1000))
         (call $ok (call $answer))",
        pages - 1,
        bytes - 65_536
    ))
    .text("answer", "{}")
    .fields("(table $t 1000 funcref) (func $spare) (elem declare func $spare)")
}

/// Counts the bytes that are not zero in memory that it never wrote, and the
/// elements of a table that it never set.
fn reader(pages: u32) -> Guest {
    reader_after("", pages)
}

fn reader_after(before: &str, pages: u32) -> Guest {
    let end = (pages + 1) << 16;
    hook(&format!(
        "(local $at i32) (local $found i64)
         (drop (memory.grow (i32.const {})))
         {before}
         (local.set $at (i32.add (i32.and (global.get $heap) (i32.const -8)) (i32.const 8)))
         (loop $next
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (local.set $found (i64.add (local.get $found) (i64.const 1)))))
            (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const {end}))))
         (local.set $at (i32.const 999))
         (loop $next
            (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (local.set $found (i64.add (local.get $found) (i64.const 1)))))
            (br_if $next (local.tee $at (i32.sub (local.get $at) (i32.const 1)))))
         (call $ok (call $number (local.get $found)))",
        pages - 1
    ))
    .fields("(table $t 1000 funcref)")
}

/// Small memories are reset by writing, large ones by the kernel: both, and one after the other.
#[tokio::test]
async fn memory_never_passes_between_tenants() {
    let scene = Scene::of(Start::new(CHILD).io_threads(1)).await;
    for (writes, reads) in [("writes-small", SMALL), ("writes-large", LARGE)] {
        scene.serve(writes, Kind::ProcessHook, LONG, writer(reads).component()).await;
    }
    let mut readers = Vec::new();
    for (id, pages) in [("reads-small", SMALL), ("reads-large", LARGE)] {
        let served = scene.platform.serve(&scene.neighbour, id, Kind::ProcessHook, LONG, reader(pages).component());
        scene.platform.load(&served).await.unwrap();
        readers.push(id);
    }
    let neighbour = scene.platform.client(&scene.neighbour);
    for round in 0..ROUNDS {
        for writes in ["writes-small", "writes-large"] {
            for reads in &readers {
                scene.invoke(writes).await.unwrap();
                let answer = neighbour.invoke(Invoke::new(*reads)).await.unwrap();
                assert_eq!(answer.output, "{\"n\":0}", "round {round}: {reads} after {writes}");
            }
        }
    }
}

/// The reader would see what there is.
#[tokio::test]
async fn a_reader_finds_what_was_written() {
    let scene = Scene::new().await;
    for (id, before, found) in [
        ("one-byte", "(i32.store8 (i32.const 300000) (i32.const 1))", 1),
        ("one-element", "(table.set $t (i32.const 5) (ref.func $spare))", 1),
        ("a-page", "(memory.fill (i32.const 131072) (i32.const 1) (i32.const 65536))", 8_192),
    ] {
        let guest = reader_after(before, SMALL).fields("(func $spare) (elem declare func $spare)");
        scene.serve(id, Kind::ProcessHook, "", guest.component()).await;
        assert_eq!(scene.output(id).await, json!({"n": found}), "{id}");
    }
}

/// Slots of guests that were stopped midway are reset as well.
#[tokio::test]
async fn a_stopped_guest_leaves_nothing() {
    let scene = Scene::of(Start::new(CHILD).io_threads(1)).await;
    let write = |end: &str| hook(&format!("(memory.fill (i32.const 65536) (i32.const 0xa5) (i32.const 196608)) {end}")).memory("4").component();
    let spin = "(loop $again (br $again)) (unreachable)";
    scene.serve("traps", Kind::ProcessHook, "", write("(unreachable)")).await;
    scene.serve("spins", Kind::ProcessHook, "[limits]\ncpu_millis = 5\ntimeout_ms = 30000\n", write(spin)).await;
    let served = scene.platform.serve(&scene.neighbour, "reads", Kind::ProcessHook, LONG, reader(SMALL).component());
    scene.platform.load(&served).await.unwrap();
    let neighbour = scene.platform.client(&scene.neighbour);
    for _ in 0..ROUNDS {
        for writes in ["traps", "spins"] {
            scene.invoke(writes).await.unwrap_err();
            assert_eq!(neighbour.invoke(Invoke::new("reads")).await.unwrap().output, "{\"n\":0}", "after {writes}");
        }
    }
}

/// A counter in a global, in data and in a table always reads 1.
#[tokio::test]
async fn every_call_has_a_fresh_instance() {
    let scene = Scene::new().await;
    let body = "(global.set $calls (i64.add (global.get $calls) (i64.const 1)))
        (i64.store (i32.const 3000) (i64.add (i64.load (i32.const 3000)) (i64.const 1)))
        (drop (table.grow $t (ref.null func) (i32.const 1)))
        (call $ok (call $number (i64.add
            (i64.mul (global.get $calls) (i64.const 100))
            (i64.add (i64.mul (i64.load (i32.const 3000)) (i64.const 10)) (i64.extend_i32_u (table.size $t))))))";
    let guest = hook(body).fields("(global $calls (mut i64) (i64.const 0)) (data (i32.const 3000) \"\\00\") (table $t 0 8 funcref)");
    scene.serve("counts", Kind::ProcessHook, "", guest.component()).await;
    // The same component of another tenant may share code and image, never what was written.
    scene.platform.serve(&scene.neighbour, "counts", Kind::ProcessHook, "", guest.component());
    let neighbour = scene.platform.client(&scene.neighbour);
    for _ in 0..20 {
        assert_eq!(scene.output("counts").await, json!({"n": 111}));
        assert_eq!(neighbour.invoke(Invoke::new("counts")).await.unwrap().output, "{\"n\":111}");
    }
    let mut calls = Vec::new();
    for _ in 0..32 {
        calls.push(scene.calling("counts").await);
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().output_json, "{\"n\":111}");
    }
}

/// One name, two tenants, two extensions.
#[tokio::test]
async fn a_name_belongs_to_its_tenant() {
    let scene = Scene::new().await;
    let third = TenantId::parse("third").unwrap();
    for (tenant, answer) in [(&scene.hostile, "{\"of\":1}"), (&scene.neighbour, "{\"of\":2}")] {
        scene.platform.serve(tenant, "shared", Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, answer).component());
    }
    for (tenant, answer) in [(&scene.hostile, "{\"of\":1}"), (&scene.neighbour, "{\"of\":2}")] {
        let client = scene.platform.client(tenant);
        assert_eq!(client.invoke(Invoke::new("shared")).await.unwrap().output, answer);
    }
    let error = scene.platform.client(&third).invoke(Invoke::new("shared")).await.unwrap_err();
    assert_eq!(error.code(), Some(extensions_types::ErrorCode::NotFound));
}
