//! Guests that want more than they may have: memory, tables, instances, handles.

use extensions_test_support::{PlainGuest, components::process_hook_with};

use super::{
    raw::{COMPONENT, HEAD, section, with_section},
    variant::{Variant, component, hook, plain, rows, variant},
};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "growth", about: "memory.grow at once, in steps, by the page, or from the start", run: |stage| Box::pin(rows(stage, growth())) },
    Attack { name: "growth-refused", about: "asking for memory that one may not have, and going on", run: |stage| Box::pin(rows(stage, refused())) },
    Attack { name: "tables", about: "tables that grow, and many of them", run: |stage| Box::pin(rows(stage, tables())) },
    Attack { name: "many-memories", about: "limits are for the sum, and a component has few", run: |stage| Box::pin(rows(stage, memories())) },
    Attack { name: "many-instances", about: "instances within one component", run: |stage| Box::pin(rows(stage, instances())) },
    Attack { name: "handles", about: "resources that a component makes for itself", run: |stage| Box::pin(rows(stage, handles())) },
];

const SMALL: &str = "[limits]\nmemory_mb = 1\n";
const LARGE: &str = "[limits]\nmemory_mb = 256\ncpu_millis = 1000\ntimeout_ms = 30000\n";

/// A body that grows until it is refused, and traps then.
fn grows(step: u32) -> String {
    format!("(loop $more (br_if $more (i32.ne (memory.grow (i32.const {step})) (i32.const -1)))) (unreachable)")
}

fn growth() -> Vec<Variant> {
    let start = hook("(unreachable)").fields(&format!("(func $init {}) (start $init)", grows(64)));
    vec![
        variant("at once", &hook(&grows(65_535)), "MEMORY_LIMIT"),
        variant(
            "by all that a number can say",
            &hook("(if (i32.eq (memory.grow (i32.const -1)) (i32.const -1)) (then (unreachable))) (unreachable)"),
            "MEMORY_LIMIT",
        ),
        variant("in steps", &hook(&grows(16)), "MEMORY_LIMIT"),
        variant("in steps to the platform's maximum", &hook(&grows(256)), "MEMORY_LIMIT").manifest(LARGE),
        variant("by the page", &hook(&grows(1)), "MEMORY_LIMIT").manifest(SMALL),
        variant("in start", &start, "MEMORY_LIMIT"),
        variant("in realloc", &hook("(unreachable)").realloc(&grows(64)), "MEMORY_LIMIT"),
        variant("too large from the start", &hook("(unreachable)").memory("1025"), "MEMORY_LIMIT"),
        variant("larger than any slot", &hook("(unreachable)").memory("4097"), "ARTIFACT_CORRUPT"),
        variant("4 GiB from the start", &hook("(unreachable)").memory("65536"), "ARTIFACT_CORRUPT"),
        plain("as a plain module", &PlainGuest::new(&grows(16)), "MEMORY_LIMIT"),
        plain("in a plain module's alloc", &PlainGuest::answering("{}").alloc(&grows(16)), "MEMORY_LIMIT"),
    ]
}

/// A refusal alone is no failure, and takes nothing.
fn refused() -> Vec<Variant> {
    let again = |pages: u32, then: &str| {
        format!(
            "(local $left i32) (local.set $left (i32.const 100))
            (loop $again (drop (memory.grow (i32.const {pages}))) (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))) {then}"
        )
    };
    let answers = "(call $ok (call $answer))";
    vec![
        variant("by the limit, and answers", &hook(&again(60_000, answers)).text("answer", "{}"), "OK {}"),
        variant("by the limit, and traps", &hook(&again(60_000, "(unreachable)")), "MEMORY_LIMIT"),
        // What its own maximum forbids is not counted, however often it asks.
        variant("by its own maximum, and answers", &hook(&again(100, answers)).text("answer", "{}").memory("2 4"), "OK {}"),
        variant("by its own maximum, and traps", &hook(&again(100, "(unreachable)")).memory("2 4"), "TRAP"),
    ]
}

