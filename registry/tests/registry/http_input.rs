//! Malformed requests over HTTP, and gRPC's own.

use extensions_proto::v1;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    guest::push,
    stage::{Stage, Who, code_of, new_key},
};

/// Path, headers and body; status and code.
type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], &'r [u8], u16, &'r str);

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_queries_are_read_strictly() {
    let stage = Stage::start().await;
    let who = Who::person("ann");
    push(&mut stage.client(&who), "x", 1).await;
    let before = stage.objects();
    let token = stage.token(&who);
    let key = new_key();
    let json_and_key = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
    let promote = "/v1/registry/extensions/x/versions/1:promote";
    let rows: [Row<'_>; 10] = [
        (promote, &json_and_key, b"{\"to_env\": \"dev\", \"colour\": 1}", 400, "BAD_REQUEST"),
        (promote, &json_and_key, b"{\"to_env\": ", 400, "BAD_REQUEST"),
        (promote, &json_and_key, b"\xff\xfe", 400, "BAD_REQUEST"),
        (promote, &json_and_key, b"[]", 400, "BAD_REQUEST"),
        (promote, &json_and_key, &[b' '; 300_000], 413, "INPUT_TOO_LARGE"),
        (promote, &[("content-type", "text/plain"), ("idempotency-key", &key)], b"{\"to_env\": \"dev\"}", 400, "BAD_REQUEST"),
        (promote, &[("content-type", "application/json")], b"{\"to_env\": \"dev\"}", 400, "BAD_REQUEST"),
        ("/v1/registry/extensions/x/versions/01:promote", &json_and_key, b"{\"to_env\": \"dev\"}", 400, "BAD_REQUEST"),
        ("/v1/registry/extensions/x/versions/1:destroy", &json_and_key, b"{}", 400, "BAD_REQUEST"),
        ("/v1/registry/extensions/x:rollback?colour=1", &json_and_key, b"{\"env\": \"dev\", \"to_version\": 1}", 400, "BAD_REQUEST"),
    ];
    for (path, headers, body, status, code) in rows {
        let answer = stage.send(&token, "POST", path, headers, body.to_vec()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.body);
        assert_eq!(stage.noted().len(), 1, "{path}");
    }
    for query in ["page_size=201", "page_size=-1", "page_token=..", "kind=all", "risk_tier=none", "env=qa", "colour=red"] {
        let answer = stage.http(&who, "GET", &format!("/v1/registry/extensions?{query}"), Value::Null).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{query}: {}", answer.body);
    }
    for (method, path, status) in [("GET", "/v1/registry/nothing", 404), ("DELETE", "/v1/registry/extensions", 405), ("PATCH", promote, 405)] {
        let answer = stage.http(&who, method, path, Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert_eq!(stage.objects(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_needs_no_token() {
    let stage = Stage::start().await;
    let answer = stage.send("", "GET", "/v1/registry/openapi.json", &[], Vec::new()).await;
    assert_eq!((answer.status, answer.json()["openapi"].as_str()), (200, Some("3.1.0")));
}

/// A connection that keeps sending bad tokens is told to go.
#[tokio::test(flavor = "multi_thread")]
async fn failed_authentications_of_one_connection_are_bounded() {
    let stage = Stage::start().await;
    let mut codes = Vec::new();
    for _ in 0..40 {
        codes.push(stage.send("x.y.z", "GET", "/v1/registry/extensions", &[], Vec::new()).await.code());
    }
    // The stage gives all connections one counter, as an abused one would have.
    assert_eq!(codes[0], "UNAUTHENTICATED");
    assert_eq!(codes[39], "UNAVAILABLE", "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_methods_and_enums_are_named() {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    let list = v1::ListRegisteredRequest { kind: 77, ..v1::ListRegisteredRequest::default() };
    assert_eq!(code_of(&ann.list_extensions(list).await.unwrap_err()), "BAD_REQUEST");
    let list = v1::ListRegisteredRequest { page_size: 100_000, ..v1::ListRegisteredRequest::default() };
    assert_eq!(code_of(&ann.list_extensions(list).await.unwrap_err()), "BAD_REQUEST");
    let headers = [("content-type", "application/grpc")];
    let token = stage.token(&Who::person("ann"));
    let answer = stage.send(&token, "POST", "/ameide.extensions.v1.ExtensionRegistry/Destroy", &headers, Vec::new()).await;
    assert_eq!(answer.headers["grpc-status"], (Code::Unimplemented as i32).to_string().as_str());
    assert!(answer.headers.contains_key("grpc-status-details-bin"));
    let answer =
        stage.http(&Who::person("ann"), "POST", "/v1/registry/extensions/x:pin", json!({"env": "dev", "caller": "a", "hook_point": "b"})).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
}
