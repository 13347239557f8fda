//! The first call of a version whose code lies in the local cache.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_types::TenantId;

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate, latencies},
    stage::{Bare, Guest, ORDER, call, context},
};

const TENANT: &str = "bench";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let bare = Bare::start(bench.mode, 1)?;
    let discount = bench.built.discount()?;
    let first_call = |length| bare.block_on(first_calls(&bare, &discount, length));
    let series = alternate(vec![Contender::new("first call from a local .cwasm", first_call)], bench.plan)?;
    section.add("start", &series);
    section.goal("first call from a local .cwasm, p50", series[0].each(|sample| sample.p50_micros / 1e3), "ms", Bound::AtMost(2.0));
    Ok(())
}

async fn first_calls(bare: &Bare, guest: &Guest, length: Duration) -> anyhow::Result<Sample> {
    let version = Arc::new(guest.of(&TenantId::parse(TENANT)?)?);
    let mut histogram = latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        // Its code is on disk after the first round.
        let modules = bare.modules()?;
        let begin = Instant::now();
        let extension = modules.get(&version, None).await?;
        bare.engine.invoke(&extension, call(&context(TENANT), ORDER)).await.result?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, length))
}
