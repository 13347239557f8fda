//! An engine, tenants, and guests that use up time.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_fair::{Payer, Share};
use extensions_types::{
    Abi, ActorType, Build, CallLabel, Environment, ErrorCode, ExecutionContext, ExtensionDefinition, Manifest, RiskTier, Schemas, TenantId, Version,
    Weight,
};
use wasmtime::component::Component;

use crate::{Call, DenyAll, Engine, Extension, Mapped, Observer, Outcome, Settings, mapped::Start};

/// No test waits longer; only a failure is this slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Runs for ever.
pub(super) const SPINS: &str = "(loop $again (br $again))";

/// Counts to `rounds`: some nanoseconds each.
pub(super) fn counts(rounds: u32) -> String {
    format!(
        "(local $left i32) (local.set $left (i32.const {rounds}))
         (loop $again (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
    )
}

pub(super) struct Stage {
    pub(super) engine: Engine,
    ids: Mutex<u32>,
}

impl Stage {
    pub(super) fn new() -> Arc<Self> {
        Self::with(Settings { slow_calls_max: 32, ..Settings::default() })
    }

    pub(super) fn with(settings: Settings) -> Arc<Self> {
        Arc::new(Self { engine: Engine::start(settings).unwrap(), ids: Mutex::new(0) })
    }

    /// An extension whose calls do `body`, then answer `{}`.
    pub(super) fn extension(&self, body: &str, limits: &str) -> Arc<Extension> {
        self.extensions(1, body, limits).remove(0)
    }

    /// Several of the same code; each has its own history.
    pub(super) fn extensions(&self, number: u32, body: &str, limits: &str) -> Vec<Arc<Extension>> {
        let wat = format!(
            r#"(component
                (core module $module
                    (memory (export "memory") 1)
                    (data (i32.const 16) "{{}}")
                    (data (i32.const 32) "\10\00\00\00\02\00\00\00")
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                    (func (export "run") (param i32 i32) (result i32) {body} (i32.const 32)))
                (core instance $guest (instantiate $module))
                (func (export "run") (param "input" (list u8)) (result (list u8))
                    (canon lift (core func $guest "run") (memory (core memory $guest "memory")) (realloc (core func $guest "realloc")))))"#
        );
        self.link(number, &wat, false, limits)
    }

    /// Several of the same component in text form.
    pub(super) fn link(&self, number: u32, wat: &str, runs_at_start: bool, limits: &str) -> Vec<Arc<Extension>> {
        let component = Component::new(self.engine.wasmtime(), wat::parse_str(wat).unwrap()).unwrap();
        let mapped = Mapped::new(component, Start { runs: runs_at_start, ..Start::default() });
        let link = |_| Arc::new(self.engine.link(Arc::new(self.definition(limits)), &mapped).unwrap());
        (0..number).map(link).collect()
    }

    fn definition(&self, limits: &str) -> ExtensionDefinition {
        let id = {
            let mut ids = self.ids.lock().unwrap();
            *ids += 1;
            *ids
        };
        let manifest = format!("id = \"guest-{id}\"\nkind = \"process_hook\"\nlang = \"rust\"\n[limits]\n{limits}\n");
        let build = Build {
            tenant: TenantId::parse("acme").unwrap(),
            abi: Abi::Plain,
            version: Version::FIRST,
            digest: "0".repeat(64),
            schemas: Schemas::default(),
            tool: None,
            created_by: "test".to_owned(),
        };
        Manifest::parse(&manifest).unwrap().define(build)
    }
}

/// A tenant: it pays, and sees its calls end.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) share: Arc<Share>,
    ended: Mutex<Vec<(Option<ErrorCode>, Duration)>>,
}

impl Payer for Tenant {
    fn share(&self) -> &Arc<Share> {
        &self.share
    }

    fn charge(&self, _: Duration) {}

    fn ahead(&self) -> Option<Arc<dyn Payer>> {
        Some(Arc::new(Ahead(Arc::clone(&self.share))))
    }
}

/// Pays for what is made ready ahead for a tenant.
#[derive(Debug)]
struct Ahead(Arc<Share>);

impl Payer for Ahead {
    fn share(&self) -> &Arc<Share> {
        &self.0
    }

    fn charge(&self, _: Duration) {}
}

