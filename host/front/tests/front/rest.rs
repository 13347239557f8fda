//! The HTTP API over HTTP/1 and HTTP/2.

use extensions_types::ErrorCode;
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    grpc::tool,
    support::{INPUT_BYTES_MAX, Parsed, authorised, event, http1, http2, raw, settings, start, to_end},
};

const INVOKE: &str = "POST /v1/extensions/echo:invoke";

#[tokio::test]
async fn plain_json_goes_in_and_comes_out() {
    let running = start(&settings());
    let answer = authorised(&running, INVOKE, "{\"a\":1}").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"a\":1}"));
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["x-ameide-served-version"], "3");
    assert_eq!(answer.headers["x-ameide-correlation-id"], "made-up");
    assert_eq!(answer.headers["x-ameide-stats"], "cpu_micros=41, wall_micros=63, queue_micros=0, memory_peak_bytes=7, host_calls=1");
}

#[tokio::test]
async fn a_fallback_says_so_in_a_header() {
    let running = start(&settings());
    let answer = authorised(&running, "POST /v1/extensions/fallback:invoke", "{\"a\":1}").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"a\":1}"));
    assert_eq!(answer.headers["x-ameide-fallback"], "last_good; cause=host_call");
    assert_eq!(answer.headers["x-ameide-served-version"], "3");
}

#[tokio::test]
async fn http2_serves_the_same() {
    let running = start(&settings());
    let mut sender = http2(running.connect().await).await;
    let request = http::Request::post("http://front/v1/extensions/echo:invoke").header("authorization", "Bearer good");
    let response = sender.send_request(request.body(Full::from("[1]")).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["content-length"]), (200, &"3".parse().unwrap()));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "[1]");
}

