//! Tokens decide on every transport alike. All the ways in which a token can be
//! wrong are rows of the hostile suite.

use extensions_identity::Claims;
use extensions_test_support::unsigned;
use tonic::Code::{PermissionDenied, Unauthenticated};

use crate::stage::{Row, Stage, http_row, row};

fn claims(stage: &Stage) -> Claims {
    stage.platform.claims("ada").tenant(&stage.acme).scopes(&[extensions_identity::Scope::Invoke])
}

const REFUSED: &[Row] = &[
    row("no token", |_, shot| shot.token = None, Unauthenticated, 401, "UNAUTHENTICATED"),
    row("forged", |s, shot| shot.token = Some(unsigned("EdDSA", s.platform.kid(), &claims(s), &[7; 64])), Unauthenticated, 401, "UNAUTHENTICATED"),
    http_row("two tokens", |_, shot| shot.headers = vec![("authorization", "Bearer abc")], 401, "UNAUTHENTICATED"),
    row("no scope", |s, shot| shot.token = Some(s.platform.sign(&claims(s).scopes(&[]))), PermissionDenied, 403, "PERMISSION_DENIED"),
    row("another tenant named", |_, shot| shot.ctx.tenant_id = "other".into(), PermissionDenied, 403, "TENANT_MISMATCH"),
];

#[tokio::test]
async fn they_are_the_same_everywhere() {
    Stage::new().await.answers(REFUSED).await;
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
