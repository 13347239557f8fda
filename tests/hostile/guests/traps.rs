//! Guests that break: whatever the trap and wherever, the code is TRAP.

use extensions_test_support::{
    Guest,
    components::{parsed, process_hook_with},
};
use extensions_types::Kind;

use super::variant::{Variant, component, hook, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "traps", about: "each instruction that can trap", run: |stage| Box::pin(rows(stage, instructions())) },
    Attack { name: "traps-of-memory", about: "loads, stores and bulk instructions out of bounds", run: |stage| Box::pin(rows(stage, memory())) },
    Attack { name: "traps-of-tables", about: "calls of nothing, of another type, beyond the table", run: |stage| Box::pin(rows(stage, tables())) },
    Attack { name: "traps-in-places", about: "a trap while the host waits for something else", run: |stage| Box::pin(rows(stage, places())) },
    Attack { name: "re-entrance", about: "entering an instance that is being called", run: |stage| Box::pin(rows(stage, entered())) },
];

fn instructions() -> Vec<Variant> {
    let one = |what: &str, body: &str| variant(what, &hook(body), "TRAP");
    vec![
        one("unreachable", "(unreachable)"),
        one("division by zero", "(i32.div_u (i32.const 1) (i32.const 0))"),
        one("a remainder of zero", "(i32.wrap_i64 (i64.rem_s (i64.const 1) (i64.const 0)))"),
        one("the one quotient that overflows", "(i32.div_s (i32.const 0x80000000) (i32.const -1))"),
        one("the same in 64 bits", "(i32.wrap_i64 (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))"),
        one("NaN as an integer", "(i32.trunc_f64_s (f64.const nan))"),
        one("infinity as an integer", "(i32.wrap_i64 (i64.trunc_f32_u (f32.const inf)))"),
        one("a float beyond integers", "(i32.trunc_f32_s (f32.const 0x1p31))"),
    ]
}

fn memory() -> Vec<Variant> {
    let one = |what: &str, body: &str| variant(what, &hook(body), "TRAP");
    vec![
        one("a load beyond memory", "(i32.load (i32.const 0x7ffffffc))"),
        one("a load across the end", "(i32.load (i32.const 131069))"),
        one("a load of a byte at the end", "(i32.load8_u (i32.const 131072))"),
        one("a load beyond 4 GiB", "(i32.load offset=0xfffffff0 (i32.const -1))"),
        one("a vector across the end", "(i32x4.extract_lane 0 (v128.load (i32.const 131060)))"),
        one("a store beyond memory", "(i32.store (i32.const -4) (i32.const 1)) (unreachable)"),
        one("a store beyond 4 GiB", "(i64.store offset=0xffffffff (i32.const -1) (i64.const 1)) (unreachable)"),
        one("a copy from beyond", "(memory.copy (i32.const 0) (i32.const 65536) (i32.const 0x7fffffff)) (unreachable)"),
        one("a copy that wraps", "(memory.copy (i32.const -1) (i32.const 0) (i32.const 2)) (unreachable)"),
        one("a fill across the end", "(memory.fill (i32.const 131071) (i32.const 1) (i32.const 2)) (unreachable)"),
        one("a fill of 4 GiB", "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (unreachable)"),
        variant(
            "an init beyond its segment",
            &hook("(memory.init $d (i32.const 0) (i32.const 0) (i32.const 9)) (unreachable)").fields("(data $d \"x\")"),
            "TRAP",
        ),
        variant(
            "an init of a dropped segment",
            &hook("(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)) (unreachable)").fields("(data $d \"x\")"),
            "TRAP",
        ),
        variant("a segment beyond memory", &hook("(unreachable)").fields("(data (i32.const 131071) \"xx\")"), "TRAP"),
        variant("a segment at 4 GiB", &hook("(unreachable)").fields("(data (i32.const -1) \"xx\")"), "TRAP"),
    ]
}