fn tables() -> Vec<Variant> {
    let grow = |by: u32| {
        let body =
            format!("(if (i32.eq (table.grow $t (ref.null func) (i32.const {by})) (i32.const -1)) (then (unreachable))) (call $ok (call $answer))");
        hook(&body).text("answer", "{}").fields("(table $t 1 funcref)")
    };
    let many = |tables: usize| hook("(call $ok (call $answer))").text("answer", "{}").fields(&"(table 1 funcref)".repeat(tables));
    vec![
        variant("grows beyond the limit", &grow(200_000), "MEMORY_LIMIT").manifest(SMALL),
        variant("grows by all that a number can say", &grow(u32::MAX), "MEMORY_LIMIT"),
        variant("grows beyond the slot alone", &grow(20_001), "TRAP"),
        variant("larger than a slot from the start", &hook("(unreachable)").fields("(table 20001 funcref)"), "ARTIFACT_CORRUPT"),
        variant("ten million elements from the start", &hook("(unreachable)").fields("(table 10000000 funcref)"), "ARTIFACT_CORRUPT"),
        variant("9 in a module", &many(9), "ARTIFACT_CORRUPT"),
        variant("90 in a module", &many(90), "ARTIFACT_CORRUPT"),
        variant("of references to the host", &hook("(unreachable)").fields("(table 8 externref)"), "ARTIFACT_CORRUPT"),
    ]
}

fn memories() -> Vec<Variant> {
    let beside = |pages: u32| format!("(core module $m{pages} (memory {pages})) (core instance (instantiate $m{pages}))");
    vec![
        component("two above the sum", process_hook_with(&beside(1_023)), "MEMORY_LIMIT"),
        component("three", process_hook_with(&(beside(600) + &beside(601))), "ARTIFACT_CORRUPT"),
        component(
            "two in a module",
            process_hook_with("(core module $b (memory 1) (memory 1)) (core instance (instantiate $b))"),
            "ARTIFACT_CORRUPT",
        ),
        component(
            "100 in a module",
            process_hook_with(&format!("(core module $b {}) (core instance (instantiate $b))", "(memory 1)".repeat(100))),
            "ARTIFACT_CORRUPT",
        ),
    ]
}

fn instances() -> Vec<Variant> {
    let many = |count: usize| (0..count).map(|at| format!("(core instance $i{at} (instantiate $small))")).collect::<String>();
    // As bytes: a text's reader is afraid of the depth, too.
    let nested =
        |levels: usize| with_section(COMPONENT, &(0..levels).fold(HEAD.to_vec(), |inner, _| [HEAD.to_vec(), section(COMPONENT, &inner)].concat()));
    // Each component makes two of the one before: 2^16 instances of a few bytes.
    let doubling = (0..16).fold("(core module $m (memory 1)) (core instance (instantiate $m))".to_owned(), |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    });
    vec![
        component("17 of a module", process_hook_with(&format!("(core module $small) {}", many(17))), "ARTIFACT_CORRUPT"),
        component("900 of a module", process_hook_with(&format!("(core module $small) {}", many(900))), "ARTIFACT_CORRUPT"),
        component("20 components deep", nested(20), "OK {}"),
        // No more than the compiler publishes, but all that a host could be handed: it costs nothing.
        component("400 components deep", nested(400), "OK {}"),
        component("doubled 16 times", process_hook_with(&doubling), "ARTIFACT_CORRUPT"),
    ]
}

/// No world of ours has resources: an instance may hold no handle at all.
fn handles() -> Vec<Variant> {
    let own = |body: &str| {
        process_hook_with(&format!(
            r#"(type $r (resource (rep i32)))
            (core func $new (canon resource.new $r))
            (core func $rep (canon resource.rep $r))
            (core func $end (canon resource.drop $r))
            (core module $uses
                (import "r" "new" (func $new (param i32) (result i32)))
                (import "r" "rep" (func $rep (param i32) (result i32)))
                (import "r" "drop" (func $end (param i32)))
                (func $start {body})
                (start $start))
            (core instance (instantiate $uses
                (with "r" (instance (export "new" (func $new)) (export "rep" (func $rep)) (export "drop" (func $end))))))"#
        ))
    };
    vec![
        component("one", own("(drop (call $new (i32.const 7)))"), "TRAP"),
        component("without end", own("(loop $again (drop (call $new (i32.const 7))) (br $again))"), "TRAP"),
        component("made and dropped without end", own("(loop $again (call $end (call $new (i32.const 7))) (br $again))"), "TRAP"),
        component("a drop of what is none", own("(call $end (i32.const 1))"), "TRAP"),
        component("a drop of the highest number", own("(call $end (i32.const -1))"), "TRAP"),
        component("the representation of what is none", own("(drop (call $rep (i32.const 12345)))"), "TRAP"),
    ]
}
