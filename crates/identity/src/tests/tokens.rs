//! Which claims are accepted and what they become.

use serde_json::{Value, json};

use super::*;
use crate::{SettingsError, VerifyError, VerifyError as E};

/// The claims of `user()` with some members replaced; null removes.
fn with(changes: Value) -> String {
    let mut claims = serde_json::to_value(user()).unwrap();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims.to_string()
}

fn verdict(world: &World, claims: &str) -> Result<(), VerifyError> {
    let header = json!({ "alg": "EdDSA", "kid": world.plain.kid() }).to_string();
    world.verifier.verify(&world.plain.sign_text(&header, claims), now()).map(|_| ())
}

#[test]
fn a_good_token_says_who_it_is() {
    let world = World::new();
    let token = world.plain_token(|claims| claims.acted_by(&label("crm")).acted_by(&label("gateway")));
    let who = world.verifier.verify(&token, now()).unwrap();
    assert_eq!((who.issuer(), who.subject().as_str()), (PLAIN, "ada"));
    assert_eq!((who.tenant(), who.org()), (Some(&tenant("acme")), Some(&label("sales"))));
    assert_eq!((who.actor_type(), who.expires()), (ActorType::User, later(600)));
    assert!(who.has_role(Role::Author) && who.has_role(Role::Viewer) && !who.has_role(Role::Reviewer));
    assert!(who.has_scope(Scope::Invoke) && !who.has_scope(Scope::Operate));
    assert!(who.is_delegated() && who.grant().is_none());
    assert_eq!(who.actors(), [label("gateway"), label("crm")]);
    assert_eq!(who.audit().to_string(), "USER ada@https://id.example via gateway via crm of acme");
}

#[test]
fn every_claim_has_its_rule() {
    let world = World::new();
    let seconds = |offset: i64| 1_800_000_000 + offset;
    let act =
        |depth: usize| (0..depth).fold(Value::Null, |inner, _| if inner.is_null() { json!({"sub": "s"}) } else { json!({"sub": "s", "act": inner}) });
    let claim = |claim| Err(E::Claim { claim });
    for (changes, expected) in [
        (json!({}), Ok(())),
        // Issuer and audience.
        (json!({"iss": null}), claim("iss")),
        (json!({"iss": "https://evil.example"}), Err(E::UnknownIssuer)),
        (json!({"iss": "https://id.example/"}), Err(E::UnknownIssuer)),
        (json!({"iss": PLATFORM}), Err(E::UnknownKey)),
        (json!({"aud": null}), claim("aud")),
        (json!({"aud": "extensions-registry"}), Err(E::Audience)),
        (json!({"aud": []}), Err(E::Audience)),
        (json!({"aud": ["extensions-registry", "extensions-runtime"]}), Ok(())),
        (json!({"aud": vec!["extensions-runtime"; 17]}), claim("aud")),
        (json!({"aud": 7}), Err(E::Malformed)),
        // Lifetime, with 30 s of skew.
        (json!({"exp": null}), claim("exp")),
        (json!({"exp": "soon"}), Err(E::Malformed)),
        (json!({"exp": -1}), Err(E::Malformed)),
        (json!({"exp": u64::MAX}), claim("exp")),
        (json!({"exp": seconds(-29)}), Ok(())),
        (json!({"exp": seconds(-30)}), Err(E::Expired)),
        (json!({"exp": 1_800_000_000.5}), Ok(())),
        (json!({"nbf": seconds(30)}), Ok(())),
        (json!({"nbf": seconds(31)}), Err(E::NotYetValid)),
        (json!({"nbf": "x"}), Err(E::Malformed)),
        // Who.
        (json!({"sub": null}), claim("sub")),
        (json!({"sub": ""}), claim("sub")),
        (json!({"sub": "two words"}), claim("sub")),
        (json!({"sub": "x".repeat(129)}), claim("sub")),
        (json!({"actor_type": null}), claim("actor_type")),
        (json!({"actor_type": "user"}), claim("actor_type")),
        (json!({"actor_type": "AGENT"}), Ok(())),
        (json!({"act": act(4)}), Ok(())),
        (json!({"act": act(5)}), claim("act")),
        (json!({"act": {"sub": "no good"}}), claim("act")),
        (json!({"act": {"iss": "x"}}), Err(E::Malformed)),
        // For whom.
        (json!({"tenant_id": null}), Err(E::Tenantless)),
        (json!({"tenant_id": ""}), claim("tenant_id")),
        (json!({"tenant_id": "Acme"}), claim("tenant_id")),
        (json!({"tenant_id": "../acme"}), claim("tenant_id")),
        (json!({"tenant_id": "umbrella"}), Ok(())),
        (json!({"tenant_id": "globex"}), Err(E::TenantNotOfIssuer)),
        (json!({"org_id": null}), Ok(())),
        (json!({"org_id": "a b"}), claim("org_id")),
        // What for: unknown words give nothing, special scopes need the issuer's right.
        (json!({"roles": ["emperor"]}), Ok(())),
        (json!({"roles": vec!["viewer"; 33]}), claim("roles")),
        (json!({"scope": "invoke openid"}), Ok(())),
        (json!({"scope": "x".repeat(1025)}), claim("scope")),
        (json!({"scope": "platform:operate"}), Err(E::ScopeNotOfIssuer)),
        (json!({"scope": "invoke invoke:delegate"}), Err(E::ScopeNotOfIssuer)),
        (json!({"scope": "compile"}), Err(E::ScopeNotOfIssuer)),
        (json!({"unknown": {"claim": [1, 2]}}), Ok(())),
    ] {
        assert_eq!(verdict(&world, &with(changes.clone())), expected, "{changes}");
    }
}

