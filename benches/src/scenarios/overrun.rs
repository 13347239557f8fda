//! CPU time that a guest gets past its limit: one that only spins, alone and
//! among others, and one whose every step is a bulk instruction, which nothing
//! interrupts.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use extensions_engine::{Extension, Settings};
use extensions_test_support::Guest as Wat;
use extensions_types::{ErrorCode, ExecutionContext, Kind};
use futures_util::future::try_join_all;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, Series, alternate, latencies},
    stage::{Bare, Guest, call, context, spinner},
};

const TENANT: &str = "bench";
/// The engine's tick and slice.
const TICK: Duration = Duration::from_micros(500);
const TICKS_MAX: f64 = 2.0;
const LIMIT: Duration = Duration::from_millis(5);
const LIMITS: &str = "[limits]\ncpu_millis = 5\ntimeout_ms = 30000\n";
/// For calls that end by themselves.
const PATIENT: &str = "[limits]\ncpu_millis = 1000\ntimeout_ms = 30000\n";
/// As many at once as a busy host has threads for, and more.
const AMONG: usize = 8;

/// Fills 16 MiB again and again, `n` times by its input's first digit, 0 for ever.
const FILL: &str = "
    (local $left i32)
    (local.set $left (i32.sub (i32.load8_u (local.get $input)) (i32.const 48)))
    (loop $more
        (memory.fill (i32.const 65536) (local.get $left) (i32.const 16777216))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $more (local.get $left)))
    (call $ok (call $answer))";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let bare = Bare::with(Settings { memory_reset: bench.mode, io_threads: 1, slow_calls_max: 2 * AMONG, ..Settings::default() })?;
    let spinning = bare.load(&spinner().limits(LIMITS), TENANT)?;
    let filler = Guest::new("filler", Kind::ProcessHook, Wat::new(Kind::ProcessHook, FILL).memory("258").text("answer", "{}").component());
    let (filling, alone) = (bare.load(&filler.clone().limits(LIMITS), TENANT)?, bare.load(&filler.limits(PATIENT), TENANT)?);
    let context = context(TENANT);
    let over = |extension, at_once, input| {
        let (bare, context) = (&bare, &context);
        move |length| bare.block_on(overruns(bare, extension, context, at_once, input, length))
    };
    let contenders = vec![
        Contender::new("spinning, alone", over(&spinning, 1, "{}")),
        Contender::new(format!("spinning, {AMONG} at once"), over(&spinning, AMONG, "{}")),
        Contender::new("filling 16 MiB for ever", over(&filling, 1, "0")),
        Contender::new("one fill of 16 MiB alone", |length| bare.block_on(fills(&bare, &alone, &context, length))),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add_by("past limit", &series, |sample| sample.p50_micros);
    for spinning in &series[..2] {
        section.figure(format!("{}: past its limit, p50", spinning.name), ticks(spinning, |sample| sample.p50_micros), "ticks");
        section.goal(
            format!("{}: past its limit, p99", spinning.name),
            ticks(spinning, |sample| sample.p99_micros),
            "ticks",
            Bound::AtMost(TICKS_MAX),
        );
    }
    let (filling, fill) = (ticks(&series[2], |sample| sample.p99_micros), ticks(&series[3], |sample| sample.p99_micros));
    section.figure("one fill of 16 MiB, p99", fill.clone(), "ticks");
    section.goal("filling: past its limit and one fill, p99", filling.with(&fill, |over, fill| over - fill), "ticks", Bound::AtMost(TICKS_MAX));
    Ok(())
}

fn ticks(series: &Series, figure: fn(&Sample) -> f64) -> crate::harness::Values {
    series.each(figure).map(|micros| micros / (TICK.as_secs_f64() * 1e6))
}

/// How much CPU calls got beyond their limit: latencies of the sample are that.
async fn overruns(
    bare: &Bare,
    extension: &Arc<Extension>,
    context: &Arc<ExecutionContext>,
    at_once: usize,
    input: &'static str,
    length: Duration,
) -> anyhow::Result<Sample> {
    let start = Instant::now();
    let one = async || {
        let mut over = latencies();
        while start.elapsed() < length {
            let outcome = bare.engine.invoke(extension, call(context, input)).await;
            let code = outcome.result.as_ref().err().map(|failure| failure.code);
            ensure!(code == Some(ErrorCode::CpuLimit), "a guest beyond its CPU limit ended with {:?}", outcome.result);
            ensure!(outcome.stats.cpu >= LIMIT, "a guest was stopped after {:?} of {LIMIT:?}", outcome.stats.cpu);
            over.saturating_record(u64::try_from((outcome.stats.cpu - LIMIT).as_nanos())?);
        }
        anyhow::Ok(over)
    };
    let mut all = latencies();
    for over in try_join_all((0..at_once).map(|_| one())).await? {
        all.add(over)?;
    }
    Ok(Sample::of(&all, start.elapsed()))
}

/// CPU of calls that fill once: all of it but some microseconds is one fill of memory that was never touched.
async fn fills(bare: &Bare, extension: &Arc<Extension>, context: &Arc<ExecutionContext>, length: Duration) -> anyhow::Result<Sample> {
    let (start, mut all) = (Instant::now(), latencies());
    while start.elapsed() < length {
        let outcome = bare.engine.invoke(extension, call(context, "1")).await;
        outcome.result?;
        all.saturating_record(u64::try_from(outcome.stats.cpu.as_nanos())?);
    }
    Ok(Sample::of(&all, start.elapsed()))
}
