//! Guests that go deeper than any stack.

use extensions_test_support::{Guest, PlainGuest, components::process_hook_with};
use extensions_types::Kind;

use super::variant::{Variant, component, hook, plain, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "recursion", about: "calls within calls until the stack is gone", run: |stage| Box::pin(rows(stage, recursion())) },
    Attack { name: "recursion-in-host", about: "the same where host code lies on the stack", run: |stage| Box::pin(rows(stage, in_host())) },
];

fn recursion() -> Vec<Variant> {
    let deeper = "(func $deeper (param i32) (call $deeper (i32.add (local.get 0) (i32.const 1))))";
    let indirect = hook("(call_indirect (type $none) (i32.const 0)) (unreachable)")
        .fields("(type $none (func)) (table 1 funcref) (elem (i32.const 0) $again) (func $again (call_indirect (type $none) (i32.const 0)))");
    // Frames of several KiB each: the check at a function's entry must count them.
    let locals: String = (0..400).map(|at| format!("(local $l{at} i64)")).collect();
    let used: String = (0..400).map(|at| format!("(local.set $l{at} (i64.add (call $wide) (i64.const {at})))")).collect();
    let sum: String = (0..400).map(|at| format!("(local.get $l{at}) (i64.add)")).collect();
    let wide = hook("(drop (call $wide)) (unreachable)").fields(&format!("(func $wide (result i64) {locals} {used} (i64.const 0) {sum})"));
    vec![
        variant("one function", &hook("(call $deeper (i32.const 0)) (unreachable)").fields(deeper), "TRAP"),
        variant("two functions", &hook("(call $a) (unreachable)").fields("(func $a (call $b)) (func $b (call $a))"), "TRAP"),
        variant("through a table", &indirect, "TRAP"),
        variant("with wide frames", &wide, "TRAP"),
        variant("in start", &hook("(unreachable)").fields("(func $init (call $init)) (start $init)"), "TRAP"),
        variant("as a tool", &Guest::new(Kind::AgentTool, "(call $a) (unreachable)").fields("(func $a (call $a))"), "TRAP").kind(Kind::AgentTool),
        plain("as a plain module", &PlainGuest::new("(call $run (local.get $ptr) (local.get $len))"), "TRAP"),
    ]
}

/// The guest was called by the host, which copies for it: in `realloc`, in post-return, between two parts of a component.
fn in_host() -> Vec<Variant> {
    let answers = || Guest::answering(Kind::ProcessHook, "{}");
    let endless = "(func $endless (call $endless))";
    let in_realloc = answers().realloc("(call $endless) (i32.const 65536)").fields(endless);
    let for_import = hook("(global.set $on (i32.const 1)) (call $current (i32.const 2048)) (unreachable)")
        .fields(endless)
        .fields("(global $on (mut i32) (i32.const 0))")
        .realloc("(if (global.get $on) (then (call $endless))) (call $bump (local.get $align) (local.get $len))");
    let in_post = answers().fields(endless).fields("(func (export \"cabi_post_run\") (param i32) (call $endless))");
    vec![
        variant("in realloc, while the input is copied", &in_realloc, "TRAP"),
        variant("in realloc, while an import answers", &for_import, "TRAP"),
        variant("in post-return", &in_post, "TRAP"),
        plain("in alloc", &PlainGuest::answering("{}").alloc("(call $alloc (local.get $len))"), "TRAP"),
        component("a destructor of a handle within itself", process_hook_with(DESTRUCTOR), "TRAP"),
    ]
}

/// A component with a resource of its own, whose destructor drops another handle.
const DESTRUCTOR: &str = r#"
    (core module $d (func (export "drop") (param i32)))
    (core instance $d (instantiate $d))
    (type $r (resource (rep i32) (dtor (func $d "drop"))))
    (core func $new (canon resource.new $r))
    (core func $end (canon resource.drop $r))
    (core module $uses
        (import "r" "new" (func $new (param i32) (result i32)))
        (import "r" "drop" (func $end (param i32)))
        (func $start (call $end (call $new (i32.const 7))))
        (start $start))
    (core instance (instantiate $uses (with "r" (instance (export "new" (func $new)) (export "drop" (func $end))))))"#;
