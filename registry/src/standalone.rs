//! The registry as a program: stores, identity, API, listeners, drain.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use extensions_coordination::{CompileStream, Coordination};
use extensions_registry_api::{Audit, Fleet, LogAudit, Membership, Metrics, NobodyKnows, NobodyToTell, Notify};
use extensions_registry_ledger::Clock;
use extensions_service::{FollowedFiles, LogLines, SettingsError};
use extensions_tls::ServerTls;
use prometheus_client::registry::Registry as Shown;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{Embedded, EmbeddedParts, RegistrySettings, admin, audit_file::FileAudit, control_files::ControlFiles, health::Health, server::Server};

/// A reflection request is a name.
const REFLECTION_BYTES_MAX: usize = 4 << 10;

/// Why a registry does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The section `[redis]` cannot work.
    #[error(transparent)]
    Redis(#[from] extensions_coordination::SettingsError),
    /// The identity section cannot work.
    #[error(transparent)]
    Identity(#[from] extensions_identity::SettingsError),
    /// The audit's folder cannot be written to.
    #[error("cannot write to the audit's folder {dir}")]
    Audit {
        /// Which.
        dir: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A port is taken or may not be used.
    #[error("cannot listen at {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The descriptors of the API cannot be served.
    #[error("cannot serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Where a registry listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// gRPC and HTTP.
    pub main: SocketAddr,
    /// Metrics.
    pub admin: Option<SocketAddr>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut.
    pub cut: usize,
}

/// A running registry.
#[derive(Debug)]
pub struct Registry {
    embedded: Embedded,
    files: ControlFiles,
    health: Health,
    leaving: CancellationToken,
    main: Server,
    admin: Option<Server>,
    notice: Duration,
    within: Duration,
}

impl Registry {
    /// Checks everything, then binds the listeners and serves.
    ///
    /// # Errors
    /// When a setting or a port stands in the way.
    pub async fn start(settings: &RegistrySettings) -> Result<Self, StartError> {
        let tls = settings.listen.open_tls()?;
        let mut shown = Shown::with_prefix("extensions");
        shown.register_collector(Box::new(FollowedFiles));
        shown.register_collector(Box::new(LogLines));
        let embedded = Embedded::start(parts(settings, &mut shown)?)?;
        embedded.verifier().show(&mut shown);
        let files = ControlFiles::follow(&settings.control_files, embedded.service(), &mut shown);
        let (reporter, health_server) = tonic_health::server::health_reporter();
        let leaving = CancellationToken::new();
        let health = Health::watch(embedded.ledger().clone(), reporter, leaving.clone()).with(files.problems());
        let mut router = embedded.router().merge(health.routes()).merge(Routes::new(health_server).into_axum_router().reset_fallback());
        if settings.listen.reflection {
            router = router.merge(reflection()?);
        }
        let listen = &settings.listen;
        let main = bind(listen.address, tls.main, router, listen.connections_max).await?;
        let admin = match listen.admin_address {
            Some(address) => {
                let routes = admin::routes(Arc::new(Mutex::new(shown))).merge(health.routes());
                Some(bind(address, tls.admin, routes, listen.connections_max).await?)
            }
            None => None,
        };
        Ok(Self { embedded, files, health, leaving, main, admin, notice: listen.drain_notice(), within: listen.drain_timeout() })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses { main: self.main.address, admin: self.admin.as_ref().map(|server| server.address) }
    }

    /// Waits until the stores have answered for the first time.
    pub async fn ready(&mut self) {
        self.health.ready().await;
    }

    /// Says that it stops, lets requests in flight end, and ends.
    pub async fn drain(self) -> Drained {
        self.leaving.cancel();
        drop(self.files);
        tokio::time::sleep(self.notice).await;
        self.embedded.leave();
        let closed = self.main.close(self.within).await;
        if let Some(admin) = self.admin {
            admin.close(Duration::ZERO).await;
        }
        self.embedded.stop();
        Drained { cut: closed.cut }
    }
}

fn parts(settings: &RegistrySettings, shown: &mut Shown) -> Result<EmbeddedParts, StartError> {
    let stores = settings.open_stores()?;
    let backups = settings.open_backup()?.into_iter().collect();
    let audit: Arc<dyn Audit> = match &settings.audit.dir {
        Some(dir) => {
            let opened = FileAudit::open(dir, Clock::system().now_ms());
            Arc::new(opened.map_err(|source| StartError::Audit { dir: dir.display().to_string(), source })?)
        }
        None => Arc::new(LogAudit),
    };
    let InFleet { notify, members, stream } = fleet(settings, shown)?;
    Ok(EmbeddedParts {
        stores,
        policy: settings.policy,
        identity: settings.identity.clone(),
        audit,
        notify,
        members,
        board: settings.board()?,
        stream,
        upkeep: settings.upkeep.clone(),
        backups,
        audit_dir: settings.audit.dir.clone(),
        metrics: Metrics::registered(shown),
    })
}

/// The registry's place in its fleet.
struct InFleet {
    notify: Arc<dyn Notify>,
    members: Arc<dyn Membership>,
    stream: Option<CompileStream>,
}

/// Who hears of changes, who knows the hosts, and where compiles are offered.
fn fleet(settings: &RegistrySettings, shown: &mut Shown) -> Result<InFleet, StartError> {
    let Some(redis) = &settings.redis else {
        return Ok(InFleet { notify: Arc::new(NobodyToTell), members: Arc::new(NobodyKnows), stream: None });
    };
    let coordination = Coordination::open(redis)?;
    coordination.show(shown);
    let stream = CompileStream::of(&coordination);
    stream.show_filling(shown);
    let fleet = Arc::new(Fleet::new(coordination));
    Ok(InFleet { notify: fleet.clone(), members: fleet, stream: Some(stream) })
}

async fn bind(address: SocketAddr, tls: Option<ServerTls>, router: Router, connections_max: usize) -> Result<Server, StartError> {
    Server::bind(address, tls, router, connections_max).await.map_err(|source| StartError::Listen { address, source })
}

/// Both versions of gRPC reflection, over our own descriptors and health's.
fn reflection() -> Result<Router, StartError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(extensions_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(extensions_registry_api::GRPC_SERVICE)
            .with_service_name(extensions_registry_api::GRPC_JOBS_SERVICE)
            .with_service_name("grpc.health.v1.Health")
    };
    let v1 = builder().build_v1()?.max_decoding_message_size(REFLECTION_BYTES_MAX);
    let v1alpha = builder().build_v1alpha()?.max_decoding_message_size(REFLECTION_BYTES_MAX);
    Ok(Routes::new(v1).add_service(v1alpha).into_axum_router().reset_fallback())
}
