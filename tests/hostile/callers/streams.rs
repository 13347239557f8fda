//! HTTP/2 as a weapon: streams, windows and frames that cost the host more than the caller.

use std::time::Duration;

use extensions_client::Invoke;
use extensions_test_support::{Guest, PATIENCE};
use extensions_types::{Kind, TenantId};

use super::{
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, H2, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame,
        grpc_head, head,
    },
    heads::{kept, kept_below},
    wire::{self, serve_rule},
};
use crate::{
    attack::{Attack, Row},
    call::Told,
    process,
    stage::{Stage, hasty},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "rapid-reset", about: "calls that are cancelled as soon as they are sent", run: |stage| Box::pin(resets(stage)) },
    Attack { name: "stream-exhaustion", about: "more streams than a connection may have", run: |stage| Box::pin(exhaustion(stage)) },
    Attack { name: "window-games", about: "answers that the caller will not take", run: |stage| Box::pin(windows(stage)) },
    Attack { name: "unread-answers", about: "answers of a megabyte that nobody reads", run: |stage| Box::pin(unread(stage)) },
    Attack { name: "frame-floods", about: "frames that carry nothing, by the hundred thousand", run: |stage| Box::pin(floods(stage)) },
    Attack { name: "frame-lies", about: "frames that break the protocol", run: |stage| Box::pin(lies(stage)) },
];

/// A host that says nothing for so long is not going to.
const SILENCE: Duration = Duration::from_secs(2);
/// A write that takes as long is held up: the host reads no more.
const HELD_UP: Duration = Duration::from_millis(500);
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// INITIAL_WINDOW_SIZE.
const WINDOW: u16 = 4;

/// Odd numbers, as clients have them.
fn streams(count: usize) -> impl Iterator<Item = u32> {
    (1..).step_by(2).take(count)
}

/// A unary call as one frame of HEADERS and one of DATA.
fn call(stage: &Stage, stream: u32, id: &str) -> Vec<u8> {
    let message = [&[0x0a, u8::try_from(id.len()).unwrap()], id.as_bytes(), &[0x22, 2], b"{}"].concat();
    let data = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message.as_slice()].concat();
    [frame(HEADERS, END_HEADERS, stream, &grpc_head(stage)), frame(DATA, END_STREAM, stream, &data)].concat()
}

async fn resets(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let probe = head("GET", "/healthz", &[]);
    let mut rows = Vec::new();
    for (what, request) in [
        ("probes", (|_: &Stage, stream, probe: &[u8]| frame(HEADERS, END_STREAM | END_HEADERS, stream, probe)) as fn(&Stage, u32, &[u8]) -> Vec<u8>),
        ("calls", |stage, stream, _| call(stage, stream, "rule")),
        ("calls without a body", |stage, stream, _| frame(HEADERS, END_HEADERS, stream, &grpc_head(stage))),
    ] {
        let mut h2 = H2::dial(stage, &[]).await;
        let all: Vec<u8> =
            streams(4_000).flat_map(|stream| [request(stage, stream, &probe), frame(RST_STREAM, 0, stream, &CANCEL)].concat()).collect();
        h2.send(&all).await;
        // Answers of streams that were begun before their reset may come first.
        let mut got = h2.verdict(SILENCE).await;
        while got == "answered" {
            got = h2.verdict(SILENCE).await;
        }
        rows.push(Row::holds(what, "the connection ends", got == "closed" || got == "GOAWAY ENHANCE_YOUR_CALM", || got.clone()));
    }
    rows.push(back(stage).await);
    rows
}

/// No call of the attack is left in the engine.
pub(super) async fn back(stage: &Stage) -> Row {
    let engine = stage.platform.engine();
    // The neighbours' own calls hold a slot each, as they come.
    let wait = tokio::time::timeout(extensions_test_support::PATIENCE, async {
        while engine.slow_calls() > 1 || engine.instances() > 2 {
            tokio::task::yield_now().await;
        }
    });
    let all = wait.await.is_ok();
    Row::holds("slots", "given back", all, || format!("{} slow calls, {} instances", engine.slow_calls(), engine.instances()))
}

async fn exhaustion(stage: &Stage) -> Vec<Row> {
    const MAX: usize = 256;
    const MORE: usize = 300;
    let mut h2 = H2::dial(stage, &[]).await;
    let block = grpc_head(stage);
    // Bodies that never come keep their streams open.
    let all: Vec<u8> = streams(MAX + MORE).flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &block)).collect();
    h2.send(&all).await;
    let mut refused = 0;
    let mut ended = "open";
    while let Some(frame) = h2.next_within(SILENCE).await {
        match frame.kind {
            RST_STREAM if frame.error() == "REFUSED_STREAM" => refused += 1,
            super::frames::GOAWAY => ended = "ended",
            _ => {}
        }
        if refused == MORE {
            break;
        }
    }
    let mut rows = vec![Row::holds("300 more than 256", "300 refused, or the connection ends", refused == MORE || ended == "ended", || {
        format!("{refused} refused, the connection is {ended}")
    })];
    // The numbers of streams end, too.
    let mut h2 = H2::dial(stage, &[]).await;
    let probe = head("GET", "/healthz", &[]);
    h2.send(&frame(HEADERS, END_STREAM | END_HEADERS, 0x7fff_ffff, &probe)).await;
    rows.push(Row::new("the last number first", "answered", h2.verdict(SILENCE).await));
    h2.send(&frame(HEADERS, END_STREAM | END_HEADERS, 1, &probe)).await;
    let got = h2.verdict(SILENCE).await;
    rows.push(Row::holds("then the first", "refused", got.starts_with("GOAWAY") || got.starts_with("RST_STREAM"), || got.clone()));
    rows
}

