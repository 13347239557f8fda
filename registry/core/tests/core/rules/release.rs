//! Rolling back, pinning, switching, retiring.

use extensions_registry_core::{Action, Decision, Pin, bounds};
use extensions_types::{Environment, RiskTier, Version};

use crate::scene::{Scene, label, person, version};

const PROD: Environment = Environment::Prod;

fn rollback(to: Version) -> Action {
    Action::RollBack { env: PROD, to }
}

fn pin(caller: &str, version: Option<Version>) -> Action {
    Action::Pin { env: PROD, pin: Pin::Caller(label(caller)), version }
}

/// Versions 1 to `count`, each served in prod, the last one now.
fn served(count: u64) -> Scene {
    let mut scene = Scene::new();
    for _ in 0..count {
        let version = scene.build(&person("ann", "author"), RiskTier::Medium);
        scene.release(version, PROD);
    }
    scene
}

#[test]
fn nothing_is_changed_where_nothing_is_served() {
    let mut scene = Scene::new();
    let rita = person("rita", "releaser");
    let one = scene.build(&person("ann", "author"), RiskTier::Low);
    scene.release(one, Environment::Staging);
    for action in [rollback(one), pin("orders", Some(one)), pin("orders", None), Action::SetEnabled { env: PROD, enabled: false }] {
        assert_eq!(scene.refusal(&rita, action), "NOT_PROMOTED: prod serves no version of `order-check`; promote one to it first");
    }
}

#[test]
fn only_what_was_served_comes_back_and_needs_no_approval() {
    let mut scene = served(2);
    let rita = person("rita", "releaser");
    let three = scene.build(&person("ann", "author"), RiskTier::Medium);
    scene.release(three, Environment::Staging);
    assert_eq!(
        scene.refusal(&rita, rollback(three)),
        "NOT_PROMOTED: prod has never served version 3; promote it, or choose one that it served: 1, 2"
    );
    assert_eq!(scene.tell(&rita, rollback(version(2))), Ok(Decision::AlreadySo));
    scene.must(&rita, rollback(version(1)));
    assert_eq!(scene.state.serving(PROD).unwrap().current, version(1));
    scene.force_off(version(2), PROD);
    assert_eq!(scene.refusal(&rita, rollback(version(2))), "PRECONDITION: an operator has forced version 2 off in prod; use another version");
    assert_eq!(
        scene.refusal(&rita, pin("orders", Some(version(2)))),
        "PRECONDITION: an operator has forced version 2 off in prod; use another version"
    );
}

#[test]
fn the_last_good_one_is_neither_rolled_back_from_nor_retired() {
    let mut scene = served(4);
    let rita = person("rita", "releaser");
    let last_good = |scene: &Scene| scene.state.last_good(PROD).map(Version::get);
    assert_eq!(last_good(&scene), Some(3));
    scene.must(&rita, rollback(version(3)));
    assert_eq!(last_good(&scene), Some(2), "4 was rolled back from");
    scene.must(&rita, Action::Promote { version: version(4), env: PROD });
    assert_eq!(last_good(&scene), Some(3), "served again, 4 is as good as new");
    scene.must(&rita, rollback(version(2)));
    assert_eq!(last_good(&scene), Some(3), "the last one served before");
    let retire = Action::Retire { version: version(3) };
    scene.must(&person("rita", "releaser"), Action::RollBack { env: Environment::Dev, to: version(3) });
    assert_eq!(scene.refusal(&rita, retire.clone()), "PRECONDITION: dev serves version 3; promote or roll back to another one there first");
    scene.must(&rita, Action::RollBack { env: Environment::Dev, to: version(4) });
    let change = extensions_registry_core::Change::Retired { version: version(3) };
    assert_eq!(scene.state.touched_by(&change), [Environment::Staging, PROD], "entries lose what it falls back to");
    scene.must(&rita, retire);
    assert_eq!(last_good(&scene), Some(1));
    assert_eq!(scene.refusal(&rita, rollback(version(3))), "PRECONDITION: version 3 is retired for good; use another version");
    assert_eq!(scene.state.rollback_targets(PROD), [version(4), version(1)]);
}

#[test]
fn pins_give_what_was_served_here() {
    let mut scene = served(2);
    let rita = person("rita", "releaser");
    let three = scene.build(&person("ann", "author"), RiskTier::Medium);
    assert_eq!(
        scene.refusal(&rita, pin("orders", Some(three))),
        "NOT_PROMOTED: prod has never served version 3; promote it, or choose one that it served: 1, 2"
    );
    scene.must(&rita, pin("orders", Some(version(1))));
    assert_eq!(scene.tell(&rita, pin("orders", Some(version(1)))), Ok(Decision::AlreadySo));
    scene.must(&rita, Action::Pin { env: PROD, pin: Pin::HookPoint(label("orders")), version: Some(version(2)) });
    let serving = scene.state.serving(PROD).unwrap();
    assert_eq!((serving.caller_pins[&label("orders")], serving.hook_pins[&label("orders")]), (version(1), version(2)));
    assert_eq!(scene.refusal(&rita, Action::Retire { version: version(1) }), "PRECONDITION: a pin in prod gives version 1; remove the pin first");
    scene.must(&rita, pin("orders", None));
    assert_eq!(scene.tell(&rita, pin("orders", None)), Ok(Decision::AlreadySo));
}

#[test]
fn pins_are_bounded() {
    let mut scene = served(9);
    let rita = person("rita", "releaser");
    (1..=8).for_each(|number| scene.must(&rita, pin(&format!("c{number}"), Some(version(number)))));
    assert_eq!(
        scene.refusal(&rita, pin("c9", Some(version(9)))),
        "PRECONDITION: pins give 8 different versions, as many as an entry lists; move one of them first"
    );
    (9..=bounds::PINS_MAX).for_each(|number| scene.must(&rita, pin(&format!("c{number}"), Some(version(1)))));
    assert_eq!(scene.refusal(&rita, pin("one-more", Some(version(1)))), "PRECONDITION: the entry has 64 pins, as many as are kept; remove one first");
    scene.must(&rita, pin("c1", Some(version(2))));
}

#[test]
fn a_switch_is_the_environments_own() {
    let mut scene = served(1);
    let rita = person("rita", "releaser");
    assert_eq!(scene.tell(&rita, Action::SetEnabled { env: PROD, enabled: true }), Ok(Decision::AlreadySo));
    scene.must(&rita, Action::SetEnabled { env: PROD, enabled: false });
    assert!(!scene.state.serving(PROD).unwrap().enabled && scene.state.serving(Environment::Dev).unwrap().enabled);
    let two = scene.build(&person("ann", "author"), RiskTier::Medium);
    scene.release(two, PROD);
    assert!(!scene.state.serving(PROD).unwrap().enabled, "a promotion does not switch on");
}

#[test]
fn what_is_served_is_not_retired() {
    let mut scene = served(1);
    assert_eq!(
        scene.refusal(&person("rita", "releaser"), Action::Retire { version: version(1) }),
        "PRECONDITION: dev serves version 1; promote or roll back to another one there first"
    );
}
