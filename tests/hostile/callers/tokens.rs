//! Tokens: forged, stolen in part, of others, and by the thousand.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_test_support::{Request, unsigned};
use extensions_types::{ActorType, CallLabel, TenantId};
use serde_json::{Value, json};

use super::{
    grpc::{Raw, good},
    heads::kept,
    wire::{dial, serve_rule},
};
use crate::{
    attack::{Attack, Row},
    process,
    stage::Stage,
};

pub(super) const ATTACKS: &[Attack] = &[
    Attack { name: "token-variants", about: "tokens that are not what they say", run: |stage| Box::pin(variants(stage)) },
    Attack { name: "token-rights", about: "genuine tokens that may not invoke", run: |stage| Box::pin(rights(stage)) },
    Attack { name: "token-guessing", about: "bad tokens by the thousand, over few and many connections", run: |stage| Box::pin(guessing(stage)) },
    Attack { name: "tenant-flood", about: "genuine tokens of thousands of tenants that nobody knows", run: |stage| Box::pin(flood(stage)) },
];

const INVOKE: &str = "/v1/extensions/rule:invoke";

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(600)
}

fn claims_of(stage: &Stage, issuer: &str, audience: Audience, expires: SystemTime) -> Claims {
    let ada = CallLabel::parse("ada").unwrap();
    Claims::new(issuer, &ada, audience, ActorType::User, expires).tenant(&stage.attacker).scopes(&[Scope::Invoke])
}

/// A good token with one character of one part changed.
fn bent(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}

/// A good token's signature under another header or other claims.
fn dressed(token: &str, part: usize, change: impl FnOnce(&mut Value)) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let mut json: Value = serde_json::from_slice(&BASE64.decode(&parts[part]).unwrap()).unwrap();
    change(&mut json);
    parts[part] = BASE64.encode(json.to_string());
    parts.join(".")
}

/// Each over gRPC and over HTTP.
async fn both(stage: &Stage, what: &str, token: &str, expected: &str) -> [Row; 2] {
    let over_grpc = Raw::bearing(token, &good()).send(stage).await;
    let reply = Request::new("POST", INVOKE).token(token).body("{}").send(&stage.platform.tcp()).await;
    let over_http = if reply.status == 200 { format!("OK {}", reply.text()) } else { reply.error_code() };
    [Row::new(format!("{what}, gRPC"), expected, over_grpc), Row::new(format!("{what}, HTTP"), expected, over_http)]
}

