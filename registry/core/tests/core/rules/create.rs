//! What a draft may be.

use extensions_registry_core::{Action, Draft, bounds};
use extensions_types::{Environment, Origin, RiskTier};

use crate::scene::{Scene, draft, operator, person, version};

fn refused(change: impl FnOnce(&mut Draft)) -> String {
    let mut draft = draft(RiskTier::Low);
    change(&mut draft);
    Scene::new().refusal(&person("ann", "author"), Action::CreateVersion(draft))
}

#[test]
fn sizes_and_texts_are_bounded() {
    assert_eq!(
        refused(|draft| draft.source_bytes = (8 << 20) + 1),
        "INPUT_TOO_LARGE: the source bundle has 8388609 bytes, at most 8388608 are accepted; remove what the build does not need"
    );
    assert_eq!(refused(|draft| draft.source_bytes = 0), "BAD_REQUEST: the source bundle is empty; push what `ext push` packs");
    assert_eq!(
        refused(|draft| {
            draft.origin = Origin::Uploaded;
            draft.source_bytes = (4 << 20) + 1;
        }),
        "INPUT_TOO_LARGE: the component bundle has 4194305 bytes, at most 4194304 are accepted; remove what the build does not need"
    );
    assert_eq!(
        refused(|draft| draft.about.description = "d".repeat(1_025)),
        "BAD_REQUEST: the description has 1025 bytes, at most 1024 are kept; shorten it"
    );
    assert_eq!(refused(|draft| draft.about.tags = vec!["t".into(); 17]), "BAD_REQUEST: 17 tags are given, at most 16 are kept; remove some");
    assert_eq!(refused(|draft| draft.about.tags = vec!["t".repeat(65)]), "BAD_REQUEST: a tag has 65 bytes, at most 64 are kept; shorten it");
    assert_eq!(refused(|draft| draft.about.tags = vec!["a\u{7}".into()]), "BAD_REQUEST: a tag holds a control character; send plain text");
}

#[test]
fn a_component_from_outside_is_low() {
    for tier in [RiskTier::Medium, RiskTier::High] {
        let text = refused(|draft| {
            draft.origin = Origin::Uploaded;
            draft.about.risk_tier = tier;
        });
        assert_eq!(text, format!("PRECONDITION: a component from outside is admitted for tier low only, this is tier {tier}; push its source"));
    }
}

#[test]
fn numbers_count_up_and_are_bounded() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    for number in 1..=bounds::VERSIONS_MAX as u64 {
        assert_eq!(scene.create(&ann, RiskTier::Low), version(number));
    }
    assert_eq!(
        scene.refusal(&ann, Action::CreateVersion(draft(RiskTier::Low))),
        "PRECONDITION: extension `order-check` holds 1000 versions, as many as are kept; retire those that nobody needs, so that retention deletes them"
    );
    scene.must(&crate::scene::registry(), Action::DeleteVersion { version: version(7) });
    assert_eq!(scene.create(&ann, RiskTier::Low), version(1_001), "a number is never used again");
    let head = serde_json::to_vec(&scene.state).unwrap().len();
    assert!(head < 1 << 20, "a head with 1,000 drafts has {head} bytes");
}

#[test]
fn pushers_are_bounded() {
    let mut scene = Scene::new();
    let first = scene.create(&person("ann", "author"), RiskTier::Low);
    // Without the bound on versions in the way: each push is deleted at once.
    scene.must(&crate::scene::registry(), Action::DeleteVersion { version: first });
    for number in 1..bounds::PUSHERS_MAX {
        let version = scene.create(&person(&format!("p{number}"), "author"), RiskTier::Low);
        scene.must(&crate::scene::registry(), Action::DeleteVersion { version });
    }
    assert_eq!(
        scene.refusal(&person("one-more", "author"), Action::CreateVersion(draft(RiskTier::Low))),
        "PRECONDITION: 2000 people have pushed to `order-check`, as many as are kept; one of them must push"
    );
    scene.create(&person("ann", "author"), RiskTier::Low);
}

#[test]
fn only_an_operator_lowers_a_tier() {
    let mut scene = Scene::new();
    let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
    let early = scene.build(&ann, RiskTier::Low);
    assert_eq!(
        scene.refusal(&operator(), Action::LowerTier { to: RiskTier::Low }),
        "NOT_PROMOTED: extension `order-check` has no tier before a version is promoted; there is nothing to lower"
    );
    let medium = scene.build(&ann, RiskTier::Medium);
    scene.release(medium, Environment::Dev);
    const TEXT: &str = "PRECONDITION: extension `order-check` is of tier medium, this version asks for tier low; \
                        ask an operator to lower the extension's tier, or set risk_tier = \"medium\"";
    assert_eq!(scene.refusal(&ann, Action::CreateVersion(draft(RiskTier::Low))), TEXT);
    assert_eq!(scene.refusal(&rita, Action::Promote { version: early, env: Environment::Dev }), TEXT, "nor by an older draft");
    assert_eq!(scene.refusal(&ann, Action::Submit { version: early, to: Environment::Staging }), TEXT);
    assert_eq!(
        scene.refusal(&operator(), Action::LowerTier { to: RiskTier::High }),
        "PRECONDITION: extension `order-check` is of tier medium; a tier rises only by promoting a version of tier high"
    );
    scene.must(&operator(), Action::LowerTier { to: RiskTier::Low });
    scene.must(&rita, Action::Promote { version: early, env: Environment::Dev });
    scene.create(&ann, RiskTier::Low);
}
