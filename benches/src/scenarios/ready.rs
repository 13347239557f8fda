//! Extensions whose own start is dear: calls that find an instance ready beside
//! calls that start one, on an engine that makes none ahead.
//!
//! Calls are paced, as a single extension's are: instances are made in time that
//! nobody else wants, and there must be some.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_engine::{Extension, Settings};
use extensions_test_support::Guest as Wat;
use extensions_types::Kind;
use tokio::time::{MissedTickBehavior, interval};

use super::Bench;
use crate::{
    harness::{Contender, Sample, Section, alternate, latencies, thread_cpu},
    stage::{Bare, Guest, call, context},
};

const TENANT: &str = "bench";
/// From one call to the next.
const PACE: Duration = Duration::from_millis(2);
/// Counts to 300,000 before it may be called: about 200 µs.
const DEAR_START: &str = "
    (func $dear (local $left i32)
        (local.set $left (i32.const 300000))
        (loop $more
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $more (local.get $left))))
    (start $dear)";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let guest = Guest::new("dear", Kind::ProcessHook, Wat::answering(Kind::ProcessHook, "{}").fields(DEAR_START).component());
    let settings = Settings { memory_reset: bench.mode, io_threads: 1, ..Settings::default() };
    let (ahead, none) = (Bare::with(settings)?, Bare::with(Settings { ready_instances_max: 0, ..settings })?);
    let (found, started) = (ahead.load(&guest, TENANT)?, none.load(&guest, TENANT)?);
    let contenders = vec![
        Contender::new("started in the call", |length| paced(&none, &started, length)),
        Contender::new("found ready", |length| paced(&ahead, &found, length)),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add_by("500 calls a second", &series, |sample| sample.p50_micros);
    section.figure(
        "p50 of a call that starts its instance, over one that finds it ready",
        series[0].ratio(&series[1], |sample| sample.p50_micros),
        "×",
    );
    let figures = ahead.engine.figures().ready;
    let asked = figures.used + figures.missed;
    if figures.used == 0 {
        section.doubt(format!("no call of {asked} found an instance ready"));
    }
    section.figure("calls that found one", figures.used as f64 / asked as f64 * 100.0, "%");
    Ok(())
}

/// A call at each tick; its thread is this one.
fn paced(bare: &Bare, extension: &Arc<Extension>, length: Duration) -> anyhow::Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let context = context(TENANT);
    runtime.block_on(async {
        let (mut histogram, mut cpu) = (latencies(), Duration::ZERO);
        let mut ticks = interval(PACE);
        // One that is late is no reason for a burst.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let start = Instant::now();
        while start.elapsed() < length {
            ticks.tick().await;
            let (begun, used) = (Instant::now(), thread_cpu());
            bare.engine.invoke(extension, call(&context, "{}")).await.result?;
            cpu += thread_cpu() - used;
            histogram.saturating_record(u64::try_from(begun.elapsed().as_nanos())?);
        }
        let calls = histogram.len() as f64;
        Ok(Sample::of(&histogram, start.elapsed()).with_cpu(cpu.as_secs_f64() * 1e6 / calls))
    })
}
