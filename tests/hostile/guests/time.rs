//! Guests that do not end, or only late.

use std::time::Duration;

use extensions_client::Invoke;
use extensions_test_support::{Guest, PlainGuest, until};
use extensions_types::Kind;

use super::variant::{Variant, hook, plain, rows, variant};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "spin", about: "a loop that never ends, wherever a guest has the processor", run: |stage| Box::pin(rows(stage, spin())) },
    Attack {
        name: "dawdle",
        about: "a guest that stays below its CPU limit and beyond its wall limit",
        run: |stage| Box::pin(rows(stage, dawdle())),
    },
    Attack {
        name: "bulk-memory",
        about: "one instruction over all of memory or a table, again and again",
        run: |stage| Box::pin(rows(stage, bulk())),
    },
    Attack { name: "import-loop", about: "calling the host until something gives", run: |stage| Box::pin(rows(stage, imports())) },
    Attack { name: "deadline", about: "outlasting the caller's own deadline", run: |stage| Box::pin(deadline(stage)) },
    Attack { name: "left-alone", about: "going on after the caller has left", run: |stage| Box::pin(left_alone(stage)) },
];

/// A CPU limit that is soon reached, and a wall limit that is never.
const CPU: &str = "[limits]\ncpu_millis = 20\ntimeout_ms = 30000\n";
/// The other way round.
const WALL: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 40\n";
/// Neither ends a call soon.
pub(crate) const LONG: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
pub(crate) const SPIN: &str = "(loop $again (br $again)) (unreachable)";

fn spin() -> Vec<Variant> {
    let answers = || Guest::answering(Kind::ProcessHook, "{}");
    let ends = |what, guest: &Guest| variant(what, guest, "CPU_LIMIT").manifest(CPU);
    let indirect = hook("(call_indirect (type $none) (i32.const 0)) (unreachable)")
        .fields("(type $none (func)) (table 1 funcref) (elem (i32.const 0) $spins)")
        .fields(&format!("(func $spins {SPIN})"));
    let calls = hook("(loop $again (call $leaf) (br $again)) (unreachable)").fields("(func $leaf)");
    let wide = hook(
        "(local $n i64) (loop $again (local.set $n (i64.div_u (i64.const -1) (i64.or (local.get $n) (i64.const 1)))) (br $again)) (unreachable)",
    );
    vec![
        ends("in the function", &hook(SPIN)),
        ends("in a function that is called through a table", &indirect),
        ends("by calling", &calls),
        ends("by dividing", &wide),
        ends("in start", &hook("(unreachable)").fields(&format!("(func $init {SPIN}) (start $init)"))),
        ends("in realloc", &answers().realloc(SPIN)),
        ends("in post-return", &answers().fields(&format!("(func (export \"cabi_post_run\") (param i32) {SPIN})"))),
        ends("as a tool", &Guest::new(Kind::AgentTool, SPIN)).kind(Kind::AgentTool),
        ends("as a domain hook", &Guest::new(Kind::DomainHook, SPIN)).kind(Kind::DomainHook),
        plain("as a plain module", &PlainGuest::new(SPIN), "CPU_LIMIT").manifest(CPU),
        plain("in a plain module's alloc", &PlainGuest::answering("{}").alloc(SPIN), "CPU_LIMIT").manifest(CPU),
    ]
}

fn dawdle() -> Vec<Variant> {
    let start = hook("(unreachable)").fields(&format!("(func $init {SPIN}) (start $init)"));
    vec![
        variant("in the function", &hook(SPIN), "TIMEOUT").manifest(WALL),
        variant("in start", &start, "TIMEOUT").manifest(WALL),
        variant("in realloc", &Guest::answering(Kind::ProcessHook, "{}").realloc(SPIN), "TIMEOUT").manifest(WALL),
        plain("as a plain module", &PlainGuest::new(SPIN), "TIMEOUT").manifest(WALL),
    ]
}

