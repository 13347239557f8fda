//! A call without any transport: the engine beside the floor.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_engine::{Call, DenyAll, Engine, Extension, Settings, Unobserved};
use extensions_engine_config::{MemoryReset, PoolSize, Profile, host_engine};
use extensions_fair::Nobody;
use extensions_types::{ActorType, CallLabel, Environment, ExecutionContext, RiskTier, TenantId};
use rustix::time::{ClockId, clock_gettime};

use crate::{
    floor::Floor,
    guest::{Guests, ORDER},
    platform,
    report::{Bound, Report},
    rounds::{Contender, Plan, Sample, alternate},
};

pub(crate) fn measure(guests: &Guests, plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let pool = PoolSize { instances: 8 };
    let floor = Floor::new(host_engine(Profile::default(), MemoryReset::Keep, pool)?, &guests.discount)
        .map_err(|error| anyhow::anyhow!("the floor does not start: {error:#}"))?;
    let engine = Arc::new(Engine::start(Settings { io_threads: 2, slow_calls_max: 8, ..Settings::default() }, Arc::new(Unobserved))?);
    let home = tempfile::tempdir()?;
    let background = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let extension = background.block_on(platform::load(&engine, home.path(), guests))?;
    let context = context(&extension.definition().tenant_id);
    let contenders = vec![
        Contender::new("floor: bare wasmtime, fiber", |length| one_thread(length, || floor.call("BeforeCreateOrder", ORDER.as_bytes()))),
        Contender::new("engine, 1 thread", |length| one_thread(length, || invoke(&engine, &extension, &context))),
        Contender::new("engine, 2 threads", |length| two_threads(length, &engine, &extension)),
    ];
    let series = alternate(contenders, plan)?;
    report.add("in-process", &series);
    let cpu = |sample: &Sample| sample.cpu_micros.unwrap_or(f64::NAN);
    report.goal("in-process CPU over the floor", series[1].ratio(&series[0], cpu), "×", Bound::AtMost(1.3));
    report.goal("two threads over one", series[2].ratio(&series[1], |sample| sample.rate), "×", Bound::AtLeast(1.8));
    Ok(())
}

pub(crate) async fn invoke(engine: &Engine, extension: &Arc<Extension>, context: &Arc<ExecutionContext>) -> anyhow::Result<usize> {
    let input = Bytes::from_static(ORDER.as_bytes());
    let call = Call {
        context: Arc::clone(context),
        input,
        accepted: Instant::now(),
        deadline: None,
        host_calls: Arc::new(DenyAll),
        payer: Arc::new(Nobody),
    };
    Ok(engine.invoke(extension, call).await.result?.len())
}

pub(crate) fn context(tenant: &TenantId) -> Arc<ExecutionContext> {
    let label = |text| CallLabel::parse(text).expect("a constant of the grammar");
    Arc::new(ExecutionContext {
        tenant: tenant.clone(),
        org: None,
        user: label("u-1"),
        actor_type: ActorType::User,
        session: None,
        correlation: label("0190-bench"),
        env: Environment::Dev,
        risk_ceiling: RiskTier::Medium,
        caller: label("bench"),
        hook_point: Some(label("BeforeCreateOrder")),
    })
}

/// Calls on this thread until `length` has passed.
pub(crate) fn one_thread<F: Future<Output = anyhow::Result<usize>>>(length: Duration, mut call: impl FnMut() -> F) -> anyhow::Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut histogram, mut calls) = (crate::rounds::latencies(), 0u32);
        let (start, cpu) = (Instant::now(), thread_cpu());
        let mut last = start;
        while last - start < length {
            call().await?;
            calls += 1;
            let now = Instant::now();
            histogram.saturating_record(u64::try_from((now - last).as_nanos())?);
            last = now;
        }
        let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Ok(Sample {
            rate: f64::from(calls) / start.elapsed().as_secs_f64(),
            cpu_micros: Some((thread_cpu() - cpu).as_secs_f64() * 1e6 / f64::from(calls)),
            p50_micros: micros(0.5),
            p99_micros: micros(0.99),
        })
    })
}

fn two_threads(length: Duration, engine: &Engine, extension: &Arc<Extension>) -> anyhow::Result<Sample> {
    let samples = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                // As with real calls, a context belongs to one of them.
                let context = context(&extension.definition().tenant_id);
                one_thread(length, || invoke(engine, extension, &context))
            })
        });
        threads.map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a bench thread panicked"))?)
    });
    let [a, b] = samples;
    let (a, b) = (a?, b?);
    let mean = |figure: fn(&Sample) -> f64| f64::midpoint(figure(&a), figure(&b));
    Ok(Sample {
        rate: a.rate + b.rate,
        cpu_micros: Some(mean(|sample| sample.cpu_micros.unwrap_or(f64::NAN))),
        p50_micros: mean(|sample| sample.p50_micros),
        p99_micros: a.p99_micros.max(b.p99_micros),
    })
}

fn thread_cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