/// Large answers that are asked for and never taken.
async fn windows(stage: &Stage) -> Vec<Row> {
    const CONNECTIONS: usize = 20;
    const STREAMS: usize = 250;
    let before = process::resident_mib();
    let large = head("GET", "/openapi.json", &[]);
    let mut rows = Vec::new();
    for (what, window) in [("no window at all", 0), ("a window of one byte", 1), ("the usual window, never read", 65_535)] {
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut h2 = H2::dial(stage, &[(WINDOW, window)]).await;
            let all: Vec<u8> = streams(STREAMS).flat_map(|stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &large)).collect();
            h2.send_within(&all, HELD_UP).await;
            held.push(h2);
        }
        // The neighbours are called while all of them are held.
        stage.neighbours.answered(3).await;
        rows.push(Row::new(what, "others are answered", "others are answered"));
    }
    let mut io = wire::dial(stage).await;
    let asks = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500_000);
    let held_up = tokio::time::timeout(HELD_UP, tokio::io::AsyncWriteExt::write_all(&mut io, asks.as_bytes())).await.is_err();
    rows.push(Row::holds("500,000 answers over HTTP/1, never read", "the host reads no more", held_up, || "it took all of them".to_owned()));
    for (what, bytes, expected) in [
        ("a window beyond 31 bits", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()), "GOAWAY FLOW_CONTROL_ERROR"),
        ("a window of nothing more", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), "GOAWAY PROTOCOL_ERROR"),
        ("a setting beyond 31 bits", frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]), "GOAWAY PROTOCOL_ERROR"),
    ] {
        let mut h2 = H2::dial(stage, &[]).await;
        h2.send(&bytes).await;
        rows.push(Row::new(what, expected, h2.verdict(SILENCE).await));
    }
    // More than the host's window for one stream: what it did not ask for.
    let mut h2 = H2::dial(stage, &[]).await;
    h2.send(&frame(HEADERS, END_HEADERS, 1, &grpc_head(stage))).await;
    h2.send(&frame(DATA, 0, 1, &[0; 16_384]).repeat(128)).await;
    let got = h2.verdict(SILENCE).await;
    rows.push(Row::holds("2 MiB into a window of 256 KiB", "refused", got != "silent", || got.clone()));
    rows.push(kept(before));
    rows
}

/// More of them than a host keeps for callers that read late.
async fn unread(stage: &Stage) -> Vec<Row> {
    const CONNECTIONS: usize = 3;
    const STREAMS: usize = 200;
    let kind = Kind::ProcessHook;
    // {"a":"xxx…"}, beyond the memory that it begins with.
    let answer = "(drop (memory.grow (i32.const 20))) (memory.fill (i32.const 131072) (i32.const 0x78) (i32.const 1000000))
        (i64.store (i32.const 131072) (i64.const 0x7878223a2261227b)) (i32.store16 (i32.const 1131072) (i32.const 0x7d22))
        (call $ok (i32.const 131072) (i32.const 1000002))";
    let component = Guest::new(kind, answer).component();
    stage.serve("large", kind, "", component.clone()).await.1.unwrap();
    // Once in a thousand starts one of them shares the attacker's number.
    let others = ["reads-answers", "reads-others"].map(|name| TenantId::parse(name).unwrap());
    for other in &others {
        stage.platform.load(&stage.platform.serve(other, "large", kind, "", component.clone())).await.unwrap();
    }
    let before = process::resident_mib();
    let (mut held, mut begun, mut refused) = (Vec::new(), 0, 0);
    for _ in 0..CONNECTIONS {
        let mut h2 = H2::dial(stage, &[(WINDOW, 0)]).await;
        // A few at a time: the room that is to end is that for answers.
        for some in streams(STREAMS).collect::<Vec<_>>().chunks(10) {
            h2.send(&some.iter().flat_map(|stream| call(stage, *stream, "large")).collect::<Vec<_>>()).await;
            let all = begun + refused + some.len();
            while begun + refused < all {
                match h2.next_within(PATIENCE).await {
                    // A refusal is heads alone.
                    Some(head) if head.kind == HEADERS && head.flags & END_STREAM != 0 => refused += 1,
                    Some(head) if head.kind == HEADERS => begun += 1,
                    Some(_) => {}
                    None => break,
                }
            }
        }
        held.push(h2);
    }
    stage.neighbours.answered(3).await;
    let mut read = Vec::new();
    for other in &others {
        read.push(Told::of(hasty(&stage.platform, other).invoke(Invoke::new("large")).await).code);
    }
    let told = || format!("{begun} begun, {refused} refused");
    let mut rows = vec![
        // 134 of them fill a half.
        Row::holds("600 MB of them", "half of the room is taken, the rest refused", begun > 100 && begun <= 140 && begun + refused == 600, told),
        Row::holds("other tenants'", "answered", read.iter().any(|code| code == "OK"), || read.join(", ")),
        kept_below(before, 400),
    ];
    drop(held);
    // The host sees that their callers are gone.
    let again = tokio::time::timeout(PATIENCE, async { while stage.call("large").await.code != "OK" {} }).await;
    rows.push(Row::holds("when they are gone", "answered", again.is_ok(), || "refused".to_owned()));
    rows
}

