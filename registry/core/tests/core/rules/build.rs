//! Compiles and their results.

use extensions_registry_core::{Action, Build, Built, Decision, Finding, bounds};
use extensions_types::{Kind, Origin, RiskTier, VersionState};

use crate::scene::{Scene, built, draft, person, registry, version};

fn report(attempt: u32) -> Action {
    Action::ReportBuilt { version: version(1), kind: Kind::DomainHook, risk_tier: RiskTier::Low, built: built(version(1), attempt) }
}

fn failed(attempt: u32) -> Action {
    let finding = Finding::new("build", "rustc", "E0308 in src/lib.rs", "");
    Action::ReportFailed { version: version(1), attempt, findings: vec![finding] }
}

#[test]
fn a_result_counts_for_the_attempt_that_is_awaited() {
    let mut scene = Scene::new();
    let (ann, one) = (person("ann", "author"), version(1));
    scene.create(&ann, RiskTier::Low);
    assert_eq!(scene.refusal(&registry(), report(1)), "PRECONDITION: no result of attempt 1 of version 1 is awaited; drop it");
    scene.must(&ann, Action::RequestCompile { version: one });
    assert_eq!(scene.tell(&ann, Action::RequestCompile { version: one }), Ok(Decision::AlreadySo), "an author cannot give an attempt up");
    scene.must(&registry(), Action::RequestCompile { version: one });
    assert_eq!(scene.refusal(&registry(), report(1)), "PRECONDITION: no result of attempt 1 of version 1 is awaited; drop it");
    assert_eq!(scene.refusal(&registry(), failed(1)), "PRECONDITION: no result of attempt 1 of version 1 is awaited; drop it");
    scene.must(&registry(), report(2));
    assert_eq!(scene.tell(&registry(), report(2)), Ok(Decision::AlreadySo), "the same result twice is one");
    assert_eq!(scene.refusal(&registry(), failed(2)), "PRECONDITION: no result of attempt 2 of version 1 is awaited; drop it");
    assert_eq!(scene.tell(&ann, Action::RequestCompile { version: one }), Ok(Decision::AlreadySo));
    assert_eq!(scene.state.versions[&one].state(), VersionState::Draft);
}

#[test]
fn a_failed_draft_stays_failed() {
    let mut scene = Scene::new();
    let (ann, one) = (person("ann", "author"), version(1));
    scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: one });
    scene.must(&registry(), failed(1));
    assert_eq!(scene.tell(&registry(), failed(1)), Ok(Decision::AlreadySo));
    assert_eq!(scene.state.versions[&one].state(), VersionState::Failed);
    assert_eq!(scene.state.versions[&one].build, Build::Failed { seq: 3, findings: 1, message: "E0308 in src/lib.rs".into() });
    const TEXT: &str = "PRECONDITION: version 1 failed: E0308 in src/lib.rs; correct it and push a new version";
    assert_eq!(scene.refusal(&ann, Action::RequestCompile { version: one }), TEXT);
    assert_eq!(scene.refusal(&ann, Action::Submit { version: one, to: extensions_types::Environment::Prod }), TEXT);
    assert_eq!(scene.refusal(&registry(), report(1)), "PRECONDITION: no result of attempt 1 of version 1 is awaited; drop it");
}

#[test]
fn a_component_from_outside_is_checked_not_compiled() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let mut uploaded = draft(RiskTier::Low);
    uploaded.origin = Origin::Uploaded;
    scene.must(&ann, Action::CreateVersion(uploaded));
    assert_eq!(
        scene.refusal(&ann, Action::RequestCompile { version: version(1) }),
        "PRECONDITION: version 1 is a component from outside, there is nothing to compile; upload it"
    );
    scene.must(&registry(), report(0));
}

#[test]
fn a_result_must_be_of_the_draft() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    scene.create(&ann, RiskTier::Medium);
    scene.must(&ann, Action::RequestCompile { version: version(1) });
    assert_eq!(
        scene.refusal(&registry(), report(1)),
        "PRECONDITION: the definition of version 1 has another kind or tier than the draft; push a new version"
    );
    let built = Built { component_bytes: (4 << 20) + 1, ..built(version(1), 1) };
    let report = Action::ReportBuilt { version: version(1), kind: Kind::DomainHook, risk_tier: RiskTier::Medium, built };
    assert_eq!(scene.refusal(&registry(), report), "PRECONDITION: the component of version 1 has 4194305 bytes; it must have 1 to 4194304");
}

#[test]
fn attempts_are_bounded() {
    let mut scene = Scene::new();
    let version = scene.create(&person("ann", "author"), RiskTier::Low);
    (0..bounds::ATTEMPTS_MAX).for_each(|_| scene.must(&registry(), Action::RequestCompile { version }));
    assert_eq!(
        scene.refusal(&registry(), Action::RequestCompile { version }),
        "PRECONDITION: version 1 was compiled 20 times without a result; push a new version"
    );
}

#[test]
fn findings_are_cut_to_their_bounds() {
    let mut scene = Scene::new();
    let version = scene.create(&person("ann", "author"), RiskTier::Low);
    scene.must(&registry(), Action::RequestCompile { version });
    let huge = || "ü".repeat(10_000);
    let finding = || Finding::new(huge(), huge(), huge(), huge()).at(huge());
    let findings = (0..100).map(|_| finding()).collect();
    scene.must(&registry(), Action::ReportFailed { version, attempt: 1, findings });
    let event = serde_json::to_vec(scene.events.last().unwrap()).unwrap().len();
    assert!(event < 64 << 10, "{event}");
    let Build::Failed { findings, ref message, .. } = scene.state.versions[&version].build else { panic!("it failed") };
    assert_eq!((findings, message.len()), (bounds::FINDINGS_MAX, bounds::FINDING_BYTES_MAX));
}
