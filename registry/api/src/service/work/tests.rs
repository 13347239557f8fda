//! The board under a paused clock: leases, attempts, tokens, bounds, several registries.

mod stream;

use std::{sync::Arc, time::Duration};

use extensions_artifact::{Store, digest, testing::in_memory};
use extensions_compile_jobs::{Claimed, Claims as _, CompileEvent, JobId, JobRefused, JobsError, NotCompiled, Queue as _, REPORT_EVENTS_MAX};
use extensions_registry_core::{About, Action, Actor, Authority, Build, Caller, Command, Draft as Pushed, Finding, Policy, Role};
use extensions_registry_ledger::{Clock, Ledger, Stores};
use extensions_types::{ActorType, CallLabel, ErrorCode, ExtensionId, Kind, Origin, RiskTier, TenantId, Version};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{InProcess, Keeper};
use crate::{
    BoardSettings, LogAudit, Metrics, NobodyKnows, NobodyToTell, Parts, Service,
    board::{Draft, draft_of},
    service::CompileView,
};

/// Longer than a lease and the look after it.
const LOST: Duration = Duration::from_secs(75);
/// Longer than what another registry waits beyond it.
const LOST_ELSEWHERE: Duration = Duration::from_secs(90);

/// Registries over one store, with one key.
struct Place {
    store: Store,
    board: BoardSettings,
    begun: Instant,
}

/// One of them.
struct Registry {
    service: Service,
    _keeper: Keeper,
}

impl Place {
    fn new() -> Self {
        Self { store: in_memory(), board: BoardSettings::of_one_process(), begun: Instant::now() }
    }

    fn registry(&self) -> Registry {
        let begun = self.begun;
        let clock = Clock::from_fn(move || 1_790_000_000_000 + begun.elapsed().as_millis() as u64);
        let service = Service::new(Parts {
            ledger: Ledger::new(Stores::single(self.store.clone()), Policy::default(), clock),
            audit: Arc::new(LogAudit),
            notify: Arc::new(NobodyToTell),
            members: Arc::new(NobodyKnows),
            board: self.board.clone(),
            operations: None,
            metrics: Metrics::default(),
            leaving: CancellationToken::new(),
        });
        Registry { _keeper: service.keep_jobs(), service }
    }
}

fn label(text: &str) -> CallLabel {
    CallLabel::parse(text).unwrap()
}

fn person(tenant: &str) -> Caller {
    let actor = Actor { iss: "idp".into(), sub: label("ann"), actor_type: ActorType::User, act: Vec::new() };
    Caller { actor, authority: Authority::Tenant { tenant: TenantId::parse(tenant).unwrap(), roles: [Role::Author, Role::Releaser].into() } }
}

impl Registry {
    fn worker(&self, by: &str) -> InProcess {
        self.service.in_process(by)
    }

    async fn tell(&self, draft: &Draft, id: &str, action: Action) -> Option<Version> {
        let command = Command { id: label(id), expected_seq: None, why: String::new(), from: None, action };
        self.service.ledger().run(&draft.0, &command, &person(draft.0.tenant.as_str())).await.unwrap().version
    }

    /// A draft with its source, waiting for attempt 1.
    async fn asked(&self, tenant: &str, number: u64) -> Draft {
        let of = extensions_artifact::Owned::new(TenantId::parse(tenant).unwrap(), ExtensionId::parse("x").unwrap());
        let bundle = bytes::Bytes::from(format!("source {number}"));
        let about =
            About { kind: Kind::DomainHook, risk_tier: RiskTier::Low, description: String::new(), tags: Vec::new(), answers_for: Default::default() };
        let pushed = Pushed { origin: Origin::Source, source_sha256: digest(&bundle), source_bytes: bundle.len() as u64, about };
        let draft = (of, Version::new(number).unwrap());
        assert_eq!(self.tell(&draft, &format!("create-{number}"), Action::CreateVersion(pushed)).await, Some(draft.1));
        self.service.ledger().put_source(&draft.0, draft.1, bundle).await.unwrap();
        self.ask(&draft, "1").await;
        draft
    }

    async fn ask(&self, draft: &Draft, id: &str) {
        self.tell(draft, &format!("compile-{}-{id}", draft.1), Action::RequestCompile { version: draft.1 }).await;
    }

    async fn build(&self, draft: &Draft) -> Build {
        self.service.ledger().read(&draft.0).await.unwrap().versions[&draft.1].build.clone()
    }

    /// Events that end the draft.
    async fn ends(&self, draft: &Draft) -> usize {
        let page = self.service.ledger().history(&draft.0, 0, 100).await.unwrap();
        page.events.iter().filter(|event| matches!(event.change.name(), "version_built" | "version_failed")).count()
    }
}