async fn variants(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let platform = &stage.platform;
    let (genuine, kid) = (platform.token(&stage.attacker), platform.kid());
    let fresh = claims_of(stage, "test", Audience::Runtime, later());
    let past = SystemTime::now() - Duration::from_secs(600);
    let victim = json!("neighbour");
    let twice = genuine.split('.').map(|part| format!("{part}.{part}")).collect::<Vec<_>>().join(".");
    let other_tenant = |json: &mut Value| {
        for claim in ["tenant", "tenant_id"] {
            if json.get(claim).is_some() {
                json[claim] = victim.clone();
            }
        }
        json["added"] = victim.clone();
    };
    let mut rows = both(stage, "the genuine one", &genuine, "OK {}").await.to_vec();
    for (what, token) in [
        ("no JWT", "abc".to_owned()),
        ("two parts", "YWJj.YWJj".to_owned()),
        ("four parts", format!("{genuine}.YWJj")),
        ("every part twice", twice),
        ("dots", "..".to_owned()),
        ("9 kB", "a".repeat(9 << 10)),
        ("padding", genuine.replace('.', "=.")),
        ("the other alphabet", genuine.replace(['-', '_'], "+")),
        ("a changed header", bent(&genuine, 0)),
        ("changed claims", bent(&genuine, 1)),
        ("a changed signature", bent(&genuine, 2)),
        ("no signature", genuine.rsplit_once('.').map(|(message, _)| format!("{message}.")).unwrap()),
        ("half a signature", genuine[..genuine.len() - 40].to_owned()),
        ("another tenant in its claims", dressed(&genuine, 1, other_tenant)),
        ("a later end in its claims", dressed(&genuine, 1, |json| json["exp"] = json!(u64::MAX))),
        ("another key's id", dressed(&genuine, 0, |json| json["kid"] = json!("other"))),
        ("a path as key id", dressed(&genuine, 0, |json| json["kid"] = json!("../../../etc/passwd"))),
        ("its own key in its header", dressed(&genuine, 0, |json| json["jwk"] = json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"}))),
        ("a key's address in its header", dressed(&genuine, 0, |json| json["jku"] = json!("http://127.0.0.1:1/keys"))),
        ("a header that must be understood", dressed(&genuine, 0, |json| json["crit"] = json!(["exp"]))),
        ("alg none", unsigned("none", kid, &fresh, b"")),
        ("alg None", unsigned("None", kid, &fresh, b"")),
        ("alg HS256", unsigned("HS256", kid, &fresh, &[7; 32])),
        ("alg HS256 with the key's id as key", unsigned("HS256", kid, &fresh, kid.as_bytes())),
        ("alg RS256", unsigned("RS256", kid, &fresh, &[7; 256])),
        ("alg ES256", unsigned("ES256", kid, &fresh, &[7; 64])),
        ("forged", unsigned("EdDSA", kid, &fresh, &[7; 64])),
        ("a signature of zeros", unsigned("EdDSA", kid, &fresh, &[0; 64])),
        ("another's key", DevKey::generate().unwrap().sign(&fresh)),
        ("another issuer", platform.sign(&claims_of(stage, "elsewhere", Audience::Runtime, later()))),
        ("another audience", platform.sign(&claims_of(stage, "test", Audience::Registry, later()))),
        ("expired", platform.sign(&claims_of(stage, "test", Audience::Runtime, past))),
        ("not yet valid", platform.sign(&claims_of(stage, "test", Audience::Runtime, later()).not_before(later()))),
    ] {
        rows.extend(both(stage, what, &token, "UNAUTHENTICATED").await);
    }
    for (what, headers) in [
        ("none", vec![]),
        ("two", vec![format!("Bearer {genuine}"), "Bearer abc".to_owned()]),
        ("two that agree", vec![format!("Bearer {genuine}"), format!("Bearer {genuine}")]),
        ("another scheme", vec!["Basic YWRhOmFkYQ==".to_owned()]),
        ("no scheme", vec![genuine.clone()]),
        ("two in one", vec![format!("Bearer abc, Bearer {genuine}")]),
        ("a tab", vec![format!("Bearer\t{genuine}")]),
        ("nothing behind the scheme", vec!["Bearer ".to_owned()]),
    ] {
        let request = headers.into_iter().fold(Request::new("POST", INVOKE), |request, value| request.header("authorization", value));
        rows.push(Row::new(format!("headers: {what}"), "UNAUTHENTICATED", request.body("{}").send(&stage.platform.tcp()).await.error_code()));
    }
    rows
}

async fn rights(stage: &Stage) -> Vec<Row> {
    serve_rule(stage).await;
    let platform = &stage.platform;
    let claims = |subject: &str| platform.claims(subject);
    let mut rows = Vec::new();
    for (what, claims) in [
        ("no tenant", claims("ada").scopes(&[Scope::Invoke])),
        ("no scope", claims("ada").tenant(&stage.attacker).roles(&[Role::Author, Role::Viewer])),
        ("an operator's", claims("root").scopes(&[Scope::Operate])),
        ("an operator's with a tenant", claims("root").tenant(&stage.attacker).scopes(&[Scope::Operate])),
        ("a compile worker's", claims("worker").scopes(&[Scope::Compile])),
        ("a delegate's without a grant", claims("stranger").scopes(&[Scope::Delegate])),
    ] {
        let token = platform.sign(&claims);
        for Row { what, got, .. } in both(stage, what, &token, "").await {
            // Scopes that contradict each other are refused as a token; the others as a right.
            let refused = got == "PERMISSION_DENIED" || got == "UNAUTHENTICATED";
            rows.push(Row::holds(what, "PERMISSION_DENIED or UNAUTHENTICATED", refused, || got.clone()));
        }
    }
    rows
}

async fn guessing(stage: &Stage) -> Vec<Row> {
    const GUESSES: usize = 60;
    const CONNECTIONS: usize = 100;
    /// What one connection may fail before it is closed.
    const BURST: usize = 20;
    serve_rule(stage).await;
    let before = process::resident_mib();
    let kid = stage.platform.kid().to_owned();
    let fresh = claims_of(stage, "test", Audience::Runtime, later());
    let (sender, connection) = h2::client::handshake(dial(stage).await).await.unwrap();
    let driving = tokio::spawn(connection);
    let (mut told, mut closed) = (0, 0);
    for guess in 0..GUESSES {
        let token = unsigned("EdDSA", &kid, &fresh, &[u8::try_from(guess).unwrap(); 64]);
        match Raw::bearing(&token, &good()).on(sender.clone()).await.as_deref() {
            Ok("UNAUTHENTICATED") => told += 1,
            Ok("UNAVAILABLE") | Err(_) => closed += 1,
            Ok(_) => {}
        }
    }
    driving.abort();
    let mut rows = vec![Row::holds(
        "one connection",
        format!("told {BURST} times and a few, then closed"),
        (BURST..BURST + 5).contains(&told) && told + closed == GUESSES,
        || format!("told {told} times, closed or turned away {closed} times"),
    )];
    let mut refused = 0;
    for guess in 0..CONNECTIONS * 10 {
        let token = unsigned("EdDSA", &kid, &fresh, &[u8::try_from(guess % 251).unwrap(); 64]);
        refused += usize::from(Raw::bearing(&token, &good()).send(stage).await == "UNAUTHENTICATED");
    }
    rows.push(Row::new("one guess on each of 1,000", "1000 refused", format!("{refused} refused")));
    let metrics = stage.platform.metrics().await;
    let counted = metrics.contains("extensions_front_authentication_failures_total");
    rows.push(Row::holds("its metric", "counted", counted, || "missing".to_owned()));
    rows.push(Row::new("the attacker's genuine one", "OK {}", Raw::new(stage, &good()).send(stage).await));
    rows.push(kept(before));
    rows
}

/// Whoever signs for an issuer can name any tenant: those that are not there cost nothing.
async fn flood(stage: &Stage) -> Vec<Row> {
    const TENANTS: usize = 5_000;
    let before = process::resident_mib();
    let (sender, connection) = h2::client::handshake(dial(stage).await).await.unwrap();
    let driving = tokio::spawn(connection);
    let (mut refused, mut last) = (0, String::new());
    for number in 0..TENANTS {
        let token = stage.platform.token(&TenantId::parse(&format!("nobody-{number}")).unwrap());
        // New tokens are verified at a bounded rate on each connection: the rest are turned away.
        let told = Raw::bearing(&token, &good()).on(sender.clone()).await.unwrap_or_else(|_| "closed".to_owned());
        refused += usize::from(["NOT_FOUND", "OVERLOADED", "UNAVAILABLE", "closed"].contains(&told.as_str()));
        last = told;
    }
    driving.abort();
    let metrics = stage.platform.metrics().await;
    vec![
        Row::holds("calls", "each NOT_FOUND or turned away", refused == TENANTS, || format!("{refused}, the last {last}")),
        Row::new("the attacker's own next call", "NOT_FOUND", Raw::new(stage, &good()).send(stage).await),
        Row::holds("metrics", "name none of them", !metrics.contains("nobody-"), || "they do".to_owned()),
        kept(before),
    ]
}
