//! What may begin to be served, where, and after whose approval.

use extensions_registry_core::{Action, Decision, approvals_needed};
use extensions_types::{Environment, FailureCause, RiskTier, TestCounts, Version, VersionState};

use crate::scene::{Scene, built, person, registry, version};

fn promote(version: Version, env: Environment) -> Action {
    Action::Promote { version, env }
}

#[test]
fn only_what_is_built_and_passes_is_promoted() {
    let mut scene = Scene::new();
    let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
    let one = scene.create(&ann, RiskTier::Low);
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Dev)), "PRECONDITION: version 1 is not built; compile it first");
    scene.must(&ann, Action::RequestCompile { version: one });
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Dev)), "PRECONDITION: version 1 is still being built; wait for its result");
    scene.must(&registry(), Action::ReportFailed { version: one, attempt: 1, findings: vec![] });
    assert_eq!(
        scene.refusal(&rita, promote(one, Environment::Dev)),
        "PRECONDITION: version 1 failed: no reason was given; correct it and push a new version"
    );
    let two = scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: two });
    let mut failing = built(two, 1);
    failing.tests = TestCounts { passed: 1, failed: 2 };
    let kind = extensions_types::Kind::DomainHook;
    scene.must(&registry(), Action::ReportBuilt { version: two, kind, risk_tier: RiskTier::Low, built: failing });
    assert_eq!(scene.refusal(&rita, promote(two, Environment::Dev)), "PRECONDITION: 2 tests of version 2 fail; correct them and push a new version");
}

#[test]
fn the_order_of_environments_is_kept() {
    let mut scene = Scene::new();
    let rita = person("rita", "releaser");
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    let skipped = |before: &str, env: &str| {
        format!("PRECONDITION: version 1 was never promoted to {before}, which comes before {env}; promote it to {before} first")
    };
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Staging)), skipped("dev", "staging"));
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Prod)), skipped("staging", "prod"));
    scene.must(&rita, promote(one, Environment::Dev));
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Prod)), skipped("staging", "prod"));
    scene.must(&rita, promote(one, Environment::Staging));
    scene.must(&rita, promote(one, Environment::Prod));
    assert_eq!(scene.tell(&rita, promote(one, Environment::Prod)), Ok(Decision::AlreadySo));
    assert_eq!(scene.state.versions[&one].state(), VersionState::PromotedProd);
}

#[test]
fn each_tier_needs_its_approvals_in_each_environment() {
    use {Environment as E, RiskTier as T};
    let table = [(T::Low, [0, 0, 0]), (T::Medium, [0, 1, 1]), (T::High, [0, 2, 2])];
    for (tier, needed) in table {
        assert_eq!([E::Dev, E::Staging, E::Prod].map(|env| approvals_needed(tier, env)), needed);
        let mut scene = Scene::new();
        let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
        let one = scene.build(&ann, tier);
        for (env, needed) in [E::Dev, E::Staging, E::Prod].into_iter().zip(needed) {
            for has in 0..needed {
                let people = if needed == 1 { "1 approval" } else { "2 approvals of different people" };
                let next = if has == 0 { "submit it" } else { "ask reviewers who have not pushed to it" };
                assert_eq!(
                    scene.refusal(&rita, promote(one, env)),
                    format!("PRECONDITION: version 1 is of tier {tier} and needs {people} for {env}, it has {has}; {next}")
                );
                if has == 0 {
                    scene.must(&ann, Action::Submit { version: one, to: env });
                }
                let reviewer = person(["ruth", "rolf"][has], "reviewer");
                scene.must(&reviewer, Action::Approve { version: one, to: env, digest: None });
                assert_eq!(scene.tell(&reviewer, Action::Approve { version: one, to: env, digest: None }), Ok(Decision::AlreadySo));
            }
            scene.must(&rita, promote(one, env));
        }
    }
}

