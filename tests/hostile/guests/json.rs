//! Answers that are no JSON, not of their kind's shape, or look like something of the platform's.

use extensions_test_support::{Guest, PlainGuest};
use extensions_types::Kind;

use super::variant::{Variant, hook, plain, rows, variant};
use crate::attack::Attack;

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "bad-json", about: "answers that are no JSON, of every kind", run: |stage| Box::pin(rows(stage, bad())) },
    Attack { name: "deep-json", about: "answers within answers, and wide ones", run: |stage| Box::pin(rows(stage, deep())) },
    Attack { name: "odd-numbers", about: "numbers that JSON does not have, or that no float holds", run: |stage| Box::pin(rows(stage, numbers())) },
    Attack { name: "duplicate-keys", about: "one name twice: the caller gets it as it was", run: |stage| Box::pin(rows(stage, duplicates())) },
    Attack { name: "wrong-shape", about: "JSON that is not what the kind answers", run: |stage| Box::pin(rows(stage, shapes())) },
    Attack { name: "fake-outcomes", about: "an answer that pretends to be an error or a fallback", run: |stage| Box::pin(rows(stage, fakes())) },
    Attack { name: "plain-errors", about: "$error in all its forms, of plain modules", run: |stage| Box::pin(rows(stage, plain_errors())) },
];

const KINDS: [Kind; 3] = [Kind::ProcessHook, Kind::DomainHook, Kind::AgentTool];

fn of(kind: Kind, what: &str, json: impl AsRef<[u8]>, expected: &str) -> Variant {
    variant(format!("{what}, of {kind}"), &Guest::answering(kind, json), expected).kind(kind)
}

fn bad() -> Vec<Variant> {
    let no_json: [(&str, &[u8]); 12] = [
        ("nothing", b""),
        ("spaces", b"  \n"),
        ("half an object", b"{\"a\":"),
        ("two values", b"{}{}"),
        ("bare words", b"{a:1}"),
        ("a comma too many", b"{\"a\":1,}"),
        ("a comment", b"{}/* x */"),
        ("a byte order mark", b"\xef\xbb\xbf{}"),
        ("surrogates", b"{\"a\":\"\xed\xa0\x80\"}"),
        ("a nul byte", b"{\"a\":\"\0\"}"),
        ("a nul after it", b"{}\0"),
        ("an escape that is none", b"{\"a\":\"\\x41\"}"),
    ];
    let mut rows: Vec<Variant> = no_json.iter().map(|(what, json)| of(Kind::ProcessHook, what, json, "INVALID_OUTPUT")).collect();
    for kind in [Kind::DomainHook, Kind::AgentTool] {
        rows.extend(no_json[..4].iter().map(|(what, json)| of(kind, what, json, "INVALID_OUTPUT")));
    }
    rows
}

fn deep() -> Vec<Variant> {
    let lists = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    let objects = |depth: usize| ["{\"a\":".repeat(depth - 1), "{}".to_owned(), "}".repeat(depth - 1)].concat();
    let wide = "(local $at i32) (memory.fill (i32.const 65536) (i32.const 91) (i32.const 1048576)) (call $ok (i32.const 65536) (i32.const 1048576))";
    let comma = "(local $at i32) (local.set $at (i32.const 65536))
        (loop $next (i32.store16 (local.get $at) (i32.const 0x2c30)) (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 2))) (i32.const 1114110))))
        (i32.store8 (i32.const 65536) (i32.const 91)) (i32.store8 (i32.const 65537) (i32.const 32)) (i32.store16 (i32.const 1114110) (i32.const 0x5d30))
        (call $ok (i32.const 65536) (i32.const 1048576))";
    let tool = |body: &str| Guest::new(Kind::AgentTool, body).memory("18");
    let mut rows = vec![
        variant("a MiB of open brackets", &tool(wide), "INVALID_OUTPUT").kind(Kind::AgentTool).manifest("[limits]\ncpu_millis = 1000\n"),
        variant("a list of half a million numbers", &tool(comma), "OK").kind(Kind::AgentTool).manifest("[limits]\ncpu_millis = 1000\n"),
        of(Kind::AgentTool, "128 lists", lists(128), "OK"),
    ];
    for kind in KINDS {
        rows.push(of(kind, "129 lists", lists(129), "INVALID_OUTPUT"));
        rows.push(of(kind, "129 objects", objects(129), "INVALID_OUTPUT"));
    }
    rows
}

fn numbers() -> Vec<Variant> {
    let mut rows: Vec<Variant> = ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "1e", "0x10", "-", "1_000", "--1", "1e999", "-1e999"]
        .into_iter()
        .map(|number| of(Kind::ProcessHook, number, format!("{{\"n\":{number}}}"), "INVALID_OUTPUT"))
        .collect();
    // Text that JSON allows is the caller's to read: the host computes nothing with it.
    for number in ["-0", "-1e-999", "123456789012345678901234567890"] {
        let json = format!("{{\"n\":{number}}}");
        rows.push(of(Kind::ProcessHook, number, &json, &format!("OK {json}")));
    }
    let digits = format!("{{\"n\":{}}}", "9".repeat(20_000));
    rows.push(of(Kind::ProcessHook, "20,000 digits", digits, "INVALID_OUTPUT"));
    rows
}

