//! A service that calls for others: the request names, the grant bounds.

use extensions_identity::Scope;
use tonic::Code::{InvalidArgument, PermissionDenied};

use crate::{
    shot::Shot,
    stage::{Row, Stage, row},
};

/// The delegated call with a change.
fn delegated(stage: &Stage, shot: &mut Shot, change: impl FnOnce(&mut Shot)) {
    *shot = stage.delegated();
    change(shot);
}

const OUTSIDE: &[Row] = &[
    row("no context", |s, shot| delegated(s, shot, |shot| shot.ctx = Default::default()), InvalidArgument, 400, "BAD_REQUEST"),
    row("no tenant", |s, shot| delegated(s, shot, |shot| shot.ctx.tenant_id.clear()), InvalidArgument, 400, "BAD_REQUEST"),
    row("no user", |s, shot| delegated(s, shot, |shot| shot.ctx.user_id.clear()), InvalidArgument, 400, "BAD_REQUEST"),
    row("no tenant's name", |s, shot| delegated(s, shot, |shot| shot.ctx.tenant_id = "A".into()), InvalidArgument, 400, "BAD_REQUEST"),
    row(
        "a tenant outside the grant",
        |s, shot| delegated(s, shot, |shot| (shot.ctx.tenant_id, shot.extension) = (s.umbrella.to_string(), "private".into())),
        PermissionDenied,
        403,
        "PERMISSION_DENIED",
    ),
    row("a kind outside the grant", |s, shot| delegated(s, shot, |shot| shot.extension = "tool".into()), PermissionDenied, 403, "PERMISSION_DENIED"),
    row(
        "a service without a grant",
        |s, shot| {
            let token = s.platform.sign(&s.platform.claims("stranger").scopes(&[Scope::Delegate]));
            delegated(s, shot, |shot| shot.token = Some(token));
        },
        PermissionDenied,
        403,
        "PERMISSION_DENIED",
    ),
];

#[tokio::test]
async fn a_grant_is_never_left() {
    Stage::new().await.answers(OUTSIDE).await;
}

#[tokio::test]
async fn within_it_the_call_runs() {
    let stage = Stage::new().await;
    for (name, transport) in &stage.transports {
        let hit = stage.delegated().fire(transport).await;
        assert_eq!((hit.output.as_ref(), hit.error_code.as_str()), (&b"{\"by\":1}"[..], ""), "{name}: {}", hit.message);
    }
}
