//! The object store: pages of a catalog of 10,000 entries, and the writes that a
//! command is made of, on MinIO and on disk.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use extensions_artifact::{Created, Cursor, Key, Owned, Prefix, S3Settings, Store, Swapped};
use extensions_test_servers::Minio;
use extensions_types::{Environment, ExtensionId, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::runtime::Runtime;

use super::Bench;
use crate::harness::{Bound, Contender, Sample, Section, alternate, latencies};

const ENV: Environment = Environment::Prod;
const TENANTS: usize = 1_000;
const EXTENSIONS_EACH: usize = 10;
/// An entry with one definition and its schemas.
const ENTRY_BYTES: usize = 4_096;
/// What S3 gives at most at once.
const PAGE: usize = 1_000;
const WRITES_AT_ONCE: usize = 16;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let minio = Minio::start()?;
    let bucket = minio.bucket()?;
    let folder = tempfile::tempdir()?;
    let s3 = Full::new(&runtime, Store::s3(&S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key))?)?;
    let disk = Full::new(&runtime, Store::local(folder.path())?)?;
    let middle = Cursor::from(&extension(TENANTS / 2, EXTENSIONS_EACH / 2)?.entry(ENV));
    let mut contenders = Vec::new();
    for (full, place) in [(&s3, "MinIO"), (&disk, "disk")] {
        contenders.push(full.contender(format!("first page of 1,000 entries, {place}"), || full.page(None)));
        contenders.push(full.contender(format!("page in the middle, {place}"), || full.page(Some(&middle))));
        contenders.push(full.contender(format!("all 10,000 entries, {place}"), || full.all()));
        contenders.push(full.contender(format!("create, {place}"), || full.create()));
        contenders.push(full.contender(format!("read and swap, {place}"), || full.read_and_swap()));
    }
    let series = alternate(contenders, bench.plan)?;
    section.add("store", &series);
    for (at, name) in [(0, "first page of 1,000 of 10,000 entries on MinIO, p50"), (1, "a page in the middle on MinIO, p50")] {
        section.goal(name, series[at].median(|sample| sample.p50_micros) / 1e3, "ms", Bound::AtMost(50.0));
    }
    Ok(())
}

/// A store with a full catalog.
struct Full<'r> {
    runtime: &'r Runtime,
    store: Store,
    next: AtomicU64,
}

impl<'r> Full<'r> {
    fn new(runtime: &'r Runtime, store: Store) -> anyhow::Result<Self> {
        let full = Self { runtime, store, next: AtomicU64::new(1) };
        full.runtime.block_on(full.fill())?;
        Ok(full)
    }

    async fn fill(&self) -> anyhow::Result<()> {
        let numbers = (0..TENANTS).flat_map(|tenant| (0..EXTENSIONS_EACH).map(move |number| (tenant, number)));
        let puts = stream::iter(numbers).map(|(tenant, number)| async move { self.must_create(&extension(tenant, number)?.entry(ENV)).await });
        puts.buffer_unordered(WRITES_AT_ONCE).try_collect::<()>().await?;
        self.must_create(&extension(0, 0)?.head()).await
    }

    fn contender<'c, F: Future<Output = anyhow::Result<()>>>(&'c self, name: String, work: impl Fn() -> F + 'c) -> Contender<'c> {
        Contender::new(name, move |length| self.runtime.block_on(repeat(length, &work)))
    }

    async fn page(&self, after: Option<&Cursor>) -> anyhow::Result<()> {
        let page = self.store.page(&Prefix::Entries(ENV), after, PAGE).await?;
        ensure!(page.rows.len() == PAGE && page.next.is_some(), "a page has {} rows", page.rows.len());
        Ok(())
    }

    async fn all(&self) -> anyhow::Result<()> {
        let rows = self.store.list(&Prefix::Entries(ENV), None).try_fold(0, |rows, _| async move { Ok(rows + 1) }).await?;
        ensure!(rows == TENANTS * EXTENSIONS_EACH, "{rows} rows");
        Ok(())
    }

    async fn create(&self) -> anyhow::Result<()> {
        self.must_create(&extension(0, 0)?.event(self.next.fetch_add(1, Ordering::Relaxed))).await
    }

    async fn must_create(&self, key: &Key) -> anyhow::Result<()> {
        let created = self.store.create(key, Bytes::from(vec![b'x'; ENTRY_BYTES])).await?;
        ensure!(matches!(created, Created::New(_)), "{key} exists");
        Ok(())
    }

    async fn read_and_swap(&self) -> anyhow::Result<()> {
        let head = extension(0, 0)?.head();
        let object = self.store.get(&head).await?.context("the head is gone")?;
        let swapped = self.store.swap(&head, object.bytes, &object.etag).await?;
        ensure!(matches!(swapped, Swapped::New(_)), "the head has changed");
        Ok(())
    }
}

fn extension(tenant: usize, number: usize) -> anyhow::Result<Owned> {
    Ok(Owned::new(TenantId::parse(&format!("tenant-{tenant}"))?, ExtensionId::parse(&format!("extension-{number}"))?))
}

/// One after the other for the round's length.
async fn repeat<F: Future<Output = anyhow::Result<()>>>(length: Duration, work: &impl Fn() -> F) -> anyhow::Result<Sample> {
    let mut histogram = latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        let begin = Instant::now();
        work().await?;
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, start.elapsed()))
}
