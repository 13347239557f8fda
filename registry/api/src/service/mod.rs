//! What the registry does for a request, whatever brought it.
//!
//! Requests are the messages of registry.proto, as any transport fills them;
//! answers are views. Every method refuses by name, and every refusal is in
//! the audit before its caller hears of it.

mod admit;
mod compile;
mod control;
mod create;
mod followers;
mod hosts;
mod lifecycle;
mod operate;
mod parse;
mod precompiled;
mod read;
mod refuse;
mod upload;
mod watch;
mod work;

use std::{sync::Arc, time::Duration};

use extensions_artifact::Owned;
use extensions_registry_core::{Action, Command};
use extensions_registry_ledger::{Ledger, Outcome};
use extensions_types::{Environment, Refusal};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

pub use compile::{CompileStream, CompileView};
pub use operate::{Operations, UpkeepReport, UpkeepTask};
pub use upload::{BundleStream, CHUNK_BYTES_MAX};
pub use watch::WatchStream;
pub use work::{Feeder, InProcess, Keeper, LOOK_EVERY};

use crate::{
    Audit, BoardSettings, Call, Membership, Metrics, Notify,
    audit::{self, harmless, is_audited},
    board::Board,
    call::Target,
    view::Changed,
};
use followers::Followers;
use refuse::refusal;
use watch::Watches;

/// Bundles received or unpacked at once: each may take 8 MiB and unpack to 32.
const UPLOADS_MAX: usize = 8;
/// An answer waits this long for those who serve the change to have heard of it.
const NOTIFY_WAIT: Duration = Duration::from_secs(10);

/// What a service is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Histories and what follows from them.
    pub ledger: Ledger,
    /// Takes note of refusals.
    pub audit: Arc<dyn Audit>,
    /// Hears of changes at once.
    pub notify: Arc<dyn Notify>,
    /// Who knows which hosts live.
    pub members: Arc<dyn Membership>,
    /// How compiles are handed out to workers.
    pub board: BoardSettings,
    /// Erasure and upkeep; without them, both answer UNAVAILABLE.
    pub operations: Option<Arc<dyn Operations>>,
    /// What is counted.
    pub metrics: Metrics,
    /// Cancelled when the registry stops: watches end then.
    pub leaving: CancellationToken,
}

/// The registry's requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    uploads: Semaphore,
    board: Board,
    followers: Followers,
    watches: Arc<Watches>,
}

/// What a request names, for the audit: as it came.
#[derive(Debug, Clone, Copy)]
struct Named<'r> {
    operation: &'static str,
    tenant: &'r str,
    on: &'r str,
}

impl Service {
    /// A service of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let inner = Inner {
            uploads: Semaphore::new(UPLOADS_MAX),
            board: Board::new(parts.board.clone()),
            followers: Followers::default(),
            watches: Arc::default(),
            parts,
        };
        Self { inner: Arc::new(inner) }
    }

    fn ledger(&self) -> &Ledger {
        &self.inner.parts.ledger
    }

    fn now_ms(&self) -> u64 {
        self.ledger().clock().now_ms()
    }

    /// Runs `work`; its refusal gets the caller's correlation id and is audited.
    async fn audited<T>(&self, call: &Call, named: Named<'_>, work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let begun = Instant::now();
        let result = work.await.map_err(|refusal| self.note(call, named, refusal));
        self.inner.parts.metrics.answered(named.operation, result.as_ref().err().map(|refusal| refusal.code), begun.elapsed());
        result
    }

    fn note(&self, call: &Call, named: Named<'_>, refusal: Refusal) -> Refusal {
        if is_audited(&refusal) {
            let own = call.principal.tenant().map(extensions_types::TenantId::as_str);
            let tenant = if named.tenant.is_empty() { own.map(str::to_owned) } else { Some(harmless(named.tenant)) };
            self.inner.parts.audit.refused(&audit::Refused {
                at_ms: self.now_ms(),
                operation: named.operation,
                who: Some(call.principal.audit().to_string()),
                from: &call.from,
                tenant: tenant.as_deref(),
                target: (!named.on.is_empty()).then(|| harmless(named.on)),
                code: refusal.code,
                why: &refusal.message,
                correlation_id: call.correlation.as_str(),
            });
        }
        Refusal { correlation: Some(call.correlation.clone()), ..refusal }
    }

    /// The same for a worker's request about the job `on`, whose first part is the tenant.
    pub(crate) async fn audited_job<T>(
        &self,
        call: &Call,
        operation: &'static str,
        on: &str,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let tenant = on.split('/').next().unwrap_or_default();
        self.audited(call, Named { operation, tenant, on }, work).await
    }

    /// Notes a transport's own refusal of a known caller's request.
    pub(crate) fn refused(&self, call: &Call, operation: &'static str, on: &str, refusal: Refusal) -> Refusal {
        self.note(call, Named { operation, tenant: "", on }, refusal)
    }

    /// Notes a refusal from before a request had a caller, or of a transport's own rules.
    pub(crate) fn note_stranger(&self, operation: &str, from: &str, correlation_id: &str, refusal: &Refusal) {
        self.inner.parts.metrics.stranger();
        if is_audited(refusal) {
            let (at_ms, code, why) = (self.now_ms(), refusal.code, refusal.message.as_str());
            let record = audit::Refused { at_ms, operation, who: None, from, tenant: None, target: None, code, why, correlation_id };
            self.inner.parts.audit.refused(&record);
        }
    }

    /// Runs a command and tells those who serve what it changed.
    async fn run(&self, target: &Target, command: &Command) -> Result<Outcome, Refusal> {
        let of = Owned::new(target.tenant.clone(), target.extension.clone());
        let outcome = self.ledger().run(&of, command, &target.caller).await.map_err(|error| refusal(&error))?;
        self.tell(&of, &outcome).await;
        Ok(outcome)
    }

    async fn tell(&self, of: &Owned, outcome: &Outcome) {
        let notify = &self.inner.parts.notify;
        for &(env, (_, seq)) in &outcome.entries {
            if timeout(NOTIFY_WAIT, notify.entry_changed(env, of.tenant.clone(), of.extension.clone(), seq)).await.is_err() {
                tracing::warn!(tenant = %of.tenant, extension = %of.extension, %env, seq, "a change was stored, but was not taken up in time");
            }
        }
    }

    /// The answer to a command about `env`.
    fn answer(outcome: &Outcome, env: Option<Environment>) -> Changed {
        Changed::of(&outcome.extension, outcome.seq, outcome.changed, outcome.version, env)
    }
}

/// The version that an action is about, where its outcome does not say.
fn about(outcome: Outcome, action: &Action) -> Outcome {
    Outcome { version: outcome.version.or_else(|| action.version()), ..outcome }
}

#[cfg(test)]
pub(crate) mod tests {
    use extensions_artifact::{Store, StoreSettings};
    use extensions_registry_core::Policy;
    use extensions_registry_ledger::{Clock, Stores};

    use super::*;
    use crate::{LogAudit, NobodyKnows, NobodyToTell};

    /// A service over a folder of its own, which ends with the second part.
    pub(crate) fn service() -> (Service, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreSettings::local(dir.path())).unwrap();
        let ledger = Ledger::new(Stores::single(store), Policy::default(), Clock::system());
        let parts = Parts {
            ledger,
            audit: Arc::new(LogAudit),
            notify: Arc::new(NobodyToTell),
            members: Arc::new(NobodyKnows),
            board: BoardSettings::of_one_process(),
            operations: None,
            metrics: Metrics::default(),
            leaving: CancellationToken::new(),
        };
        (Service::new(parts), dir)
    }
}
