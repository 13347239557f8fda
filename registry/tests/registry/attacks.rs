//! Ids that are none, and other tenants' extensions, in every operation.

use crate::{
    drive::{Op, grpc, http},
    guest::push,
    stage::{Stage, Who, code_of},
};

/// An id as a field, and the same in a path.
fn hostile() -> Vec<(String, String)> {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let texts = [
        "..".to_owned(),
        "a/b".to_owned(),
        "../../acme/x".to_owned(),
        "a\0b".to_owned(),
        "Order".to_owned(),
        "x".repeat(10_000),
        "ordеr".to_owned(), // a Cyrillic е
        "ｘ".to_owned(),    // a full-width x
        "_env".to_owned(),
        "_pending".to_owned(),
        "-x".to_owned(),
        "x-".to_owned(),
        "x.json".to_owned(),
        "a b".to_owned(),
        "%2e%2e".to_owned(),
    ];
    texts.into_iter().map(|text| (text.clone(), encoded(&text))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_outside_the_grammar_reach_nothing() {
    let stage = Stage::start().await;
    let who = Who::person("ann");
    let mut client = stage.client(&who);
    push(&mut client, "x", 1).await;
    let before = stage.objects();
    for (id, in_path) in hostile() {
        for op in Op::ALL {
            let refused = grpc(&mut client, op, "", &id).await.unwrap_err();
            assert_eq!(code_of(&refused), "BAD_REQUEST", "{op:?} {id:.40?}: {refused:?}");
            let answer = http(&stage, &who, op, "", &in_path).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{op:?} {id:.40?}: {}", answer.body);
            let noted = stage.noted();
            assert_eq!(noted.len(), 2, "{op:?} {id:.40?}: each refusal is audited once: {noted:?}");
            assert!(
                noted.iter().all(|note| note.who.as_deref() == Some("USER ann@https://id.test of acme") && note.code == "BAD_REQUEST"),
                "{noted:?}"
            );
        }
    }
    assert_eq!(stage.objects(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_extension_is_out_of_reach() {
    let stage = Stage::start().await;
    let mut owner = stage.client(&Who::person("ann"));
    push(&mut owner, "x", 1).await;
    let before = stage.objects();
    let eve = Who { tenant: Some("evil"), ..Who::person("eve") };
    let mut client = stage.client(&eve);
    for op in Op::ALL {
        // Named: the token is for another tenant.
        let refused = grpc(&mut client, op, "acme", "x").await.unwrap_err();
        assert_eq!(code_of(&refused), "TENANT_MISMATCH", "{op:?}: {refused:?}");
        let answer = http(&stage, &eve, op, "acme", "x").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "TENANT_MISMATCH"), "{op:?}: {}", answer.body);
        assert_eq!(stage.noted().len(), 2, "{op:?}");
        // Not named: it is the token's own tenant, which has no such extension.
        if op != Op::Create {
            let refused = grpc(&mut client, op, "", "x").await.unwrap_err();
            assert_eq!(refused.code(), tonic::Code::NotFound, "{op:?}: {refused:?}");
            assert!(["NOT_FOUND", "NOT_PROMOTED"].contains(&code_of(&refused).as_str()), "{op:?}: {refused:?}");
            assert!(!refused.message().contains("acme"), "{op:?}: {refused:?}");
        }
        // A tenant that is none is no tenant.
        for named in ["..", "_env", "ACME"] {
            assert_eq!(code_of(&grpc(&mut client, op, named, "x").await.unwrap_err()), "BAD_REQUEST", "{op:?} {named}");
        }
        assert!(stage.noted().iter().all(|note| note.who.as_deref().is_some_and(|who| who.contains("eve"))), "{op:?}");
    }
    assert_eq!(stage.objects(), before, "nothing was changed");
    let list = stage.http(&eve, "GET", "/v1/registry/extensions", serde_json::Value::Null).await;
    assert_eq!(list.json(), serde_json::json!({"extensions": []}));
    let list = stage.http(&eve, "GET", "/v1/registry/extensions?tenant_id=acme", serde_json::Value::Null).await;
    assert_eq!(list.code(), "TENANT_MISMATCH");
}
