//! A worker beside the registry, with a scripted compiler: takes jobs of the board in process.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use extensions_compile_jobs::{Bundle, Claimed, Claims, CompileEvent, Compiled, JobsError, NotCompiled, Queue, REPORT_EVENTS_MAX, WorkerName};
use extensions_types::{CallLabel, MANIFEST_FILE, Manifest, Sha256, TenantId, Version};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// Jobs of this process at once.
const AT_ONCE: usize = 8;

/// Compiles the source of drafts.
pub(crate) trait SourceCompiler: Send + Sync + fmt::Debug {
    /// Compiles one draft and tells its progress; a full channel may be
    /// waited for, a closed one means that nobody listens any more.
    fn compile(&self, job: CompileJob, tell: mpsc::Sender<CompileEvent>) -> Pin<Box<dyn Future<Output = Result<Compiled, NotCompiled>> + Send>>;
}

/// One draft to compile. Digest and bounds of the bundle have been checked.
#[derive(Debug, Clone)]
pub(crate) struct CompileJob {
    /// Whose extension.
    pub(crate) tenant: TenantId,
    /// The draft.
    pub(crate) version: Version,
    /// The text for [`Metadata::created_by`](extensions_types::Metadata::created_by).
    pub(crate) created_by: String,
    /// The bundle's extension.toml, read.
    pub(crate) manifest: Manifest,
    /// The bundle's files.
    pub(crate) bundle: Bundle,
    /// SHA-256 of the bundle as it was pushed.
    pub(crate) bundle_sha256: Sha256,
}

/// Takes jobs for `compiler` until it is dropped.
pub(crate) async fn drive(compiler: Arc<dyn SourceCompiler>, queue: Arc<dyn Queue>, claims: Arc<dyn Claims>) {
    let mut running = JoinSet::new();
    loop {
        while running.len() >= AT_ONCE {
            running.join_next().await;
        }
        match take(&*queue, &*claims).await {
            Ok(Some(claimed)) => drop(running.spawn(work(Arc::clone(&compiler), Arc::clone(&claims), claimed))),
            Ok(None) => {}
            // The registry stops.
            Err(_) => return,
        }
    }
}

async fn take(queue: &dyn Queue, claims: &dyn Claims) -> Result<Option<Claimed>, JobsError> {
    let job = queue.next().await?;
    claims.claim(&job, &name()).await
}

fn name() -> WorkerName {
    CallLabel::parse("in-process").expect("a constant of the grammar")
}

async fn work(compiler: Arc<dyn SourceCompiler>, claims: Arc<dyn Claims>, claimed: Claimed) {
    let token = claimed.token.clone();
    let (tell, mut told) = mpsc::channel(64);
    let beat = claimed.lease / 3;
    let mut compiling = match job(claimed) {
        Ok(job) => compiler.compile(job, tell),
        Err(error) => Box::pin(async { Err(error) }),
    };
    let mut beats = interval(beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let result = loop {
        let events = tokio::select! {
            biased;
            Some(event) = told.recv() => vec![event],
            result = &mut compiling => break result,
            _ = beats.tick() => Vec::new(),
        };
        claims.report(&token, events).await.unwrap();
    };
    let mut rest = Vec::new();
    while let Ok(event) = told.try_recv() {
        rest.push(event);
    }
    for events in rest.chunks(REPORT_EVENTS_MAX) {
        claims.report(&token, events.to_vec()).await.unwrap();
    }
    claims.complete(&token, result).await.unwrap();
}

fn job(claimed: Claimed) -> Result<CompileJob, NotCompiled> {
    let unusable = |error: &dyn fmt::Display| NotCompiled::Unavailable(format!("the bundle cannot be read: {error}"));
    let bundle = Bundle::unpack(&claimed.source).map_err(|error| unusable(&error))?;
    let text = bundle.file(MANIFEST_FILE).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let manifest = Manifest::parse(text).map_err(|error| unusable(&error))?;
    Ok(CompileJob {
        tenant: claimed.job.tenant,
        version: claimed.job.version,
        created_by: claimed.created_by,
        manifest,
        bundle,
        bundle_sha256: claimed.source_sha256,
    })
}
