//! Waivers: asked for by whoever pushes, granted by whoever has not.

use extensions_registry_core::{Action, AskedWaiver, Built, Decision, bounds};
use extensions_types::{Environment, Kind, RiskTier};

use crate::scene::{Scene, agent, asked, built, label, person, registry, version};

#[test]
fn an_open_waiver_holds_a_version_back() {
    let mut scene = Scene::new();
    let (ann, ruth, rita) = (person("ann", "author reviewer"), person("ruth", "reviewer"), person("rita", "releaser"));
    let one = scene.build(&ann, RiskTier::Low);
    let finding = || label("secret:4711");
    let grant = Action::GrantWaiver { version: one, finding: finding() };
    assert_eq!(
        scene.refusal(&ruth, grant.clone()),
        "PRECONDITION: nobody asked for a waiver of `secret:4711` for version 1; its author must ask first"
    );
    scene.must(&registry(), Action::RequestWaiver { version: one, finding: finding() });
    assert_eq!(scene.tell(&ann, Action::RequestWaiver { version: one, finding: finding() }), Ok(Decision::AlreadySo));
    scene.must(&rita, Action::Promote { version: one, env: Environment::Dev });
    for env in [Environment::Staging, Environment::Prod] {
        assert_eq!(
            scene.refusal(&rita, Action::Promote { version: one, env }),
            "PRECONDITION: version 1 asks for a waiver of `secret:4711` that no reviewer has granted; ask one, or push without it"
        );
    }
    assert_eq!(
        scene.refusal(&ann, grant.clone()),
        "PERMISSION_DENIED: you pushed version 1, and none was approved for prod since; somebody who has not must decide on version 1"
    );
    assert_eq!(
        scene.refusal(&agent("bot", "reviewer"), grant.clone()),
        "PERMISSION_DENIED: only a person may grant a waiver, in their own name: no agent, no service, no token with `act`; ask a reviewer"
    );
    scene.must(&ruth, grant.clone());
    assert_eq!(scene.tell(&ruth, grant), Ok(Decision::AlreadySo));
    scene.must(&rita, Action::Promote { version: one, env: Environment::Staging });
    assert_eq!(
        scene.refusal(&ann, Action::RequestWaiver { version: one, finding: label("late") }),
        "PRECONDITION: version 1 was promoted to staging without this waiver; push a new version that asks for it"
    );
}

#[test]
fn a_build_asks_for_what_its_source_wants() {
    let mut scene = Scene::new();
    let (ann, ruth, rita) = (person("ann", "author"), person("ruth", "reviewer"), person("rita", "releaser"));
    let one = scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: one });
    let report =
        |waivers| Action::ReportBuilt { version: one, kind: Kind::DomainHook, risk_tier: RiskTier::Low, built: Built { waivers, ..built(one, 1) } };
    let many = (0..=bounds::WAIVERS_MAX).map(|number| asked(&format!("f{number}"))).collect();
    assert_eq!(scene.refusal(&registry(), report(many)), "PRECONDITION: version 1 asks for more than 16 waivers; correct what was found");
    let both = || vec![AskedWaiver { reason: "x".repeat(5_000), ..asked("f:1") }, asked("f:2")];
    scene.must(&registry(), report(both()));
    assert_eq!(scene.tell(&registry(), report(both())), Ok(Decision::AlreadySo));
    let record = &scene.state.versions[&one];
    let open: Vec<_> = record.waivers.iter().map(|waiver| (waiver.finding.as_str(), waiver.place.as_str(), waiver.reason.len())).collect();
    assert_eq!(open, [("f:1", "src/lib.rs:12", bounds::WAIVER_BYTES_MAX), ("f:2", "src/lib.rs:12", 12)]);
    scene.must(&rita, Action::Promote { version: one, env: Environment::Dev });
    let staging = Action::Promote { version: one, env: Environment::Staging };
    for finding in ["f:1", "f:2"] {
        assert!(scene.refusal(&rita, staging.clone()).starts_with(&format!("PRECONDITION: version 1 asks for a waiver of `{finding}`")));
        let entry = scene.state.serving(Environment::Dev).cloned();
        scene.must(&ruth, Action::GrantWaiver { version: one, finding: label(finding) });
        assert_eq!(scene.state.serving(Environment::Dev).cloned(), entry, "a grant changes no entry");
    }
    scene.must(&rita, staging);
}

#[test]
fn waivers_are_bounded_and_end_with_the_draft() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let one = scene.build(&ann, RiskTier::Low);
    let ask = |number: usize| Action::RequestWaiver { version: version(1), finding: label(&format!("f{number}")) };
    (0..bounds::WAIVERS_MAX).for_each(|number| scene.must(&ann, ask(number)));
    assert_eq!(
        scene.refusal(&ann, ask(bounds::WAIVERS_MAX)),
        "PRECONDITION: version 1 asks for 16 waivers, as many as are kept; correct what was found"
    );
    let two = scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: two });
    scene.must(&registry(), Action::ReportFailed { version: two, attempt: 1, findings: vec![] });
    assert_eq!(
        scene.refusal(&ann, Action::RequestWaiver { version: two, finding: label("f") }),
        "PRECONDITION: version 2 failed: no reason was given; correct it and push a new version"
    );
    assert!(one < two);
}
