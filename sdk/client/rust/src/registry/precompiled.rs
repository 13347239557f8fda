//! How far the signers of machine code have come.

use extensions_proto::v1;
use extensions_types::Environment;
use serde::Serialize;

use super::{RegistryClient, word};
use crate::InvokeError;

/// What the signer of one engine's code says of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PrecompiledEngine {
    /// The engine's compatibility hash.
    pub engine: String,
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
    pub refused_components: Vec<RefusedCode>,
}

/// A component that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedCode {
    /// Its digest.
    pub component: String,
    /// A tenant that serves it.
    pub tenant: String,
    /// The tenant's extension.
    pub extension: String,
    /// The version.
    pub version: u64,
    /// Why it cannot.
    pub why: String,
}

impl RegistryClient {
    /// How much of what `env` serves has code, for each engine. For operators.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn precompiled(&self, env: Environment) -> Result<Vec<PrecompiledEngine>, InvokeError> {
        let request = v1::ListPrecompiledRequest { env: word(env) };
        let answer = self.call(request, |mut grpc, request| async move { grpc.list_precompiled(request).await }).await?;
        Ok(answer.engines.into_iter().map(engine).collect())
    }
}

fn engine(message: v1::PrecompiledEngine) -> PrecompiledEngine {
    let refused = |one: v1::RefusedComponent| RefusedCode {
        component: one.component,
        tenant: one.tenant_id,
        extension: one.extension_id,
        version: one.version,
        why: one.why,
    };
    PrecompiledEngine {
        engine: message.engine,
        profile: message.profile,
        build: message.build,
        key: message.key,
        at_ms: message.at_ms,
        age_ms: message.age_ms,
        served: message.served,
        ready: message.ready,
        refused: message.refused,
        complete: message.complete,
        refused_components: message.refused_components.into_iter().map(refused).collect(),
    }
}
