//! What the lifecycle forbids, as a client meets it: named, audited, nothing changed.

use extensions_identity::Role;
use extensions_proto::v1;
use tonic::Status;

use crate::{
    guest::{component, component_bundle, create, parts, push, tokio_stream},
    stage::{Client, Stage, Who, code_of, command},
};

/// Builds a stage with version 1 of `x`, pushed by ann.
async fn pushed() -> (Stage, Client) {
    let stage = Stage::start().await;
    let mut ann = stage.client(&Who::person("ann"));
    assert_eq!(push(&mut ann, "x", 1).await, 1);
    (stage, ann)
}

fn promote(version: u64, env: &str) -> v1::PromoteRequest {
    v1::PromoteRequest { command: Some(command("x")), version, to_env: env.to_owned() }
}

fn submit(version: u64, env: &str) -> v1::SubmitRequest {
    v1::SubmitRequest { command: Some(command("x")), version, to_env: env.to_owned() }
}

fn decide(version: u64, env: &str, decision: v1::Decision) -> v1::DecideRequest {
    v1::DecideRequest { command: Some(command("x")), version, to_env: env.to_owned(), decision: decision.into(), digest: String::new() }
}

/// The refusal's code; it is audited under the caller's name.
fn refused<T: std::fmt::Debug>(stage: &Stage, result: Result<T, Status>, who: &str) -> String {
    let status = result.unwrap_err();
    let noted = stage.noted();
    assert!(matches!(&noted[..], [note] if note.who.as_deref().is_some_and(|text| text.contains(who))), "{noted:?}");
    code_of(&status)
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_are_not_skipped() {
    let (stage, mut ann) = pushed().await;
    let before = stage.objects();
    for env in ["staging", "prod"] {
        assert_eq!(refused(&stage, ann.promote(promote(1, env)).await, "ann"), "PRECONDITION", "{env}");
    }
    assert_eq!(refused(&stage, ann.promote(promote(1, "qa")).await, "ann"), "BAD_REQUEST");
    assert_eq!(stage.objects(), before);
    for env in ["dev", "staging", "prod"] {
        let done = ann.promote(promote(1, env)).await.unwrap().into_inner();
        assert_eq!((done.changed, done.entry.unwrap().version), (true, 1), "{env}");
        assert!(!ann.promote(promote(1, env)).await.unwrap().into_inner().changed, "what is served already succeeds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_approves_their_own_and_no_agent_approves() {
    let (stage, mut ann) = pushed().await;
    ann.promote(promote(1, "dev")).await.unwrap();
    ann.submit(submit(1, "staging")).await.unwrap();
    let before = stage.objects();
    let approve = || decide(1, "staging", v1::Decision::Approve);
    assert_eq!(refused(&stage, ann.decide(approve()).await, "ann"), "PERMISSION_DENIED");
    for who in [Who::agent("robot"), Who { acted_by: Some("robot"), ..Who::person("bob") }] {
        assert_eq!(refused(&stage, stage.client(&who).decide(approve()).await, who.sub), "PERMISSION_DENIED", "{who:?}");
    }
    let unsaid = decide(1, "staging", v1::Decision::Unspecified);
    assert_eq!(refused(&stage, stage.client(&Who::person("bob")).decide(unsaid).await, "bob"), "BAD_REQUEST");
    let other_digest = v1::DecideRequest { digest: "0".repeat(64), ..approve() };
    assert_eq!(refused(&stage, stage.client(&Who::person("bob")).decide(other_digest).await, "bob"), "PRECONDITION");
    assert_eq!(stage.objects(), before);
    assert!(stage.client(&Who::person("bob")).decide(approve()).await.unwrap().into_inner().changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_stays_within_its_tier_and_environment() {
    let (stage, mut ann) = pushed().await;
    ann.promote(promote(1, "dev")).await.unwrap();
    let before = stage.objects();
    let mut agent = stage.client(&Who::agent("robot"));
    let high = create("y", "high", v1::Origin::Source, b"bundle");
    assert_eq!(refused(&stage, agent.create_version(high).await, "robot"), "PERMISSION_DENIED");
    assert_eq!(refused(&stage, agent.promote(promote(1, "staging")).await, "robot"), "PERMISSION_DENIED");
    assert_eq!(stage.objects(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_from_outside_is_of_tier_low() {
    let stage = Stage::start().await;
    let before = stage.objects();
    let mut ann = stage.client(&Who::person("ann"));
    for tier in ["medium", "high"] {
        let request = create("x", tier, v1::Origin::Uploaded, b"bundle");
        assert_eq!(refused(&stage, ann.create_version(request).await, "ann"), "PRECONDITION", "{tier}");
    }
    assert_eq!(stage.objects(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_and_unknown_versions_go_nowhere() {
    let (stage, mut ann) = pushed().await;
    let bundle = component_bundle("x", "low", b"\0asm\x0d\0\x01\0 no component");
    let created = ann.create_version(create("x", "low", v1::Origin::Uploaded, &bundle)).await.unwrap().into_inner();
    assert_eq!(created.change.unwrap().version, 2);
    let uploaded = ann.upload(tokio_stream(parts("x", 2, &bundle))).await.unwrap().into_inner();
    assert!(!uploaded.findings.is_empty() && uploaded.digest.is_empty());
    assert_eq!(uploaded.change.unwrap().state(), v1::VersionState::Failed);
    stage.noted();
    let before = stage.objects();
    for version in [2, 3, 999_999_999] {
        let expected = if version == 2 { "PRECONDITION" } else { "NOT_FOUND" };
        assert_eq!(refused(&stage, ann.promote(promote(version, "dev")).await, "ann"), expected, "promote {version}");
        assert_eq!(refused(&stage, ann.submit(submit(version, "staging")).await, "ann"), expected, "submit {version}");
    }
    assert_eq!(refused(&stage, ann.promote(promote(0, "dev")).await, "ann"), "BAD_REQUEST");
    let rollback = v1::RollbackRequest { command: Some(command("x")), to_version: 2, env: "dev".to_owned() };
    assert_eq!(refused(&stage, ann.rollback(rollback).await, "ann"), "NOT_PROMOTED", "dev has served nothing");
    assert_eq!(stage.objects(), before);
    let again = ann.upload(tokio_stream(parts("x", 2, &bundle))).await.unwrap().into_inner();
    assert_eq!(again.findings.len(), uploaded.findings.len(), "the same bytes, the same answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_one_command() {
    let (stage, mut ann) = pushed().await;
    let first = promote(1, "dev");
    let done = ann.promote(first.clone()).await.unwrap().into_inner();
    let again = ann.promote(first.clone()).await.unwrap().into_inner();
    assert_eq!((done.seq, done.version), (again.seq, again.version), "the same answer");
    let before = stage.objects();
    let other = v1::PromoteRequest { to_env: "staging".to_owned(), ..first.clone() };
    assert_eq!(refused(&stage, ann.promote(other).await, "ann"), "CONFLICT");
    let mut why = first.clone();
    why.command.as_mut().unwrap().why = "another reason".to_owned();
    assert_eq!(refused(&stage, ann.promote(why).await, "ann"), "CONFLICT");
    let set = v1::SetEnabledRequest { command: first.command.clone(), env: "dev".to_owned(), enabled: false };
    assert_eq!(refused(&stage, ann.set_enabled(set).await, "ann"), "CONFLICT");
    assert_eq!(stage.objects(), before);
    // Keys are a person's own.
    let bob = stage.client(&Who::person("bob")).promote(v1::PromoteRequest { to_env: "staging".to_owned(), ..first }).await;
    assert!(bob.unwrap().into_inner().changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_seen_the_last_event_decides_anew() {
    let (stage, mut ann) = pushed().await;
    let at =
        |seq| v1::PromoteRequest { command: Some(v1::Command { expected_seq: Some(seq), ..command("x") }), version: 1, to_env: "dev".to_owned() };
    assert_eq!(refused(&stage, ann.promote(at(1)).await, "ann"), "CONFLICT");
    assert_eq!(refused(&stage, ann.promote(at(99)).await, "ann"), "CONFLICT");
    assert!(ann.promote(at(2)).await.unwrap().into_inner().changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_is_bounded() {
    let (stage, mut ann) = pushed().await;
    let before = stage.objects();
    let with = |change: fn(&mut v1::Command)| {
        let mut request = promote(1, "dev");
        change(request.command.as_mut().unwrap());
        request
    };
    for (request, code) in [
        (with(|command| command.why = "w".repeat(1_025)), "BAD_REQUEST"),
        (with(|command| command.why = "\u{1b}[2J".to_owned()), "BAD_REQUEST"),
        (with(|command| command.idempotency_key = String::new()), "BAD_REQUEST"),
        (with(|command| command.idempotency_key = "k".repeat(129)), "BAD_REQUEST"),
        (with(|command| command.idempotency_key = "a b".to_owned()), "BAD_REQUEST"),
        (v1::PromoteRequest { command: None, ..promote(1, "dev") }, "BAD_REQUEST"),
    ] {
        assert_eq!(refused(&stage, ann.promote(request).await, "ann"), code);
    }
    let wasm = component_bundle("x", "low", &component(1));
    let request = |manifest: String| v1::CreateVersionRequest { manifest_toml: manifest, ..create("x", "low", v1::Origin::Uploaded, &wasm) };
    let base = crate::guest::manifest("x", "low");
    for (manifest, code) in [
        (format!("{base}# {}", "x".repeat(64 << 10)), "INPUT_TOO_LARGE"),
        (base.replace("a rule", &"d".repeat(1_025)), "BAD_REQUEST"),
        (base.replace("[\"t\"]", &format!("[{}]", "\"t\",".repeat(17))), "BAD_REQUEST"),
        (base.replace("id = \"x\"", "id = \"y\""), "BAD_REQUEST"),
        (format!("{base}colour = 1\n"), "BAD_REQUEST"),
        ("\0".to_owned(), "BAD_REQUEST"),
    ] {
        assert_eq!(refused(&stage, ann.create_version(request(manifest.clone())).await, "ann"), code, "{manifest:.80}");
    }
    let huge = v1::CreateVersionRequest { bundle_bytes: (8 << 20) + 1, ..create("x", "low", v1::Origin::Source, &wasm) };
    assert!(["BAD_REQUEST", "INPUT_TOO_LARGE"].contains(&refused(&stage, ann.create_version(huge).await, "ann").as_str()));
    let whole_message = request("x".repeat(3 << 20));
    assert_eq!(code_of(&ann.create_version(whole_message).await.unwrap_err()), "INPUT_TOO_LARGE");
    assert_eq!(stage.objects(), before);
}

/// A history that a newer platform has written is not guessed at.
#[tokio::test(flavor = "multi_thread")]
async fn documents_of_an_unknown_schema_are_refused() {
    let (stage, mut ann) = pushed().await;
    let event = stage.objects().keys().rfind(|name| name.contains("/events/")).unwrap().clone();
    let path = stage.dir.path().join(&event);
    let text = std::fs::read_to_string(&path).unwrap().replace("\"schema\":1", "\"schema\":2");
    std::fs::write(&path, text).unwrap();
    std::fs::remove_file(stage.dir.path().join("acme/x/head.json")).unwrap();
    let before = stage.objects();
    let refused = ann.promote(promote(1, "dev")).await.unwrap_err();
    assert_eq!(code_of(&refused), "INTERNAL", "{refused:?}");
    assert!(!refused.message().contains('/'), "no path in {refused:?}");
    assert_eq!(
        code_of(&ann.get_extension(v1::GetExtensionRequest { tenant_id: String::new(), extension_id: "x".to_owned() }).await.unwrap_err()),
        "INTERNAL"
    );
    assert_eq!(stage.objects(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_alone_releases_nothing() {
    let (stage, _ann) = pushed().await;
    let mut reviewer = stage.client(&Who::person("rita").with_roles(&[Role::Reviewer]));
    assert_eq!(refused(&stage, reviewer.promote(promote(1, "dev")).await, "rita"), "PERMISSION_DENIED");
}
