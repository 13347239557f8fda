//! Who may decide, on what, and for how long it holds.

use extensions_registry_core::{Action, Caller, Command, Decision};
use extensions_types::{ActorType, Environment, RiskTier, Sha256, Version, VersionState};

use crate::scene::{Scene, agent, caller, person, roles, through, version};

const STAGING: Environment = Environment::Staging;
const PROD: Environment = Environment::Prod;

fn approve(version: Version, to: Environment) -> Action {
    Action::Approve { version, to, digest: None }
}

fn submitted(tier: RiskTier) -> (Scene, Version) {
    let mut scene = Scene::new();
    let version = scene.build(&person("ann", "author"), tier);
    scene.must(&person("ann", "author"), Action::Submit { version, to: STAGING });
    (scene, version)
}

#[test]
fn only_what_is_built_is_submitted() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let submit = Action::Submit { version: version(1), to: STAGING };
    scene.create(&ann, RiskTier::Low);
    assert_eq!(scene.refusal(&ann, submit.clone()), "PRECONDITION: version 1 is not built; compile it first");
    scene.must(&ann, Action::RequestCompile { version: version(1) });
    assert_eq!(scene.refusal(&ann, submit), "PRECONDITION: version 1 is still being built; wait for its result");
    let two = scene.build(&ann, RiskTier::Low);
    assert_eq!(
        scene.refusal(&ann, Action::Submit { version: two, to: Environment::Dev }),
        "PRECONDITION: dev needs no review; promote version 2 to it"
    );
    scene.must(&ann, Action::Submit { version: two, to: STAGING });
    assert_eq!(scene.tell(&ann, Action::Submit { version: two, to: STAGING }), Ok(Decision::AlreadySo));
    assert_eq!(scene.state.versions[&two].state(), VersionState::InReview);
}

#[test]
fn approvals_are_for_a_submission_to_one_environment() {
    let (mut scene, one) = submitted(RiskTier::Medium);
    let ruth = person("ruth", "reviewer");
    assert_eq!(scene.refusal(&ruth, approve(one, PROD)), "PRECONDITION: version 1 was not submitted for prod; its author must submit it first");
    assert_eq!(scene.refusal(&ruth, approve(one, Environment::Dev)), "PRECONDITION: dev needs no review; promote version 1 to it");
    scene.must(&ruth, approve(one, STAGING));
    assert_eq!(scene.tell(&ruth, approve(one, STAGING)), Ok(Decision::AlreadySo), "a person counts once");
    let record = &scene.state.versions[&one];
    assert_eq!((record.approvals(STAGING), record.approvals(PROD)), (1, 0));
    assert!(record.is_approved(STAGING) && !record.is_approved(PROD) && !record.awaits_decision(STAGING) && record.awaits_promotion(STAGING));
}

#[test]
fn an_approval_binds_the_digest_that_was_read() {
    let (mut scene, one) = submitted(RiskTier::Medium);
    let ruth = person("ruth", "reviewer");
    let other = Action::Approve { version: one, to: STAGING, digest: Some(Sha256::new([0xee; 32])) };
    assert_eq!(
        scene.refusal(&ruth, other),
        format!("PRECONDITION: version 1 has digest {}, another one was reviewed; review this one", "01".repeat(32))
    );
    scene.must(&ruth, Action::Approve { version: one, to: STAGING, digest: Some(crate::scene::digest(one)) });
}

#[test]
fn only_a_person_in_their_own_name_decides() {
    let (mut scene, one) = submitted(RiskTier::Medium);
    let service = caller("idp", "ci", ActorType::System, roles("reviewer"));
    for somebody in [agent("bot", "reviewer"), service, through(person("ruth", "reviewer"), "bot")] {
        assert_eq!(
            scene.refusal(&somebody, approve(one, STAGING)),
            "PERMISSION_DENIED: only a person may approve, in their own name: no agent, no service, no token with `act`; ask a reviewer"
        );
        assert_eq!(
            scene.refusal(&somebody, Action::Reject { version: one, to: STAGING }),
            "PERMISSION_DENIED: only a person may reject, in their own name: no agent, no service, no token with `act`; ask a reviewer"
        );
    }
}

#[test]
fn nobody_approves_what_they_had_a_hand_in() {
    let mut scene = Scene::new();
    let pushed_by_ann_for_una = through(person("una", "author"), "ann");
    let one = scene.build(&pushed_by_ann_for_una, RiskTier::Medium);
    scene.must(&person("una", "author"), Action::Submit { version: one, to: STAGING });
    const TEXT: &str =
        "PERMISSION_DENIED: you pushed version 1, and none was approved for staging since; somebody who has not must decide on version 1";
    assert_eq!(scene.refusal(&person("una", "reviewer"), approve(one, STAGING)), TEXT, "the subject");
    assert_eq!(scene.refusal(&person("ann", "reviewer"), approve(one, STAGING)), TEXT, "who acted for it");
    let namesake = caller("other-idp", "ann", ActorType::User, roles("reviewer"));
    scene.must(&namesake, approve(one, STAGING));
}

