//! Guests that say too much: answers, errors, log lines, names.

use extensions_test_support::{Guest, PlainGuest};
use extensions_types::Kind;
use serde_json::Value;

use super::{
    time::LONG,
    variant::{Variant, hook, plain, rows, variant},
};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "giant-result", about: "answers of any size", run: |stage| Box::pin(rows(stage, results())) },
    Attack { name: "giant-error", about: "errors of any size", run: |stage| Box::pin(rows(stage, errors())) },
    Attack { name: "giant-log-line", about: "one line of any size", run: |stage| Box::pin(log_lines(stage)) },
    Attack { name: "log-flood", about: "lines without end", run: |stage| Box::pin(log_flood(stage)) },
    Attack { name: "log-forgery", about: "a line that looks like several, or like the host's", run: |stage| Box::pin(log_forgery(stage)) },
    Attack { name: "giant-names", about: "names of functions in the text of a trap", run: |stage| Box::pin(rows(stage, names())) },
];

const LARGE: &str = "[limits]\nmemory_mb = 256\ncpu_millis = 1000\ntimeout_ms = 30000\n";
const MIB: u32 = 1 << 20;

/// A body that answers with `bytes` of memory that it never touched: large at no cost.
fn vast(bytes: u32) -> String {
    let pages = bytes.div_ceil(1 << 16) + 1;
    format!("(drop (memory.grow (i32.const {pages}))) (call $ok (i32.const 65536) (i32.const {bytes}))")
}

/// A body that answers with `{}` and spaces, `bytes` in all.
fn padded(bytes: u32) -> String {
    let pages = bytes.div_ceil(1 << 16) + 1;
    format!(
        "(drop (memory.grow (i32.const {pages})))
         (memory.fill (i32.const 65536) (i32.const 32) (i32.const {bytes}))
         (i32.store16 (i32.const 65536) (i32.const 0x7d7b))
         (call $ok (i32.const 65536) (i32.const {bytes}))"
    )
}

fn results() -> Vec<Variant> {
    let messages = "(drop (call $ok (call $answer)))
        (i32.store (i32.const 24) (i32.const 65536)) (i32.store (i32.const 28) (i32.const 2000)) (i32.const 16)";
    let plain_vast = "(drop (memory.grow (i32.const 1700))) (call $pair (i32.const 65536) (i32.const 104857600))";
    vec![
        variant("as large as allowed", &hook(&padded(MIB)), "OK"),
        variant("a byte more", &hook(&padded(MIB + 1)), "OUTPUT_LIMIT"),
        variant("8 MiB and a byte under the highest limit", &hook(&padded((8 << 20) + 1)), "OUTPUT_LIMIT")
            .manifest(format!("{LARGE}output_bytes = 8388608\n")),
        variant("100 MiB", &hook(&vast(100 << 20)), "OUTPUT_LIMIT").manifest(LARGE),
        variant("100 MiB of a tool", &Guest::new(Kind::AgentTool, &vast(100 << 20)), "OUTPUT_LIMIT").manifest(LARGE).kind(Kind::AgentTool),
        variant("100 MiB of derived fields", &Guest::new(Kind::DomainHook, &vast(100 << 20)), "OUTPUT_LIMIT").manifest(LARGE).kind(Kind::DomainHook),
        plain("100 MiB of a plain module", &PlainGuest::new(plain_vast), "OUTPUT_LIMIT").manifest(LARGE),
        // 2,000 messages that cost nothing in the guest: empty texts at pointer 0.
        variant("2,000 empty messages", &Guest::new(Kind::DomainHook, messages).text("answer", "{}").memory("4"), "OUTPUT_LIMIT")
            .manifest("[limits]\noutput_bytes = 65536\n")
            .kind(Kind::DomainHook),
    ]
}

fn errors() -> Vec<Variant> {
    let error = |which: u32, bytes: u32| {
        let pages = bytes.div_ceil(1 << 16) + 1;
        hook(&format!(
            "(drop (memory.grow (i32.const {pages}))) (memory.fill (i32.const 65536) (i32.const 120) (i32.const {bytes}))
             (call $fail (i32.const {which}) (i32.const 65536) (i32.const {bytes}))"
        ))
    };
    let plain_error = "(drop (memory.grow (i32.const 20)))
        (memory.fill (i32.const 65536) (i32.const 120) (i32.const 1000000))
        (memory.copy (i32.const 65536) (call $head)) (memory.copy (i32.const 1065536) (call $tail))
        (call $pair (i32.const 65536) (i32.const 1000003))";
    let plain_guest = PlainGuest::new(plain_error).text("head", "{\"$error\":{\"failed\":\"").text("tail", "\"}}");
    // The variant's own check is that no public text is longer than 4 KiB.
    vec![
        variant("100 KiB of failure", &error(2, 100 << 10), "GUEST_FAILED"),
        variant("1 MiB of failure", &error(2, MIB), "GUEST_FAILED").manifest(LARGE),
        variant("1 MiB of rejection", &error(0, MIB), "REJECTED").manifest(LARGE),
        variant("1 MiB of invalid input", &error(1, MIB), "INVALID_INPUT").manifest(LARGE),
        variant("100 MiB of failure", &error(2, 100 << 20), "OUTPUT_LIMIT").manifest(LARGE),
        variant("multibyte text, cut where it may be", &Guest::failing(Kind::ProcessHook, 2, "é".repeat(10_000)), "GUEST_FAILED"),
        plain("1 MB of a plain module's failure", &plain_guest, "GUEST_FAILED").manifest(LARGE),
    ]
}

