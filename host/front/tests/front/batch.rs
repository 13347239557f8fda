//! InvokeExtensionBatch and `:invoke-batch`: a result for each input, bounds for all of them.

use bytes::Bytes;
use extensions_admission::BATCH_INPUTS_MAX;
use extensions_proto::v1::{ExecutionContext, InvokeExtensionBatchRequest};
use extensions_types::ErrorCode;
use serde_json::json;
use tonic::Code;

use crate::support::{INPUT_BYTES_MAX, authorised, code_of, event, http1, settings, start, with_token};

const INVOKE: &str = "POST /v1/extensions/echo:invoke-batch";

fn batch(extension: &str, inputs: &[&'static str]) -> InvokeExtensionBatchRequest {
    let inputs = inputs.iter().map(|&input| Bytes::from(input)).collect();
    InvokeExtensionBatchRequest { extension_id: extension.into(), inputs, ..Default::default() }
}

#[tokio::test]
async fn each_input_has_its_own_result_in_its_place() {
    let running = start(&settings());
    let mut client = running.client().await;
    let mut request = batch("echo", &["{\"a\":1}", "\"TRAP\"", "\"QUOTA_EXCEEDED\"", "\"fallback\"", "[2]"]);
    request.ctx = Some(ExecutionContext { correlation_id: "order-1".into(), ..Default::default() });
    let response = client.invoke_extension_batch(with_token(request)).await.unwrap();
    assert_eq!(response.metadata().get("x-ameide-correlation-id").unwrap(), "order-1");
    let results = response.into_inner().results;
    let codes: Vec<_> = results.iter().map(|result| result.error_code.as_str()).collect();
    assert_eq!(codes, ["", "TRAP", "QUOTA_EXCEEDED", "", ""]);
    assert_eq!((results[0].output_json.as_ref(), results[4].output_json.as_ref()), (b"{\"a\":1}".as_slice(), b"[2]".as_slice()));
    assert_eq!((results[1].served_version.as_str(), results[1].stats.unwrap().cpu_micros), ("3", 41));
    assert_eq!((results[2].served_version.as_str(), results[2].stats, results[2].retry_after_ms), ("", None, 25));
    assert_eq!(results[3].fallback.as_ref().unwrap().cause, "host_call");
}

#[tokio::test]
async fn an_array_is_answered_with_an_array() {
    let running = start(&settings());
    let answer = authorised(&running, INVOKE, "[{\"a\": \"],\"}, \"TRAP\" , \"OVERLOADED\",\n null]").await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(answer.headers["x-ameide-correlation-id"], "made-up");
    let stats = json!({ "cpu_micros": 41, "wall_micros": 63, "queue_micros": 0, "memory_peak_bytes": 7, "host_calls": 1 });
    let expected = json!([
        { "output": { "a": "]," }, "served_version": 3, "stats": stats },
        { "error": { "error_code": "TRAP", "detail": "scripted" }, "served_version": 3, "stats": stats },
        { "error": { "error_code": "OVERLOADED", "detail": "scripted", "retry_after_ms": 25 } },
        { "output": null, "served_version": 3, "stats": stats },
    ]);
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn what_a_call_may_say_a_batch_may_say_too() {
    let running = start(&settings());
    let head = "POST /v1/extensions/mirror:invoke-batch?version=2&env=dev&point=p&timeout_ms=800&caller=orders HTTP/1.1\r\n\
                authorization: bearer good\r\nx-ameide-tenant-id: t\r\nx-ameide-correlation-id: c";
    let seen = http1(&running, head, "[1]").await.json();
    let over_http = &seen[0]["output"];
    let request = InvokeExtensionBatchRequest {
        version: "2".into(),
        hook_point: "p".into(),
        caller: "orders".into(),
        timeout_ms: 800,
        ctx: Some(ExecutionContext { tenant_id: "t".into(), correlation_id: "c".into(), env: "dev".into(), ..Default::default() }),
        ..batch("mirror", &["1"])
    };
    let mut client = running.client().await;
    let results = client.invoke_extension_batch(with_token(request)).await.unwrap().into_inner().results;
    let over_grpc: serde_json::Value = serde_json::from_slice(&results[0].output_json).unwrap();
    assert_eq!(over_http, &over_grpc);
    assert_eq!((&over_grpc["hook_point"], &over_grpc["timeout_micros"], &over_grpc["tenant_id"]), (&"p".into(), &800_000.into(), &"t".into()));
}

#[tokio::test]
async fn inputs_are_bounded_in_number_and_size() {
    let running = start(&settings());
    let mut client = running.client().await;
    let most = vec!["1"; BATCH_INPUTS_MAX];
    let answered = client.invoke_extension_batch(with_token(batch("echo", &most))).await.unwrap();
    assert_eq!(answered.into_inner().results.len(), BATCH_INPUTS_MAX);
    let more = [most.as_slice(), &["1"]].concat();
    let refused = client.invoke_extension_batch(with_token(batch("echo", &more))).await.unwrap_err();
    assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::InvalidArgument, "BAD_REQUEST"));
    assert!(refused.message().contains("at most 1000 inputs"), "{}", refused.message());
    let large = InvokeExtensionBatchRequest { inputs: vec![vec![b' '; INPUT_BYTES_MAX / 2].into(); 3], ..batch("echo", &[]) };
    let refused = client.invoke_extension_batch(with_token(large)).await.unwrap_err();
    assert_eq!(code_of(&refused), "INPUT_TOO_LARGE");

    let array = |inputs: &[&str]| format!("[{}]", inputs.join(","));
    assert_eq!(authorised(&running, INVOKE, &array(&most)).await.json().as_array().unwrap().len(), BATCH_INPUTS_MAX);
    for (body, status, code) in [
        (array(&more), 400, "BAD_REQUEST"),
        ("{}".to_owned(), 400, "BAD_REQUEST"),
        ("[1,]".to_owned(), 400, "BAD_REQUEST"),
        (array(&[&" ".repeat(INPUT_BYTES_MAX), &" ".repeat(INPUT_BYTES_MAX)]), 413, "INPUT_TOO_LARGE"),
    ] {
        assert_eq!(authorised(&running, INVOKE, &body).await.problem(), (status, code.into()));
    }
}

#[tokio::test]
async fn no_input_runs_without_a_token_or_over_the_wrong_protocol() {
    let running = start(&settings());
    let mut client = running.client().await;
    let refused = client.invoke_extension_batch(batch("echo", &["1"])).await.unwrap_err();
    assert_eq!(code_of(&refused), ErrorCode::Unauthenticated.as_str());
    assert_eq!(http1(&running, &format!("{INVOKE} HTTP/1.1"), "[1]").await.problem(), (401, "UNAUTHENTICATED".into()));
    let grpc = "POST /ameide.extensions.v1.WasmExtensionRuntime/InvokeExtensionBatch";
    assert_eq!(authorised(&running, grpc, "[1]").await.status, 415);
}

#[tokio::test]
async fn whoever_leaves_cancels_what_is_left() {
    let running = start(&settings());
    let mut client = running.client().await;
    let asking = tokio::spawn(async move { client.invoke_extension_batch(with_token(batch("hold", &["1", "2", "3"]))).await });
    event(running.script.entered.acquire()).await.unwrap().forget();
    asking.abort();
    event(running.script.dropped.acquire()).await.unwrap().forget();
    // The script answers one after the other: the others have never begun.
    assert_eq!(running.script.entered.available_permits(), 0);
}
