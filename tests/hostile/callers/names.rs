//! Names of others: wherever a request can name a tenant, an organisation, a
//! user or an extension, naming another's gives nothing.

use extensions_client::Endpoint;
use extensions_identity::{Role, Scope};
use extensions_proto::v1::{ActorType, ExecutionContext, InvokeExtensionRequest};
use extensions_test_support::{Guest, Reply, Request};
use extensions_types::{CallLabel, Kind, TenantId};
use serde_json::Value;

use super::{
    grpc::{Raw, good, under},
    wire::serve_rule,
};
use crate::{
    attack::{Attack, Row},
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        name: "foreign-tenants",
        about: "another tenant named in ids, contexts, headers, lists and logs",
        run: |stage| Box::pin(tenants(stage)),
    },
    Attack {
        name: "claimed-context",
        about: "a context of the caller's own making, for the guest to believe",
        run: |stage| Box::pin(context(stage)),
    },
    Attack { name: "forged-delegation", about: "a service that calls beyond its grant", run: |stage| Box::pin(delegation(stage)) },
];

/// The neighbour that the harness serves `rule` to.
const VICTIM: &str = "neighbour";
const INVOKE: &str = "/v1/extensions/rule:invoke";

fn ctx(change: impl FnOnce(&mut ExecutionContext)) -> ExecutionContext {
    let mut ctx = ExecutionContext::default();
    change(&mut ctx);
    ctx
}

/// A call over HTTP as the attacker.
fn post(stage: &Stage, path: &str) -> Request {
    Request::new("POST", path).token(&stage.platform.token(&stage.attacker)).body("{}")
}

fn told(reply: &Reply) -> String {
    let code = reply.error_code();
    if code.is_empty() { format!("{} {}", reply.status, reply.text().trim()) } else { code }
}

async fn tenants(stage: &Stage) -> Vec<Row> {
    let tcp = stage.platform.tcp();
    let secret = "neighbours-own";
    let victim = TenantId::parse(VICTIM).unwrap();
    stage.platform.serve(&victim, secret, Kind::ProcessHook, "", Guest::answering(Kind::ProcessHook, "{\"secret\":1}").component());
    let mut rows = Vec::new();
    // The attacker has no `rule` yet: a name that only the neighbour has is no name here.
    let asking = |id: &str| InvokeExtensionRequest { extension_id: id.to_owned(), ..good() };
    for (what, message, expected) in [
        ("its extension", asking(secret), "NOT_FOUND"),
        ("its extension of a common name", asking("rule"), "NOT_FOUND"),
        ("its extension by a path", asking("neighbour/rule"), "BAD_REQUEST"),
        ("its extension by dots", asking("../neighbour/rule"), "BAD_REQUEST"),
        ("its tenant", under(ctx(|ctx| ctx.tenant_id = VICTIM.to_owned())), "TENANT_MISMATCH"),
        (
            "its tenant and its extension",
            InvokeExtensionRequest { extension_id: secret.to_owned(), ..under(ctx(|ctx| ctx.tenant_id = VICTIM.to_owned())) },
            "TENANT_MISMATCH",
        ),
        ("its tenant in capitals", under(ctx(|ctx| ctx.tenant_id = "NEIGHBOUR".to_owned())), "TENANT_MISMATCH"),
        ("an organisation", under(ctx(|ctx| ctx.org_id = "o-1".to_owned())), "TENANT_MISMATCH"),
        ("another user", under(ctx(|ctx| ctx.user_id = "root".to_owned())), "TENANT_MISMATCH"),
        ("the system", under(ctx(|ctx| ctx.actor_type = ActorType::System.into())), "PERMISSION_DENIED"),
    ] {
        rows.push(Row::new(format!("gRPC: {what}"), expected, Raw::new(stage, &message).send(stage).await));
    }
    for (what, request, expected) in [
        ("its extension", post(stage, "/v1/extensions/neighbours-own:invoke"), "NOT_FOUND"),
        ("its tenant", post(stage, INVOKE).header("x-ameide-tenant-id", VICTIM), "TENANT_MISMATCH"),
        ("an organisation", post(stage, INVOKE).header("x-ameide-org-id", "o-1"), "TENANT_MISMATCH"),
        ("another user", post(stage, INVOKE).header("x-ameide-user-id", "root"), "TENANT_MISMATCH"),
        (
            "two tenants",
            post(stage, INVOKE).header("x-ameide-tenant-id", stage.attacker.as_str()).header("x-ameide-tenant-id", VICTIM),
            "BAD_REQUEST",
        ),
        ("its logs", Request::get("/v1/extensions/neighbours-own:logs").token(&stage.platform.token(&stage.attacker)), "NOT_FOUND"),
        (
            "its logs, from the end",
            Request::get("/v1/extensions/rule:logs?after=18446744073709551615").token(&stage.platform.token(&stage.attacker)),
            "NOT_FOUND",
        ),
        (
            "its logs, by its tenant",
            Request::get("/v1/extensions/rule:logs").header("x-ameide-tenant-id", VICTIM).token(&stage.platform.token(&stage.attacker)),
            "NOT_FOUND",
        ),
    ] {
        rows.push(Row::new(format!("HTTP: {what}"), expected, told(&request.send(&tcp).await)));
    }
    for (what, request) in [
        ("the list", Request::get("/v1/extensions")),
        ("the list, by its tenant", Request::get("/v1/extensions").header("x-ameide-tenant-id", VICTIM)),
    ] {
        let reply = request.token(&stage.platform.token(&stage.attacker)).send(&tcp).await;
        rows.push(Row::holds(what, "its names are not there", !reply.text().contains(secret), || reply.text()));
    }
    rows.push(operators(stage, &tcp).await);
    rows
}

