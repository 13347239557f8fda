//! Tokens that claim too much or are none, and roles that do not suffice.

use extensions_identity::{DevKey, Role, Scope};
use extensions_proto::v1;
use serde_json::{Value, json};
use tonic::Code;

use crate::{
    drive::{Op, grpc, http},
    guest::push,
    stage::{Stage, Who, client, code_of, token},
};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_genuine_token_nothing_is_answered() {
    let stage = Stage::start().await;
    let forged = token(&DevKey::generate().unwrap(), &Who::person("eve"));
    for (token, code) in [("", "UNAUTHENTICATED"), ("x.y.z", "UNAUTHENTICATED"), (forged.as_str(), "UNAUTHENTICATED")] {
        let answer = stage.send(token, "GET", "/v1/registry/extensions", &[("x-ameide-correlation-id", "c-1")], Vec::new()).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code), "{}", answer.body);
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"extensions\"");
        assert_eq!(answer.headers["x-ameide-correlation-id"], "c-1");
        let noted = stage.noted();
        assert!(
            matches!(&noted[..], [note] if note.who.is_none() && note.correlation == "c-1" && note.operation == "/v1/registry/extensions"),
            "{noted:?}"
        );
    }
    let refused = grpc(&mut client(stage.address, forged), Op::Promote, "", "x").await.unwrap_err();
    assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
    assert_eq!(stage.noted().len(), 1);
}

/// Each operation needs its role; everybody else's is not enough.
#[tokio::test(flavor = "multi_thread")]
async fn each_change_needs_its_own_role() {
    let stage = Stage::start().await;
    push(&mut stage.client(&Who::person("ann")), "x", 1).await;
    let before = stage.objects();
    for op in Op::ALL.into_iter().filter(|op| !op.reads()) {
        let needed = match op {
            Op::Create | Op::Upload | Op::Compile | Op::Submit | Op::RequestWaiver => Role::Author,
            Op::Approve | Op::Reject | Op::GrantWaiver => Role::Reviewer,
            _ => Role::Releaser,
        };
        let others: Vec<_> = Role::ALL.iter().copied().filter(|role| *role != needed).collect();
        let who = Who::person("bob").with_roles(&others);
        let refused = grpc(&mut stage.client(&who), op, "", "x").await.unwrap_err();
        assert_eq!((refused.code(), code_of(&refused).as_str()), (Code::PermissionDenied, "PERMISSION_DENIED"), "{op:?}: {refused:?}");
        assert!(refused.message().contains(needed.as_str()), "{op:?}: {refused:?}");
        assert_eq!(http(&stage, &who, op, "", "x").await.code(), "PERMISSION_DENIED", "{op:?}");
        let operator = grpc(&mut stage.client(&Who::operator()), op, "acme", "x").await.unwrap_err();
        assert_eq!(code_of(&operator), "PERMISSION_DENIED", "{op:?}: a platform token has no part in a tenant's lifecycle");
    }
    let nobody = Who::person("nil").with_roles(&[]);
    for op in Op::ALL.into_iter().filter(|op| op.reads()) {
        assert_eq!(code_of(&grpc(&mut stage.client(&nobody), op, "", "x").await.unwrap_err()), "PERMISSION_DENIED", "{op:?}");
    }
    assert_eq!(stage.objects(), before, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_and_erasure_are_the_operators() {
    let stage = Stage::start().await;
    push(&mut stage.client(&Who::person("ann")), "x", 1).await;
    let before = stage.objects();
    let switch = json!({"target": {"of": "tenant", "tenant": "acme"}, "off": true, "why": "drill"});
    let requests = [
        ("GET", "/v1/registry/control/prod", Value::Null),
        ("GET", "/v1/registry/hosts/prod", Value::Null),
        ("GET", "/v1/registry/precompiled/prod", Value::Null),
        ("POST", "/v1/registry/control/prod", switch.clone()),
        ("POST", "/v1/registry/tenants/acme:erase", json!({"why": "gone"})),
        ("POST", "/v1/registry/upkeep", json!({"task": "garbage"})),
        ("POST", "/v1/registry/extensions/x:lower-tier", json!({"tier": "low"})),
    ];
    for (method, path, body) in &requests {
        let answer = stage.http(&Who::person("eve"), method, path, body.clone()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "PERMISSION_DENIED"), "{path}: {}", answer.body);
        assert_eq!(stage.noted().len(), 1, "{path}");
        let delegate = Who { scopes: vec![Scope::Delegate], ..Who::operator() };
        assert_eq!(stage.http(&delegate, method, path, body.clone()).await.code(), "PERMISSION_DENIED", "{path}");
        stage.noted();
    }
    assert_eq!(stage.objects(), before, "nothing was changed");
    let olga = Who::operator();
    let changed = stage.http(&olga, "POST", "/v1/registry/control/prod", switch).await;
    assert_eq!(changed.json(), json!({"seq": 1, "changed": true}));
    let control = stage.http(&olga, "GET", "/v1/registry/control/prod", Value::Null).await.json();
    assert_eq!(control["switches"][0]["target"], json!({"of": "tenant", "tenant": "acme"}));
    let over_grpc = stage.client(&olga).get_control(v1::GetControlRequest { env: "prod".to_owned() }).await.unwrap().into_inner();
    assert_eq!((over_grpc.seq, over_grpc.switches[0].why.as_str()), (1, "drill"));
    for (path, body) in [
        ("control/prod", json!({"target": {"of": "moon"}, "off": true})),
        ("control/qa", json!({"target": {"of": "tier", "tier": "low"}, "off": true})),
    ] {
        assert_eq!(stage.http(&olga, "POST", &format!("/v1/registry/{path}"), body).await.code(), "BAD_REQUEST");
    }
    let silent = stage.http(&olga, "POST", "/v1/registry/tenants/acme:erase", json!({"why": " "})).await;
    assert_eq!(silent.code(), "BAD_REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_tenant_is_gone_and_stays_so() {
    let stage = Stage::start().await;
    let ann = Who::person("ann");
    push(&mut stage.client(&ann), "x", 1).await;
    let counted = stage.http(&Who::operator(), "POST", "/v1/registry/tenants/acme:erase", json!({"why": "left", "dry_run": true})).await;
    assert_eq!(counted.status, 200, "{}", counted.body);
    assert_eq!(stage.http(&ann, "GET", "/v1/registry/extensions/x", Value::Null).await.status, 200, "a dry run erases nothing");
    let erased = stage.http(&Who::operator(), "POST", "/v1/registry/tenants/acme:erase", json!({"why": "left"})).await;
    assert_eq!(erased.status, 200, "{}", erased.body);
    assert!(stage.objects().keys().all(|name| !name.starts_with("acme/")), "{:?}", stage.objects().keys());
    let again = grpc(&mut stage.client(&ann), Op::Create, "", "x").await.unwrap_err();
    assert_eq!(code_of(&again), "PRECONDITION", "{again:?}");
}
