//! How much of what an environment serves has code, for each engine.

use extensions_proto::v1;
use extensions_types::{Environment, RefusedComponent, Sha256, SignerAccount};
use serde::Serialize;

/// What signers say of one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PrecompiledView {
    /// By hash.
    pub engines: Vec<EngineView>,
}

/// What the signer of one engine's code says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineView {
    /// The engine's compatibility hash.
    pub engine: Sha256,
    /// Its profile.
    pub profile: String,
    /// The signer's program version.
    pub build: String,
    /// The name of the key that it signs with.
    pub key: String,
    /// When the signer said so, by its clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long ago, by both clocks.
    pub age_ms: u64,
    /// Components that the environment serves.
    pub served: u64,
    /// Of these, with signed code in its store.
    pub ready: u64,
    /// Of these, that cannot be compiled.
    pub refused: u64,
    /// Whether nothing is left to do.
    pub complete: bool,
    /// Some of the refused, in whatever environment.
    pub refused_components: Vec<RefusedComponent>,
}

impl EngineView {
    pub(crate) fn new(account: SignerAccount, env: Environment, now_ms: u64) -> Self {
        let coverage = account.environments.get(&env).copied().unwrap_or_default();
        Self {
            engine: account.engine,
            profile: account.profile,
            build: account.build,
            key: account.key,
            at_ms: account.at_ms,
            age_ms: now_ms.abs_diff(account.at_ms),
            served: coverage.served,
            ready: coverage.ready,
            refused: coverage.refused,
            complete: coverage.is_complete(),
            refused_components: account.refused,
        }
    }
}

impl From<PrecompiledView> for v1::ListPrecompiledResponse {
    fn from(view: PrecompiledView) -> Self {
        Self { engines: view.engines.into_iter().map(Into::into).collect() }
    }
}

impl From<EngineView> for v1::PrecompiledEngine {
    fn from(view: EngineView) -> Self {
        Self {
            engine: view.engine.to_string(),
            profile: view.profile,
            build: view.build,
            key: view.key,
            at_ms: view.at_ms,
            age_ms: view.age_ms,
            served: view.served,
            ready: view.ready,
            refused: view.refused,
            complete: view.complete,
            refused_components: view.refused_components.into_iter().map(refused).collect(),
        }
    }
}

fn refused(of: RefusedComponent) -> v1::RefusedComponent {
    v1::RefusedComponent {
        component: of.component.to_string(),
        tenant_id: of.tenant.to_string(),
        extension_id: of.extension.to_string(),
        version: of.version.get(),
        why: of.why,
    }
}
