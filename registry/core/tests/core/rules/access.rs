//! Who may do what: roles, tenants, platform tokens, the registry itself, agents.

use extensions_registry_core::{Action, Authority, Pin, Role, check_read};
use extensions_types::{ActorType, Environment, RiskTier};

use crate::scene::{Scene, agent, built, caller, draft, label, operator, person, registry, tenant, version};

const EVERYTHING: &str = "author reviewer releaser viewer";

fn one_of_each() -> Vec<(Action, &'static str)> {
    let (one, dev, prod) = (version(1), Environment::Dev, Environment::Prod);
    let (kind, risk_tier) = (extensions_types::Kind::DomainHook, RiskTier::Low);
    vec![
        (Action::CreateVersion(draft(RiskTier::Low)), "author"),
        (Action::RequestCompile { version: one }, "author"),
        (Action::Submit { version: one, to: prod }, "author"),
        (Action::RequestWaiver { version: one, finding: label("f") }, "author"),
        (Action::Approve { version: one, to: prod, digest: None }, "reviewer"),
        (Action::Reject { version: one, to: prod }, "reviewer"),
        (Action::GrantWaiver { version: one, finding: label("f") }, "reviewer"),
        (Action::Promote { version: one, env: dev }, "releaser"),
        (Action::RollBack { env: dev, to: one }, "releaser"),
        (Action::Pin { env: dev, pin: Pin::Caller(label("c")), version: None }, "releaser"),
        (Action::SetEnabled { env: dev, enabled: false }, "releaser"),
        (Action::Retire { version: one }, "releaser"),
        (Action::LowerTier { to: RiskTier::Low }, "operator"),
        (Action::ReportBuilt { version: one, kind, risk_tier, built: built(one, 1) }, "registry"),
        (Action::ReportFailed { version: one, attempt: 1, findings: vec![] }, "registry"),
        (Action::DeleteSource { version: one }, "registry"),
        (Action::DeleteVersion { version: one }, "registry"),
    ]
}

#[test]
fn each_action_needs_its_right() {
    for (action, right) in one_of_each() {
        let mut scene = Scene::new();
        let others = EVERYTHING.replace(right, "");
        let expected = match right {
            "operator" => "PERMISSION_DENIED: this needs a platform token with scope `platform:operate`; ask an operator".to_owned(),
            "registry" => "PERMISSION_DENIED: only the registry itself records this".to_owned(),
            role => format!("PERMISSION_DENIED: the token lacks role `{role}`; ask your tenant's administrator for it"),
        };
        assert_eq!(scene.refusal(&person("ann", &others), action.clone()), expected);
        if right != "operator" {
            assert_eq!(
                scene.refusal(&operator(), action.clone()),
                "PERMISSION_DENIED: a platform token may not do this; use a token of the extension's tenant"
            );
        }
        let registrys = matches!(action, Action::RequestCompile { .. } | Action::RequestWaiver { .. }) || right == "registry";
        if !registrys {
            assert_eq!(scene.refusal(&registry(), action), "PERMISSION_DENIED: the registry itself may not do this; a person decides it");
        }
    }
}

#[test]
fn another_tenants_extension_is_refused_in_every_operation_alike() {
    let mut full = Scene::new();
    let one = full.build(&person("ann", "author"), RiskTier::Low);
    full.release(one, Environment::Prod);
    let roles = [Role::Author, Role::Reviewer, Role::Releaser, Role::Viewer].into();
    let stranger = caller("idp", "eve", ActorType::User, Authority::Tenant { tenant: tenant("evil"), roles });
    const TEXT: &str = "TENANT_MISMATCH: the token is for tenant `evil`; use a token of the tenant that you mean";
    for (action, _) in one_of_each() {
        assert_eq!(full.refusal(&stranger, action.clone()), TEXT);
        assert_eq!(Scene::new().refusal(&stranger, action), TEXT, "the answer does not tell whether the extension exists");
    }
    assert_eq!(check_read(&tenant("acme"), &stranger).unwrap_err().to_string(), TEXT);
}

#[test]
fn reading_needs_any_role() {
    let acme = tenant("acme");
    for role in ["author", "reviewer", "releaser", "viewer"] {
        assert_eq!(check_read(&acme, &person("ann", role)), Ok(()));
    }
    assert_eq!(check_read(&acme, &operator()), Ok(()));
    assert_eq!(
        check_read(&acme, &person("ann", "")).unwrap_err().to_string(),
        "PERMISSION_DENIED: the token lacks role `viewer`; ask your tenant's administrator for it"
    );
}

#[test]
fn an_agent_keeps_to_its_tier() {
    let mut scene = Scene::new();
    let bot = agent("bot", EVERYTHING);
    const TEXT: &str = "PERMISSION_DENIED: an agent may author and release up to tier medium, this is tier high; a person must do it";
    assert_eq!(scene.refusal(&bot, Action::CreateVersion(draft(RiskTier::High))), TEXT);
    let draft_only = scene.create(&person("ann", "author"), RiskTier::High);
    assert_eq!(scene.refusal(&bot, Action::RequestCompile { version: draft_only }), TEXT);
    assert_eq!(scene.refusal(&bot, Action::RequestWaiver { version: draft_only, finding: label("f") }), TEXT);
    let high = scene.build(&person("ann", "author"), RiskTier::High);
    assert_eq!(scene.refusal(&bot, Action::Submit { version: high, to: Environment::Staging }), TEXT);
    assert_eq!(scene.refusal(&bot, Action::Promote { version: high, env: Environment::Dev }), TEXT);
    assert_eq!(scene.refusal(&bot, Action::Retire { version: high }), TEXT);
    scene.policy.agents.tier_max = RiskTier::High;
    scene.must(&bot, Action::Promote { version: high, env: Environment::Dev });
}

#[test]
fn an_agent_keeps_to_its_environments() {
    let mut scene = Scene::new();
    let bot = agent("bot", EVERYTHING);
    let low = scene.build(&bot, RiskTier::Low);
    let next = scene.build(&bot, RiskTier::Low);
    scene.must(&bot, Action::Promote { version: low, env: Environment::Dev });
    let refused = |env: &str| format!("PERMISSION_DENIED: an agent may change what is served up to dev, not in {env}; a person must do it");
    assert_eq!(scene.refusal(&bot, Action::Promote { version: low, env: Environment::Staging }), refused("staging"));
    scene.release(low, Environment::Prod);
    scene.release(next, Environment::Prod);
    let prod = Environment::Prod;
    for action in [
        Action::Promote { version: next, env: prod },
        Action::RollBack { env: prod, to: low },
        Action::Pin { env: prod, pin: Pin::Caller(label("c")), version: Some(low) },
        Action::SetEnabled { env: prod, enabled: false },
    ] {
        assert_eq!(scene.refusal(&bot, action), refused("prod"));
    }
    assert_eq!(scene.refusal(&bot, Action::Retire { version: low }), refused("staging"), "retiring takes a way back");
    scene.policy.agents.env_max = Environment::Prod;
    scene.must(&bot, Action::RollBack { env: prod, to: low });
}

#[test]
fn policies_are_read_strictly() {
    let read = serde_json::from_str::<extensions_registry_core::Policy>;
    assert_eq!(read("{}").unwrap(), extensions_registry_core::Policy::default());
    assert_eq!(read(r#"{"agents": {"env_max": "staging"}}"#).unwrap().agents.env_max, Environment::Staging);
    assert!(read(r#"{"agents": {"env": "staging"}}"#).is_err());
}
