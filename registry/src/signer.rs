//! The signer as a process: its key, the stores, hints, metrics.
//!
//! It shares the registry's program and settings and nothing else: it serves no
//! API, and no process that does ever reads its key.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{Router, routing::get};
use extensions_artifact::StoreError;
use extensions_coordination::Coordination;
use extensions_registry_signer::{KeyFileError, Metrics, Nudge, Parts, Report, Signer, SigningKey, StartError as SignerStartError};
use extensions_service::{FollowError, Followed, SettingsError};
use extensions_types::Environment;
use prometheus_client::registry::Registry as Shown;
use tokio::task::JoinSet;

use crate::{RegistrySettings, StartError, admin, server::Server};

/// The running binary; the link stays right when its file is replaced.
const THIS_BINARY: &str = "/proc/self/exe";
/// Metrics and probes: a scraper, a probe, somebody who looks.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Why a signer does not work.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The key cannot be used.
    #[error("signer.key_file cannot be used")]
    Key(#[from] KeyFileError),
    /// The key's file cannot be followed.
    #[error("signer.key_file cannot be followed")]
    Follow(#[from] FollowError),
    /// The signer's own settings cannot work.
    #[error(transparent)]
    Start(#[from] SignerStartError),
    /// The metrics' port stands in the way.
    #[error(transparent)]
    Listen(#[from] StartError),
    /// A store cannot be read.
    #[error("a store cannot be read, so that nobody knows what is left; run it again")]
    Store(#[from] StoreError),
}

impl SignerError {
    /// Whether the operator must change something.
    #[must_use]
    pub const fn is_of_settings(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Key(_) | Self::Follow(_) | Self::Start(_) => true,
            Self::Listen(_) | Self::Store(_) => false,
        }
    }
}

/// Checks everything that can be known to be wrong without the network; the key is read.
///
/// # Errors
/// Says what must change.
pub fn check_signer(settings: &RegistrySettings) -> Result<(), SignerError> {
    settings.listen.open_tls()?;
    signer(settings, Metrics::default()).map(drop)
}

/// Signs what the environments serve, until the future is dropped.
///
/// # Errors
/// When a setting, the key or the metrics' port stands in the way.
pub async fn sign(settings: &RegistrySettings) -> Result<(), SignerError> {
    let mut shown = Shown::with_prefix("extensions");
    let signer = signer(settings, Metrics::registered(&mut shown))?;
    let _hints = hints(settings, signer.nudge(), &mut shown)?;
    let _admin = listen(settings, shown).await?;
    begin(&signer);
    signer.run().await;
    Ok(())
}

/// Signs until nothing is left.
///
/// # Errors
/// As [`sign`], and when a store cannot be read.
pub async fn sign_once(settings: &RegistrySettings) -> Result<Report, SignerError> {
    let signer = signer(settings, Metrics::default())?;
    begin(&signer);
    Ok(signer.once().await?)
}

fn begin(signer: &Signer) {
    let (key, profiles) = signer.describe();
    tracing::info!(%key, profiles, "signing");
}

fn signer(settings: &RegistrySettings, metrics: Metrics) -> Result<Signer, SignerError> {
    let missing = || SettingsError::Value("[signer] is missing: name its key_file; `extensions-registry signer --new-key FILE` makes one".to_owned());
    let own = settings.signer.clone().ok_or_else(missing)?;
    let stores = settings.open_stores()?;
    let key = follow_key(&own.key_file)?;
    let parts = Parts {
        stores: Environment::ALL.iter().map(|&env| (env, stores.env(env).clone())).collect(),
        key: Box::new(move || key.current()),
        compile_child: THIS_BINARY.into(),
        settings: own,
        metrics,
    };
    Ok(Signer::new(parts)?)
}

fn follow_key(file: &Path) -> Result<Followed<SigningKey>, SignerError> {
    // Who else may read the file is looked at once: it is the operator's fault, not the moment's.
    SigningKey::read(file)?;
    Ok(Followed::file(file, |bytes| SigningKey::parse(&String::from_utf8_lossy(bytes)))?)
}

/// Looks at once when a registry says that something has changed; without Redis the poll does.
fn hints(settings: &RegistrySettings, nudge: Nudge, shown: &mut Shown) -> Result<JoinSet<()>, SignerError> {
    let mut hints = JoinSet::new();
    let Some(redis) = &settings.redis else { return Ok(hints) };
    let coordination = Coordination::open(redis).map_err(StartError::from)?;
    coordination.show(shown);
    for &env in Environment::ALL {
        let (mut changes, nudge) = (coordination.changes(env), nudge.clone());
        hints.spawn(async move {
            loop {
                changes.next().await;
                nudge.now();
            }
        });
    }
    Ok(hints)
}

async fn listen(settings: &RegistrySettings, shown: Shown) -> Result<Option<Server>, SignerError> {
    let Some(address) = settings.signer.as_ref().and_then(|signer| signer.admin_address) else { return Ok(None) };
    let alive = Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(|| async { "ready\n" }));
    let routes = admin::routes(Arc::new(Mutex::new(shown))).merge(alive);
    let tls = settings.listen.open_tls()?.admin;
    let bound = Server::bind(address, tls, routes, ADMIN_CONNECTIONS_MAX).await;
    Ok(Some(bound.map_err(|source| StartError::Listen { address, source })?))
}
