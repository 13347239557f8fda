//! The registry's client: versions, reviews, promotions, history, switches.
//!
//! Every change carries a key of its own ([`Change`]), so that a repetition
//! does no more than the first: what broke on the way is sent again, within
//! the call's timeout, also where it may have arrived. CONFLICT is never
//! repeated here: whoever asked must read again first.

mod change;
mod compile;
mod control;
mod hosts;
mod model;
mod operate;
mod precompiled;
mod read;
mod upload;
mod watch;

use extensions_proto::v1::{self, extension_registry_client::ExtensionRegistryClient};
use extensions_tls::ClientTls;
use extensions_types::{Environment, ExtensionId, Kind, Origin, RiskTier, TenantId, Version};
use tonic::{Request, Response, Status, transport::Channel};

pub use extensions_types::{Finding, Policy, Quota, Switch, TenantWeight, Tightening};

pub use self::{
    change::Change,
    compile::{CompileEvent, Compiling},
    control::{ControlChange, ControlSet, PolicyRules},
    hosts::{Host, HostControl, HostProblem, Hosts, Serves},
    model::{
        Actor, Changed, Control, ControlDone, ControlPreview, EntryState, HistoryEvent, Page, Pin, Place, Registered, Review, Upkept, Uploaded,
        VersionSummary, VersionWhole, Waiver,
    },
    operate::UpkeepTask,
    precompiled::{PrecompiledEngine, RefusedCode},
    watch::{WatchFrom, WatchedEvent, Watching},
};
use self::{
    change::tenant_text,
    read::{changed, needed},
};
use crate::{
    ANSWER_BYTES_MAX, Builder, ConfigError, Endpoint, InvokeError,
    builder::Settings,
    grpc::{connection, status::failed},
    retry::{self, Effect},
};

/// Talks to one registry. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct RegistryClient {
    grpc: ExtensionRegistryClient<Channel>,
    settings: Settings,
    tenant: Option<TenantId>,
}

/// What a draft will be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// How it comes in.
    pub origin: Origin,
    /// The text of extension.toml.
    pub manifest_toml: String,
    /// SHA-256 of the bundle, as lowercase hex.
    pub bundle_sha256: String,
    /// The bundle's size.
    pub bundle_bytes: u64,
}

/// A reviewer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may go there.
    Approve,
    /// It may not; the change says why.
    Reject,
}

/// Which extensions to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only this tier.
    pub risk_tier: Option<RiskTier>,
    /// Only what this environment serves.
    pub env: Option<Environment>,
    /// Only what has this tag.
    pub tag: String,
    /// Only ids that begin so.
    pub id_prefix: String,
}

/// Which part of a history to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryRange {
    /// Where the page before ended ([`Page::next`]); 0 for the beginning.
    pub after_seq: u64,
    /// Events at most; 0 for the server's choice, at most 500.
    pub page_size: u32,
    /// The newest first.
    pub newest_first: bool,
}