fn duplicates() -> Vec<Variant> {
    let twice = "{\"a\":1,\"a\":2}";
    let verdict = r#"{"ok":true,"ok":false}"#;
    vec![
        of(Kind::ProcessHook, "in an object", twice, &format!("OK {twice}")),
        of(Kind::AgentTool, "in a result", twice, &format!("OK {twice}")),
        plain("a plain verdict that says both", &PlainGuest::answering(verdict), "INVALID_OUTPUT").kind(Kind::DomainHook),
        plain("two errors", &PlainGuest::answering(r#"{"$error":{"failed":"a"},"$error":{"rejected":"b"}}"#), "INVALID_OUTPUT"),
        plain("an error of two kinds", &PlainGuest::answering(r#"{"$error":{"failed":"a","rejected":"b"}}"#), "INVALID_OUTPUT"),
    ]
}

fn shapes() -> Vec<Variant> {
    let mut rows = Vec::new();
    for kind in [Kind::ProcessHook, Kind::DomainHook] {
        rows.extend(["[]", "1", "\"text\"", "null", "true", "[{}]"].map(|json| of(kind, json, json, "INVALID_OUTPUT")));
    }
    rows.push(of(Kind::AgentTool, "a tool may answer anything", "null", "OK null"));
    let domain = |what: &str, json: &str| plain(what, &PlainGuest::answering(json), "INVALID_OUTPUT").kind(Kind::DomainHook);
    rows.extend([
        domain("a plain verdict without ok", "{}"),
        domain("a plain verdict with more", r#"{"ok":true,"more":1}"#),
        domain("a plain verdict that is ok by a number", r#"{"ok":1}"#),
        domain("fields that are a list", r#"{"ok":true,"derivedFields":[]}"#),
        domain("messages that are an object", r#"{"ok":true,"messages":{}}"#),
        domain("a message without a path", r#"{"ok":true,"messages":[{"code":"","severity":"info","text":""}]}"#),
        domain("a severe message", r#"{"ok":true,"messages":[{"code":"","severity":"severe","text":"","path":""}]}"#),
    ]);
    rows
}

/// What a guest writes is the answer's text, never its outcome.
fn fakes() -> Vec<Variant> {
    let fake = |json: &str| of(Kind::ProcessHook, json, json, &format!("OK {json}"));
    let headers = Guest::failing(Kind::ProcessHook, 0, "no\r\nx-ameide-fallback: skip\r\nx-ameide-served-version: 9");
    let forged = |message: &str| Guest::failing(Kind::ProcessHook, 2, message);
    vec![
        fake(r#"{"error_code":"INTERNAL","error_msg":"the platform failed"}"#),
        fake(r#"{"fallback":{"action":"skip","cause":"trap","message":""}}"#),
        fake(r#"{"type":"about:blank","status":503,"error_code":"OVERLOADED"}"#),
        fake(r#"{"served_version":"9","stats":{"cpu_micros":0}}"#),
        fake(r#"{"$error":{"rejected":"of the plain world"}}"#),
        fake(r#"{"tenant_id":"neighbour","extension_id":"rule"}"#),
        variant("headers in a rejection", &headers, "REJECTED"),
        variant("a platform's code in a failure", &forged("{\"error_code\":\"UNAVAILABLE\"}"), "GUEST_FAILED"),
        variant("a trap's text in a failure", &forged("the extension trapped: wasm `unreachable`"), "GUEST_FAILED"),
    ]
}

fn plain_errors() -> Vec<Variant> {
    let answers = |what: &str, json: &str, expected: &str| plain(format!("{what}: {json}"), &PlainGuest::answering(json), expected);
    vec![
        answers("rejected", r#"{"$error":{"rejected":"no"}}"#, "REJECTED"),
        answers("with spaces", r#"{ "$error" : { "invalid_input" : "no" } }"#, "INVALID_INPUT"),
        answers("failed", r#"{"$error":{"failed":"no"}}"#, "GUEST_FAILED"),
        answers("by another name", r#"{"$error":{"denied":"no"}}"#, "INVALID_OUTPUT"),
        answers("of the platform's codes", r#"{"$error":{"TRAP":"no"}}"#, "INVALID_OUTPUT"),
        answers("without a text", r#"{"$error":{"rejected":null}}"#, "INVALID_OUTPUT"),
        answers("that is a text", r#"{"$error":"rejected"}"#, "INVALID_OUTPUT"),
        answers("that is empty", r#"{"$error":{}}"#, "INVALID_OUTPUT"),
        answers("with another key, an answer", r#"{"$error":{"failed":"x"},"a":1}"#, r#"OK {"$error":{"failed":"x"},"a":1}"#),
        answers("within an answer", r#"{"a":{"$error":{"failed":"x"}}}"#, r#"OK {"a":{"$error":{"failed":"x"}}}"#),
        plain("of a domain hook that failed", &PlainGuest::answering(r#"{"$error":{"failed":"x"}}"#), "GUEST_FAILED").kind(Kind::DomainHook),
        plain("of a tool", &PlainGuest::answering(r#"{"$error":{"rejected":"x"}}"#), "REJECTED").kind(Kind::AgentTool),
        // The key's escapes are the key: it is read, not searched for.
        answers("with an escaped key", r#"{"\u0024error":{"rejected":"no"}}"#, "REJECTED"),
        variant(
            "and no error of a component",
            &hook("(call $ok (call $answer))").text("answer", r#"{"$error":{"failed":"x"}}"#),
            r#"OK {"$error":{"failed":"x"}}"#,
        ),
    ]
}
