//! The failure contract through a real host, over gRPC and HTTP: each cause that
//! a guest, a caller or an operator can bring about, with each action.

use std::time::Duration;

use extensions_client::{Client, HttpClient, Invocation, Invoke, InvokeError};
use extensions_test_support::{Guest, Platform, Request, Start, event};
use extensions_types::{
    ControlScope, ControlSource, ControlState, Environment, ErrorCode, ExtensionId, FailureCause, Kind, Provenance, QuotaLimits, Switch,
    SwitchTarget, TenantId, Tightening, Version,
};

use crate::stage::CHILD;

const HOOK: Kind = Kind::ProcessHook;
const GOOD: &str = "{\"by\":1}";
const STORED: &str = "{\"by\":\"contract\"}";
const ACTIONS: [(&str, &str); 4] =
    [("deny", "\"deny\""), ("skip", "\"skip\""), ("default", "{ default = { by = \"contract\" } }"), ("last_good", "\"last_good\"")];

/// One way to fail: version 1 is good, version 2 is `guest` under `limits`.
struct Row {
    cause: FailureCause,
    code: ErrorCode,
    limits: &'static str,
    guest: fn() -> Guest,
    /// Makes ready, and gives the version that is asked for.
    prepare: fn(&Scene, &ExtensionId) -> &'static str,
    /// Whether version 1 can answer all the same.
    last_good: bool,
}

struct Scene {
    platform: Platform,
    acme: TenantId,
}

impl Scene {
    fn new() -> Self {
        // Failing on purpose, again and again, must not open breakers here.
        Self::with(Start::new(CHILD).set(|settings| settings.breaker.enabled = false))
    }

    fn with(start: Start) -> Self {
        Self { platform: start.start(), acme: TenantId::parse("acme").unwrap() }
    }

    async fn serve(&self, id: &str, kind: Kind, manifest: &str, guest: &Guest) {
        let served = self.platform.serve(&self.acme, id, kind, manifest, guest.component());
        self.platform.load(&served).await.unwrap();
    }

    /// A good version, and above it a bad one with the contract `cause = action`.
    async fn serve_row(&self, row: &Row, id: &str, action: &str) {
        self.serve(id, HOOK, "", &Guest::answering(HOOK, GOOD)).await;
        let manifest = format!("{}\n[failure]\n{} = {action}\n", row.limits, row.cause.as_str());
        let served = (row.guest)().component();
        if row.code == ErrorCode::ArtifactCorrupt {
            self.platform.serve_as(&self.acme, id, HOOK, &manifest, served, "0".repeat(64));
        } else {
            let served = self.platform.serve(&self.acme, id, HOOK, &manifest, served);
            self.platform.load(&served).await.unwrap();
        }
    }

    async fn grpc(&self, invoke: Invoke) -> Result<Invocation, InvokeError> {
        // A client that tried again would hide what it was told.
        let client = Client::builder().token(self.platform.token(&self.acme)).retries(0).connect(&self.platform.tcp()).unwrap();
        event(client.invoke(invoke)).await
    }

    async fn http(&self, invoke: Invoke) -> Result<Invocation, InvokeError> {
        let client = HttpClient::builder().token(self.platform.token(&self.acme)).retries(0).connect_http(&self.platform.tcp()).unwrap();
        event(client.invoke(invoke)).await
    }

    fn off(&self, target: SwitchTarget) -> ControlState {
        let switches = vec![Switch::new(target, Provenance::new(ControlSource::Operator, "test", 1, 0))];
        ControlState { switches, ..ControlState::new(Environment::Dev) }
    }

    fn version(&self, id: &ExtensionId, version: u64) -> SwitchTarget {
        SwitchTarget::Version { tenant: self.acme.clone(), extension: id.clone(), version: Version::new(version).unwrap() }
    }
}

fn call(id: &str, version: &str) -> Invoke {
    Invoke::new(id).version(version).input("{}")
}

fn nothing(_: &Scene, _: &ExtensionId) -> &'static str {
    "latest"
}

fn switched_off(scene: &Scene, id: &ExtensionId) -> &'static str {
    scene.platform.control(scene.off(scene.version(id, 2)));
    "latest"
}

