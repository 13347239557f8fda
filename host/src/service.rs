//! Admission as the front sees it.

use std::{collections::BTreeMap, hash::Hash, sync::Arc};

use extensions_admission::{Admission, Answer, AskedSwitch, BatchAnswer, BatchRequest, InForce, LogRecord, Refusal, Request};
use extensions_breakers::Listed;
use extensions_catalog::CatalogStatus;
use extensions_coordination::{Coordination, HostId, RedisStatus};
use extensions_engine::Engine;
use extensions_front::Service;
use extensions_identity::{Channel, KeySource, Principal, Verifier};
use extensions_types::{Environment, ErrorCode, ExtensionDefinition, Kind, Switch, SwitchTarget};
use serde::Serialize;

/// The one [`Service`] of a host.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) admission: Admission,
    pub(crate) about: About,
}

/// What a host is, beside what it serves.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) compatibility: String,
    /// Its id in its fleet, where it is in one.
    pub(crate) host: Option<HostId>,
    pub(crate) coordination: Option<Coordination>,
    /// Knows whose tokens are accepted.
    pub(crate) verifier: Arc<Verifier>,
}

impl About {
    pub(crate) fn of(engine: &Engine, verifier: Arc<Verifier>) -> Self {
        Self { compatibility: engine.compatibility().to_string(), host: None, coordination: None, verifier }
    }
}

/// The same as operators read it.
#[derive(Debug, Serialize)]
pub(crate) struct AboutNow {
    build: &'static str,
    compatibility: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<RedisStatus>,
    /// Issuers whose keys are fetched from a URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<KeySource>,
    /// Versions that had trouble lately.
    breakers: Listed,
}

impl Service for Admitted {
    type Principal = Arc<Principal>;
    type LogRecord = LogRecord;
    type Catalogs = BTreeMap<Environment, CatalogStatus>;
    type About = AboutNow;
    type Control = Vec<InForce>;

    async fn authenticate(&self, channel: &Channel, bearer: Option<&str>) -> Result<Self::Principal, Refusal> {
        self.admission.authenticate(channel, bearer).await
    }

    fn holder(&self, principal: &Self::Principal) -> impl Hash {
        // A service of a tenant's name is somebody else.
        principal.tenant().ok_or_else(|| (principal.issuer(), principal.subject()))
    }

    async fn invoke(&self, principal: &Self::Principal, request: Request<'_>) -> Result<Answer, Refusal> {
        self.admission.invoke(principal, request).await
    }

    async fn invoke_batch(&self, principal: &Self::Principal, request: BatchRequest<'_>) -> Result<BatchAnswer, Refusal> {
        self.admission.invoke_batch(principal, request).await
    }

    async fn list(&self, principal: &Self::Principal, kind: Option<Kind>) -> Result<Vec<Arc<ExtensionDefinition>>, Refusal> {
        self.admission.list(principal, kind).await
    }

    fn logs(&self, principal: &Self::Principal, extension: &str, after: u64, max: usize) -> Result<Vec<LogRecord>, Refusal> {
        self.admission.logs(principal, extension, after, max)
    }

    fn log_seq(record: &LogRecord) -> u64 {
        record.seq
    }

    fn authorize_admin(&self, principal: &Self::Principal) -> Result<(), Refusal> {
        self.admission.authorize_admin(principal)
    }

    fn ready(&self) -> bool {
        self.admission.ready()
    }

    fn local_switches(&self) -> Vec<Switch> {
        self.admission.local().list()
    }

    async fn switch_off(&self, principal: &Self::Principal, asked: AskedSwitch) -> Result<(), Refusal> {
        let (local, switch) = (Arc::clone(self.admission.local()), Admission::local_switch(principal, asked));
        let told = switch.clone();
        // Told of where it is done: whoever asked may be gone by then.
        on_disk(move || {
            local.set(switch)?;
            let Switch { set, target, abort, .. } = told;
            tracing::info!(target: "audit", who = set.who, ?target, why = set.why, abort, "switched off on this host");
            Ok(())
        })
        .await
    }

    async fn switch_on(&self, principal: &Self::Principal, target: SwitchTarget) -> Result<bool, Refusal> {
        let (local, who) = (Arc::clone(self.admission.local()), principal.audit().to_string());
        on_disk(move || {
            let lifted = local.lift(&target)?;
            tracing::info!(target: "audit", who, ?target, lifted, "a switch of this host is taken away");
            Ok(lifted)
        })
        .await
    }

    fn control(&self) -> Vec<InForce> {
        self.admission.control()
    }

    fn effective(&self, env: &str, tenant: &str, extension: &str) -> Result<Vec<u8>, Refusal> {
        // Numbers and texts always serialise.
        self.admission.effective(env, tenant, extension, |effective| serde_json::to_vec(&effective).unwrap_or_default())
    }

    fn about(&self) -> AboutNow {
        let About { compatibility, host, coordination, verifier } = &self.about;
        AboutNow {
            build: env!("CARGO_PKG_VERSION"),
            compatibility: compatibility.clone(),
            host: host.as_ref().map(ToString::to_string),
            redis: coordination.as_ref().map(Coordination::status),
            breakers: self.admission.breakers(),
            issuers: verifier.key_sources(),
        }
    }

    fn catalogs(&self) -> BTreeMap<Environment, CatalogStatus> {
        self.admission.status().into_iter().collect()
    }
}

/// Work that waits for the disk, off the thread that answers others.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    let lost = |_| Refusal::new(ErrorCode::Internal, "the platform failed; its logs tell more");
    tokio::task::spawn_blocking(work).await.map_err(lost)?
}
