//! From draft to prod and back with two people over HTTP; every answer is as the OpenAPI document says.

use std::collections::BTreeMap;

use extensions_artifact::digest;
use extensions_json::Schema;
use serde_json::{Value, json};

use crate::{
    guest::{component, component_bundle, manifest},
    stage::{Answer, Stage, Who, new_key},
};

/// The schemas of the document, compiled once each.
struct Described {
    schemas: Value,
    compiled: BTreeMap<&'static str, Schema>,
}

impl Described {
    async fn of(stage: &Stage) -> Self {
        let document = stage.send("", "GET", "/v1/registry/openapi.json", &[], Vec::new()).await.json();
        Self { schemas: document["components"]["schemas"].clone(), compiled: BTreeMap::new() }
    }

    /// The answer's JSON, which must be a `name`.
    fn check(&mut self, name: &'static str, answer: &Answer) -> Value {
        let schemas = &self.schemas;
        let schema = self.compiled.entry(name).or_insert_with(|| {
            let whole = json!({"$ref": format!("#/components/schemas/{name}"), "components": {"schemas": reached(schemas, name)}});
            Schema::compile(&whole).unwrap_or_else(|error| panic!("{name}: {error}"))
        });
        assert_eq!(answer.status, 200, "{}", answer.body);
        if let Err(violation) = schema.validate(answer.body.as_bytes()) {
            panic!("{violation} in {}", answer.body);
        }
        answer.json()
    }
}

/// The schema of that name and those that it refers to: the whole document has more parts than one schema may have.
fn reached(schemas: &Value, name: &str) -> Value {
    fn names(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()).map(str::to_owned));
                members.values().for_each(|member| names(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            _ => {}
        }
    }
    let (mut reached, mut left) = (serde_json::Map::new(), vec![name.to_owned()]);
    while let Some(name) = left.pop() {
        if !reached.contains_key(&name) {
            names(&schemas[&name], &mut left);
            reached.insert(name.clone(), schemas[&name].clone());
        }
    }
    Value::Object(reached)
}

async fn push(stage: &Stage, who: &Who, described: &mut Described, number: u32) -> u64 {
    let bundle = component_bundle("x", "low", &component(number));
    let draft = json!({
        "origin": "uploaded", "manifest_toml": manifest("x", "low"), "bundle_sha256": digest(&bundle).to_string(), "bundle_bytes": bundle.len(),
    });
    let created = stage.http(who, "POST", "/v1/registry/extensions/x/versions", draft).await;
    let version = described.check("Changed", &created)["version"].as_u64().unwrap();
    let path = format!("/v1/registry/extensions/x/versions/{version}/bundle");
    let headers = [("content-type", "application/zstd"), ("idempotency-key", &*new_key())];
    let uploaded = stage.send(&stage.token(who), "PUT", &path, &headers, bundle.to_vec()).await;
    described.check("Uploaded", &uploaded);
    version
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_goes_to_prod_and_back() {
    let stage = Stage::start().await;
    let (ann, bob) = (Who::person("ann"), Who::person("bob"));
    let mut described = Described::of(&stage).await;
    for number in [1, 2] {
        let version = push(&stage, &ann, &mut described, number).await;
        let of = |verb: &str| format!("/v1/registry/extensions/x/versions/{version}:{verb}");
        for env in ["dev", "staging", "prod"] {
            if env != "dev" {
                described.check("Changed", &stage.http(&ann, "POST", &of("submit"), json!({"to_env": env})).await);
                let approve = json!({"to_env": env, "decision": "approve"});
                described.check("Changed", &stage.http(&bob, "POST", &of("decide"), approve).await);
            }
            let promoted = described.check("Changed", &stage.http(&ann, "POST", &of("promote"), json!({"to_env": env, "why": "ready"})).await);
            assert_eq!((promoted["entry"]["env"].as_str(), promoted["entry"]["version"].as_u64()), (Some(env), Some(version)));
        }
    }
    let pinned = stage.http(&ann, "POST", "/v1/registry/extensions/x:pin", json!({"env": "prod", "caller": "orders", "version": 1})).await;
    assert_eq!(described.check("Changed", &pinned)["entry"]["pins"], json!([{"caller": "orders", "version": 1}]));
    let back = stage.http(&ann, "POST", "/v1/registry/extensions/x:rollback", json!({"env": "prod", "to_version": 1, "why": "too strict"})).await;
    assert_eq!(described.check("Changed", &back)["entry"]["version"], 1);
    let off = stage.http(&ann, "POST", "/v1/registry/extensions/x:set-enabled", json!({"env": "dev", "enabled": false})).await;
    assert_eq!(described.check("Changed", &off)["entry"]["enabled"], false);
    looks_right(&stage, &bob, &mut described).await;
    assert_eq!(stage.noted(), [], "nobody was refused");
}

async fn looks_right(stage: &Stage, who: &Who, described: &mut Described) {
    let shown = described.check("Extension", &stage.http(who, "GET", "/v1/registry/extensions/x", Value::Null).await);
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);
    assert_eq!(shown["versions"][0]["reviews"][0]["approved_by"][0]["subject"], "bob");
    let version = described.check("VersionDetail", &stage.http(who, "GET", "/v1/registry/extensions/x/versions/2?with_wit=true", Value::Null).await);
    assert_eq!((version["evidence"]["origin"].as_str(), version["definition"]["version"].as_u64()), (Some("uploaded"), Some(2)));
    assert!(version["wit"].as_str().unwrap().contains("export evaluate"));
    let list = described
        .check("ListPage", &stage.http(who, "GET", "/v1/registry/extensions?kind=domain_hook&tag=t&env=prod&id_prefix=x", Value::Null).await);
    assert_eq!(list["extensions"][0]["extension_id"], "x");
    let none = described.check("ListPage", &stage.http(who, "GET", "/v1/registry/extensions?risk_tier=high", Value::Null).await);
    assert_eq!(none["extensions"], json!([]));
    let first = described.check("HistoryPage", &stage.http(who, "GET", "/v1/registry/extensions/x/history?page_size=3", Value::Null).await);
    let second =
        described.check("HistoryPage", &stage.http(who, "GET", "/v1/registry/extensions/x/history?after_seq=3&page_size=500", Value::Null).await);
    let seqs: Vec<_> =
        [&first, &second].into_iter().flat_map(|page| page["events"].as_array().unwrap()).map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "pages fit together");
    assert_eq!((first["next_after_seq"].as_u64(), second.get("next_after_seq")), (Some(3), None));
    let newest =
        described.check("HistoryPage", &stage.http(who, "GET", "/v1/registry/extensions/x/history?newest_first=true&page_size=1", Value::Null).await);
    assert_eq!((newest["events"][0]["change"]["type"].as_str(), newest["events"][0]["from"].as_str()), (Some("enabled_set"), Some("192.0.2.7")));
}