fn without_room(scene: &Scene, id: &ExtensionId) -> &'static str {
    // 64 MiB are what one call of the default needs.
    let target = ControlScope::Extension { tenant: scene.acme.clone(), extension: id.clone() };
    scene.platform.quota(target, QuotaLimits { memory_mb: Some(1), ..QuotaLimits::default() });
    "latest"
}

fn good() -> Guest {
    Guest::answering(HOOK, "{\"by\":2}")
}

fn spinning() -> Guest {
    Guest::new(HOOK, "(loop $again (br $again)) (unreachable)")
}

const ROWS: &[Row] = &[
    Row {
        cause: FailureCause::Trap,
        code: ErrorCode::Trap,
        limits: "",
        guest: || Guest::new(HOOK, "(unreachable)"),
        prepare: nothing,
        last_good: true,
    },
    Row {
        cause: FailureCause::Failed,
        code: ErrorCode::GuestFailed,
        limits: "",
        guest: || Guest::failing(HOOK, 2, "broken"),
        prepare: nothing,
        last_good: true,
    },
    Row {
        cause: FailureCause::Limit,
        code: ErrorCode::OutputLimit,
        limits: "[limits]\noutput_bytes = 20\n",
        guest: || Guest::answering(HOOK, "{\"by\":\"somebody who talks\"}"),
        prepare: nothing,
        last_good: true,
    },
    Row {
        cause: FailureCause::Timeout,
        code: ErrorCode::Timeout,
        limits: "[limits]\ncpu_millis = 1000\ntimeout_ms = 200\n",
        guest: spinning,
        prepare: nothing,
        last_good: true,
    },
    Row {
        cause: FailureCause::Denied,
        code: ErrorCode::HostCallDenied,
        limits: "",
        guest: || {
            let call = "(call $host_call (call $service) (call $method) (call $request) (i32.const 2048)) (unreachable)";
            Guest::new(HOOK, call).text("service", "orders").text("method", "get").text("request", "{}")
        },
        prepare: nothing,
        // A call that was denied was not issued.
        last_good: true,
    },
    Row { cause: FailureCause::Missing, code: ErrorCode::NotPromoted, limits: "", guest: good, prepare: |_, _| "99", last_good: true },
    Row { cause: FailureCause::Disabled, code: ErrorCode::Disabled, limits: "", guest: good, prepare: switched_off, last_good: true },
    Row { cause: FailureCause::Unavailable, code: ErrorCode::ArtifactCorrupt, limits: "", guest: good, prepare: nothing, last_good: true },
    // The last good version's own call is over the same quota.
    Row { cause: FailureCause::Quota, code: ErrorCode::QuotaExceeded, limits: "", guest: good, prepare: without_room, last_good: false },
];

fn told(answered: Result<Invocation, InvokeError>, row: &Row, action: &str, over: &str) {
    let place = format!("{} = {action} over {over}", row.cause.as_str());
    let denied = action == "deny" || (action == "last_good" && !row.last_good);
    match answered {
        Err(error) => {
            assert!(denied, "{place}: {error}");
            assert_eq!(error.code(), Some(row.code), "{place}");
        }
        Ok(answer) => {
            assert!(!denied, "{place}: {answer:?}");
            let (output, served) = match action {
                "skip" => ("{}", 2),
                "default" => (STORED, 2),
                _ => (GOOD, 1),
            };
            assert_eq!((&answer.output[..], answer.served_version.get()), (output.as_bytes(), served), "{place}");
            let fallback = answer.fallback.unwrap_or_else(|| panic!("{place} does not say so"));
            assert_eq!((fallback.action.as_str(), fallback.cause.as_str()), (action, row.cause.as_str()), "{place}");
            assert!(over == "HTTP" || !fallback.message.is_empty(), "{place} does not say what was wrong");
        }
    }
}

#[tokio::test]
async fn every_cause_is_answered_as_its_contract_says() {
    let scene = Scene::new();
    for row in ROWS {
        for (action, written) in ACTIONS {
            let id = ExtensionId::parse(&format!("{}-{action}", row.cause.as_str()).replace('_', "-")).unwrap();
            scene.serve_row(row, id.as_str(), written).await;
            let version = (row.prepare)(&scene, &id);
            told(scene.grpc(call(id.as_str(), version)).await, row, action, "gRPC");
            told(scene.http(call(id.as_str(), version)).await, row, action, "HTTP");
            scene.platform.control(ControlState::new(Environment::Dev));
        }
    }
    let metrics = scene.platform.metrics().await;
    for (cause, action) in [("trap", "skip"), ("quota", "failed"), ("missing", "last_good"), ("denied", "default")] {
        let line = format!("extensions_fallbacks_total{{cause=\"{cause}\",action=\"{action}\"}} 2");
        assert!(metrics.lines().any(|counted| counted == line), "{line}");
    }
}