impl Observer for Tenant {
    fn ended(&self, _: &Call, _: &Arc<ExtensionDefinition>, outcome: &mut Outcome) {
        self.ended.lock().unwrap().push((outcome.result.as_ref().err().map(|failure| failure.code), outcome.stats.cpu));
    }
}

impl Tenant {
    pub(super) fn new() -> Arc<Self> {
        Self::weighing(100)
    }

    pub(super) fn weighing(weight: u32) -> Arc<Self> {
        Arc::new(Self { share: Arc::new(Share::new(Weight::new(weight).unwrap())), ended: Mutex::default() })
    }

    pub(super) fn many(number: usize) -> Vec<Arc<Self>> {
        (0..number).map(|_| Self::new()).collect()
    }

    /// Codes and CPU times of all its calls that ended, none for an answer.
    pub(super) fn ended(&self) -> Vec<(Option<ErrorCode>, Duration)> {
        self.ended.lock().unwrap().clone()
    }

    pub(super) fn call(self: &Arc<Self>, deadline: Option<Instant>) -> Call {
        let label = |text| CallLabel::parse(text).unwrap();
        let context = ExecutionContext {
            tenant: TenantId::parse("acme").unwrap(),
            org: None,
            user: label("ada"),
            actor_type: ActorType::User,
            session: None,
            correlation: label("c-1"),
            env: Environment::Dev,
            risk_ceiling: RiskTier::Medium,
            caller: label("test"),
            hook_point: None,
        };
        Call {
            context: Arc::new(context),
            input: Bytes::from_static(b"{}"),
            accepted: Instant::now(),
            deadline,
            host_calls: Arc::new(DenyAll),
            payer: Arc::clone(self) as _,
            observer: Arc::clone(self) as _,
        }
    }

    pub(super) async fn invoke(self: &Arc<Self>, stage: &Stage, extension: &Arc<Extension>) -> Result<(), ErrorCode> {
        code(stage.engine.invoke(extension, self.call(None)).await)
    }
}

pub(super) fn code(outcome: Outcome) -> Result<(), ErrorCode> {
    outcome.result.map(|_| ()).map_err(|failure| failure.code)
}

/// Calls that tenants make again and again, so many at a time each, until all
/// together have been charged `total`.
pub(super) async fn serve(stage: &Arc<Stage>, callers: &[(Arc<Tenant>, Arc<Extension>)], at_a_time: usize, total: Duration) {
    let stop = Arc::new(AtomicBool::new(false));
    let mut calling = tokio::task::JoinSet::new();
    for (tenant, extension) in callers {
        for _ in 0..at_a_time {
            let (stage, stop, tenant, extension) = (Arc::clone(stage), Arc::clone(&stop), Arc::clone(tenant), Arc::clone(extension));
            calling.spawn(async move {
                while !stop.load(Relaxed) {
                    tenant.invoke(&stage, &extension).await.unwrap();
                }
            });
        }
    }
    let used = || callers.iter().map(|(tenant, _)| tenant.share.used()).sum::<Duration>();
    until(|| used() >= total).await;
    stop.store(true, Relaxed);
    while let Some(ended) = calling.join_next().await {
        ended.unwrap();
    }
}

/// Waits for what happens on other threads.
pub(super) async fn until(mut happened: impl FnMut() -> bool) {
    let since = Instant::now();
    while !happened() {
        assert!(since.elapsed() < PATIENCE, "it never happened");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Polls once, as a runtime does that has just received the call.
pub(super) fn polled<T>(call: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    call.poll(&mut Context::from_waker(Waker::noop()))
}

/// Each tenant's part of what all were charged, times its number over its weight: 1 is fair.
pub(super) fn fairness(used: &[(Duration, u32)]) -> Vec<f64> {
    let total: f64 = used.iter().map(|(used, _)| used.as_secs_f64()).sum();
    let weights: f64 = used.iter().map(|(_, weight)| f64::from(*weight)).sum();
    used.iter().map(|(used, weight)| used.as_secs_f64() / total * weights / f64::from(*weight)).collect()
}

/// Within a quarter: the turns of a short test are few.
pub(super) fn assert_fair(used: &[(Duration, u32)]) {
    let parts = fairness(used);
    assert!(parts.iter().all(|part| (0.75..=1.25).contains(part)), "{parts:.2?} of {used:?}");
}