/// Who may call could choose what such a contract answers: somebody else looks at it.
#[test]
fn a_contract_for_what_callers_can_provoke_needs_an_approval() {
    use {Environment as E, FailureCause as C};
    let (ann, rita, ruth) = (person("ann", "author"), person("rita", "releaser"), person("ruth", "reviewer"));
    let mut scene = Scene::new();
    let one = scene.build_answering(&ann, RiskTier::Low, &[C::Quota, C::Trap]);
    scene.must(&rita, promote(one, E::Dev));
    for env in [E::Staging, E::Prod] {
        let refusal = |next: &str| {
            format!(
                "PRECONDITION: version 1 has a failure contract that answers for trap, quota, which callers can provoke, and needs 1 approval for {env}, it has 0; {next}"
            )
        };
        assert_eq!(scene.refusal(&rita, promote(one, env)), refusal("submit it"));
        scene.must(&ann, Action::Submit { version: one, to: env });
        assert_eq!(scene.refusal(&rita, promote(one, env)), refusal("ask reviewers who have not pushed to it"));
        assert!(scene.state.versions[&one].awaits_decision(env));
        scene.must(&ruth, Action::Approve { version: one, to: env, digest: None });
        assert!(scene.state.versions[&one].is_approved(env));
        scene.must(&rita, promote(one, env));
    }
}

#[test]
fn a_tiers_own_approvals_cover_its_contract() {
    use {Environment as E, FailureCause as C};
    for (tier, needed) in [(RiskTier::Low, [0, 1, 1]), (RiskTier::Medium, [0, 1, 1]), (RiskTier::High, [0, 2, 2])] {
        let mut scene = Scene::new();
        let one = scene.build_answering(&person("ann", "author"), tier, &[C::Limit]);
        assert_eq!([E::Dev, E::Staging, E::Prod].map(|env| scene.state.versions[&one].approvals_needed(env)), needed, "{tier}");
    }
    let mut scene = Scene::new();
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    assert_eq!(scene.state.versions[&one].approvals_needed(E::Prod), 0);
    let two = scene.build_answering(&person("ann", "author"), RiskTier::Medium, &[C::Limit]);
    let rita = person("rita", "releaser");
    scene.must(&rita, promote(two, E::Dev));
    assert_eq!(
        scene.refusal(&rita, promote(two, E::Staging)),
        "PRECONDITION: version 2 is of tier medium and needs 1 approval for staging, it has 0; submit it"
    );
}

#[test]
fn what_is_forced_off_is_not_promoted() {
    let mut scene = Scene::new();
    let rita = person("rita", "releaser");
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    scene.force_off(one, Environment::Staging);
    scene.must(&rita, promote(one, Environment::Dev));
    assert_eq!(
        scene.refusal(&rita, promote(one, Environment::Staging)),
        "PRECONDITION: an operator has forced version 1 off in staging; use another version"
    );
    assert!(!scene.refusal(&rita, promote(one, Environment::Staging)).contains("bad"), "why is the operators' own");
}

#[test]
fn an_unknown_control_refuses() {
    let mut scene = Scene::new();
    let rita = person("rita", "releaser");
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    let staging = scene.controls[&Environment::Staging].clone();
    scene.controls.insert(Environment::Dev, staging);
    assert_eq!(scene.refusal(&rita, promote(one, Environment::Dev)), "UNAVAILABLE: the control of dev is not known yet; try again");
}

#[test]
fn a_retired_version_is_gone() {
    let mut scene = Scene::new();
    let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
    let one = scene.build(&ann, RiskTier::Low);
    scene.must(&rita, Action::Retire { version: one });
    assert_eq!(scene.tell(&rita, Action::Retire { version: one }), Ok(Decision::AlreadySo));
    const TEXT: &str = "PRECONDITION: version 1 is retired for good; use another version";
    for env in Environment::ALL {
        assert_eq!(scene.refusal(&rita, promote(one, *env)), TEXT);
    }
    assert_eq!(scene.refusal(&ann, Action::Submit { version: one, to: Environment::Prod }), TEXT);
    assert_eq!(scene.refusal(&ann, Action::RequestCompile { version: one }), TEXT);
    assert_eq!(scene.state.versions[&one].state(), VersionState::Retired);
    let two = scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: two });
    scene.must(&rita, Action::Retire { version: two });
    assert_eq!(
        scene.refusal(&registry(), Action::ReportFailed { version: two, attempt: 1, findings: vec![] }),
        "PRECONDITION: version 2 is retired for good; use another version"
    );
    assert_eq!(version(2), two);
}