fn tables() -> Vec<Variant> {
    let fields = "(table $t 2 funcref) (type $none (func)) (type $other (func (param i64))) (elem (i32.const 1) $spare) (func $spare)";
    let one = |what: &str, body: &str| variant(what, &hook(&format!("{body} (unreachable)")).fields(fields), "TRAP");
    vec![
        one("a call of nothing", "(call_indirect (type $none) (i32.const 0))"),
        one("a call beyond the table", "(call_indirect (type $none) (i32.const 9999))"),
        one("a call of the highest number", "(call_indirect (type $none) (i32.const -1))"),
        one("a call of another type", "(call_indirect (type $other) (i64.const 1) (i32.const 1))"),
        one("an element beyond the table", "(drop (table.get $t (i32.const 2)))"),
        one("a set beyond the table", "(table.set $t (i32.const -1) (ref.null func))"),
        one("a fill across the end", "(table.fill $t (i32.const 1) (ref.null func) (i32.const 2))"),
        one("a copy that wraps", "(table.copy $t $t (i32.const -1) (i32.const 0) (i32.const 2))"),
        variant("a segment beyond the table", &hook("(unreachable)").fields("(table 1 funcref) (func $f) (elem (i32.const 1) $f)"), "TRAP"),
    ]
}

fn places() -> Vec<Variant> {
    let answers = || Guest::answering(Kind::ProcessHook, "{}");
    let later = "(if (global.get $on) (then (unreachable))) (call $bump (local.get $align) (local.get $len))";
    let for_import = hook("(global.set $on (i32.const 1)) (call $current (i32.const 2048)) (call $ok (call $answer))")
        .text("answer", "{}")
        .fields("(global $on (mut i32) (i32.const 0))")
        .realloc(later);
    let post = "(func (export \"cabi_post_run\") (param i32) (unreachable))";
    let second = "(core module $b (func $init unreachable) (start $init)) (core instance (instantiate $b))";
    vec![
        variant("in start", &hook("(unreachable)").fields("(func $init (unreachable)) (start $init)"), "TRAP"),
        variant("in realloc, while the input is copied", &answers().realloc("(unreachable)"), "TRAP"),
        variant("in realloc, while an import answers", &for_import, "TRAP"),
        variant("in post-return, after a good answer", &answers().fields(post), "TRAP"),
        variant("in post-return, after an error", &Guest::failing(Kind::ProcessHook, 0, "no").fields(post), "TRAP"),
        variant("after the answer was written", &hook("(drop (call $ok (call $answer))) (unreachable)").text("answer", "{}"), "TRAP"),
        component("in the start of another module", process_hook_with(second), "TRAP"),
    ]
}

/// A component's own function, lowered and given to its module, which calls it while it runs.
fn entered() -> Vec<Variant> {
    vec![
        component("its own function, through a table", parsed(OWN), "TRAP"),
        component("a start function that calls the export", process_hook_with(IN_START), "TRAP"),
    ]
}

const OWN: &str = r#"(component
    (core module $main
        (memory (export "memory") 2)
        (table (export "table") 1 funcref)
        (type $own (func (param i32 i32 i32 i32 i32)))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
        (func (export "run") (param i32 i32 i32 i32) (result i32)
            (call_indirect (type $own) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 0))
            (i32.const 64)))
    (core instance $main (instantiate $main))
    (type $error (variant (case "rejected" string) (case "invalid-input" string) (case "failed" string)))
    (export $hook-error "hook-error" (type $error))
    (alias core export $main "memory" (core memory $memory))
    (alias core export $main "run" (core func $run))
    (alias core export $main "realloc" (core func $realloc))
    (func $lifted (param "task" string) (param "variables" (list u8)) (result (result (list u8) (error $hook-error)))
        (canon lift (core func $run) (memory $memory) (realloc (func $realloc))))
    (core func $lowered (canon lower (func $lifted) (memory $memory) (realloc (func $realloc))))
    (core module $fill
        (import "main" "table" (table 1 funcref))
        (import "own" "run" (func $own (param i32 i32 i32 i32 i32)))
        (elem (i32.const 0) func $own))
    (core instance (instantiate $fill (with "main" (instance $main)) (with "own" (instance (export "run" (func $lowered))))))
    (export "run" (func $lifted)))"#;

/// Lowers the answer of a lifted function in a module's start, when the component is not there yet.
const IN_START: &str = r#"
    (core module $inner (memory (export "memory") 1) (func (export "f") unreachable))
    (core instance $inner (instantiate $inner))
    (func $f (canon lift (core func $inner "f")))
    (core func $g (canon lower (func $f)))
    (core module $starts (import "i" "g" (func $g)) (start $g))
    (core instance (instantiate $starts (with "i" (instance (export "g" (func $g))))))"#;