#[test]
fn claims_are_read_once_and_not_deep() {
    let world = World::new();
    let doubled = with(json!({})).replacen('{', r#"{"tenant_id":"umbrella","#, 1);
    assert_eq!(verdict(&world, &doubled), Err(E::Malformed));
    // What is ignored may be deep: it is skipped, not built. What is read may not.
    let skipped = with(json!({})).replacen('{', &format!(r#"{{"x":{}{},"#, "[".repeat(1500), "]".repeat(1500)), 1);
    assert_eq!(verdict(&world, &skipped), Ok(()));
    let act = format!(r#""act":{}{{"sub":"s"}}{},"#, r#"{"sub":"s","act":"#.repeat(150), "}".repeat(150));
    assert_eq!(verdict(&world, &with(json!({})).replacen('{', &format!("{{{act}"), 1)), Err(E::Malformed));
}

#[test]
fn scopes_and_roles_are_whole_words() {
    let world = World::new();
    let token = |scope: &str| {
        let header = json!({ "alg": "EdDSA", "kid": world.plain.kid() }).to_string();
        world.plain.sign_text(&header, &with(json!({"scope": scope, "roles": ["Author", "authors"]})))
    };
    for (scope, invokes) in [("invoke", true), ("openid invoke", true), ("invoke2", false), ("INVOKE", false), ("", false), ("invoke:all", false)] {
        let who = world.verifier.verify(&token(scope), now()).unwrap();
        assert_eq!(who.has_scope(Scope::Invoke), invokes, "{scope}");
        assert!(!who.has_role(Role::Author));
    }
}

#[test]
fn tenantless_tokens_delegate_or_operate() {
    let world = World::new();
    let operator = world.verifier.verify(&world.platform_token(|claims| claims.scopes(&[Scope::Operate])), now()).unwrap();
    assert!(operator.has_scope(Scope::Operate) && operator.tenant().is_none() && operator.grant().is_none());
    assert_eq!(operator.audit().to_string(), "SYSTEM orders@https://platform.example operating");
    let orders = world.verifier.verify(&world.platform_token(|claims| claims), now()).unwrap();
    assert!(orders.grant().is_some_and(|grant| grant.covers_tenant(&tenant("acme")) && !grant.covers_tenant(&tenant("umbrella"))));
    assert_eq!(orders.audit().to_string(), "SYSTEM orders@https://platform.example delegating");
    let plain = world.platform_token(|claims| claims.scopes(&[Scope::Invoke]));
    assert_eq!(world.verifier.verify(&plain, now()).unwrap_err(), E::Tenantless);
}

/// A worker's token reaches nobody's tenant, and gives nothing beside what else a token is for.
#[test]
fn a_worker_compiles_and_nothing_else() {
    let world = World::new();
    let verify = |token: String| world.verifier.verify(&token, now());
    let worker = verify(world.platform_token(|claims| claims.scopes(&[Scope::Compile, Scope::Invoke]))).unwrap();
    assert!(worker.is_worker() && worker.has_scope(Scope::Compile) && worker.tenant().is_none() && worker.grant().is_none());
    assert_eq!(worker.audit().to_string(), "SYSTEM orders@https://platform.example compiling");
    assert!(!worker.may_invoke(Kind::DomainHook));
    for scopes in [&[Scope::Compile, Scope::Operate][..], &[Scope::Compile, Scope::Delegate]] {
        assert!(!verify(world.platform_token(|claims| claims.scopes(scopes))).unwrap().is_worker(), "{scopes:?}");
    }
    let of_a_tenant = world.platform_token(|claims| claims.scopes(&[Scope::Compile]).tenant(&tenant("acme")));
    assert!(!verify(of_a_tenant).unwrap().is_worker());
}

#[test]
fn refusals_are_public_and_coded() {
    use extensions_types::ErrorCode;
    assert_eq!(E::Expired.code(), ErrorCode::Unauthenticated);
    assert_eq!(E::Tenantless.code(), ErrorCode::PermissionDenied);
    assert_eq!(E::TenantNotOfIssuer.to_string(), "the token's issuer may not name this tenant");
}

#[test]
fn settings_are_checked_whole() {
    let (plain, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap());
    let refused = |change: fn(&mut IdentitySettings)| {
        let mut settings = settings(&plain, &platform);
        change(&mut settings);
        Verifier::new(settings).unwrap_err()
    };
    assert!(matches!(refused(|s| s.issuers.clear()), SettingsError::NoIssuer));
    assert!(matches!(refused(|s| s.issuers[0].development = true), SettingsError::DevelopmentIssuer { .. }));
    assert!(matches!(refused(|s| s.issuers[1].issuer = PLAIN.into()), SettingsError::DuplicateIssuer { .. }));
    assert!(matches!(refused(|s| s.issuers[0].issuer.clear()), SettingsError::IssuerName { .. }));
    assert!(matches!(refused(|s| s.issuers[0].jwks = None), SettingsError::KeySource { .. }));
    assert!(matches!(refused(|s| s.issuers[0].jwks_file = Some("/x".into())), SettingsError::KeySource { .. }));
    assert!(matches!(refused(|s| s.issuers[0].jwks = Some("{}".into())), SettingsError::Keys { .. }));
    assert!(matches!(refused(|s| s.issuers[0].algorithms.clear()), SettingsError::Keys { .. }));
    assert!(matches!(refused(|s| s.grants[0].issuer = "who".into()), SettingsError::UnknownIssuer { .. }));
    assert!(matches!(refused(|s| s.grants[0].issuer = PLAIN.into()), SettingsError::Grant { .. }));
    assert!(matches!(refused(|s| s.grants[0].kinds.clear()), SettingsError::Grant { .. }));
    assert!(matches!(refused(|s| s.grants[1].subject = label("orders")), SettingsError::Grant { .. }));
    assert!(matches!(refused(|s| s.issuers[1].tenants = only(&["acme"])), SettingsError::Grant { .. }));
}

#[test]
fn a_development_issuer_is_accepted_where_allowed() {
    let key = DevKey::generate().unwrap();
    let mut settings = IdentitySettings::new(vec![IssuerSettings::development("ext dev", key.jwks())]);
    settings.allow_development = true;
    let verifier = Verifier::new(settings).unwrap();
    let claims = Claims { iss: Some("ext dev".into()), ..user() };
    assert!(verifier.verify(&key.sign(&claims), now()).is_ok());
}

#[test]
fn keys_are_read_from_a_file() {
    let (plain, platform) = (DevKey::generate().unwrap(), DevKey::generate().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    let mut settings = settings(&plain, &platform);
    (settings.issuers[0].jwks, settings.issuers[0].jwks_file) = (None, Some(path.clone()));
    assert!(matches!(Verifier::new(settings.clone()).unwrap_err(), SettingsError::ReadKeys { .. }));
    std::fs::write(&path, plain.jwks()).unwrap();
    let verifier = Verifier::new(settings).unwrap();
    assert!(verifier.verify(&plain.sign(&user()), now()).is_ok());
}