fn names() -> Vec<Variant> {
    let named = |name: &str| hook(&format!("(call ${name}) (unreachable)")).fields(&format!("(func ${name} (unreachable))"));
    let mut deep = hook("(call $f0) (unreachable)");
    for at in 0..200 {
        let (long, next) = ("n".repeat(500), at + 1);
        deep = deep.fields(&format!("(func $f{at} (@name \"{long}{at}\") (call $f{next}))"));
    }
    vec![
        variant("60 KB in one name", &named(&"n".repeat(60_000)), "TRAP"),
        variant("200 names of 500 bytes", &deep.fields("(func $f200 (unreachable))"), "TRAP"),
        variant(
            "a name with line ends",
            &hook("(call $f) (unreachable)").fields("(func $f (@name \"f\\0a{\\22error_code\\22:\\22OK\\22}\\0d\\0a\") (unreachable))"),
            "TRAP",
        ),
    ]
}

/// Lines that the tenant's stream holds of an extension.
async fn stream(stage: &Stage, id: &str) -> Vec<Value> {
    let request = extensions_test_support::Request::get(format!("/v1/extensions/{id}:logs")).token(&stage.platform.token(&stage.attacker));
    let reply = request.send(&stage.platform.tcp()).await;
    reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

/// Lines are whole or dropped; one that is beyond what is copied at once ends its guest.
async fn log_lines(stage: &Stage) -> Vec<Row> {
    let one = |bytes: u32| {
        hook(&format!(
            "(drop (memory.grow (i32.const 1600))) (memory.fill (i32.const 65536) (i32.const 120) (i32.const {bytes}))
             (call $log (call $first)) (call $log (i32.const 65536) (i32.const {bytes})) (call $log (call $last)) (call $ok (call $answer))"
        ))
        .text("first", "first")
        .text("last", "last é")
        .text("answer", "{}")
    };
    let mut rows = rows(
        stage,
        vec![
            variant("more than the quota", &one((64 << 10) + 1), "OK {}").manifest(LARGE),
            variant("2 MiB", &one(2 << 20), "OUTPUT_LIMIT").manifest(LARGE).says("a log line"),
            variant("100 MiB", &one(100 << 20), "OUTPUT_LIMIT").manifest(LARGE),
        ],
    )
    .await;
    let lines = stream(stage, "variant-0").await;
    let told = messages(&lines);
    rows.push(Row::new("what stays of the first", "first | last é", told.iter().take(2).copied().collect::<Vec<_>>().join(" | ")));
    rows.push(Row::holds("what is told of the rest", "lines were dropped", told.iter().any(|line| line.contains("more line")), || told.join(" | ")));
    rows
}

async fn log_flood(stage: &Stage) -> Vec<Row> {
    let lines = |line: &str, until: &str| {
        let body = format!(
            "(local $left i32) (local.set $left (i32.const 100000)) (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
             (loop $again (call $log {line}) {until}) (call $ok (call $answer))"
        );
        hook(&body).text("answer", "{}").memory("3")
    };
    let enough = "(br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1))))";
    let variants = [
        ("64 KiB each, without end", lines("(i32.const 65536) (i32.const 65536)", "(br $again)"), "CPU_LIMIT", "[limits]\ncpu_millis = 50\n"),
        ("a byte each, 100,000", lines("(i32.const 65536) (i32.const 1)", enough), "OK {}", LONG),
        ("empty, 100,000", lines("(i32.const 0) (i32.const 0)", enough), "OK {}", LONG),
    ];
    let mut all = Vec::new();
    for (what, guest, expected, manifest) in variants {
        let variant = variant(what, &guest, expected).manifest(manifest);
        all.extend(rows(stage, vec![variant]).await);
        // Of each of six calls at the end: at most 64 KiB, a line counted as 64 bytes at least, and what was dropped.
        // Each variant is a new version of the same extension, whose tail holds those before.
        let lines = stream(stage, "variant-0").await;
        let (count, bytes) = (lines.len(), messages(&lines).iter().map(|line| line.len()).sum::<usize>());
        let holds = count > 0 && count <= 6 * 1_026 && bytes <= 6 * (66 << 10);
        all.push(Row::holds(format!("what stays, {what}"), "within the calls' quotas", holds, || format!("{count} lines, {bytes} bytes")));
    }
    all
}

/// A line stays one line, under its own tenant and extension.
async fn log_forgery(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    let forged = [
        ("a line end", "one\ntwo"),
        ("a line of the stream", "x\"}\n{\"level\":\"info\",\"message\":\"forged\",\"tenant_id\":\"neighbour\"}"),
        ("escapes of a terminal", "\u{1b}[2J\u{1b}]0;owned\u{7}"),
        ("a nul", "a\0b"),
        ("text that turns round", "\u{202e}desrever"),
    ];
    for (at, (what, text)) in forged.into_iter().enumerate() {
        let id = format!("forges-{at}");
        let guest = hook("(call $log (call $line)) (call $ok (call $answer))").text("line", text).text("answer", "{}");
        stage.serve(&id, Kind::ProcessHook, "", guest.component()).await.1.unwrap();
        let told = stage.call(&id).await;
        let lines = stream(stage, &id).await;
        let got = messages(&lines).iter().map(|line| format!("{line:?}")).collect::<Vec<_>>().join(" | ");
        rows.push(Row::new(what, format!("OK {{}}, one line: {text:?}"), format!("{}, one line: {got}", told.answer())));
    }
    rows
}