impl RegistryClient {
    /// Settings for a client; end with [`connect_registry`](Builder::connect_registry).
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(endpoint: &Endpoint, tls: Option<&ClientTls>, settings: Settings) -> Result<Self, ConfigError> {
        let grpc = ExtensionRegistryClient::new(connection::channel(endpoint, tls)?).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { grpc, settings, tenant: None })
    }

    /// The same for another tenant than the token's: platform operators only.
    #[must_use]
    pub fn of_tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Allots the next version number to a draft.
    ///
    /// # Errors
    /// As of every change here: when the platform refuses or is not reached.
    pub async fn create_version(&self, change: &Change, draft: Draft) -> Result<Changed, InvokeError> {
        let request = v1::CreateVersionRequest {
            command: self.command(change),
            origin: match draft.origin {
                Origin::Source => v1::Origin::Source,
                Origin::Uploaded => v1::Origin::Uploaded,
            }
            .into(),
            manifest_toml: draft.manifest_toml,
            bundle_sha256: draft.bundle_sha256,
            bundle_bytes: draft.bundle_bytes,
        };
        let answer = self.call(request, |mut grpc, request| async move { grpc.create_version(request).await }).await?;
        changed(needed("change", answer.change)?)
    }

    /// Asks for review of a built version for `env`.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn submit(&self, change: &Change, version: Version, env: Environment) -> Result<Changed, InvokeError> {
        let request = v1::SubmitRequest { command: self.command(change), version: version.get(), to_env: word(env) };
        changed(self.call(request, |mut grpc, request| async move { grpc.submit(request).await }).await?)
    }

    /// Approves or rejects a submitted version for `env`. `digest` is what was
    /// reviewed; empty for the version's own.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn decide(
        &self,
        change: &Change,
        version: Version,
        env: Environment,
        decision: Decision,
        digest: &str,
    ) -> Result<Changed, InvokeError> {
        let decision = match decision {
            Decision::Approve => v1::Decision::Approve,
            Decision::Reject => v1::Decision::Reject,
        };
        let request = v1::DecideRequest {
            command: self.command(change),
            version: version.get(),
            to_env: word(env),
            decision: decision.into(),
            digest: digest.to_owned(),
        };
        changed(self.call(request, |mut grpc, request| async move { grpc.decide(request).await }).await?)
    }

    /// Serves a version in `env`.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn promote(&self, change: &Change, version: Version, env: Environment) -> Result<Changed, InvokeError> {
        let request = v1::PromoteRequest { command: self.command(change), version: version.get(), to_env: word(env) };
        changed(self.call(request, |mut grpc, request| async move { grpc.promote(request).await }).await?)
    }

    /// Serves a version again that `env` has served before.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn rollback(&self, change: &Change, to: Version, env: Environment) -> Result<Changed, InvokeError> {
        let request = v1::RollbackRequest { command: self.command(change), to_version: to.get(), env: word(env) };
        changed(self.call(request, |mut grpc, request| async move { grpc.rollback(request).await }).await?)
    }

    /// Gives one caller or hook point a version of its own, or takes that away.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn pin(&self, change: &Change, env: Environment, place: Place, version: Option<Version>) -> Result<Changed, InvokeError> {
        let place = match place {
            Place::Caller(caller) => v1::pin_request::Place::Caller(caller),
            Place::HookPoint(point) => v1::pin_request::Place::HookPoint(point),
        };
        let version = version.map_or(0, Version::get);
        let request = v1::PinRequest { command: self.command(change), env: word(env), version, place: Some(place) };
        changed(self.call(request, |mut grpc, request| async move { grpc.pin(request).await }).await?)
    }

    /// Switches an extension off or on in `env`.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn set_enabled(&self, change: &Change, env: Environment, enabled: bool) -> Result<Changed, InvokeError> {
        let request = v1::SetEnabledRequest { command: self.command(change), env: word(env), enabled };
        changed(self.call(request, |mut grpc, request| async move { grpc.set_enabled(request).await }).await?)
    }

    /// Takes a version out of use for good.
    ///
    /// # Errors
    /// As of every change here.
    pub async fn retire(&self, change: &Change, version: Version) -> Result<Changed, InvokeError> {
        let request = v1::RetireRequest { command: self.command(change), version: version.get() };
        changed(self.call(request, |mut grpc, request| async move { grpc.retire(request).await }).await?)
    }

    /// One extension: its versions and what each environment serves.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn extension(&self, extension: &ExtensionId) -> Result<Registered, InvokeError> {
        let request = v1::GetExtensionRequest { tenant_id: self.tenant_id(), extension_id: extension.to_string() };
        let answer = self.call(request, |mut grpc, request| async move { grpc.get_extension(request).await }).await?;
        read::registered(needed("extension", answer.extension)?)
    }

    /// Everything about one version; `with_wit` prints its world, too.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn version(&self, extension: &ExtensionId, version: Version, with_wit: bool) -> Result<VersionWhole, InvokeError> {
        let request = v1::GetVersionRequest { tenant_id: self.tenant_id(), extension_id: extension.to_string(), version: version.get(), with_wit };
        read::whole(self.call(request, |mut grpc, request| async move { grpc.get_version(request).await }).await?)
    }

    /// The tenant's extensions by id, one page. `after` is the page before's
    /// [`Page::next`], empty for the first.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn list(&self, filter: &Filter, page_size: u32, after: &str) -> Result<Page<Registered, String>, InvokeError> {
        let request = v1::ListRegisteredRequest {
            tenant_id: self.tenant_id(),
            page_size,
            page_token: after.to_owned(),
            kind: filter.kind.map_or(v1::ExtensionKind::Unspecified, Into::into).into(),
            risk_tier: filter.risk_tier.map_or(v1::RiskTier::Unspecified, Into::into).into(),
            env: filter.env.map_or(String::new(), word),
            tag: filter.tag.clone(),
            id_prefix: filter.id_prefix.clone(),
        };
        let answer = self.call(request, |mut grpc, request| async move { grpc.list_extensions(request).await }).await?;
        let rows = answer.extensions.into_iter().map(read::registered).collect::<Result<_, _>>()?;
        Ok(Page { rows, next: crate::error::given(answer.next_page_token) })
    }

    /// One page of an extension's history.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn history(&self, extension: &ExtensionId, range: HistoryRange) -> Result<Page<HistoryEvent, u64>, InvokeError> {
        let HistoryRange { after_seq, page_size, newest_first } = range;
        let request = v1::HistoryRequest { tenant_id: self.tenant_id(), extension_id: extension.to_string(), after_seq, page_size, newest_first };
        let answer = self.call(request, |mut grpc, request| async move { grpc.history(request).await }).await?;
        let rows = answer.events.into_iter().map(read::event).collect::<Result<_, _>>()?;
        Ok(Page { rows, next: Some(answer.next_after_seq).filter(|&next| next > 0) })
    }

    /// One call, repeated where that helps: reads and keyed changes alike do
    /// no more when they run twice.
    async fn call<Q, A, F>(&self, message: Q, call: impl Fn(ExtensionRegistryClient<Channel>, Request<Q>) -> F) -> Result<A, InvokeError>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |left| {
            let asked = call(self.grpc.clone(), connection::request(message.clone(), &self.settings, Some(left)));
            async move { asked.await.map(Response::into_inner).map_err(failed) }
        })
        .await
    }

    fn command(&self, change: &Change) -> Option<v1::Command> {
        change.command(self.tenant.as_ref())
    }

    fn tenant_id(&self) -> String {
        tenant_text(self.tenant.as_ref())
    }
}

fn word(env: Environment) -> String {
    env.as_str().to_owned()
}
