//! The first call of a version whose code lies in the local cache.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use extensions_engine::{Call, DenyAll, Engine, Settings, Unobserved};
use extensions_fair::Nobody;
use extensions_types::TenantId;

use crate::{
    guest::{Guests, ORDER},
    in_process::context,
    platform::modules,
    report::{Bound, Report},
    rounds::{Contender, Plan, Sample, alternate},
};

pub(crate) fn measure(guests: &Guests, plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let engine = Arc::new(Engine::start(Settings { io_threads: 1, slow_calls_max: 8, ..Settings::default() }, Arc::new(Unobserved))?);
    let home = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let tenant = TenantId::parse("bench")?;
    let first_call = |length| runtime.block_on(first_calls(&engine, home.path(), guests, &tenant, length));
    let series = alternate(vec![Contender::new("first call from a local .cwasm", first_call)], plan)?;
    report.add("start", &series);
    report.goal("first call from a local .cwasm, p50", series[0].median(|sample| sample.p50_micros) / 1e3, "ms", Bound::AtMost(2.0));
    Ok(())
}

async fn first_calls(engine: &Arc<Engine>, home: &std::path::Path, guests: &Guests, tenant: &TenantId, length: Duration) -> anyhow::Result<Sample> {
    let version = Arc::new(guests.discount(tenant)?);
    let mut histogram = crate::rounds::latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        // A module cache that has never seen the version; its code is on disk after the first round.
        let modules = modules(engine, home)?;
        let begin = Instant::now();
        let extension = modules.get(&version, None).await?;
        let call = Call {
            context: context(tenant),
            input: ORDER.into(),
            accepted: begin,
            deadline: None,
            host_calls: Arc::new(DenyAll),
            payer: Arc::new(Nobody),
        };
        engine.invoke(&extension, call).await.result?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    let micros = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Sample { rate: histogram.len() as f64 / length.as_secs_f64(), cpu_micros: None, p50_micros: micros(0.5), p99_micros: micros(0.99) })
}
