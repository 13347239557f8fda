//! The first call of a version: from machine code on this host's disk, and
//! from signed code in the environment's store, beside a bare read of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use extensions_aot::{
    Compiler, Start, digest,
    keys::{PublicKeys, SigningKey},
    signed::{CodeFor, seal},
};
use extensions_artifact::{Key, S3Settings, Store};
use extensions_catalog::ServedVersion;
use extensions_engine_config::Profile;
use extensions_host::THIS_BINARY;
use extensions_modules::{Modules, SharedCode};
use extensions_test_servers::Minio;
use extensions_types::{Sha256, TenantId};

use super::Bench;
use crate::{
    harness::{Bound, Contender, Sample, Section, alternate, latencies},
    stage::{Bare, Guest, ORDER, call, context},
};

const TENANT: &str = "bench";

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let bare = Bare::start(bench.mode, 1)?;
    let discount = bench.built.discount()?;
    let version = Arc::new(discount.of(&TenantId::parse(TENANT)?)?);
    // Its code is on disk after the first round, which is not measured.
    let local = |length| bare.block_on(first_calls(&bare, &version, length, || bare.modules()));
    let series = alternate(vec![Contender::new("first call, code on disk", local)], bench.plan)?;
    section.add("local", &series);
    let size = discount.component().len() >> 10;
    let goal = format!("first call from a local .cwasm of a component of {size} KiB, p99");
    section.goal(goal, series[0].each(|sample| sample.p99_micros / 1e3), "ms", Bound::AtMost(1.0));
    from_store(bench, &bare, &discount, &version, section).context("from S3")
}

fn from_store(bench: &Bench, bare: &Bare, guest: &Guest, version: &Arc<ServedVersion>, section: &mut Section) -> anyhow::Result<()> {
    let minio = Minio::start()?;
    let bucket = minio.bucket()?;
    let store = Store::s3(&S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key))?;
    let what = CodeFor { engine: *bare.engine.compatibility(), component: digest(guest.component()) };
    let key = Key::Precompiled { compat: Sha256::new(*what.engine.as_bytes()), component: what.component };
    let signer = SigningKey::generate()?;
    let keys = Arc::new(PublicKeys::from(signer.public()));
    bare.block_on(async {
        let code = Compiler::new(THIS_BINARY.into(), Profile::default()).compile(guest.component()).await.code?;
        anyhow::Ok(store.put(&key, seal(&signer, what, code, Start::of(guest.component())).into()).await?)
    })?;
    let homes = tempfile::tempdir()?;
    let fresh = || -> anyhow::Result<Arc<Modules>> {
        let (home, keys) = (tempfile::tempdir_in(&homes)?.keep(), Arc::clone(&keys));
        let shared = SharedCode::new(store.clone(), move || Arc::clone(&keys));
        Ok(Arc::new(bare.modules_in(&home)?.with_shared(shared)))
    };
    let contenders = vec![
        Contender::new("bare GET of the code", |length| bare.block_on(gets(&store, &key, length))),
        Contender::new("first call, signed code on MinIO", |length| bare.block_on(first_calls(bare, version, length, fresh))),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add("S3", &series);
    let over = |figure: fn(&Sample) -> f64| series[1].each(figure).with(&series[0].each(figure), |call, get| (call - get) / 1e3);
    section.goal("first call from S3 over a bare GET, p50", over(|sample| sample.p50_micros), "ms", Bound::AtMost(3.0));
    section.figure("first call from S3 over a bare GET, p99", over(|sample| sample.p99_micros), "ms");
    Ok(())
}

/// First calls, each of a module cache that `modules` makes and that has never seen the version.
async fn first_calls(
    bare: &Bare,
    version: &Arc<ServedVersion>,
    length: Duration,
    modules: impl Fn() -> anyhow::Result<Arc<Modules>>,
) -> anyhow::Result<Sample> {
    let mut histogram = latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        let modules = modules()?;
        let begin = Instant::now();
        let extension = modules.get(version, None).await?;
        bare.engine.invoke(&extension, call(&context(TENANT), ORDER)).await.result?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, start.elapsed()))
}

async fn gets(store: &Store, key: &Key, length: Duration) -> anyhow::Result<Sample> {
    let mut histogram = latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        let begin = Instant::now();
        store.get(key).await?.context("the object is gone")?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, start.elapsed()))
}
