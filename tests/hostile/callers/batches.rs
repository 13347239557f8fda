//! One request with as much in it as a request can hold.

use std::time::Duration;

use bytes::Bytes;
use extensions_client::{BATCH_INPUTS_MAX, Invoke};
use extensions_test_support::{Guest, until};
use extensions_types::Kind;

use super::{
    grpc::{Raw, framed, good},
    heads::{kept, kept_below},
    slow::neighbours,
    wire::{LAST, answers, exchange, invoke_head, serve_rule},
};
use crate::{
    attack::{Attack, Row},
    call::Told,
    process,
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "giant-batches", about: "batches of millions of inputs, or of the largest outputs", run: |stage| Box::pin(giants(stage)) },
    Attack { name: "batches-of-spinners", about: "a thousand endless loops in each request", run: |stage| Box::pin(spinners(stage)) },
];

const METHOD: &str = "/ameide.extensions.v1.WasmExtensionRuntime/InvokeExtensionBatch";
const SPIN: &str = "(loop $again (br $again)) (unreachable)";
/// What a host takes in one request.
const BODY_BYTES: usize = 8 << 20;

async fn giants(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    // Answers with a mebibyte of nothing: `{` and `}` around spaces.
    let wide = "(local $at i32) (local.set $at (call $bump (i32.const 1) (i32.const 1000000)))
        (memory.fill (local.get $at) (i32.const 32) (i32.const 1000000))
        (i32.store8 (local.get $at) (i32.const 123))
        (i32.store8 (i32.add (local.get $at) (i32.const 999999)) (i32.const 125))
        (call $ok (local.get $at) (i32.const 1000000))";
    let wide = Guest::new(Kind::ProcessHook, wide).component();
    stage.serve("wide", Kind::ProcessHook, "[limits]\noutput_bytes = 1048576\nmemory_mb = 8\n", wide).await.1.unwrap();
    let before = process::resident_mib();
    let mut rows = Vec::new();
    // An empty input is two bytes on the wire.
    let mut message = b"\x0a\x04rule".to_vec();
    message.extend(std::iter::repeat_n(*b"\x22\0", BODY_BYTES / 2 - 16).flatten());
    let giant = Raw { path: METHOD.to_owned(), data: vec![framed(&message)], ..Raw::new(stage, &good()) };
    rows.push(Row::new("four million inputs over gRPC", "BAD_REQUEST", giant.send(stage).await));
    for (what, text, expected) in [
        ("four million numbers", [b"[0".as_slice(), &b",0".repeat(BODY_BYTES / 2 - 8), b"]"].concat(), "400 BAD_REQUEST"),
        ("eight million brackets", b"[".repeat(BODY_BYTES), "400 BAD_REQUEST"),
        ("eight million commas", [b"[1".as_slice(), &b",".repeat(BODY_BYTES - 8)].concat(), "400 BAD_REQUEST"),
        ("a text that never ends", [b"[\"".as_slice(), &b"\\\"".repeat(BODY_BYTES / 2 - 8)].concat(), "400 BAD_REQUEST"),
        ("no array", b" ".repeat(BODY_BYTES), "400 BAD_REQUEST"),
        ("an object", b"{\"inputs\":[]}".to_vec(), "400 BAD_REQUEST"),
    ] {
        rows.push(Row::new(what, format!("{expected}, 200"), over_http(stage, &text).await));
    }
    let results = stage.client.invoke_batch(Invoke::new("wide").batch(vec!["{}"; 100])).await;
    let codes = results.map(|results| results.into_iter().map(|result| Told::of(result).code).collect::<Vec<_>>());
    let answered = codes.as_ref().map_or(0, |codes| codes.iter().filter(|code| *code == "OK").count());
    let cut = codes.as_ref().map_or(0, |codes| codes.iter().filter(|code| *code == "OUTPUT_LIMIT").count());
    rows.push(Row::new("a hundred outputs of a megabyte", "8 answered, 92 OUTPUT_LIMIT", format!("{answered} answered, {cut} OUTPUT_LIMIT")));
    // Four copies of the largest body: the attacker's own, the host's, and what both buffer.
    rows.push(kept_below(before, 256));
    rows.push(neighbours(stage));
    rows
}

async fn over_http(stage: &Stage, body: &[u8]) -> String {
    let head = invoke_head(stage, "").replace(":invoke", ":invoke-batch");
    let head = format!("{head}content-length: {}\r\n\r\n", body.len());
    answers(&exchange(stage, [head.as_bytes(), body, LAST.as_bytes()].concat()).await)
}

async fn spinners(stage: &Stage) -> Vec<Row> {
    const BATCHES: usize = 16;
    let spin = Guest::new(Kind::ProcessHook, SPIN).component();
    for id in ["spins", "spins-too"] {
        let limits = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
        stage.serve(id, Kind::ProcessHook, limits, spin.clone()).await.1.unwrap();
    }
    let before = process::resident_mib();
    let batch = |id| Invoke::new(id).timeout(Duration::from_secs(8)).batch(vec![Bytes::from_static(b"{}"); BATCH_INPUTS_MAX]);
    let asked = (0..BATCHES).map(|_| {
        let client = stage.connection();
        async move { client.invoke_batch(batch("spins")).await }
    });
    let mut unexpected = Vec::new();
    for results in futures_util::future::join_all(asked).await {
        match results {
            Ok(results) => {
                let codes = results.into_iter().map(|result| Told::of(result).code);
                // A breaker opens for what always fails; lanes and turns have bounds.
                let expected = ["CPU_LIMIT", "DEADLINE", "OVERLOADED", "CIRCUIT_OPEN", "TIMEOUT"];
                unexpected.extend(codes.filter(|code| !expected.contains(&code.as_str())));
            }
            Err(error) => unexpected.push(error.to_string()),
        }
    }
    unexpected.truncate(3);
    let mut rows = vec![Row::holds("in their time", "each input is told why", unexpected.is_empty(), || unexpected.join("; "))];
    // Callers that leave: what has begun ends soon, and nothing more begins. Of an
    // extension whose breaker has not opened.
    let left: Vec<_> = (0..BATCHES)
        .map(|_| {
            let client = stage.connection();
            tokio::spawn(async move { client.invoke_batch(batch("spins-too")).await })
        })
        .collect();
    until(|| stage.platform.engine().slow_calls() > BATCHES / 2).await;
    left.iter().for_each(tokio::task::JoinHandle::abort);
    // The working neighbour has a call there.
    until(|| stage.platform.engine().slow_calls() <= 1).await;
    rows.push(Row::new("who leaves", "no spinner stays", "no spinner stays"));
    rows.push(kept(before));
    rows.push(neighbours(stage));
    rows
}
