//! Instances made ready ahead: fresh for each call, within all limits, and gone
//! when they are of no use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use extensions_fair::Payer;
use extensions_types::{Environment, ErrorCode, ExtensionDefinition};

use super::stage::{SPINS, Stage, Tenant, counts, until};
use crate::{Extension, MemoryRoom, Orders, ReadyFigures, Settings};

const LIMITS: &str = "cpu_millis = 1000\ntimeout_ms = 30000";
/// A dear start: some hundred microseconds.
const DEAR: u32 = 300_000;

/// A guest whose start does `start`, and whose answer tells how often its memory
/// saw a start or a call: 2 in a fresh instance.
fn guest(start: &str) -> String {
    format!(
        r#"(component
            (import "ameide:extensions/logging@1.0.0" (instance $logging
                (type $level (enum "trace" "debug" "info" "warn" "error"))
                (export "level" (type $its-level (eq $level)))
                (export "log" (func (param "level" $its-level) (param "message" string)))))
            (core module $libc
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $libc (instantiate $libc))
            (core func $log (canon lower (func $logging "log") (memory (core memory $libc "memory"))))
            (core module $module
                (import "libc" "memory" (memory 1))
                (import "host" "log" (func $log (param i32 i32 i32)))
                (data (i32.const 16) "{{\"n\":0}}")
                (data (i32.const 32) "\10\00\00\00\07\00\00\00")
                (func $count (i32.store8 (i32.const 21) (i32.add (i32.load8_u (i32.const 21)) (i32.const 1))))
                (func $start {start} (call $count))
                (start $start)
                (func (export "run") (param i32 i32) (result i32) (call $count) (i32.const 32)))
            (core instance $guest (instantiate $module
                (with "libc" (instance $libc))
                (with "host" (instance (export "log" (func $log))))))
            (func (export "run") (param "input" (list u8)) (result (list u8))
                (canon lift (core func $guest "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))"#
    )
}

fn extension(stage: &Stage, start: &str, limits: &str) -> Arc<Extension> {
    stage.link(1, &guest(start), true, limits).remove(0)
}

fn figures(stage: &Stage) -> ReadyFigures {
    stage.engine.figures().ready
}

/// Calls until the start is known to be dear and one instance waits, with nothing else under way.
async fn one_waits(stage: &Stage, tenant: &Arc<Tenant>, extension: &Arc<Extension>) {
    stage.engine.warm_for(&(Arc::clone(tenant) as Arc<dyn Payer>), extension, Environment::Dev).await;
    until(|| stage.engine.slow_calls() == 0).await;
    assert_eq!((figures(stage).made, figures(stage).places), (1, 1));
}

async fn answer(stage: &Stage, tenant: &Arc<Tenant>, extension: &Arc<Extension>) -> String {
    let outcome = stage.engine.invoke(extension, tenant.call(None)).await;
    String::from_utf8(outcome.result.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn each_is_used_once_and_as_fresh_as_any() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    for _ in 0..20 {
        assert_eq!(answer(&stage, &tenant, &dear).await, r#"{"n":2}"#);
        until(|| stage.engine.slow_calls() == 0).await;
    }
    let figures = figures(&stage);
    // Two calls measure the start, the third finds none.
    assert_eq!((figures.used + figures.missed, figures.missed), (18, 1), "{figures:?}");
    assert_eq!(figures.made, figures.used + figures.places as u64, "{figures:?}");
    assert_eq!(stage.engine.instances(), figures.places as u64);
    assert_eq!(stage.engine.figures().slow_begun, 0, "a start is no call");
    // They hold nothing that holds them.
    let version = Arc::downgrade(&dear);
    drop(dear);
    assert!(version.upgrade().is_none());
    assert_eq!((stage.engine.instances(), self::figures(&stage).places, self::figures(&stage).bytes), (0, 0, 0));
}

#[tokio::test]
async fn a_cheap_start_is_not_made_ahead() {
    let stage = Stage::new();
    let (tenant, cheap) = (Tenant::new(), extension(&stage, &counts(10), LIMITS));
    for _ in 0..20 {
        assert_eq!(answer(&stage, &tenant, &cheap).await, r#"{"n":2}"#);
    }
    // A machine may be slow twice in turn; the first quick start settles it.
    until(|| stage.engine.slow_calls() == 0).await;
    let settled = figures(&stage);
    assert!(settled.made <= 1 && settled.missed <= 2, "{settled:?}");
    for _ in 0..20 {
        assert_eq!(answer(&stage, &tenant, &cheap).await, r#"{"n":2}"#);
    }
    assert_eq!(figures(&stage), settled);
}

#[tokio::test]
async fn a_start_that_talks_to_the_host_is_its_calls_own() {
    let stage = Stage::new();
    let says = format!("{} (call $log (i32.const 2) (i32.const 16) (i32.const 7))", counts(DEAR));
    let (tenant, talks) = (Tenant::new(), extension(&stage, &says, LIMITS));
    stage.engine.warm_for(&(Arc::clone(&tenant) as Arc<dyn Payer>), &talks, Environment::Dev).await;
    for _ in 0..5 {
        let outcome = stage.engine.invoke(&talks, tenant.call(None)).await;
        assert_eq!((outcome.logs.len(), outcome.result.is_ok()), (1, true));
    }
    assert_eq!(figures(&stage), ReadyFigures::default());
    assert_eq!(stage.engine.instances(), 0);
}

#[tokio::test]
async fn a_start_is_paid_for_when_it_runs_and_told_with_its_call() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    one_waits(&stage, &tenant, &dear).await;
    let before = tenant.share.used();
    assert!(before >= Duration::from_micros(50), "three starts cost {before:?}");
    let outcome = stage.engine.invoke(&dear, tenant.call(None)).await;
    assert_eq!(figures(&stage).used, 1);
    assert!(outcome.stats.cpu >= Duration::from_micros(50), "its start is part of it: {:?}", outcome.stats);
    assert_eq!(tenant.ended().len(), 1, "only the call has a record");
}

#[tokio::test]
async fn a_start_made_ahead_counts_against_the_calls_limit() {
    let stage = Stage::new();
    let limits = "cpu_millis = 20\ntimeout_ms = 30000";
    // Nobody has seen this one end: a start that uses up the limit leaves nothing.
    let (tenant, endless) = (Tenant::new(), extension(&stage, SPINS, limits));
    stage.engine.warm_for(&(Arc::clone(&tenant) as Arc<dyn Payer>), &endless, Environment::Dev).await;
    assert!(tenant.share.used() >= Duration::from_millis(60), "three starts at their limit: {:?}", tenant.share.used());
    assert_eq!((figures(&stage), stage.engine.instances()), (ReadyFigures::default(), 0));
    assert_eq!(tenant.invoke(&stage, &endless).await, Err(ErrorCode::CpuLimit));
    // As much memory as it likes, and no more than its limit.
    let greedy = extension(&stage, "(if (i32.eq (memory.grow (i32.const 4096)) (i32.const -1)) (then (unreachable)))", LIMITS);
    stage.engine.warm_for(&(Arc::clone(&tenant) as Arc<dyn Payer>), &greedy, Environment::Dev).await;
    assert_eq!((figures(&stage).made, stage.engine.instances()), (0, 0));
    assert_eq!(tenant.invoke(&stage, &greedy).await, Err(ErrorCode::MemoryLimit));
}

#[tokio::test]
async fn memory_that_is_short_takes_them_all_and_lets_none_be_made() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    one_waits(&stage, &tenant, &dear).await;
    let room = |available| Some(MemoryRoom { total: 1_000, available });
    stage.engine.tend(Instant::now(), room(500));
    assert_eq!(stage.engine.instances(), 1);
    stage.engine.tend(Instant::now(), room(100));
    assert_eq!((stage.engine.instances(), figures(&stage).places, figures(&stage).given_up), (0, 0, 1));
    for _ in 0..3 {
        assert_eq!(answer(&stage, &tenant, &dear).await, r#"{"n":2}"#);
    }
    until(|| stage.engine.slow_calls() == 0).await;
    assert_eq!((figures(&stage).places, figures(&stage).made), (0, 1));
    stage.engine.tend(Instant::now(), room(500));
    assert_eq!(answer(&stage, &tenant, &dear).await, r#"{"n":2}"#);
    until(|| figures(&stage).made == 2).await;
}

#[tokio::test]
async fn they_go_when_nobody_calls() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    one_waits(&stage, &tenant, &dear).await;
    stage.engine.tend(Instant::now() + Duration::from_secs(59), None);
    assert_eq!(stage.engine.instances(), 1);
    stage.engine.tend(Instant::now() + Duration::from_secs(61), None);
    assert_eq!((stage.engine.instances(), figures(&stage).given_up), (0, 1));
}

#[derive(Debug, Default)]
struct Switch(AtomicBool);

impl Orders for Switch {
    fn forbids(&self, _: Environment, _: &ExtensionDefinition) -> bool {
        self.0.load(SeqCst)
    }

    fn aborts(&self, _: Environment, _: &ExtensionDefinition) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_switched_off_is_neither_kept_nor_made() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    one_waits(&stage, &tenant, &dear).await;
    let switch = Arc::new(Switch::default());
    stage.engine.obey(Arc::clone(&switch) as _);
    stage.engine.tend(Instant::now(), None);
    assert_eq!(stage.engine.instances(), 1);
    switch.0.store(true, SeqCst);
    let used = tenant.share.used();
    stage.engine.tend(Instant::now(), None);
    assert_eq!(stage.engine.instances(), 0);
    stage.engine.warm_for(&(Arc::clone(&tenant) as Arc<dyn Payer>), &dear, Environment::Dev).await;
    assert_eq!((stage.engine.instances(), tenant.share.used()), (0, used), "not even begun");
}

#[tokio::test]
async fn an_instance_serves_calls_of_its_environment_alone() {
    let stage = Stage::new();
    let (tenant, dear) = (Tenant::new(), extension(&stage, &counts(DEAR), LIMITS));
    stage.engine.warm_for(&(Arc::clone(&tenant) as Arc<dyn Payer>), &dear, Environment::Prod).await;
    assert_eq!(answer(&stage, &tenant, &dear).await, r#"{"n":2}"#);
    assert_eq!((figures(&stage).used, figures(&stage).missed), (0, 1));
}

#[tokio::test]
async fn no_tenant_takes_the_places_of_the_others() {
    let stage = Stage::with(Settings { slow_calls_max: 32, ready_instances_max: 4, ..Settings::default() });
    let (flood, other) = (Tenant::new(), Tenant::new());
    let many = stage.link(8, &guest(&counts(DEAR)), true, LIMITS);
    for extension in &many {
        stage.engine.warm_for(&(Arc::clone(&flood) as Arc<dyn Payer>), extension, Environment::Dev).await;
    }
    until(|| stage.engine.slow_calls() == 0).await;
    assert_eq!((figures(&stage).places, stage.engine.instances()), (2, 2), "half of the places");
    let own = extension(&stage, &counts(DEAR), LIMITS);
    stage.engine.warm_for(&(Arc::clone(&other) as Arc<dyn Payer>), &own, Environment::Dev).await;
    until(|| stage.engine.slow_calls() == 0).await;
    assert_eq!(figures(&stage).places, 3);
    let none = Stage::with(Settings { ready_instances_max: 0, ..Settings::default() });
    let dear = extension(&none, &counts(DEAR), LIMITS);
    for _ in 0..5 {
        assert_eq!(answer(&none, &flood, &dear).await, r#"{"n":2}"#);
    }
    assert_eq!(figures(&none).made, 0);
}