#[tokio::test]
async fn parameters_and_headers_reach_the_service() {
    let running = start(&settings());
    let head = "POST /v1/extensions/mirror:invoke?version=2&env=dev&point=Before%43reate&timeout_ms=800&caller=orders HTTP/1.1\r\n\
                authorization: bearer good\r\ncontent-type: application/json; charset=utf-8\r\nx-ameide-tenant-id: t\r\nx-ameide-org-id: o\r\n\
                x-ameide-user-id: u\r\nx-ameide-session-id: s\r\nx-ameide-correlation-id: c";
    let seen = http1(&running, head, "null").await.json();
    let expected = serde_json::json!({
        "version": "2", "hook_point": "BeforeCreate", "caller": "orders", "tenant_id": "t", "org_id": "o", "user_id": "u", "actor_type": "",
        "session_id": "s", "correlation_id": "c", "env": "dev", "risk_tier": "", "timeout_micros": 800_000, "input_bytes": 4,
    });
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn every_code_has_its_status_and_document() {
    let running = start(&settings());
    for &code in ErrorCode::ALL {
        let answer = authorised(&running, &format!("POST /v1/extensions/{code}:invoke"), "{}").await;
        assert_eq!(answer.problem(), (code.http(), code.as_str().to_owned()));
        let document = answer.json();
        assert_eq!((document["title"].as_str().unwrap(), document["detail"].as_str().unwrap()), (code.meaning(), "scripted"));
        if code.is_outcome() {
            assert_eq!(answer.headers["x-ameide-served-version"], "3");
        } else {
            assert_eq!((answer.headers["retry-after"].to_str().unwrap(), document["retry_after_ms"].as_u64()), ("1", Some(25)));
        }
    }
}

#[tokio::test]
async fn malformed_requests_are_named() {
    let running = start(&settings());
    let with = |header: &str| format!("{INVOKE} HTTP/1.1\r\nauthorization: Bearer good\r\n{header}");
    for header in ["content-type: text/plain", "content-encoding: gzip", "x-ameide-tenant-id: a\r\nx-ameide-tenant-id: b", "x-ameide-user-id: \u{fc}"]
    {
        assert_eq!(http1(&running, &with(header), "{}").await.problem(), (400, "BAD_REQUEST".into()), "{header}");
    }
    for query in ["verison=2", "timeout_ms=soon", "timeout_ms=-1", "env=a&env=b", "point=%ff"] {
        let answer = authorised(&running, &format!("{INVOKE}?{query}"), "{}").await;
        assert_eq!(answer.problem(), (400, "BAD_REQUEST".into()), "{query}");
        let key = query.split('=').next().unwrap();
        assert!(answer.body.contains(key) || key == "point", "{} names no {key}", answer.body);
    }
    assert_eq!(authorised(&running, "POST /v1/other", "").await.problem(), (404, "BAD_REQUEST".into()));
    let answer = authorised(&running, "GET /v1/extensions/echo:invoke", "").await;
    assert_eq!((answer.problem(), &answer.headers["allow"]), ((405, "BAD_REQUEST".into()), &"POST".parse().unwrap()));
}

#[tokio::test]
async fn a_missing_token_is_refused_before_the_body() {
    let running = start(&settings());
    // The body is announced and never sent; `100 Continue` would ask for it.
    let head = format!("{INVOKE} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n");
    let answer = Parsed::of(&raw(running.connect().await, head).await);
    assert_eq!(answer.problem(), (401, "UNAUTHENTICATED".into()));
    assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"extensions\"");
    for token in ["authorization: Bearer bad", "authorization: Basic good", "authorization: Bearer good\r\nauthorization: Bearer good"] {
        assert_eq!(http1(&running, &format!("{INVOKE} HTTP/1.1\r\n{token}"), "{}").await.status, 401, "{token}");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_unread() {
    let running = start(&settings());
    let announced = format!("{INVOKE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ncontent-length: {}\r\n\r\n", 100 << 20);
    let answer = Parsed::of(&raw(running.connect().await, announced).await);
    assert_eq!(answer.problem(), (413, "INPUT_TOO_LARGE".into()));
    let chunked = format!("{INVOKE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut io = running.connect().await;
    io.write_all(chunked.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    // One chunk too many and no last one: it is not waited for.
    for _ in 0..=INPUT_BYTES_MAX / 1024 {
        io.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut status = [0; 12];
    event(io.read_exact(&mut status)).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[tokio::test]
async fn extensions_are_listed() {
    let running = start(&settings());
    running.script.listed.lock().unwrap().push(std::sync::Arc::new(tool()));
    let listed = authorised(&running, "GET /v1/extensions", "").await.json();
    let expected = serde_json::json!({"extensions": [{
        "extension_id": "vat", "kind": "agent_tool", "served_version": 2, "risk_tier": "low", "description": "Tax.", "tags": ["tax"],
        "tool": {"name": "vat", "description": "Adds VAT.", "input_schema": {"type": "object"}, "output_schema": null},
    }]});
    assert_eq!(listed, expected);
    assert_eq!(authorised(&running, "GET /v1/extensions?kind=domain_hook", "").await.json(), serde_json::json!({"extensions": []}));
    assert_eq!(authorised(&running, "GET /v1/extensions?kind=tool", "").await.problem(), (400, "BAD_REQUEST".into()));
    assert_eq!(http1(&running, "GET /v1/extensions HTTP/1.1", "").await.status, 401);
}

fn record(seq: u64) -> serde_json::Value {
    serde_json::json!({"seq": seq, "message": format!("line {seq}")})
}

#[tokio::test]
async fn logs_are_lines_from_where_they_were_left() {
    let running = start(&settings());
    running.script.log.lock().unwrap().extend((1..=600).map(record));
    let mut sender = http2(running.connect().await).await;
    let request = http::Request::get("http://front/v1/extensions/echo:logs?after=2").header("authorization", "Bearer good");
    let response = sender.send_request(request.body(Full::from("")).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let lines: Vec<serde_json::Value> =
        body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| serde_json::from_slice(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0], &lines[597]), (598, &record(3), &record(600)));
    assert_eq!(authorised(&running, "GET /v1/extensions/other:logs", "").await.problem(), (404, "NOT_FOUND".into()));
    assert_eq!(authorised(&running, "GET /v1/extensions/echo:logs?follow=yes", "").await.status, 400);
}

#[tokio::test]
async fn followers_hear_of_new_lines_until_the_host_leaves() {
    let running = start(&settings());
    let head = "GET /v1/extensions/echo:logs?follow=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer good\r\n\r\n";
    let mut io = running.connect().await;
    io.write_all(head.as_bytes()).await.unwrap();
    running.script.log.lock().unwrap().push(record(1));
    let mut seen = String::new();
    while !seen.contains("line 1") {
        seen.push(char::from(event(io.read_u8()).await.unwrap()));
    }
    running.front.handle().drain(crate::support::PATIENCE);
    // The last chunk of a chunked body: it ended, it was not cut.
    assert!(to_end(io).await.ends_with("0\r\n\r\n"));
    assert_eq!(event(running.front.handle().drained()).await.cut, 0);
}

#[tokio::test]
async fn the_openapi_document_needs_no_token() {
    let running = start(&settings());
    let answer = http1(&running, "GET /openapi.json HTTP/1.1", "").await;
    assert_eq!((answer.status, answer.json()["openapi"].as_str()), (200, Some("3.1.0")));
}
