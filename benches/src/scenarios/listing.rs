//! The registry's list of a tenant with 10,000 extensions, on MinIO.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use extensions_artifact::{Owned, S3Settings, Store, digest};
use extensions_registry_core::{About, Action, Actor, Authority, Caller, Command, Draft, Policy, Role};
use extensions_registry_ledger::{Clock, Ledger, Stores};
use extensions_test_servers::Minio;
use extensions_types::{ActorType, CallLabel, ExtensionId, Kind, Origin, RiskTier, TenantId};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Bench;
use crate::harness::{Bound, Contender, Sample, Section, alternate, latencies};

const EXTENSIONS: usize = 10_000;
/// Rows of a page, as the registry's API gives them unasked.
const PAGE: usize = 50;
const WRITES_AT_ONCE: usize = 16;

pub(super) fn measure(bench: &Bench, section: &mut Section) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let minio = Minio::start()?;
    let bucket = minio.bucket()?;
    let store = Store::s3(&S3Settings::at(&bucket.endpoint, &bucket.name, &bucket.access_key, &bucket.secret_key))?;
    let ledger = Ledger::new(Stores::single(store.clone()), Policy::default(), Clock::system());
    let tenant = TenantId::parse("acme")?;
    runtime.block_on(fill(&ledger, &store, &tenant))?;
    let middle = id(EXTENSIONS / 2)?;
    let contenders = vec![
        Contender::new("first page of 50", |length| runtime.block_on(pages(&ledger, &tenant, None, length))),
        Contender::new("page in the middle", |length| runtime.block_on(pages(&ledger, &tenant, Some(&middle), length))),
    ];
    let series = alternate(contenders, bench.plan)?;
    section.add("registry list", &series);
    for (at, name) in [(0, "first page of the registry's list of 10,000, p50"), (1, "a page in its middle, p50")] {
        section.goal(name, series[at].median(|sample| sample.p50_micros) / 1e3, "ms", Bound::AtMost(50.0));
    }
    Ok(())
}

fn id(number: usize) -> anyhow::Result<ExtensionId> {
    Ok(ExtensionId::parse(&format!("extension-{number:05}"))?)
}

/// One real extension; the others are copies of its history and snapshot under names of their own.
async fn fill(ledger: &Ledger, store: &Store, tenant: &TenantId) -> anyhow::Result<()> {
    let first = Owned::new(tenant.clone(), id(0)?);
    let about = About {
        kind: Kind::DomainHook,
        risk_tier: RiskTier::Low,
        description: "Checks orders.".to_owned(),
        tags: Vec::new(),
        answers_for: Default::default(),
    };
    let draft = Draft { origin: Origin::Source, source_sha256: digest(b"source"), source_bytes: 6, about };
    let actor = Actor { iss: "bench".to_owned(), sub: CallLabel::parse("ann")?, actor_type: ActorType::User, act: Vec::new() };
    let author = Caller { actor, authority: Authority::Tenant { tenant: tenant.clone(), roles: [Role::Author].into() } };
    let command =
        Command { id: CallLabel::parse("c-1")?, expected_seq: None, why: "bench".to_owned(), from: None, action: Action::CreateVersion(draft) };
    ledger.run(&first, &command, &author).await?;
    let read = async |key| anyhow::Ok(String::from_utf8(store.get(&key).await?.context("the first extension is gone")?.bytes.to_vec())?);
    let (event, head) = (read(first.event(1)).await?, read(first.head()).await?);
    let copies = (1..EXTENSIONS).map(|number| {
        let (event, head) = (event.clone(), head.clone());
        async move {
            let of = Owned::new(tenant.clone(), id(number)?);
            let renamed = |text: String| anyhow::Ok(Bytes::from(text.replace(id(0)?.as_str(), of.extension.as_str())));
            store.create(&of.event(1), renamed(event)?).await?;
            store.create(&of.head(), renamed(head)?).await?;
            anyhow::Ok(())
        }
    });
    stream::iter(copies).buffer_unordered(WRITES_AT_ONCE).try_collect().await
}

/// One page after the other for the round's length.
async fn pages(ledger: &Ledger, tenant: &TenantId, after: Option<&ExtensionId>, length: Duration) -> anyhow::Result<Sample> {
    let mut histogram = latencies();
    let start = Instant::now();
    while start.elapsed() < length {
        let begin = Instant::now();
        let page = ledger.list(tenant, after, "", PAGE, |extension| Some(extension.applied_seq)).await?;
        ensure!(page.rows.len() == PAGE && page.next.is_some(), "a page has {} rows", page.rows.len());
        histogram.saturating_record(u64::try_from(begin.elapsed().as_nanos())?);
    }
    Ok(Sample::of(&histogram, start.elapsed()))
}
