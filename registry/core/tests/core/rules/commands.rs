//! What holds for every command: its key, its expected seq, its texts, its pace.

use extensions_registry_core::{Action, Decision, bounds};
use extensions_types::{Environment, RiskTier};

use crate::scene::{Scene, draft, person, version};

#[test]
fn a_repeated_key_has_the_first_answer() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let mut command = scene.command(Action::CreateVersion(draft(RiskTier::Low)));
    assert!(matches!(scene.run(&ann, &command), Ok(Decision::Record(_))));
    scene.create(&ann, RiskTier::Low);
    command.from = Some("another address".into());
    assert_eq!(scene.run(&ann, &command), Ok(Decision::Repeated { seq: 1, version: Some(version(1)) }));
    assert!(scene.events[0].answers(&command, &ann) && !scene.events[1].answers(&command, &ann));

    command.action = Action::CreateVersion(draft(RiskTier::Medium));
    assert_eq!(
        scene.run(&ann, &command).unwrap_err().to_string(),
        "CONFLICT: the idempotency key `key-1` was used for another command; send this one under a new key"
    );
    assert!(!scene.events[0].answers(&command, &ann));
    assert!(matches!(scene.run(&person("bob", "author"), &command), Ok(Decision::Record(_))), "a key belongs to one person");
}

#[test]
fn a_repeated_key_needs_its_role_again() {
    let mut scene = Scene::new();
    let command = scene.command(Action::CreateVersion(draft(RiskTier::Low)));
    assert!(scene.run(&person("ann", "author"), &command).is_ok());
    assert_eq!(
        scene.run(&person("ann", "viewer"), &command).unwrap_err().to_string(),
        "PERMISSION_DENIED: the token lacks role `author`; ask your tenant's administrator for it"
    );
}

#[test]
fn an_expected_seq_must_be_the_last() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    scene.create(&ann, RiskTier::Low);
    for wrong in [0, 2] {
        let mut command = scene.command(Action::CreateVersion(draft(RiskTier::Low)));
        command.expected_seq = Some(wrong);
        assert_eq!(
            scene.run(&ann, &command).unwrap_err().to_string(),
            format!("CONFLICT: seq {wrong} was expected, the last event is 1; read again and decide anew")
        );
    }
    let mut command = scene.command(Action::CreateVersion(draft(RiskTier::Low)));
    command.expected_seq = Some(1);
    assert!(matches!(scene.run(&ann, &command), Ok(Decision::Record(_))));
    assert_eq!(scene.run(&ann, &command), Ok(Decision::Repeated { seq: 2, version: Some(version(2)) }), "a retry is not a conflict");
}

#[test]
fn reasons_and_addresses_are_bounded() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let mut command = scene.command(Action::CreateVersion(draft(RiskTier::Low)));
    command.why = "w".repeat(1_025);
    assert_eq!(scene.run(&ann, &command).unwrap_err().to_string(), "BAD_REQUEST: the reason has 1025 bytes, at most 1024 are kept; shorten it");
    command.why = "line\nline".into();
    command.from = Some("\u{1b}[31m".into());
    assert_eq!(scene.run(&ann, &command).unwrap_err().to_string(), "BAD_REQUEST: the caller's address holds a control character; send plain text");
}

#[test]
fn unknown_extensions_and_versions_are_not_found() {
    let mut scene = Scene::new();
    let rita = person("rita", "releaser");
    let promote = |number| Action::Promote { version: version(number), env: Environment::Dev };
    assert_eq!(scene.refusal(&rita, promote(1)), "NOT_FOUND: there is no extension `order-check`; push its first version");
    scene.create(&person("ann", "author"), RiskTier::Low);
    assert_eq!(scene.refusal(&rita, promote(9)), "NOT_FOUND: extension `order-check` has no version 9; its newest is 1");
}

#[test]
fn a_loop_is_stopped_and_what_stops_it_is_not() {
    let mut scene = Scene::new();
    let (ann, rita) = (person("ann", "author"), person("rita", "releaser"));
    let one = scene.build(&ann, RiskTier::Low);
    scene.release(one, Environment::Dev);
    let toggle = |scene: &mut Scene, times: usize| {
        for _ in 0..times {
            let enabled = !scene.state.serving(Environment::Dev).unwrap().enabled;
            scene.must(&rita, Action::SetEnabled { env: Environment::Dev, enabled });
        }
    };
    let so_far = scene.events.len();
    toggle(&mut scene, bounds::AUTHOR_COMMANDS_PER_DAY_MAX - so_far);
    assert_eq!(
        scene.refusal(&ann, Action::CreateVersion(draft(RiskTier::Low))),
        "QUOTA_EXCEEDED: the extension has had 8000 changes within 24 hours; stop whatever repeats them and try again later"
    );
    toggle(&mut scene, bounds::COMMANDS_PER_DAY_MAX - bounds::AUTHOR_COMMANDS_PER_DAY_MAX);
    assert_eq!(
        scene.refusal(&person("rita", "releaser"), Action::Retire { version: one }),
        "QUOTA_EXCEEDED: the extension has had 10000 changes within 24 hours; stop whatever repeats them and try again later"
    );
    let head = serde_json::to_vec(&scene.state).unwrap().len();
    assert!(head < 2 << 20, "the busiest head has {head} bytes");
}
