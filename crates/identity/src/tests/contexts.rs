//! For whom a call may run.

use extensions_types::{Environment, ErrorCode as C, RiskTier};

use super::*;
use crate::{Asked, Principal};

const EMPTY: Asked<'static> = Asked {
    tenant_id: "",
    org_id: "",
    user_id: "",
    actor_type: "",
    session_id: "",
    correlation_id: "",
    env: "",
    risk_tier: "",
    caller: "",
    hook_point: "",
};

fn ada(world: &World) -> Principal {
    Principal::clone(&world.verifier.verify(&world.plain_token(|claims| claims), now()).unwrap())
}

fn of_service(world: &World, change: impl FnOnce(Claims) -> Claims) -> Principal {
    Principal::clone(&world.verifier.verify(&world.platform_token(change), now()).unwrap())
}

fn code(who: &Principal, asked: &Asked<'_>) -> Option<C> {
    who.context(asked, Environment::Staging, Instant::now()).err().map(|refusal| refusal.code)
}

#[test]
fn an_empty_request_runs_as_the_token_says() {
    let world = World::new();
    let context = ada(&world).context(&EMPTY, Environment::Prod, Instant::now()).unwrap();
    assert_eq!((context.tenant, context.org), (tenant("acme"), Some(label("sales"))));
    assert_eq!((context.user, context.actor_type, context.caller), (label("ada"), ActorType::User, label("ada")));
    assert_eq!((context.env, context.risk_ceiling), (Environment::Prod, RiskTier::Medium));
    assert_eq!((context.session, context.hook_point), (None, None));
    assert_eq!(uuid::Uuid::parse_str(context.correlation.as_str()).unwrap().get_version_num(), 7);
}

#[test]
fn what_a_request_brings_along_is_kept() {
    let world = World::new();
    let asked = Asked {
        tenant_id: "acme",
        org_id: "sales",
        user_id: "ada",
        actor_type: "USER",
        session_id: "s-1",
        correlation_id: "c-1",
        env: "staging",
        risk_tier: "high",
        caller: "orders",
        hook_point: "BeforeCreateOrder",
    };
    let context = ada(&world).context(&asked, Environment::Staging, Instant::now()).unwrap();
    assert_eq!((context.session, context.correlation), (Some(label("s-1")), label("c-1")));
    assert_eq!((context.caller, context.hook_point), (label("orders"), Some(label("BeforeCreateOrder"))));
    assert_eq!(context.risk_ceiling, RiskTier::High);
}

#[test]
fn a_tenants_token_is_only_ever_repeated() {
    let world = World::new();
    let who = ada(&world);
    let long = "x".repeat(129);
    for (asked, expected) in [
        (Asked { tenant_id: "umbrella", ..EMPTY }, C::TenantMismatch),
        (Asked { tenant_id: "ACME", ..EMPTY }, C::TenantMismatch),
        (Asked { org_id: "billing", ..EMPTY }, C::TenantMismatch),
        (Asked { user_id: "bob", ..EMPTY }, C::TenantMismatch),
        (Asked { actor_type: "SYSTEM", ..EMPTY }, C::PermissionDenied),
        (Asked { actor_type: "user", ..EMPTY }, C::BadRequest),
        (Asked { tenant_id: "a b", ..EMPTY }, C::BadRequest),
        (Asked { user_id: &long, ..EMPTY }, C::BadRequest),
        (Asked { session_id: &long, ..EMPTY }, C::BadRequest),
        (Asked { session_id: "a b", ..EMPTY }, C::BadRequest),
        (Asked { correlation_id: "ü", ..EMPTY }, C::BadRequest),
        (Asked { caller: "a\nb", ..EMPTY }, C::BadRequest),
        (Asked { hook_point: &long, ..EMPTY }, C::BadRequest),
        (Asked { env: "prod", ..EMPTY }, C::BadRequest),
        (Asked { env: "production", ..EMPTY }, C::BadRequest),
        (Asked { risk_tier: "huge", ..EMPTY }, C::BadRequest),
    ] {
        assert_eq!(code(&who, &asked), Some(expected), "{asked:?}");
    }
}

#[test]
fn an_organisation_is_not_invented() {
    let world = World::new();
    let claims = Claims { org_id: None, ..user() };
    let who = world.verifier.verify(&world.plain.sign(&claims), now()).unwrap();
    assert_eq!(who.context(&EMPTY, Environment::Dev, Instant::now()).unwrap().org, None);
    assert_eq!(code(&who, &Asked { org_id: "sales", ..EMPTY }), Some(C::TenantMismatch));
}

