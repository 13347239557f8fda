//! Heads of requests that are too large, too many, or bombs.

use std::time::Duration;

use super::{
    frames::{CONTINUATION, END_HEADERS, END_STREAM, H2, HEADERS, field, frame, head, indexed_field},
    wire::{LAST, answers, exchange},
};
use crate::{
    attack::{Attack, Row},
    process,
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "header-bombs", about: "heads of HTTP/1: long, many, endless", run: |stage| Box::pin(bombs(stage)) },
    Attack { name: "hpack-bombs", about: "header blocks that grow when they are decoded, or lie", run: |stage| Box::pin(hpack(stage)) },
    Attack { name: "continuation-flood", about: "a head of HTTP/2 that never ends", run: |stage| Box::pin(continuations(stage)) },
];

/// A host that says nothing for so long has taken it without a word.
const SILENCE: Duration = Duration::from_secs(2);
/// What the attackers' and the host's buffers of one attack may take together.
const GROWTH_MIB_MAX: u64 = 64;

async fn bombs(stage: &Stage) -> Vec<Row> {
    let before = process::resident_mib();
    let probe = |headers: &str| format!("GET /healthz HTTP/1.1\r\nhost: x\r\n{headers}\r\n{LAST}");
    let many = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let long = |bytes: usize| "x".repeat(bytes);
    let mut rows = Vec::new();
    for (what, text, expected) in [
        ("a value of 17 kB", probe(&format!("x-long: {}\r\n", long(17 << 10))), "431"),
        ("a value of 1 MB", probe(&format!("x-long: {}\r\n", long(1 << 20))), "431"),
        ("a name of 17 kB", probe(&format!("{}: y\r\n", long(17 << 10))), "431"),
        ("101 headers", probe(&many(101)), "431"),
        ("10,000 headers", probe(&many(10_000)), "431"),
        ("a path of 17 kB", format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", long(17 << 10)), "414"),
        ("a method of 17 kB", format!("{} / HTTP/1.1\r\nhost: x\r\n\r\n", long(17 << 10)), "400"),
        ("100,000 cookies", probe(&"cookie: a=b\r\n".repeat(100_000)), "431"),
        ("8 MB without an end", long(8 << 20), "400"),
    ] {
        let got = answers(&exchange(stage, text).await);
        // Which of its limits a head breaks first is hyper's to choose.
        let named = ["431", "414", "400"].contains(&got.as_str());
        let expected = if named && matches!(expected, "414" | "400") { got.clone() } else { expected.to_owned() };
        rows.push(Row::new(what, expected, got));
    }
    rows.push(kept(before));
    rows
}

/// Nothing large stays.
pub(super) fn kept(before: u64) -> Row {
    kept_below(before, GROWTH_MIB_MAX)
}

/// The process has grown by at most so much.
pub(super) fn kept_below(before: u64, mib_max: u64) -> Row {
    let grown = process::resident_mib().saturating_sub(before);
    Row::holds("memory", format!("≤ {mib_max} MiB more"), grown <= mib_max, || format!("{grown} MiB more"))
}

async fn hpack(stage: &Stage) -> Vec<Row> {
    let before = process::resident_mib();
    let usual = head("GET", "/healthz", &[]);
    // 3 kB in the table, then 4,000 times one byte that means it: 12 MB.
    let bomb = [usual.clone(), indexed_field("x-bomb", &"x".repeat(3_000)), vec![0x80 | 62; 4_000]].concat();
    let many: Vec<u8> = (0..1_000).flat_map(|number| field(&format!("x-{number}"), "y")).collect();
    let mut rows = Vec::new();
    for (what, block, expected) in [
        ("an index 4,000 times", bomb, "refused"),
        ("16,000 bytes of fields", [usual.clone(), field("x-long", &"x".repeat(16_000))].concat(), "refused"),
        ("1,000 fields", [usual.clone(), many[..many.len().min(16_000)].to_vec()].concat(), "refused"),
        ("an index of nothing", [usual.clone(), vec![0x80 | 100]].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("index zero", [usual.clone(), vec![0x80]].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a number without end", [usual.clone(), [vec![0xff], vec![0xff; 20]].concat()].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a table of 4 GB", [vec![0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f], usual.clone()].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a text beyond the block", [usual.clone(), vec![0, 1, b'x', 127, 0xff, 0x10]].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("bad Huffman", [usual.clone(), vec![0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a name in capitals", [usual.clone(), field("X-Loud", "y")].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("a connection header", [usual.clone(), field("connection", "close")].concat(), "RST_STREAM PROTOCOL_ERROR"),
        ("two paths", [usual.clone(), field(":path", "/")].concat(), "RST_STREAM PROTOCOL_ERROR"),
        ("a pseudo-header that nobody knows", [usual.clone(), field(":extra", "/")].concat(), "GOAWAY PROTOCOL_ERROR"),
        ("no method", [field(":scheme", "http"), field(":path", "/healthz")].concat(), "RST_STREAM PROTOCOL_ERROR"),
        ("a line feed in a value", [usual.clone(), field("x-a", "1\r\nx-b: 2")].concat(), "GOAWAY PROTOCOL_ERROR"),
    ] {
        let mut h2 = H2::dial(stage, &[]).await;
        h2.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)).await;
        let got = h2.verdict(SILENCE).await;
        // A head that is too large is answered (431) or its stream is reset; it never reaches a handler.
        let refused = got.starts_with("RST_STREAM") || got.starts_with("GOAWAY") || got == "answered";
        let got = if expected == "refused" && refused { expected.to_owned() } else { got };
        rows.push(Row::new(what, expected, got));
    }
    rows.push(kept(before));
    rows
}

async fn continuations(stage: &Stage) -> Vec<Row> {
    let before = process::resident_mib();
    let usual = head("GET", "/healthz", &[]);
    let field = field("x-a", &"x".repeat(100));
    let mut rows = Vec::new();
    for (what, part) in [("with fields", field.repeat(100)), ("empty", Vec::new()), ("of one byte", vec![0])] {
        let mut h2 = H2::dial(stage, &[]).await;
        let more = frame(CONTINUATION, 0, 1, &part).repeat(64);
        h2.send(&frame(HEADERS, END_STREAM, 1, &usual)).await;
        let mut sent = 0;
        while sent < 200 && h2.send_within(&more, SILENCE).await {
            sent += 1;
        }
        let got = h2.verdict(SILENCE).await;
        let ended = got == "closed" || got.starts_with("GOAWAY");
        rows.push(Row::holds(what, "the connection ends", ended, || got.clone()));
    }
    let mut h2 = H2::dial(stage, &[]).await;
    h2.send(&[frame(HEADERS, END_STREAM, 1, &usual), frame(HEADERS, END_STREAM | END_HEADERS, 3, &usual)].concat()).await;
    rows.push(Row::new("another stream's head in between", "GOAWAY PROTOCOL_ERROR", h2.verdict(SILENCE).await));
    rows.push(kept(before));
    rows
}
