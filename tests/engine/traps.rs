//! Guests that break: whatever the trap, the code is TRAP and the text says which.

use extensions_test_support::{Guest, Start};
use extensions_types::Kind;

use crate::support::{Attack, CHILD, Scene, attack, failed, hook};

#[tokio::test]
async fn every_trap_is_one() {
    Scene::new().await.withstands(traps()).await;
}

#[tokio::test]
async fn explicit_checks_trap_where_guard_pages_do() {
    Scene::of(Start::new(CHILD).profile("hardened")).await.withstands(traps()).await;
}

fn traps() -> Vec<Attack> {
    let frames =
        hook("(call $deeper (i32.const 0)) (unreachable)").fields("(func $deeper (param i32) (call $deeper (i32.add (local.get 0) (i32.const 1))))");
    let pair = hook("(call $a) (unreachable)").fields("(func $a (call $b)) (func $b (call $a))");
    let table = "(table 1 funcref) (type $none (func)) (type $other (func (param i64)))";
    let start = hook("(unreachable)").fields("(func $init (unreachable)) (start $init)");
    let post = Guest::answering(Kind::ProcessHook, "{}").fields("(func (export \"cabi_post_run\") (param i32) (unreachable))");
    let wrong = hook("(call_indirect (type $other) (i64.const 1) (i32.const 0)) (unreachable)")
        .fields(table)
        .fields("(elem (i32.const 0) $spare) (func $spare)");
    vec![
        attack("unreachable", &hook("(unreachable)"), "TRAP"),
        attack("recursion", &frames, "TRAP"),
        attack("mutual recursion", &pair, "TRAP"),
        attack("division by zero", &hook("(i32.div_u (i32.const 1) (i32.const 0))"), "TRAP"),
        attack("integer overflow", &hook("(i32.div_s (i32.const 0x80000000) (i32.const -1))"), "TRAP"),
        attack("bad conversion", &hook("(i32.trunc_f64_s (f64.const nan))"), "TRAP"),
        attack("load beyond memory", &hook("(i32.load (i32.const 0x7ffffffc))"), "TRAP"),
        attack("load beyond 4 gib", &hook("(i32.load offset=0xfffffff0 (i32.const -1))"), "TRAP"),
        attack("store beyond memory", &hook("(i32.store (i32.const -4) (i32.const 1)) (unreachable)"), "TRAP"),
        attack("copy beyond memory", &hook("(memory.copy (i32.const 0) (i32.const 65536) (i32.const 0x7fffffff)) (unreachable)"), "TRAP"),
        attack("call of nothing", &hook("(call_indirect (type $none) (i32.const 0)) (unreachable)").fields(table), "TRAP"),
        attack("call beyond the table", &hook("(call_indirect (type $none) (i32.const 9999)) (unreachable)").fields(table), "TRAP"),
        attack("call of another type", &wrong, "TRAP"),
        attack("trap in start", &start, "TRAP"),
        attack("trap in post return", &post, "TRAP"),
        attack("trap in realloc", &Guest::answering(Kind::ProcessHook, "{}").realloc("(unreachable)"), "TRAP"),
    ]
}

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