#[tokio::test]
async fn a_skipped_domain_hook_says_ok() {
    let scene = Scene::new();
    let traps = Guest::new(Kind::DomainHook, "(unreachable)");
    scene.serve("check", Kind::DomainHook, "[failure]\ntrap = \"skip\"\n", &traps).await;
    assert_eq!(scene.grpc(call("check", "latest")).await.unwrap().output, "{\"ok\":true}");
}

#[tokio::test]
async fn what_a_caller_brings_on_itself_never_falls_back() {
    let scene = Scene::new();
    let all: String = FailureCause::ALL.iter().map(|cause| format!("{} = \"skip\"\n", cause.as_str())).collect();
    scene.serve("rejects", HOOK, &format!("[failure]\n{all}"), &Guest::failing(HOOK, 0, "no")).await;
    scene.serve("invalid", HOOK, &format!("[failure]\n{all}"), &Guest::failing(HOOK, 1, "no")).await;
    scene.serve("slow", HOOK, &format!("[limits]\ncpu_millis = 1000\ntimeout_ms = 10000\n[failure]\n{all}"), &spinning()).await;
    let code = |answered: Result<Invocation, InvokeError>| answered.unwrap_err().code().unwrap();
    assert_eq!(code(scene.grpc(call("rejects", "latest")).await), ErrorCode::Rejected);
    assert_eq!(code(scene.grpc(call("invalid", "latest")).await), ErrorCode::InvalidInput);
    assert_eq!(code(scene.http(call("slow", "latest").timeout(Duration::from_millis(30))).await), ErrorCode::Deadline);
    assert_eq!(code(scene.grpc(call("unknown", "latest")).await), ErrorCode::NotFound, "an unknown extension has no contract");
}

#[tokio::test]
async fn an_environment_only_tightens() {
    let scene = Scene::new();
    scene.serve("traps", HOOK, "[failure]\ntrap = \"skip\"\n", &Guest::new(HOOK, "(unreachable)")).await;
    let code = async || scene.grpc(call("traps", "latest")).await.err().and_then(|error| error.code());
    assert_eq!(code().await, None);
    for target in [
        ControlScope::Environment,
        ControlScope::Tenant { tenant: scene.acme.clone() },
        ControlScope::Extension { tenant: scene.acme.clone(), extension: ExtensionId::parse("traps").unwrap() },
    ] {
        let tighten = |cause| {
            let tightening = Tightening { target: target.clone(), causes: [cause].into(), set: Provenance::new(ControlSource::File, "", 1, 0) };
            scene.platform.control(ControlState { tightenings: vec![tightening], ..ControlState::new(Environment::Dev) });
        };
        tighten(FailureCause::Trap);
        assert_eq!(code().await, Some(ErrorCode::Trap), "{target:?}");
        tighten(FailureCause::Quota);
        assert_eq!(code().await, None, "{target:?}");
    }
}

#[tokio::test]
async fn a_last_good_version_that_is_off_or_fails_answers_nothing() {
    let scene = Scene::new();
    let (traps, contract) = (Guest::new(HOOK, "(unreachable)"), "[failure]\ntrap = \"last_good\"\n");
    scene.serve("rule", HOOK, "", &Guest::answering(HOOK, GOOD)).await;
    scene.serve("rule", HOOK, contract, &traps).await;
    let asked = async || scene.grpc(call("rule", "latest")).await.map(|answer| answer.served_version.get());
    assert_eq!(asked().await.unwrap(), 1);
    scene.platform.control(scene.off(scene.version(&ExtensionId::parse("rule").unwrap(), 1)));
    assert_eq!(asked().await.unwrap_err().code(), Some(ErrorCode::Trap), "what is forced off is never the last good one");
    scene.platform.control(ControlState::new(Environment::Dev));
    scene.serve("rule", HOOK, contract, &traps).await;
    let refused = asked().await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Trap), "the last good one is asked once, and its own failure is told to nobody");
    scene.serve("rule", HOOK, contract, &Guest::failing(HOOK, 0, "too much")).await;
    scene.serve("rule", HOOK, contract, &traps).await;
    let rejected = asked().await.unwrap_err();
    assert_eq!(rejected.code(), Some(ErrorCode::Rejected), "a rejection is an answer");
}