#[test]
fn invoking_needs_its_scope() {
    let world = World::new();
    for (scopes, expected) in [
        (&[Scope::Invoke][..], None),
        (&[], Some(C::PermissionDenied)),
        // Delegation is for tokens without tenant: here it gives nothing.
        (&[Scope::Delegate], Some(C::PermissionDenied)),
        (&[Scope::Invoke, Scope::Delegate], None),
        (&[Scope::Operate], Some(C::PermissionDenied)),
        (&[Scope::Invoke, Scope::Operate], Some(C::PermissionDenied)),
    ] {
        let who = of_service(&world, |claims| claims.tenant(&tenant("acme")).scopes(scopes));
        assert_eq!(code(&who, &EMPTY), expected, "{scopes:?}");
        assert_eq!(who.may_invoke(Kind::AgentTool), expected.is_none(), "{scopes:?}");
        assert!(code(&who, &Asked { tenant_id: "globex", ..EMPTY }).is_some());
    }
    let operator = of_service(&world, |claims| claims.scopes(&[Scope::Operate, Scope::Delegate]));
    assert_eq!(code(&operator, &Asked { tenant_id: "acme", user_id: "ada", ..EMPTY }), Some(C::PermissionDenied));
}

#[test]
fn a_delegating_service_stays_inside_its_grant() {
    let world = World::new();
    let orders = of_service(&world, |claims| claims);
    let asked = |tenant_id, user_id| Asked { tenant_id, user_id, org_id: "emea", ..EMPTY };
    let context = orders.context(&Asked { actor_type: "USER", ..asked("globex", "bob") }, Environment::Staging, Instant::now()).unwrap();
    assert_eq!((context.tenant, context.user, context.org), (tenant("globex"), label("bob"), Some(label("emea"))));
    assert_eq!((context.actor_type, context.caller), (ActorType::User, label("orders")));
    assert_eq!(orders.context(&asked("acme", "bob"), Environment::Staging, Instant::now()).unwrap().actor_type, ActorType::System);
    for (asked, expected) in [
        (asked("umbrella", "bob"), C::PermissionDenied),
        (asked("no-such-tenant", "bob"), C::PermissionDenied),
        (asked("", "bob"), C::BadRequest),
        (asked("acme", ""), C::BadRequest),
        (asked("Acme", "bob"), C::BadRequest),
        (asked("acme", "b b"), C::BadRequest),
        (Asked { actor_type: "ROBOT", ..asked("acme", "bob") }, C::BadRequest),
        (EMPTY, C::BadRequest),
    ] {
        assert_eq!(code(&orders, &asked), Some(expected), "{asked:?}");
    }
}

#[test]
fn grants_are_of_one_service_and_its_kinds() {
    let world = World::new();
    let kinds = |who: &Principal| Kind::ALL.iter().copied().filter(|&kind| who.may_invoke(kind)).collect::<Vec<_>>();
    assert_eq!(kinds(&of_service(&world, |claims| claims)), [Kind::DomainHook]);
    let workflows = of_service(&world, |claims| Claims { sub: Some("workflows".into()), ..claims });
    assert_eq!(kinds(&workflows), [Kind::ProcessHook, Kind::DomainHook]);
    assert_eq!(code(&workflows, &Asked { tenant_id: "umbrella", user_id: "u", ..EMPTY }), None);
    let stranger = of_service(&world, |claims| Claims { sub: Some("stranger".into()), ..claims });
    assert!(kinds(&stranger).is_empty());
    assert_eq!(code(&stranger, &Asked { tenant_id: "acme", user_id: "u", ..EMPTY }), Some(C::PermissionDenied));
}

#[test]
fn refusals_name_the_field_and_the_way_out() {
    let world = World::new();
    let refusal = ada(&world).context(&Asked { env: "prod", ..EMPTY }, Environment::Dev, Instant::now()).unwrap_err();
    assert_eq!(refusal.to_string(), "BAD_REQUEST: env is `prod`, but this host serves `dev`; call a host of `prod`");
    let refusal = ada(&world).context(&Asked { tenant_id: "umbrella", ..EMPTY }, Environment::Dev, Instant::now()).unwrap_err();
    assert_eq!(refusal.message, "tenant_id differs from the token's; leave it empty or use a token for it");
}
