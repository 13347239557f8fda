//! A registry without listeners: an API to mount, and its work behind it.

use std::{path::PathBuf, sync::Arc};

use extensions_compile_jobs::{Claims, Queue};
use extensions_coordination::CompileStream;

use extensions_artifact::Store;
use extensions_identity::{IdentitySettings, Verifier};
use extensions_registry_api::{Audit, BoardSettings, Feeder, Gate, InProcess, Keeper, Membership, Metrics, Notify, Parts, Service, router};
use extensions_registry_core::Policy;
use extensions_registry_ledger::{Clock, Ledger, Reconciler, Stores};
use extensions_registry_upkeep::{Upkeep, UpkeepSettings};
use tokio_util::sync::CancellationToken;

use crate::operations::UpkeepOperations;

/// What an embedded registry is made of.
#[derive(Debug)]
pub struct EmbeddedParts {
    /// Histories, and what each environment's hosts read.
    pub stores: Stores,
    /// What operators decide about versions.
    pub policy: Policy,
    /// Whose tokens are accepted; the audience must be the registry's.
    pub identity: IdentitySettings,
    /// Takes note of refusals.
    pub audit: Arc<dyn Audit>,
    /// Hears of changes at once.
    pub notify: Arc<dyn Notify>,
    /// Who knows which hosts live.
    pub members: Arc<dyn Membership>,
    /// How compiles are handed out to workers.
    pub board: BoardSettings,
    /// Where waiting compiles are offered to workers beside; none: they ask the registry alone.
    pub stream: Option<CompileStream>,
    /// What is kept, and how long. Checked.
    pub upkeep: UpkeepSettings,
    /// Where backups lie: an erased tenant goes there too.
    pub backups: Vec<Store>,
    /// Where files of the audit lie, for retention.
    pub audit_dir: Option<PathBuf>,
    /// What is counted.
    pub metrics: Metrics,
}

/// A registry at work.
#[derive(Debug)]
pub struct Embedded {
    verifier: Arc<Verifier>,
    ledger: Ledger,
    service: Service,
    router: axum::Router,
    reconciler: Reconciler,
    jobs: InProcess,
    keeper: Keeper,
    feeder: Option<Feeder>,
    leaving: CancellationToken,
}

impl Embedded {
    /// Begins to repair in the background what an earlier end left, and gives
    /// an API to mount. Call it on the runtime that shall do the work.
    ///
    /// # Errors
    /// When the identity section cannot work.
    pub fn start(parts: EmbeddedParts) -> Result<Self, extensions_identity::SettingsError> {
        let verifier = Arc::new(Verifier::new(parts.identity)?);
        let ledger = Ledger::new(parts.stores, parts.policy, Clock::system());
        let upkeep = Upkeep::new(ledger.clone(), parts.upkeep);
        let leaving = CancellationToken::new();
        let service = Service::new(Parts {
            ledger: ledger.clone(),
            audit: parts.audit,
            notify: parts.notify,
            members: parts.members,
            board: parts.board,
            operations: Some(Arc::new(UpkeepOperations { upkeep, backups: parts.backups, audit_dir: parts.audit_dir })),
            metrics: parts.metrics,
            leaving: leaving.clone(),
        });
        let jobs = service.in_process("in-process");
        let keeper = service.keep_jobs();
        let feeder = parts.stream.map(|stream| service.feed_stream(stream));
        let router = router(service.clone(), Gate::new(Arc::clone(&verifier)));
        Ok(Self { verifier, reconciler: ledger.reconcile(), ledger, service, router, jobs, keeper, feeder, leaving })
    }

    /// The API: paths for which [`owns`](crate::owns) is true. Put a
    /// [`Connection`](crate::Connection) into each request's extensions.
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// Knows whose tokens are accepted.
    pub(crate) const fn verifier(&self) -> &Arc<Verifier> {
        &self.verifier
    }

    /// Histories and what follows from them.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The requests themselves: for work in this process.
    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Which compiles wait: for a worker in this process.
    #[must_use]
    pub fn queue(&self) -> Arc<dyn Queue> {
        Arc::new(self.jobs.clone())
    }

    /// The compiles themselves: for a worker in this process.
    #[must_use]
    pub fn claims(&self) -> Arc<dyn Claims> {
        Arc::new(self.jobs.clone())
    }

    /// Ends watches, so that their connections can be drained.
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Ends watches and the work in the background. Commands under way end by themselves.
    pub fn stop(self) {
        self.leaving.cancel();
        drop((self.reconciler, self.keeper, self.feeder));
    }
}