fn bulk() -> Vec<Variant> {
    let over_memory =
        |instruction: &str| hook(&format!("(drop (memory.grow (i32.const 950))) (loop $again {instruction} (br $again)) (unreachable)"));
    let over_table = |instruction: &str| {
        hook(&format!("(drop (table.grow $t (ref.null func) (i32.const 19000))) (loop $again {instruction} (br $again)) (unreachable)"))
            .fields("(table $t 1 funcref) (func $spare) (elem $e declare func $spare)")
    };
    let init = hook(
        "(drop (memory.grow (i32.const 950))) (loop $again (memory.init $d (i32.const 65536) (i32.const 0) (i32.const 16384)) (br $again)) (unreachable)",
    );
    let ends = |what, guest: &Guest| variant(what, guest, "CPU_LIMIT").manifest(CPU);
    vec![
        ends("memory.fill", &over_memory("(memory.fill (i32.const 65536) (i32.const 7) (i32.const 62000000))")),
        ends("memory.copy", &over_memory("(memory.copy (i32.const 65536) (i32.const 65540) (i32.const 62000000))")),
        ends("memory.copy backwards", &over_memory("(memory.copy (i32.const 65540) (i32.const 65536) (i32.const 62000000))")),
        ends("memory.init", &init.fields(&format!("(data $d \"{}\")", "x".repeat(16_384)))),
        ends("table.fill", &over_table("(table.fill $t (i32.const 0) (ref.func $spare) (i32.const 19000))")),
        ends("table.copy", &over_table("(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 18999))")),
        ends("memory.grow by nothing", &over_memory("(drop (memory.grow (i32.const 0)))")),
    ]
}

fn imports() -> Vec<Variant> {
    let again = |call: &str| hook(&format!("(loop $again {call} (br $again)) (unreachable)")).text("line", "x").text("service", "orders");
    let host_call = "(call $host_call (call $service) (call $service) (call $service) (i32.const 2048))";
    let fresh = "[limits]\ncpu_millis = 20\ntimeout_ms = 30000\nmemory_mb = 256\n";
    let reused = |guest: Guest| guest.realloc("(i32.const 65536)").memory("4");
    vec![
        variant("the context, into ever fresh memory", &again("(call $current (i32.const 2048))"), "MEMORY_LIMIT")
            .manifest("[limits]\ncpu_millis = 1000\nmemory_mb = 1\n"),
        variant("the context, into the same memory", &reused(again("(call $current (i32.const 2048))")), "CPU_LIMIT").manifest(CPU),
        variant("the log", &again("(call $log (call $line))"), "CPU_LIMIT").manifest(CPU),
        variant("an empty line", &again("(call $log (i32.const 0) (i32.const 0))"), "CPU_LIMIT").manifest(CPU),
        variant("host calls that are not granted", &reused(again(host_call)), "CPU_LIMIT").manifest(fresh),
    ]
}

/// The caller's time is over: DEADLINE, and the guest is ended.
async fn deadline(stage: &Stage) -> Vec<Row> {
    stage.serve("spins", Kind::ProcessHook, LONG, hook(SPIN).component()).await.1.unwrap();
    let mut rows = Vec::new();
    for millis in [1, 40, 200] {
        let told = stage.invoke(Invoke::new("spins").timeout(Duration::from_millis(millis))).await;
        rows.push(Row::new(format!("a deadline of {millis} ms"), "DEADLINE", told.code));
    }
    rows.push(ended(stage).await);
    rows
}

/// The guest's second of CPU is not spent for a caller who left.
async fn left_alone(stage: &Stage) -> Vec<Row> {
    stage.serve("spins", Kind::ProcessHook, LONG, hook(SPIN).component()).await.1.unwrap();
    let before = stage.platform.engine().slow_calls();
    let mut calls = Vec::new();
    for _ in 0..4 {
        let client = stage.connection();
        calls.push(tokio::spawn(async move { client.invoke(Invoke::new("spins")).await }));
    }
    until(|| stage.platform.engine().slow_calls() > before).await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    vec![ended(stage).await]
}

/// A call of the attacker's that would spin for a second is gone long before: the next short one has its turn.
async fn ended(stage: &Stage) -> Row {
    stage.serve("good", Kind::ProcessHook, LONG, Guest::answering(Kind::ProcessHook, "{}").component()).await.1.unwrap();
    let told = stage.call("good").await;
    // The neighbour's own long calls come and go beside it.
    until(|| stage.platform.engine().slow_calls() <= 1).await;
    Row::new("the next call of the same tenant", "OK {}", told.answer())
}
