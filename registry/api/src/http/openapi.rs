//! The OpenAPI document, as it is checked in, against routes and codes.

use std::collections::BTreeSet;

use axum::{body::Body, http::Request};
use extensions_types::ErrorCode;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    DOCUMENT, open_routes, routes,
    verb::{ExtensionVerb, TenantVerb, VersionVerb},
};
use crate::service::tests::service;

/// The paths without verbs.
const PLAIN: [(&str, &str); 14] = [
    ("get", "/v1/registry/extensions"),
    ("get", "/v1/registry/extensions/{extension_id}"),
    ("get", "/v1/registry/extensions/{extension_id}:watch"),
    ("get", "/v1/registry/extensions/{extension_id}/history"),
    ("post", "/v1/registry/extensions/{extension_id}/versions"),
    ("get", "/v1/registry/extensions/{extension_id}/versions/{version}"),
    ("put", "/v1/registry/extensions/{extension_id}/versions/{version}/bundle"),
    ("get", "/v1/registry/watch"),
    ("get", "/v1/registry/control/{env}"),
    ("post", "/v1/registry/control/{env}"),
    ("get", "/v1/registry/hosts/{env}"),
    ("get", "/v1/registry/precompiled/{env}"),
    ("post", "/v1/registry/upkeep"),
    ("get", "/v1/registry/openapi.json"),
];

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))).collect()
}

#[test]
fn every_route_and_verb_is_described_and_no_other() {
    let with = |prefix: &'static str, verbs: &'static [&'static str]| verbs.iter().map(move |verb| ("post".to_owned(), format!("{prefix}:{verb}")));
    let plain = PLAIN.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned()));
    let expected: BTreeSet<_> = plain
        .chain(with("/v1/registry/extensions/{extension_id}", ExtensionVerb::ALL))
        .chain(with("/v1/registry/extensions/{extension_id}/versions/{version}", VersionVerb::ALL))
        .chain(with("/v1/registry/tenants/{tenant_id}", TenantVerb::ALL))
        .collect();
    assert_eq!(operations(&document()), expected);
}

#[tokio::test]
async fn everything_described_is_served() {
    let (service, _dir) = service();
    let router = routes(service).merge(open_routes());
    for (method, path) in operations(&document()) {
        let path = path.replace("{extension_id}", "x").replace("{version}", "1").replace("{env}", "dev").replace("{tenant_id}", "acme");
        let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path).body(Body::empty()).unwrap();
        let status = router.clone().oneshot(request).await.unwrap().status().as_u16();
        assert!(!matches!(status, 404 | 405), "{method} {path} is not served: {status}");
    }
    let request = Request::builder().method("DELETE").uri("/v1/registry/extensions").body(Body::empty()).unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 405);
}

#[test]
fn codes_and_statuses_are_those_of_the_table() {
    let document = document();
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(document["components"]["schemas"]["ErrorCode"]["enum"], serde_json::json!(codes));
    for &code in ErrorCode::ALL.iter().filter(|code| !code.is_outcome()) {
        let response = &document["components"]["responses"][format!("Problem{}", code.http())];
        let example = &response["content"]["application/problem+json"]["examples"][code.as_str()]["value"];
        assert_eq!(example["title"], code.meaning(), "{code}");
        assert_eq!((&example["status"], &example["error_code"]), (&code.http().into(), &code.as_str().into()));
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(document: &Value, value: &Value) {
        if let Some(to) = value.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(to.strip_prefix('#').unwrap()).is_some(), "{to} leads nowhere");
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(document, item)),
            Value::Object(fields) => fields.values().for_each(|field| walk(document, field)),
            _ => {}
        }
    }
    walk(&document(), &document());
}