async fn floods(stage: &Stage) -> Vec<Row> {
    const FRAMES: usize = 100_000;
    let before = process::resident_mib();
    let mut rows = Vec::new();
    for (what, one) in [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("PING ACK", frame(PING, ACK, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, WINDOW.to_be_bytes()[1], 0, 0, 0xff, 0xff])),
        ("empty SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 1, 1])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("unknown frames", frame(0xfa, 0, 0, &[0; 16])),
        ("resets of streams that never were", frame(RST_STREAM, 0, 1, &CANCEL)),
    ] {
        let mut h2 = H2::dial(stage, &[]).await;
        // Nothing is read meanwhile: answers pile up, and the host must not let them.
        h2.send_within(&one.repeat(FRAMES), SILENCE).await;
        stage.neighbours.answered(1).await;
        rows.push(Row::new(what, "others are answered", "others are answered"));
    }
    let mut h2 = H2::dial(stage, &[]).await;
    h2.send(&frame(HEADERS, END_HEADERS, 1, &grpc_head(stage))).await;
    h2.send_within(&frame(DATA, 0, 1, &[]).repeat(FRAMES), SILENCE).await;
    let got = h2.verdict(SILENCE).await;
    rows.push(Row::holds("empty DATA", "ended or waited for", ["closed", "silent", "GOAWAY ENHANCE_YOUR_CALM"].contains(&got.as_str()), || {
        got.clone()
    }));
    rows.push(kept(before));
    rows
}

async fn lies(stage: &Stage) -> Vec<Row> {
    let probe = head("GET", "/healthz", &[]);
    let mut rows = Vec::new();
    for (what, bytes, expected) in [
        ("DATA on no stream", frame(DATA, 0, 0, b"x"), "GOAWAY PROTOCOL_ERROR"),
        ("DATA on an idle stream", frame(DATA, 0, 5, b"x"), "GOAWAY PROTOCOL_ERROR"),
        ("HEADERS on no stream", frame(HEADERS, END_STREAM | END_HEADERS, 0, &probe), "GOAWAY PROTOCOL_ERROR"),
        ("HEADERS on an even stream", frame(HEADERS, END_STREAM | END_HEADERS, 2, &probe), "GOAWAY PROTOCOL_ERROR"),
        ("a CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &probe), "GOAWAY PROTOCOL_ERROR"),
        ("a PING of 7 bytes", frame(PING, 0, 0, &[0; 7]), "GOAWAY FRAME_SIZE_ERROR"),
        ("SETTINGS of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5]), "GOAWAY FRAME_SIZE_ERROR"),
        ("an ACK with settings", frame(SETTINGS, ACK, 0, &[0; 6]), "GOAWAY FRAME_SIZE_ERROR"),
        ("a frame of 16 MB", vec![0xff, 0xff, 0xff, DATA, 0, 0, 0, 0, 1], "GOAWAY FRAME_SIZE_ERROR"),
        ("a promise from a client", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]), "GOAWAY PROTOCOL_ERROR"),
        ("a stream that depends on itself", frame(PRIORITY, 0, 3, &[0, 0, 0, 3, 1]), "GOAWAY PROTOCOL_ERROR"),
        ("padding beyond the frame", frame(DATA, 8, 1, &[200, 0]), "GOAWAY PROTOCOL_ERROR"),
        ("a WINDOW_UPDATE of 3 bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), "GOAWAY FRAME_SIZE_ERROR"),
    ] {
        let mut h2 = H2::dial(stage, &[]).await;
        h2.send(&bytes).await;
        let got = h2.verdict(SILENCE).await;
        // Which of its errors a broken frame is, RFC 9113 lets the reader say.
        let named = got == "closed" || got.starts_with("GOAWAY") || got.starts_with("RST_STREAM");
        rows.push(Row::holds(what, "an error of the protocol", named, || format!("{got}, not {expected}")));
    }
    let body = frame(HEADERS, END_HEADERS, 1, &[head("POST", "/v1/extensions/rule:invoke", &[("content-length", "5")])].concat());
    let mut h2 = H2::dial(stage, &[]).await;
    h2.send(&[body, frame(DATA, END_STREAM, 1, b"too many bytes")].concat()).await;
    let got = h2.verdict(SILENCE).await;
    rows.push(Row::holds("a body longer than its length", "refused", got != "silent", || got.clone()));
    rows
}
