//! Guests that speak as somebody else. What a guest writes is data; who it
//! is was decided before it began.

use extensions_client::{Context, Invoke};
use extensions_test_support::{Guest, PlainGuest, Request, log};
use extensions_types::{Kind, TenantId};
use serde_json::Value;

use super::variant::hook;
use crate::{
    attack::{Attack, Row},
    stage::{Stage, hasty},
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "forged-identity",
        about: "a guest that rewrites who called, and answers with other tenants' ids",
        run: |stage| Box::pin(forged(stage)),
    },
    Attack { name: "same-id", about: "an extension under the id of a neighbour's", run: |stage| Box::pin(same_id(stage)) },
    Attack { name: "same-component", about: "a neighbour's component served as one's own", run: |stage| Box::pin(same_component(stage)) },
];

/// Writes over every `a` of its context in its own memory and logs it, then answers with what the host says when asked again.
const FORGES: &str = "(local $context i64) (local $at i32) (local $left i32)
    (local.set $context (call $host_context))
    (local.set $at (i32.wrap_i64 (i64.shr_u (local.get $context) (i64.const 32)))) (local.set $left (i32.wrap_i64 (local.get $context)))
    (loop $next
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 97)) (then (i32.store8 (local.get $at) (i32.const 98))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $host_log (i32.const 2) (call $parts (local.get $context)))
    (call $host_context)";

async fn forged(stage: &Stage) -> Vec<Row> {
    let served = stage.platform.serve_plain(&stage.attacker, "forges", Kind::ProcessHook, "", PlainGuest::new(FORGES).component());
    stage.platform.load(&served).await.unwrap();
    let told = stage.invoke(Invoke::new("forges").context(Context::new().correlation("forged-identity"))).await;
    let context: Value = serde_json::from_str(&told.output).unwrap_or_default();
    let attacker = stage.attacker.as_str();
    let mut rows = vec![
        Row::new("the context when asked again", attacker, context["tenant_id"].as_str().unwrap_or_default()),
        Row::new("the user of it", "ada", context["user_id"].as_str().unwrap_or_default()),
    ];
    // Of answers the log keeps no line at this level; so it forges once more, and traps.
    let traps = PlainGuest::new(&format!("{FORGES} (drop) (unreachable)")).component();
    let served = stage.platform.serve_plain(&stage.attacker, "forges-and-traps", Kind::ProcessHook, "", traps);
    stage.platform.load(&served).await.unwrap();
    let told = stage.invoke(Invoke::new("forges-and-traps").context(Context::new().correlation("forged-identity-2"))).await;
    let line = log::line(|line| line["correlation_id"] == "forged-identity-2").await;
    let record = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
    rows.push(Row::new(
        "the host's own record",
        format!("TRAP: {attacker}, ada"),
        format!("{}: {}, {}", told.code, record("tenant"), record("user")),
    ));
    let neighbours = read(stage, &TenantId::parse("neighbour").unwrap(), "forges").await;
    rows.push(Row::holds("what the neighbour's stream has of it", "nothing", !neighbours.contains("\"message\""), || neighbours.clone()));
    // Ids in an answer are the answer's text: no header, no field of the response changes.
    let claims = r#"{"tenant_id":"neighbour","served_version":"7","x-ameide-served-version":"7"}"#;
    stage.serve("claims", Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, claims).component()).await.1.unwrap();
    let request = Request::new("POST", "/v1/extensions/claims:invoke").token(&stage.platform.token(&stage.attacker)).body("{}");
    let reply = request.send(&stage.platform.tcp()).await;
    rows.push(Row::new("the version that answered", "1", reply.headers.get("x-ameide-served-version").cloned().unwrap_or_default()));
    rows.push(Row::new("its body", claims, reply.text()));
    rows
}

/// What a tenant's stream holds of an extension; a refusal's code where it has none.
async fn read(stage: &Stage, tenant: &TenantId, id: &str) -> String {
    let request = Request::get(format!("/v1/extensions/{id}:logs")).token(&stage.platform.token(tenant));
    request.send(&stage.platform.tcp()).await.text()
}

/// `rule` is the neighbour's, which is called meanwhile.
async fn same_id(stage: &Stage) -> Vec<Row> {
    let mut rows = Vec::new();
    let before = stage.call("rule").await;
    rows.push(Row::new("before it is served here", "NOT_FOUND", before.answer()));
    let guest = hook("(call $log (call $line)) (call $ok (call $answer))").text("line", "of the attacker").text("answer", "{\"stolen\":1}");
    for version in 1..=5 {
        stage.serve("rule", Kind::ProcessHook, "", guest.component()).await.1.unwrap();
        rows.push(Row::new(format!("version {version}"), "OK {\"stolen\":1}", stage.call("rule").await.answer()));
    }
    for tenant in ["neighbour", "nobody"] {
        let tenant = TenantId::parse(tenant).unwrap();
        rows.push(Row::holds(format!("its lines, to {tenant}"), "none", !read(stage, &tenant, "rule").await.contains("attacker"), || {
            "told".to_owned()
        }));
    }
    let nobody = hasty(&stage.platform, &TenantId::parse("nobody").unwrap());
    let told = crate::call::Told::of(nobody.invoke(Invoke::new("rule")).await);
    rows.push(Row::new("of a tenant that has none", "NOT_FOUND", told.answer()));
    rows
}

/// Tenants share the code of one component, never what was written.
async fn same_component(stage: &Stage) -> Vec<Row> {
    let body = "(global.set $calls (i64.add (global.get $calls) (i64.const 1)))
        (i64.store (i32.const 3000) (i64.add (i64.load (i32.const 3000)) (i64.const 1)))
        (drop (table.grow $t (ref.null func) (i32.const 1)))
        (call $ok (call $number (i64.add
            (i64.mul (global.get $calls) (i64.const 100))
            (i64.add (i64.mul (i64.load (i32.const 3000)) (i64.const 10)) (i64.extend_i32_u (table.size $t))))))";
    let counts = hook(body).fields("(global $calls (mut i64) (i64.const 0)) (data (i32.const 3000) \"\\00\") (table $t 0 8 funcref)").component();
    let others = ["one", "two", "three"].map(|name| TenantId::parse(name).unwrap());
    stage.serve("counts", Kind::ProcessHook, "", counts.clone()).await.1.unwrap();
    let mut clients = vec![(stage.attacker.to_string(), stage.connection())];
    for tenant in &others {
        stage.platform.serve(tenant, "counts", Kind::ProcessHook, "", counts.clone());
        clients.push((tenant.to_string(), hasty(&stage.platform, tenant)));
    }
    let mut rows = Vec::new();
    for (tenant, client) in &clients {
        let mut got = "OK {\"n\":111}".to_owned();
        for _ in 0..20 {
            let told = crate::call::Told::of(client.invoke(Invoke::new("counts")).await);
            if told.answer() != got {
                got = told.answer();
                break;
            }
        }
        rows.push(Row::new(format!("20 calls of {tenant}"), "OK {\"n\":111}", got));
    }
    rows
}
