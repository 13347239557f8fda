//! What may be deleted, and what is left of it.

use extensions_registry_core::{Action, ApplyError, Decision, Extension};
use extensions_types::{Environment, RiskTier};

use crate::scene::{Scene, built, person, registry, version};

fn delete(number: u64) -> Action {
    Action::DeleteVersion { version: version(number) }
}

#[test]
fn what_is_listed_awaited_or_being_built_is_kept() {
    let mut scene = Scene::new();
    let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
    for _ in 1..=3 {
        let version = scene.build(&ann, RiskTier::Low);
        scene.release(version, Environment::Dev);
    }
    assert_eq!(scene.refusal(&registry(), delete(3)), "PRECONDITION: the entry of dev lists version 3; it is kept");
    assert_eq!(scene.refusal(&registry(), delete(2)), "PRECONDITION: the entry of dev lists version 2; it is kept", "it is the last good one");
    scene.must(&registry(), delete(1));
    assert_eq!(scene.tell(&registry(), delete(1)), Ok(Decision::AlreadySo));
    const GONE: &str = "NOT_FOUND: version 1 was deleted when its time was over; push a new version";
    assert_eq!(scene.refusal(&rita, Action::RollBack { env: Environment::Dev, to: version(1) }), GONE);
    assert_eq!(scene.refusal(&ann, Action::RequestCompile { version: version(1) }), GONE);
    let late =
        Action::ReportBuilt { version: version(1), kind: extensions_types::Kind::DomainHook, risk_tier: RiskTier::Low, built: built(version(1), 1) };
    assert_eq!(scene.refusal(&registry(), late), GONE, "what was collected is not committed");
    assert_eq!(scene.refusal(&registry(), delete(9)), "NOT_FOUND: extension `order-check` has no version 9; its newest is 3");

    let four = scene.build(&ann, RiskTier::Low);
    scene.must(&ann, Action::Submit { version: four, to: Environment::Prod });
    assert_eq!(
        scene.refusal(&registry(), delete(4)),
        "PRECONDITION: version 4 is in review or approved for prod; it is kept until it is promoted or retired"
    );
    scene.must(&rita, Action::Retire { version: four });
    scene.must(&registry(), delete(4));

    let five = scene.create(&ann, RiskTier::Low);
    scene.must(&ann, Action::RequestCompile { version: five });
    assert_eq!(scene.refusal(&registry(), delete(5)), "PRECONDITION: version 5 is being built; it is kept until there is a result");
    assert_eq!(
        scene.refusal(&registry(), Action::DeleteSource { version: five }),
        "PRECONDITION: version 5 is being built from its source; wait for its result"
    );
}

#[test]
fn without_its_source_nothing_is_compiled() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let one = scene.create(&ann, RiskTier::Low);
    scene.must(&registry(), Action::DeleteSource { version: one });
    assert_eq!(scene.tell(&registry(), Action::DeleteSource { version: one }), Ok(Decision::AlreadySo));
    assert_eq!(
        scene.refusal(&ann, Action::RequestCompile { version: one }),
        "PRECONDITION: the source of version 1 was deleted when its time was over; push a new version"
    );
}

#[test]
fn who_pushed_what_is_deleted_still_does_not_approve() {
    let mut scene = Scene::new();
    scene.create(&person("bob", "author"), RiskTier::Medium);
    scene.must(&registry(), delete(1));
    let two = scene.build(&person("ann", "author"), RiskTier::Medium);
    scene.must(&person("ann", "author"), Action::Submit { version: two, to: Environment::Staging });
    let approve = Action::Approve { version: two, to: Environment::Staging, digest: None };
    assert!(scene.refusal(&person("bob", "reviewer"), approve).starts_with("PERMISSION_DENIED: you pushed version 1"));
}

#[test]
fn a_history_that_does_not_fit_is_refused_whole() {
    let mut scene = Scene::new();
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    scene.release(one, Environment::Dev);
    let fold =
        |events: &[extensions_registry_core::Event]| Extension::fold(scene.state.tenant.clone(), scene.state.extension.clone(), events).unwrap_err();
    assert_eq!(fold(&scene.events[1..]), ApplyError::Gap { applied: 0, got: 2 });
    let mut events = scene.events.clone();
    events.swap(1, 2);
    assert_eq!(fold(&events).to_string(), "event 3 does not follow event 1: the history has a gap or is out of order");
    let mut events = scene.events.clone();
    events.remove(0);
    for (at, event) in events.iter_mut().enumerate() {
        event.seq = at as u64 + 1;
    }
    assert_eq!(fold(&events).to_string(), "event 1 names version 1, which the history before it does not hold");
}