/// A tenant's roles open no page of the operators.
async fn operators(stage: &Stage, tcp: &Endpoint) -> Row {
    let claims = stage.platform.claims("ada").tenant(&stage.attacker).scopes(&[Scope::Invoke]);
    let token = stage.platform.sign(&claims.roles(&[Role::Author, Role::Reviewer, Role::Releaser, Role::Viewer]));
    let mut told = Vec::new();
    for endpoint in [tcp, &stage.platform.admin()] {
        told.push(Request::get("/admin/v1/status").token(&token).send(endpoint).await.status.to_string());
    }
    Row::new("the operators' status, at both listeners", "404 403", told.join(" "))
}

/// A plain guest that answers with the context that it was given.
fn echo() -> extensions_test_support::PlainGuest {
    extensions_test_support::PlainGuest::new("(local $at i64) (local.set $at (call $host_context)) (local.get $at)")
}

async fn context(stage: &Stage) -> Vec<Row> {
    let served = stage.platform.serve_plain(&stage.attacker, "rule", Kind::AgentTool, "", echo().component());
    stage.platform.load(&served).await.unwrap();
    let forged = "{\"tenant_id\":\"neighbour\",\"user_id\":\"root\",\"context\":{\"tenant_id\":\"neighbour\"}}";
    let rows = [
        ("in the input", InvokeExtensionRequest { input_json: forged.into(), ..good() }, vec![]),
        ("in gRPC metadata", good(), vec![("x-ameide-tenant-id", VICTIM), ("x-ameide-user-id", "root"), ("tenant_id", VICTIM)]),
        ("in the headers of proxies", good(), vec![("x-forwarded-user", "root"), ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")]),
        (
            "in a trace",
            good(),
            vec![
                ("traceparent", "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-01"),
                ("tracestate", "tenant=neighbour"),
                ("baggage", "tenant_id=neighbour"),
            ],
        ),
        ("as its own caller", InvokeExtensionRequest { caller: "billing".to_owned(), ..good() }, vec![]),
    ];
    let mut came = Vec::new();
    for (what, message, headers) in rows {
        let raw = headers.into_iter().fold(Raw::new(stage, &message), |raw, (name, value)| raw.header(name, value));
        let got = raw.send(stage).await;
        let seen: Value = got.strip_prefix("OK ").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let whom = |name: &str| seen[name].as_str().unwrap_or("?").to_owned();
        let read = format!("{} {} {} {}", whom("tenant_id"), whom("user_id"), whom("actor_type"), whom("org_id"));
        came.push(Row::new(what, format!("{} ada USER ", stage.attacker), if seen.is_null() { got } else { read }));
    }
    let larger = under(ctx(|ctx| ctx.session_id = "s".repeat(129)));
    came.push(Row::new("a session of 129 bytes", "BAD_REQUEST", Raw::new(stage, &larger).send(stage).await));
    came
}

async fn delegation(stage: &Stage) -> Vec<Row> {
    let start = extensions_test_support::Start::new(crate::CHILD).grant("gateway", std::slice::from_ref(&stage.attacker), &[Kind::ProcessHook]);
    let stage = &stage.elsewhere(crate::stage::Scene::of(stage.profile, start).await);
    serve_rule(stage).await;
    let tool = Guest::answering(Kind::AgentTool, "[1]").component();
    stage.serve("tool", Kind::AgentTool, "", tool).await.1.unwrap();
    let gateway = stage.platform.sign(&stage.platform.claims("gateway").scopes(&[Scope::Delegate]));
    let stranger = stage.platform.sign(&stage.platform.claims("stranger").scopes(&[Scope::Delegate]));
    let acting = stage
        .platform
        .sign(&stage.platform.claims("gateway").tenant(&stage.attacker).scopes(&[Scope::Delegate]).acted_by(&CallLabel::parse("root").unwrap()));
    let own = |tenant: &str, user: &str| under(ctx(|ctx| (ctx.tenant_id, ctx.user_id) = (tenant.to_owned(), user.to_owned())));
    let attacker = stage.attacker.as_str();
    let mut rows = Vec::new();
    for (what, token, message, expected) in [
        ("within its grant", &gateway, own(attacker, "bob"), "OK {}"),
        ("another tenant", &gateway, own(VICTIM, "bob"), "PERMISSION_DENIED"),
        ("no tenant", &gateway, own("", "bob"), "BAD_REQUEST"),
        ("no user", &gateway, own(attacker, ""), "BAD_REQUEST"),
        ("no context", &gateway, good(), "BAD_REQUEST"),
        ("a tenant that is no name", &gateway, own("../neighbour", "bob"), "BAD_REQUEST"),
        ("a user with a line feed", &gateway, own(attacker, "bob\nroot"), "BAD_REQUEST"),
        ("another kind", &gateway, InvokeExtensionRequest { extension_id: "tool".to_owned(), ..own(attacker, "bob") }, "PERMISSION_DENIED"),
        ("without any grant", &stranger, own(attacker, "bob"), "PERMISSION_DENIED"),
        ("a tenant's and a delegate's at once", &acting, own(VICTIM, "bob"), "refused"),
    ] {
        let got = Raw::bearing(token, &message).send(stage).await;
        let refused = matches!(got.as_str(), "PERMISSION_DENIED" | "TENANT_MISMATCH" | "UNAUTHENTICATED");
        rows.push(Row::new(what, expected, if expected == "refused" && refused { expected.to_owned() } else { got }));
    }
    rows.push(super::slow::neighbours(stage));
    rows
}