/// A version that breaks rests, is probed and comes back; nobody else notices.
#[tokio::test]
async fn a_broken_version_is_not_called_until_it_is_well_again() {
    let scene = Scene::with(Start::new(CHILD).set(|settings| {
        (settings.breaker.calls_min, settings.breaker.rest_ms, settings.breaker.probes) = (3, 50, 1);
    }));
    // Traps at any input but `{}`.
    let picky =
        Guest::new(HOOK, "(if (i32.ne (local.get $input_len) (i32.const 2)) (then (unreachable))) (call $ok (call $answer))").text("answer", GOOD);
    scene.serve("picky", HOOK, "", &picky).await;
    scene.serve("steady", HOOK, "", &picky).await;
    let (bad, good) = (|id| Invoke::new(id).input("{\"a\":1}"), |id| call(id, "latest"));
    for _ in 0..3 {
        assert_eq!(scene.grpc(bad("picky")).await.unwrap_err().code(), Some(ErrorCode::Trap));
    }
    // The rest begins anew with each probe that traps, so that this is soon met open.
    let refused = event(async {
        loop {
            match scene.grpc(bad("picky")).await.unwrap_err() {
                InvokeError::Refused(refused) => break refused,
                trapped => assert_eq!(trapped.code(), Some(ErrorCode::Trap)),
            }
        }
    })
    .await;
    assert_eq!(refused.code, ErrorCode::CircuitOpen);
    assert!(refused.retry_after.is_some_and(|after| after <= Duration::from_secs(60)), "{:?}", refused.retry_after);
    assert_eq!(scene.grpc(good("steady")).await.unwrap().output, GOOD);
    let operator = scene.platform.sign(&scene.platform.claims("olga").scopes(&[extensions_identity::Scope::Operate]));
    let status = Request::get("/admin/v1/status").token(&operator).send(&scene.platform.admin()).await.json();
    assert_eq!(status["breakers"]["breakers"][0]["extension"], "picky", "{status}");
    // It answers this input: the next probe closes it.
    event(async {
        while let Err(error) = scene.grpc(good("picky")).await {
            assert_eq!(error.code(), Some(ErrorCode::CircuitOpen));
        }
    })
    .await;
    assert_eq!(scene.grpc(good("picky")).await.unwrap().served_version.get(), 1);
    let metrics = scene.platform.metrics().await;
    assert!(metrics.contains("extensions_circuits_closed_total 1") && metrics.contains("extensions_circuits_open 0"), "{metrics}");
}

#[tokio::test]
async fn a_fixed_version_starts_with_a_closed_breaker() {
    let scene = Scene::with(
        Start::new(CHILD)
            .set(|settings| (settings.breaker.calls_min, settings.breaker.rest_ms) = (3, 600_000))
            .set(|settings| settings.breaker.rest_max_ms = 600_000),
    );
    scene.serve("rule", HOOK, "", &Guest::answering(HOOK, GOOD)).await;
    scene.serve("rule", HOOK, "[failure]\ncircuit = \"last_good\"\n", &Guest::new(HOOK, "(unreachable)")).await;
    for _ in 0..3 {
        assert_eq!(scene.http(call("rule", "latest")).await.unwrap_err().code(), Some(ErrorCode::Trap));
    }
    let answer = scene.http(call("rule", "latest")).await.unwrap();
    let fallback = answer.fallback.unwrap();
    assert_eq!((answer.served_version.get(), fallback.action.as_str(), fallback.cause.as_str()), (1, "last_good", "circuit"));
    assert_eq!(scene.grpc(call("rule", "1")).await.unwrap().output, GOOD, "each version has a breaker of its own");
    scene.serve("rule", HOOK, "", &good()).await;
    let answer = scene.grpc(call("rule", "latest")).await.unwrap();
    assert_eq!((answer.served_version.get(), answer.fallback), (3, None));
}
