//! Everything between a verified token and the engine, at 10,000 tenants: what
//! it costs, and what the host holds for them.
//!
//! Its price is the difference of two contenders: calls through the whole of
//! admission, and the same versions called in the engine alone, tenants in the
//! same random order. The quota alone is measured beside them.

mod state;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_quota::{Asked, Gate, QuotaSettings, Quotas};
use extensions_test_support::Guest as Wat;
use extensions_types::{EffectiveQuota, Environment, Kind, Weight};

pub(super) use self::state::{STATE, run as run_state};
use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate, latencies, thread_cpu},
    stage::{Guest, Street, call, limits},
};

const TENANTS: usize = 10_000;
/// Tenants whose versions are called: a host holds at most 4,096 loaded, and reads of others are no admission.
const CALLED: usize = 2_000;
/// Requests are made beforehand, so many at a time; the making is not counted.
const BATCH: usize = 500;
const CPU_MAX_MICROS: f64 = 1.0;
const INPUT: &str = "{}";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let mut street = Street::open(bench.mode, TENANTS, &rule())?;
    // Every tenant has been here; those that are called last, so that their versions stay loaded.
    street.visit((0..TENANTS).rev(), INPUT)?;
    street.load(CALLED)?;
    let street = street;
    let quotas = Quotas::new(QuotaSettings::default());
    let gates = gates(&street, &quotas);
    let contenders = vec![
        Contender::new("engine alone", |length| street.block_on(engine_alone(&street, length))),
        Contender::new("admission and engine", |length| street.block_on(admitted(&street, length))),
        Contender::new("quota alone", |length| quota_alone(&street, &quotas, &gates, length)),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add_by("10,000 tenants", &series, Sample::cpu);
    let own = series[1].each(Sample::cpu).with(&series[0].each(Sample::cpu), |whole, engine| whole - engine);
    section.goal("admission without authentication, CPU", own, "µs", Bound::AtMost(CPU_MAX_MICROS));
    section.figure("of it, the quota", series[2].each(Sample::cpu), "µs");
    state::measure(section)
}

/// Does next to nothing: the less a call takes, the better its admission shows.
fn rule() -> Guest {
    Guest::new("rule", Kind::ProcessHook, Wat::answering(Kind::ProcessHook, "{}").component())
}

/// CPU of `once`, called for `length` on batches of places of tenants and things made for them.
async fn timed<T>(
    length: Duration,
    order: &mut impl Iterator<Item = usize>,
    make: impl Fn(usize) -> T,
    once: impl AsyncFn(usize, T) -> anyhow::Result<()>,
) -> anyhow::Result<Sample> {
    let (mut histogram, mut busy, mut calls) = (latencies(), Duration::ZERO, 0_u32);
    while busy < length {
        let batch: Vec<_> = order.by_ref().take(BATCH).map(|at| (at, make(at))).collect();
        // The engine's turn at this thread begins anew, as it does for a host that looks at its connections.
        tokio::task::yield_now().await;
        let before = thread_cpu();
        for (at, made) in batch {
            once(at, made).await?;
            calls += 1;
        }
        let took = thread_cpu() - before;
        busy += took;
        histogram.saturating_record(u64::try_from(took.as_nanos())? / BATCH as u64);
    }
    let cpu_micros = busy.as_secs_f64() * 1e6 / f64::from(calls);
    Ok(Sample { rate: f64::from(calls) / busy.as_secs_f64(), ..Sample::of(&histogram, busy) }.with_cpu(cpu_micros))
}

async fn engine_alone(street: &Street, length: Duration) -> anyhow::Result<Sample> {
    let engine = street.engine();
    let make = |at: usize| call(&street.tenants[at].context, INPUT);
    let once = async |at: usize, call| {
        engine.invoke(street.extension(at)?, call).await.result?;
        anyhow::Ok(())
    };
    timed(length, &mut order(CALLED), make, once).await
}

async fn admitted(street: &Street, length: Duration) -> anyhow::Result<Sample> {
    let once = async |at: usize, request| street.invoke(at, request).await;
    timed(length, &mut order(CALLED), |_| street.request(INPUT), once).await
}

/// What a host keeps with each tenant's version.
fn gates(street: &Street, quotas: &Quotas) -> Vec<Arc<Gate>> {
    let (limits, now) = (EffectiveQuota { tenant: limits(), extension: limits() }, Instant::now());
    let asked =
        |tenant| Asked { env: Environment::Dev, tenant, extension: &street.extension, limits, weight: Weight::DEFAULT, memory_bytes: 1 << 20, now };
    street.tenants.iter().map(|tenant| Arc::new(quotas.gate(&asked(&tenant.id), 1))).collect()
}

/// Through all tenants: no version has to be loaded for it.
fn quota_alone(street: &Street, quotas: &Quotas, gates: &[Arc<Gate>], length: Duration) -> anyhow::Result<Sample> {
    let once = async |at: usize, now| {
        drop(quotas.pass(&gates[at], now).map_err(|no| anyhow::anyhow!("{no:?}"))?);
        anyhow::Ok(())
    };
    street.block_on(timed(length, &mut order(TENANTS), |_| Instant::now(), once))
}

/// Places below `count` without end, in an order that no cache foresees; the same in every round.
fn order(count: usize) -> impl Iterator<Item = usize> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    std::iter::repeat_with(move || {
        // xorshift: good enough to be in nobody's cache line.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % count as u64).unwrap_or_default()
    })
}
