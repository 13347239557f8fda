//! Tokens: missing, forged, expired, of others, and what a good one may not do.

use std::time::{Duration, SystemTime};

use extensions_identity::{Audience, Claims, DevKey, Role, Scope};
use extensions_proto::v1::ActorType;
use extensions_test_support::unsigned;
use extensions_types::{ActorType as Actor, CallLabel, TenantId};
use tonic::Code::{PermissionDenied, Unauthenticated};

use crate::stage::{Row, Stage, grpc_row, http_row, row};

fn signed(stage: &Stage, change: impl FnOnce(Claims) -> Claims) -> Option<String> {
    let claims = stage.platform.claims("ada").tenant(&stage.acme).scopes(&[Scope::Invoke]);
    Some(stage.platform.sign(&change(claims)))
}

fn claims_of(issuer: &str, audience: Audience, expires: SystemTime) -> Claims {
    let tenant = TenantId::parse("acme").unwrap();
    Claims::new(issuer, &CallLabel::parse("ada").unwrap(), audience, Actor::User, expires).tenant(&tenant).scopes(&[Scope::Invoke])
}

fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(600)
}

/// A good token with one character of one part changed.
fn bent(token: &str, part: usize) -> Option<String> {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, other);
    Some(parts.join("."))
}

const NOT_BELIEVED: &[Row] = &[
    row("no token", |_, shot| shot.token = None, Unauthenticated, 401, "UNAUTHENTICATED"),
    row("no JWT", |_, shot| shot.token = Some("abc".into()), Unauthenticated, 401, "UNAUTHENTICATED"),
    row("two parts", |_, shot| shot.token = Some("YWJj.YWJj".into()), Unauthenticated, 401, "UNAUTHENTICATED"),
    row("a huge token", |_, shot| shot.token = Some("a".repeat(9 << 10)), Unauthenticated, 401, "UNAUTHENTICATED"),
    row("changed claims", |s, shot| shot.token = bent(&s.platform.token(&s.acme), 1), Unauthenticated, 401, "UNAUTHENTICATED"),
    row("a changed signature", |s, shot| shot.token = bent(&s.platform.token(&s.acme), 2), Unauthenticated, 401, "UNAUTHENTICATED"),
    row(
        "alg none",
        |s, shot| shot.token = Some(unsigned("none", s.platform.kid(), &claims_of("test", Audience::Runtime, later()), b"")),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "alg HS256",
        |s, shot| shot.token = Some(unsigned("HS256", s.platform.kid(), &claims_of("test", Audience::Runtime, later()), &[7; 32])),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "forged",
        |s, shot| shot.token = Some(unsigned("EdDSA", s.platform.kid(), &claims_of("test", Audience::Runtime, later()), &[7; 64])),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "another's key",
        |_, shot| shot.token = Some(DevKey::generate().unwrap().sign(&claims_of("test", Audience::Runtime, later()))),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "another issuer",
        |s, shot| shot.token = Some(s.platform.sign(&claims_of("elsewhere", Audience::Runtime, later()))),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "another audience",
        |s, shot| shot.token = Some(s.platform.sign(&claims_of("test", Audience::Registry, later()))),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row(
        "expired",
        |s, shot| shot.token = Some(s.platform.sign(&claims_of("test", Audience::Runtime, SystemTime::now() - Duration::from_secs(60)))),
        Unauthenticated,
        401,
        "UNAUTHENTICATED",
    ),
    row("not yet valid", |s, shot| shot.token = signed(s, |claims| claims.not_before(later())), Unauthenticated, 401, "UNAUTHENTICATED"),
    http_row("two tokens", |_, shot| shot.headers = vec![("authorization", "Bearer abc")], 401, "UNAUTHENTICATED"),
    http_row(
        "another scheme",
        |_, shot| {
            shot.token = None;
            shot.headers = vec![("authorization", "Basic YWRhOmFkYQ==")];
        },
        401,
        "UNAUTHENTICATED",
    ),
];

const NOT_ALLOWED: &[Row] = &[
    row(
        "tenantless",
        |s, shot| shot.token = Some(s.platform.sign(&s.platform.claims("ada").scopes(&[Scope::Invoke]))),
        PermissionDenied,
        403,
        "PERMISSION_DENIED",
    ),
    row("no scope", |s, shot| shot.token = signed(s, |claims| claims.scopes(&[]).roles(&[Role::Author])), PermissionDenied, 403, "PERMISSION_DENIED"),
    row(
        "an operator",
        |s, shot| shot.token = Some(s.platform.sign(&s.platform.claims("root").scopes(&[Scope::Operate]))),
        PermissionDenied,
        403,
        "PERMISSION_DENIED",
    ),
    row("another tenant named", |_, shot| shot.ctx.tenant_id = "other".into(), PermissionDenied, 403, "TENANT_MISMATCH"),
    row("another organisation named", |_, shot| shot.ctx.org_id = "o-1".into(), PermissionDenied, 403, "TENANT_MISMATCH"),
    row("another user named", |_, shot| shot.ctx.user_id = "root".into(), PermissionDenied, 403, "TENANT_MISMATCH"),
    grpc_row("another actor", |_, shot| shot.ctx.actor_type = ActorType::System.into(), PermissionDenied, "PERMISSION_DENIED"),
];

#[tokio::test]
async fn what_cannot_be_believed_is_unauthenticated() {
    Stage::new().await.answers(NOT_BELIEVED).await;
}

#[tokio::test]
async fn what_is_genuine_may_still_be_refused() {
    Stage::new().await.answers(NOT_ALLOWED).await;
}

#[tokio::test]
async fn naming_oneself_is_no_offence() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        let mut shot = stage.good();
        (shot.ctx.tenant_id, shot.ctx.user_id, shot.ctx.env) = ("acme".into(), "ada".into(), "dev".into());
        let hit = shot.fire(transport).await;
        assert_eq!(hit.output, "{\"by\":1}", "{name}: {}", hit.message);
    }
}
