//! A call without any transport: the engine beside the floor.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_engine::{Engine, Extension};
use extensions_engine_config::{PoolSize, Profile, host_engine};
use extensions_types::ExecutionContext;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate, latencies, thread_cpu},
    stage::{Bare, Floor, ORDER, call, context},
};

const TENANT: &str = "bench";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let discount = bench.built.discount()?;
    let floor = Floor::new(host_engine(Profile::default(), bench.mode, PoolSize { instances: 8 })?, discount.component())
        .map_err(|error| anyhow::anyhow!("the floor does not start: {error:#}"))?;
    let bare = Bare::start(bench.mode, 2)?;
    let (engine, extension) = (&bare.engine, bare.load(&discount, TENANT)?);
    let context = context(TENANT);
    let contenders = vec![
        Contender::new("floor: bare wasmtime, fiber", |length| one_thread(length, || floor.call("BeforeCreateOrder", ORDER.as_bytes()))),
        Contender::new("engine, 1 thread", |length| one_thread(length, || invoke(engine, &extension, &context, ORDER))),
        Contender::new("engine, 2 threads", |length| two_threads(length, engine, &extension)),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add("calls", &series);
    section.goal("in-process CPU over the floor", series[1].ratio(&series[0], Sample::cpu), "×", Bound::AtMost(1.2));
    section.goal("two threads over one", series[2].ratio(&series[1], |sample| sample.rate), "×", Bound::AtLeast(1.85));
    Ok(())
}

/// One call, which must be answered; the length of its answer.
pub(super) async fn invoke(
    engine: &Engine,
    extension: &Arc<Extension>,
    context: &Arc<ExecutionContext>,
    input: &'static str,
) -> anyhow::Result<usize> {
    Ok(engine.invoke(extension, call(context, input)).await.result?.len())
}

/// Calls on this thread until `length` has passed.
pub(super) fn one_thread<F: Future<Output = anyhow::Result<usize>>>(length: Duration, mut call: impl FnMut() -> F) -> anyhow::Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut histogram, mut calls) = (latencies(), 0_u32);
        let (start, cpu) = (Instant::now(), thread_cpu());
        let mut last = start;
        while last - start < length {
            call().await?;
            calls += 1;
            let now = Instant::now();
            histogram.saturating_record(u64::try_from((now - last).as_nanos())?);
            last = now;
        }
        let cpu_micros = (thread_cpu() - cpu).as_secs_f64() * 1e6 / f64::from(calls);
        Ok(Sample::of(&histogram, start.elapsed()).with_cpu(cpu_micros))
    })
}

fn two_threads(length: Duration, engine: &Engine, extension: &Arc<Extension>) -> anyhow::Result<Sample> {
    let samples = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                // As with real calls, a context belongs to one of them.
                let context = context(TENANT);
                one_thread(length, || invoke(engine, extension, &context, ORDER))
            })
        });
        threads.map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a bench thread panicked"))?)
    });
    let [a, b] = samples;
    let (a, b) = (a?, b?);
    let mean = |figure: fn(&Sample) -> f64| f64::midpoint(figure(&a), figure(&b));
    Ok(Sample {
        rate: a.rate + b.rate,
        cpu_micros: Some(mean(Sample::cpu)),
        p50_micros: mean(|sample| sample.p50_micros),
        p99_micros: a.p99_micros.max(b.p99_micros),
    })
}