#[test]
fn who_pushed_since_the_last_approved_version_does_not_approve() {
    let mut scene = Scene::new();
    let (ann, bob, ruth) = (person("ann", "author reviewer"), person("bob", "author reviewer"), person("ruth", "reviewer"));
    let one = scene.build(&bob, RiskTier::Medium);
    let two = scene.build(&ann, RiskTier::Medium);
    for to in [STAGING, PROD] {
        scene.must(&ann, Action::Submit { version: two, to });
    }
    assert_eq!(
        scene.refusal(&bob, approve(two, STAGING)),
        "PERMISSION_DENIED: you pushed version 1, and none was approved for staging since; somebody who has not must decide on version 2"
    );
    scene.must(&ruth, approve(two, STAGING));
    let three = scene.build(&ann, RiskTier::Medium);
    for to in [STAGING, PROD] {
        scene.must(&ann, Action::Submit { version: three, to });
    }
    scene.must(&bob, approve(three, STAGING));
    assert_eq!(
        scene.refusal(&bob, approve(three, PROD)),
        "PERMISSION_DENIED: you pushed version 1, and none was approved for prod since; somebody who has not must decide on version 3",
        "what was approved for staging says nothing about prod"
    );
    scene.create(&bob, RiskTier::Medium);
    let five = scene.build(&ann, RiskTier::Medium);
    scene.must(&ann, Action::Submit { version: five, to: STAGING });
    assert_eq!(
        scene.refusal(&bob, approve(five, STAGING)),
        "PERMISSION_DENIED: you pushed version 4 after version 3 was approved for staging; somebody who has not must decide on version 5"
    );
    assert!(one < two);
}

#[test]
fn asking_for_a_compile_is_a_hand_in_it() {
    let mut scene = Scene::new();
    let one = scene.create(&person("ann", "author"), RiskTier::Medium);
    scene.must(&person("bob", "author"), Action::RequestCompile { version: one });
    assert_eq!(scene.state.pushers.len(), 2);
    scene.must(&crate::scene::registry(), Action::RequestCompile { version: one });
    assert_eq!(scene.state.pushers.len(), 2, "the registry pushes nothing");
}

fn reject(scene: &mut Scene, reviewer: &Caller, version: Version, why: &str) -> Result<Decision, String> {
    let command = Command { why: why.into(), ..scene.command(Action::Reject { version, to: STAGING }) };
    scene.run(reviewer, &command).map_err(|refusal| refusal.to_string())
}

#[test]
fn a_rejection_is_for_good_and_says_why() {
    let (mut scene, one) = submitted(RiskTier::Low);
    let ruth = person("ruth", "reviewer");
    assert_eq!(
        reject(&mut scene, &ruth, one, " "),
        Err("BAD_REQUEST: a rejection needs a reason, so that its author knows what to change; say why".into())
    );
    assert!(matches!(reject(&mut scene, &ruth, one, "rounds wrongly"), Ok(Decision::Record(_))));
    assert_eq!(reject(&mut scene, &ruth, one, "rounds wrongly"), Ok(Decision::AlreadySo));
    assert_eq!(scene.state.versions[&one].state(), VersionState::Rejected);
    const TEXT: &str = "PRECONDITION: version 1 was rejected for staging by ruth: rounds wrongly; push a new version";
    assert_eq!(scene.refusal(&person("rolf", "reviewer"), approve(one, STAGING)), TEXT);
    assert_eq!(scene.refusal(&person("ann", "author"), Action::Submit { version: one, to: STAGING }), TEXT);
    scene.release(one, Environment::Dev);
    assert_eq!(scene.refusal(&person("rita", "releaser"), Action::Promote { version: one, env: STAGING }), TEXT, "also at tier low");
}

#[test]
fn what_is_served_is_not_rejected_any_more() {
    let (mut scene, one) = submitted(RiskTier::Low);
    let rita = person("rita", "releaser");
    scene.must(&rita, Action::Promote { version: one, env: Environment::Dev });
    scene.must(&rita, Action::Promote { version: one, env: STAGING });
    assert_eq!(
        reject(&mut scene, &person("ruth", "reviewer"), one, "late"),
        Err("PRECONDITION: version 1 was promoted to staging already; roll back or disable it there".into())
    );
}

#[test]
fn approvals_of_one_review_are_bounded() {
    let (mut scene, one) = submitted(RiskTier::Medium);
    (0..8).for_each(|number| scene.must(&person(&format!("r{number}"), "reviewer"), approve(one, STAGING)));
    assert_eq!(
        scene.refusal(&person("r8", "reviewer"), approve(one, STAGING)),
        "PRECONDITION: version 1 has 8 approvals for staging, more are not kept; promote it"
    );
}

#[test]
fn a_person_counts_once_whatever_history_holds() {
    let (mut scene, one) = submitted(RiskTier::High);
    let ruth = person("ruth", "reviewer");
    for _ in 0..2 {
        let command = scene.command(approve(one, STAGING));
        let change = extensions_registry_core::Change::Approved { version: one, to: STAGING, digest: crate::scene::digest(one) };
        scene.record(&ruth, &command, change);
    }
    let command = scene.command(approve(one, STAGING));
    let other = extensions_registry_core::Change::Approved { version: one, to: STAGING, digest: Sha256::new([0xee; 32]) };
    scene.record(&person("rolf", "reviewer"), &command, other);
    let record = &scene.state.versions[&one];
    assert_eq!(record.approvals(STAGING), 1, "one person twice, and one approval of another component");
    assert!(!record.is_approved(STAGING));
}