fn job(draft: &Draft, attempt: u32) -> JobId {
    crate::board::job_of(draft, attempt)
}

async fn claim(worker: &InProcess, draft: &Draft, attempt: u32) -> Option<Claimed> {
    worker.claim(&job(draft, attempt), &label("slot-0")).await.unwrap()
}

fn failed() -> Result<extensions_compile_jobs::Compiled, NotCompiled> {
    Err(NotCompiled::Failed(vec![Finding::new("build", "rustc", "E0308", "")]))
}

fn refused(result: Result<(), JobsError>) -> JobRefused {
    match result.unwrap_err() {
        JobsError::Job(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn is_failed(build: &Build) -> bool {
    matches!(build, Build::Failed { .. })
}

#[tokio::test(start_paused = true)]
async fn a_job_is_hinted_claimed_and_completed_once() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let worker = registry.worker("w");
    let hint = worker.next().await.unwrap();
    assert_eq!(hint, job(&draft, 1));
    let claimed = claim(&worker, &draft, 1).await.unwrap();
    assert_eq!((&claimed.source[..], &*claimed.pushed_by_issuer, &*claimed.asked_by_issuer), (&b"source 1"[..], "idp", "idp"));
    assert_eq!(claimed.source_sha256, digest(b"source 1"));
    assert!(claim(&registry.worker("v"), &draft, 1).await.is_none(), "it is somebody's");
    worker.report(&claimed.token, vec![CompileEvent::StepStarted("build".into())]).await.unwrap();
    worker.complete(&claimed.token, failed()).await.unwrap();
    assert!(is_failed(&registry.build(&draft).await));
    assert!(registry.service.ledger().compile_marker(&draft.0, draft.1).await.unwrap().is_none());
    for replayed in [worker.complete(&claimed.token, failed()).await, worker.report(&claimed.token, Vec::new()).await] {
        assert_eq!(refused(replayed), JobRefused::Ended);
    }
    assert!(claim(&worker, &draft, 1).await.is_none());
    assert_eq!(registry.ends(&draft).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_loses_its_job_to_another() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let followed = registry.service.inner.followers.join(&draft).unwrap().follow();
    let (dead, alive) = (registry.worker("dead"), registry.worker("alive"));
    let lost = claim(&dead, &draft, 1).await.unwrap();
    sleep(LOST).await;
    assert_eq!(alive.next().await.unwrap(), job(&draft, 2));
    // It was not dead after all: what it says no longer counts.
    assert_eq!(refused(dead.report(&lost.token, Vec::new()).await), JobRefused::OtherAttempt);
    assert_eq!(refused(dead.complete(&lost.token, failed()).await), JobRefused::OtherAttempt);
    let claimed = claim(&alive, &draft, 2).await.unwrap();
    assert_eq!(refused(dead.complete(&lost.token, failed()).await), JobRefused::OtherAttempt);
    alive.complete(&claimed.token, failed()).await.unwrap();
    assert_eq!(registry.ends(&draft).await, 1);
    let told: Vec<_> = followed.collect().await;
    assert!(matches!(&told[0], Ok(CompileView::Diagnostic { text, .. }) if text.contains("its worker was lost")), "{told:?}");
    assert!(matches!(told.last(), Some(Ok(CompileView::Failed { .. }))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn three_lost_workers_and_the_draft_fails() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let followed = registry.service.inner.followers.join(&draft).unwrap().follow();
    for attempt in 1..=crate::ATTEMPTS_MAX {
        assert!(!is_failed(&registry.build(&draft).await));
        assert!(claim(&registry.worker("w"), &draft, attempt).await.is_some(), "attempt {attempt}");
        sleep(LOST).await;
    }
    assert!(is_failed(&registry.build(&draft).await));
    let told: Vec<_> = followed.collect().await;
    let Some(Ok(CompileView::Failed { findings, .. })) = told.last() else { panic!("{told:?}") };
    assert_eq!(findings[0].code, "compile_poisoned");
    while let Some(Ok(hint)) = registry.worker("w").next().now_or_never() {
        assert!(registry.worker("w").claim(&hint, &label("slot-0")).await.unwrap().is_none(), "hints of before give nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn reports_renew_a_lease_until_the_tokens_end() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let worker = registry.worker("w");
    let claimed = claim(&worker, &draft, 1).await.unwrap();
    for _ in 0..17 {
        sleep(Duration::from_secs(50)).await;
        worker.report(&claimed.token, Vec::new()).await.unwrap();
    }
    assert!(matches!(registry.build(&draft).await, Build::Requested { attempt: 1, .. }));
    sleep(Duration::from_secs(50)).await;
    assert_eq!(refused(worker.report(&claimed.token, Vec::new()).await), JobRefused::Expired);
    sleep(LOST).await;
    assert!(matches!(registry.build(&draft).await, Build::Requested { attempt: 2, .. }));
}

/// What a token is refused for, each by its name.
#[tokio::test(start_paused = true)]
async fn tokens_that_do_not_hold() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let (worker, other) = (registry.worker("w"), registry.worker("v"));
    let claimed = claim(&worker, &draft, 1).await.unwrap();
    let token = |text: &str| extensions_compile_jobs::JobToken::parse(text).unwrap();
    let text = claimed.token.as_str();
    let foreign = place
        .registry_with_own_key()
        .service
        .inner
        .board
        .settings
        .key
        .mint(&crate::board::JobGrant { job: claimed.job.clone(), source_sha256: claimed.source_sha256, expires_ms: u64::MAX, claim: 1 }, "w");
    for forged in [token("x"), token(&text.replace("acme/x/1/1", "acme/x/1/2")), token(&text.replace("acme", "evil")), foreign] {
        assert_eq!(refused(worker.report(&forged, Vec::new()).await), JobRefused::Forged);
        assert_eq!(refused(worker.complete(&forged, failed()).await), JobRefused::Forged);
    }
    assert_eq!(refused(other.report(&claimed.token, Vec::new()).await), JobRefused::OtherWorker);
    assert_eq!(refused(other.complete(&claimed.token, failed()).await), JobRefused::OtherWorker);
    // Given back and claimed again: the same attempt, another claim.
    worker.complete(&claimed.token, Err(NotCompiled::GivenBack)).await.unwrap();
    let again = claim(&worker, &draft, 1).await.unwrap();
    assert_eq!(refused(worker.complete(&claimed.token, failed()).await), JobRefused::Ended);
    worker.complete(&again.token, failed()).await.unwrap();
    assert_eq!(registry.ends(&draft).await, 1);
}

impl Place {
    fn registry_with_own_key(&self) -> Registry {
        Self { store: self.store.clone(), board: BoardSettings::of_one_process(), begun: self.begun }.registry()
    }
}

#[tokio::test(start_paused = true)]
async fn reports_are_bounded_in_size_and_rate() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let worker = registry.worker("w");
    let claimed = claim(&worker, &draft, 1).await.unwrap();
    let step = || CompileEvent::StepStarted("s".into());
    let huge = || CompileEvent::Diagnostic { level: "error".into(), text: "x".repeat(100 << 10) };
    for events in [(0..=REPORT_EVENTS_MAX).map(|_| step()).collect(), (0..3).map(|_| huge()).collect::<Vec<_>>()] {
        assert_eq!(refused(worker.report(&claimed.token, events).await), JobRefused::TooLarge);
    }
    let mut taken = 0;
    while worker.report(&claimed.token, vec![step()]).await.is_ok() {
        taken += 1;
        assert!(taken < 100);
    }
    assert_eq!(refused(worker.report(&claimed.token, vec![step()]).await), JobRefused::TooOften);
    sleep(Duration::from_secs(2)).await;
    worker.report(&claimed.token, vec![huge()]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_tenant_leaves_workers_for_others() {
    let place = Place::new();
    let registry = place.registry();
    let worker = registry.worker("w");
    let mut held = Vec::new();
    for number in 1..=9 {
        let draft = registry.asked("acme", number).await;
        held.push(claim(&worker, &draft, 1).await);
    }
    assert_eq!(held.iter().filter(|claimed| claimed.is_some()).count(), 8);
    let draft = registry.asked("other", 1).await;
    assert!(claim(&worker, &draft, 1).await.is_some());
    // The ninth is hinted again, and goes when there is room.
    worker.complete(&held[0].as_ref().unwrap().token, failed()).await.unwrap();
    sleep(Duration::from_secs(11)).await;
    let nine = worker.next().await.unwrap();
    assert_eq!(nine.version.get(), 9);
    assert!(worker.claim(&nine, &label("slot-0")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn two_results_at_once_are_one() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let worker = registry.worker("w");
    let claimed = claim(&worker, &draft, 1).await.unwrap();
    let (one, two) = tokio::join!(worker.complete(&claimed.token, failed()), worker.complete(&claimed.token, failed()));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(registry.ends(&draft).await, 1);
}

#[tokio::test(start_paused = true)]
async fn any_registry_of_the_key_takes_reports_and_results() {
    let place = Place::new();
    let (here, there) = (place.registry(), place.registry());
    let draft = here.asked("acme", 1).await;
    let waits = here.service.inner.followers.join(&draft).unwrap().follow();
    let claimed = claim(&here.worker("w"), &draft, 1).await.unwrap();
    assert!(claim(&there.worker("v"), &draft, 1).await.is_none());
    for _ in 0..4 {
        sleep(Duration::from_secs(40)).await;
        there.worker("w").report(&claimed.token, Vec::new()).await.unwrap();
    }
    assert!(matches!(here.build(&draft).await, Build::Requested { attempt: 1, .. }), "renewed over there");
    there.worker("w").complete(&claimed.token, failed()).await.unwrap();
    let told: Vec<_> = waits.collect().await;
    assert!(matches!(told.last(), Some(Ok(CompileView::Failed { .. }))), "{told:?}");
    sleep(Duration::from_secs(11)).await;
    assert!(!here.service.inner.board.holds.contains(&draft), "nobody has it any more");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_ends_loses_no_compile() {
    let place = Place::new();
    let first = place.registry();
    let (waiting, held) = (first.asked("acme", 1).await, first.asked("acme", 2).await);
    claim(&first.worker("w"), &held, 1).await.unwrap();
    drop(first);
    let second = place.registry();
    let worker = second.worker("w");
    assert_eq!(worker.next().await.unwrap(), job(&waiting, 1), "found at once");
    claim(&worker, &waiting, 1).await.unwrap();
    sleep(LOST_ELSEWHERE).await;
    let mut hints = vec![worker.next().await.unwrap(), worker.next().await.unwrap()];
    hints.sort();
    assert_eq!(hints, [job(&waiting, 2), job(&held, 2)], "both leases are over");
}

#[tokio::test(start_paused = true)]
async fn a_compiler_at_fault_leaves_the_draft_until_somebody_asks() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    for (end, code) in [
        (NotCompiled::Unavailable("no\u{1b} toolchain".into()), ErrorCode::Unavailable),
        (NotCompiled::Denied("no".into()), ErrorCode::PermissionDenied),
    ] {
        let waits = registry.service.inner.followers.join(&draft).unwrap().follow();
        let worker = registry.worker("w");
        let claimed = claim(&worker, &draft, 1).await.unwrap();
        worker.complete(&claimed.token, Err(end)).await.unwrap();
        let told: Vec<_> = waits.collect().await;
        let why = told.last().unwrap().as_ref().unwrap_err();
        assert_eq!(why.code, code);
        assert!(!why.message.contains('\u{1b}'));
        while worker.next().now_or_never().is_some() {}
        sleep(LOST).await;
        assert!(claim(&worker, &draft, 1).await.is_none() && registry.service.inner.board.hints.is_empty(), "withdrawn");
        registry.ask(&draft, code.as_str()).await;
    }
    assert!(claim(&registry.worker("w"), &draft, 1).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn without_a_worker_whoever_waits_is_told_and_waits_on() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let mut waits = Box::pin(registry.service.inner.followers.join(&draft).unwrap().follow());
    let begun = Instant::now();
    let Some(Ok(CompileView::Diagnostic { level, text })) = waits.next().await else { panic!() };
    assert!(level == "note" && text.contains("no compile worker"), "{text}");
    assert!((30..=41).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(waits.next().now_or_never().is_none());
    let worker = registry.worker("w");
    let claimed = worker.claim(&worker.next().await.unwrap(), &label("late")).await.unwrap().unwrap();
    sleep(Duration::from_secs(45)).await;
    worker.complete(&claimed.token, failed()).await.unwrap();
    assert!(matches!(waits.next().await, Some(Ok(CompileView::Failed { .. }))));
}

#[tokio::test(start_paused = true)]
async fn markers_of_what_is_over_are_taken_away() {
    let place = Place::new();
    let registry = place.registry();
    let draft = registry.asked("acme", 1).await;
    let claimed = claim(&registry.worker("w"), &draft, 1).await.unwrap();
    registry.tell(&draft, "retire", Action::Retire { version: draft.1 }).await;
    assert_eq!(refused(registry.worker("w").complete(&claimed.token, failed()).await), JobRefused::Ended);
    // A registry that was killed before it could take the marker away.
    registry.service.ledger().ask_compile(&draft.0, draft.1, "idp").await.unwrap();
    sleep(Duration::from_secs(11)).await;
    assert!(registry.service.ledger().compiles().await.unwrap().is_empty());
    // A marker whose event never came.
    let never = draft_of(&"acme/x/7/1".parse().unwrap());
    registry.service.ledger().ask_compile(&never.0, never.1, "idp").await.unwrap();
    sleep(Duration::from_secs(600)).await;
    assert_eq!(registry.service.ledger().compiles().await.unwrap().len(), 1, "it may still come");
    sleep(Duration::from_secs(600)).await;
    assert!(registry.service.ledger().compiles().await.unwrap().is_empty());
}
