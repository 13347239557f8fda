//! What is stored for good: one literal example of each change and document.
//! A text here is never edited, only added to.

use std::collections::BTreeSet;

use extensions_registry_core::{
    Actor, Built, Change, Draft, Event, Extension, Finding, Pin,
    control::{Control, ControlChange, ControlEvent},
};
use extensions_types::{
    ActorType, ControlScope, ControlSource, Environment, ExtensionId, FailureCause, HostCallName, PolicyMode, QuotaLimits, RiskTier, SchemaV1,
    Sha256, SwitchTarget, Weight,
};

use crate::scene::{Scene, asked, built, digest, draft, label, person, tenant, version};

fn answering(mut draft: Draft) -> Draft {
    draft.about.answers_for = [FailureCause::Trap, FailureCause::Quota].into();
    draft
}

fn examples() -> Vec<(Change, &'static str)> {
    let (prod, three) = (Environment::Prod, version(3));
    let finding = Finding::new("conform", "import", "it imports wasi:clocks", "remove the call of SystemTime::now");
    vec![
        (
            Change::VersionCreated { version: three, draft: draft(RiskTier::Medium) },
            r#"{"type":"version_created","version":3,"draft":{"origin":"source","source_sha256":"0909090909090909090909090909090909090909090909090909090909090909","source_bytes":1000,"about":{"kind":"domain_hook","risk_tier":"medium","description":"Checks orders.","tags":["orders"]}}}"#,
        ),
        (
            Change::VersionCreated { version: three, draft: answering(draft(RiskTier::Low)) },
            r#"{"type":"version_created","version":3,"draft":{"origin":"source","source_sha256":"0909090909090909090909090909090909090909090909090909090909090909","source_bytes":1000,"about":{"kind":"domain_hook","risk_tier":"low","description":"Checks orders.","tags":["orders"],"answers_for":["trap","quota"]}}}"#,
        ),
        (Change::CompileRequested { version: three, attempt: 2 }, r#"{"type":"compile_requested","version":3,"attempt":2}"#),
        (
            Change::VersionBuilt { version: three, built: built(three, 2) },
            r#"{"type":"version_built","version":3,"built":{"attempt":2,"definition_sha256":"0303030303030303030303030303030303030303030303030303030303030303","component_sha256":"0303030303030303030303030303030303030303030303030303030303030303","component_bytes":70000,"tests":{"passed":4,"failed":0},"toolchain":"rustc 1.95.0"}}"#,
        ),
        (
            Change::VersionBuilt { version: three, built: Built { waivers: vec![asked("embedded_secret:0123456789abcdef:40")], ..built(three, 2) } },
            r#"{"type":"version_built","version":3,"built":{"attempt":2,"definition_sha256":"0303030303030303030303030303030303030303030303030303030303030303","component_sha256":"0303030303030303030303030303030303030303030303030303030303030303","component_bytes":70000,"tests":{"passed":4,"failed":0},"toolchain":"rustc 1.95.0","waivers":[{"finding":"embedded_secret:0123456789abcdef:40","place":"src/lib.rs:12","reason":"a public key"}]}}"#,
        ),
        (
            Change::VersionFailed { version: three, attempt: 2, findings: vec![finding] },
            r#"{"type":"version_failed","version":3,"attempt":2,"findings":[{"step":"conform","code":"import","message":"it imports wasi:clocks","remedy":"remove the call of SystemTime::now"}]}"#,
        ),
        (Change::ReviewSubmitted { version: three, to: prod }, r#"{"type":"review_submitted","version":3,"to":"prod"}"#),
        (
            Change::Approved { version: three, to: prod, digest: digest(three) },
            r#"{"type":"approved","version":3,"to":"prod","digest":"0303030303030303030303030303030303030303030303030303030303030303"}"#,
        ),
        (Change::Rejected { version: three, to: Environment::Staging }, r#"{"type":"rejected","version":3,"to":"staging"}"#),
        (
            Change::Promoted { version: three, env: prod, digest: digest(three) },
            r#"{"type":"promoted","version":3,"env":"prod","digest":"0303030303030303030303030303030303030303030303030303030303030303"}"#,
        ),
        (Change::RolledBack { env: prod, from: three, to: version(2) }, r#"{"type":"rolled_back","env":"prod","from":3,"to":2}"#),
        (
            Change::Pinned { env: prod, pin: Pin::Caller(label("orders")), version: Some(three) },
            r#"{"type":"pinned","env":"prod","pin":{"caller":"orders"},"version":3}"#,
        ),
        (
            Change::Pinned { env: prod, pin: Pin::HookPoint(label("BeforeCreate")), version: None },
            r#"{"type":"pinned","env":"prod","pin":{"hook_point":"BeforeCreate"},"version":null}"#,
        ),
        (Change::EnabledSet { env: Environment::Dev, enabled: false }, r#"{"type":"enabled_set","env":"dev","enabled":false}"#),
        (Change::Retired { version: three }, r#"{"type":"retired","version":3}"#),
        (
            Change::WaiverRequested { version: three, finding: label("secret:4711") },
            r#"{"type":"waiver_requested","version":3,"finding":"secret:4711"}"#,
        ),
        (Change::WaiverGranted { version: three, finding: label("secret:4711") }, r#"{"type":"waiver_granted","version":3,"finding":"secret:4711"}"#),
        (Change::TierLowered { from: RiskTier::High, to: RiskTier::Low }, r#"{"type":"tier_lowered","from":"high","to":"low"}"#),
        (Change::SourceDeleted { version: three }, r#"{"type":"source_deleted","version":3}"#),
        (Change::VersionDeleted { version: three }, r#"{"type":"version_deleted","version":3}"#),
    ]
}

#[test]
fn every_change_keeps_its_stored_form() {
    for (change, text) in examples() {
        assert_eq!(serde_json::to_string(&change).unwrap(), text);
        assert_eq!(serde_json::from_str::<Change>(text).unwrap(), change);
        assert!(text.starts_with(&format!("{{\"type\":\"{}\"", change.name())), "{text}");
    }
    let kinds: BTreeSet<_> = examples().iter().map(|(change, _)| change.name()).collect();
    assert_eq!(kinds.len(), 17, "a new kind of change needs its example here");
}

const EVENT: &str = r#"{"schema":1,"seq":7,"at_ms":1790000000000,"command_id":"key-1","content":"0505050505050505050505050505050505050505050505050505050505050505","actor":{"iss":"https://idp.example","sub":"ann","actor_type":"USER","act":["ci","pipeline"]},"from":"10.0.0.9","why":"broken totals","change":{"type":"retired","version":3}}"#;

fn event() -> Event {
    Event {
        schema: SchemaV1,
        seq: 7,
        at_ms: 1_790_000_000_000,
        command_id: label("key-1"),
        content: Sha256::new([5; 32]),
        actor: Actor { iss: "https://idp.example".into(), sub: label("ann"), actor_type: ActorType::User, act: vec![label("ci"), label("pipeline")] },
        from: Some("10.0.0.9".into()),
        why: "broken totals".into(),
        change: Change::Retired { version: version(3) },
    }
}

#[test]
fn an_event_keeps_its_stored_form() {
    assert_eq!(serde_json::to_string(&event()).unwrap(), EVENT);
    assert_eq!(serde_json::from_str::<Event>(EVENT).unwrap(), event());
    let least = EVENT.replace(",\"from\":\"10.0.0.9\",\"why\":\"broken totals\"", "").replace(",\"act\":[\"ci\",\"pipeline\"]", "");
    let read: Event = serde_json::from_str(&least).unwrap();
    assert_eq!((read.from, read.why.as_str(), read.actor.act.len()), (None, "", 0));
}

#[test]
fn what_is_unknown_is_refused() {
    let refused = |text: String| serde_json::from_str::<Event>(&text).unwrap_err().to_string();
    assert!(refused(EVENT.replace("\"schema\":1", "\"schema\":2")).contains("document schema 2 is unknown; this program reads schema 1"));
    assert!(refused(EVENT.replace("retired", "sublimated")).contains("unknown variant `sublimated`"));
    assert!(refused(EVENT.replace("\"version\":3", "\"version\":0")).contains("nonzero"));
    let head = serde_json::to_string(&Scene::new().state).unwrap();
    assert!(head.starts_with("{\"schema\":1,"));
    assert!(serde_json::from_str::<Extension>(&head.replace("\"schema\":1", "\"schema\":9")).is_err());
    let later = EVENT.replace("\"seq\":7", "\"seq\":7,\"invented_later\":[]");
    assert_eq!(serde_json::from_str::<Event>(&later).unwrap(), event(), "an added field does not stop older readers");
}

#[test]
fn every_control_change_keeps_its_stored_form() {
    let (acme, x) = (tenant("acme"), ExtensionId::parse("x").unwrap());
    let examples = [
        (SwitchTarget::Tenant { tenant: acme.clone() }, r#"{"of":"tenant","tenant":"acme"}"#),
        (SwitchTarget::Extension { tenant: acme.clone(), extension: x.clone() }, r#"{"of":"extension","tenant":"acme","extension":"x"}"#),
        (
            SwitchTarget::Version { tenant: acme, extension: x, version: version(3) },
            r#"{"of":"version","tenant":"acme","extension":"x","version":3}"#,
        ),
        (SwitchTarget::Kind { kind: extensions_types::Kind::AgentTool }, r#"{"of":"kind","kind":"agent_tool"}"#),
        (SwitchTarget::Tier { tier: RiskTier::High }, r#"{"of":"tier","tier":"high"}"#),
    ];
    for (target, text) in examples {
        let off = ControlChange::ForcedOff { target: target.clone(), source: ControlSource::Operator, until_ms: None, abort: false };
        let stored = format!("{{\"type\":\"forced_off\",\"target\":{text},\"source\":\"operator\"}}");
        assert_eq!(serde_json::to_string(&off).unwrap(), stored);
        assert_eq!(serde_json::from_str::<ControlChange>(&stored).unwrap(), off);
        let lifted = ControlChange::Lifted { target, source: ControlSource::File };
        let stored = format!("{{\"type\":\"lifted\",\"target\":{text},\"source\":\"file\"}}");
        assert_eq!(serde_json::to_string(&lifted).unwrap(), stored);
        assert_eq!(serde_json::from_str::<ControlChange>(&stored).unwrap(), lifted);
    }
    every_other_control_change();
    let event = EVENT.replace(r#"{"type":"retired","version":3}"#, r#"{"type":"lifted","target":{"of":"tier","tier":"low"},"source":"file"}"#);
    let event: ControlEvent = serde_json::from_str(&event).unwrap();
    assert_eq!(event.change.name(), "lifted");
    assert!(serde_json::from_str::<Control>(r#"{"schema":2,"env":"dev","generation":0,"applied_seq":0,"switches":[]}"#).is_err());
}

fn every_other_control_change() {
    let (source, acme) = (ControlSource::Operator, tenant("acme"));
    let (scope, name) = (ControlScope::Tenant { tenant: acme.clone() }, label("base"));
    let limits =
        QuotaLimits { concurrency: Some(1), rate_per_s: Some(2), burst: Some(3), cpu_ms_per_s: Some(4), memory_mb: Some(5), log_kb_per_s: Some(6) };
    let tier = SwitchTarget::Tier { tier: RiskTier::Low };
    let methods = [HostCallName::parse("orders.get").unwrap()].into();
    let examples = [
        (
            ControlChange::ForcedOff { target: tier.clone(), source, until_ms: Some(7), abort: true },
            r#"{"type":"forced_off","target":{"of":"tier","tier":"low"},"source":"operator","until_ms":7,"abort":true}"#,
        ),
        (ControlChange::Expired { target: tier, source }, r#"{"type":"expired","target":{"of":"tier","tier":"low"},"source":"operator"}"#),
        (
            ControlChange::QuotaSet { target: ControlScope::Environment, source, limits },
            r#"{"type":"quota_set","target":{"of":"environment"},"source":"operator","limits":{"concurrency":1,"rate_per_s":2,"burst":3,"cpu_ms_per_s":4,"memory_mb":5,"log_kb_per_s":6}}"#,
        ),
        (
            ControlChange::QuotaCleared { target: scope.clone(), source },
            r#"{"type":"quota_cleared","target":{"of":"tenant","tenant":"acme"},"source":"operator"}"#,
        ),
        (
            ControlChange::WeightSet { tenant: acme.clone(), source, weight: Weight::new(50).unwrap() },
            r#"{"type":"weight_set","tenant":"acme","source":"operator","weight":50}"#,
        ),
        (ControlChange::WeightCleared { tenant: acme, source }, r#"{"type":"weight_cleared","tenant":"acme","source":"operator"}"#),
        (
            ControlChange::PolicySet { name: name.clone(), source, target: scope, mode: PolicyMode::Enforce, methods },
            r#"{"type":"policy_set","name":"base","source":"operator","target":{"of":"tenant","tenant":"acme"},"mode":"enforce","methods":["orders.get"]}"#,
        ),
        (
            ControlChange::Tightened {
                target: ControlScope::Environment,
                source: ControlSource::File,
                causes: [FailureCause::Trap, FailureCause::HostCall].into(),
            },
            r#"{"type":"tightened","target":{"of":"environment"},"source":"file","causes":["trap","host_call"]}"#,
        ),
        (
            ControlChange::Loosened { target: ControlScope::Environment, source },
            r#"{"type":"loosened","target":{"of":"environment"},"source":"operator"}"#,
        ),
        (ControlChange::PolicyCleared { name, source }, r#"{"type":"policy_cleared","name":"base","source":"operator"}"#),
    ];
    for (change, text) in examples {
        assert_eq!(serde_json::to_string(&change).unwrap(), text);
        assert_eq!(serde_json::from_str::<ControlChange>(text).unwrap(), change);
        assert!(text.starts_with(&format!("{{\"type\":\"{}\"", change.name())), "{text}");
    }
}

/// A head with everything in it, as stored by the first release.
#[test]
fn a_head_reads_back() {
    let mut scene = Scene::new();
    let ann = person("ann", "author");
    let first = scene.build(&ann, RiskTier::High);
    scene.release(first, Environment::Prod);
    let second = scene.build(&ann, RiskTier::High);
    scene.release(second, Environment::Dev);
    let json = serde_json::to_string_pretty(&scene.state).unwrap();
    assert_eq!(serde_json::from_str::<Extension>(&json).unwrap(), scene.state);
    for expected in [
        "\"last_version\": 2",
        "\"tier\": \"high\"",
        "\"state\": \"built\"",
        "\"prod\": {\n      \"current\": 1,\n      \"enabled\": true,\n      \"history\": [",
        "\"promoted\": [\n        \"dev\",\n        \"staging\",\n        \"prod\"\n      ]",
    ] {
        assert!(json.contains(expected), "{expected} in {json}");
    }
}
