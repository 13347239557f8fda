//! Host and registry in one process, and how others find them.

use extensions_types::with_causes;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use extensions_artifact::Store;
use extensions_catalog::Overlay;
use extensions_host::{Host, HostSettings, Log, LogFormat, StartError, THIS_BINARY, start_logging};
use extensions_identity::{Audience, IdentitySettings};
use extensions_pipeline::Workbench;
use extensions_registry::{BoardSettings, Embedded, EmbeddedParts, LogAudit, Metrics, Policy, Stores, UpkeepSettings};
use extensions_store_catalog::Following;
use extensions_worker::Worker;
use serde_json::json;
use tokio::runtime::Handle;

use crate::{
    args::Dev,
    commands::dev::{compiler, environments, environments::Environments, mounted::Mounted, one_host::OneHost, settings, token},
    dev_state::{self, Announced, Running},
    failure::Failure,
    say::Say,
    tools,
};

/// The token that `ext` finds lasts as long as anyone leaves `ext dev` running.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The running platform.
pub(crate) struct Platform {
    pub(crate) host: Host,
    /// The folders that were given, above what dev serves.
    pub(crate) folders: Arc<Overlay>,
    registry: Embedded,
    worker: Worker,
    following: Vec<Following>,
    pub(crate) running: Running,
    admin: Option<SocketAddr>,
    announced: Announced,
    /// Writes what is left when all others are gone.
    _log: Log,
}

impl Platform {
    /// Checks settings, starts log, registry and host, and says where it listens.
    pub(crate) fn start(dev: &Dev, say: &Say) -> Result<Self, Failure> {
        let data = match &dev.data {
            Some(data) => data.clone(),
            None => dev_state::default_data_dir()?,
        };
        let key = dev_state::signing_key(&data)?;
        let data = absolute(&data)?;
        let mut settings = settings::of(dev, &data, &key)?;
        if let Some(format) = &dev.log_format {
            settings.log.format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
        }
        let log = start_logging(settings.log.format, settings.log.filter.as_deref()).map_err(|error| Failure::Usage(with_causes(&error)))?;
        let folders = Arc::new(Overlay::default());
        let store = environments::store(&settings, &data)?;
        let environments = Environments::open(&store, &settings, &data)?;
        let prepared = Host::prepare(&settings, environments.catalogs(&folders), Handle::current(), THIS_BINARY.as_ref()).map_err(not_started)?;
        let following = environments.follow(&prepared.loads());
        let one_host = OneHost::new(environments.clone(), Arc::clone(prepared.engine()), Arc::clone(prepared.modules()));
        let registry = registry(store, environments, one_host, &settings)?;
        let workbench = Workbench::beside(Arc::clone(prepared.engine()), Arc::clone(prepared.modules()));
        let worker = compiler::start(&registry, tools::tools()?, workbench, &data, say)?;
        let mounted = Mounted::new(registry.router(), Handle::current());
        let host = prepared.listen(Some(Arc::new(mounted))).map_err(not_started)?;
        let addresses = host.addresses();
        let (Some(tcp), Some(socket)) = (addresses.tcp, addresses.unix.clone()) else {
            return Err(Failure::Local("the host listens nowhere".to_owned()));
        };
        let token = token::of_developer(&key, &dev.tenant, TOKEN_LIFE)?;
        let operator_token = token::of_operator(&key, TOKEN_LIFE)?;
        let running =
            Running { server: format!("http://{tcp}"), socket: Some(socket), hosts: Vec::new(), token, operator_token, process: std::process::id() };
        let announced = dev_state::announce(&running, &data)?;
        if let Some(process) = announced.other() {
            say.warning(format_args!(
                "another `ext dev` (process {process}) stays the default; name this one with --server {} and a --token of `ext dev token --data {}`",
                running.server,
                data.display()
            ));
        }
        let admin = addresses.admin;
        say.event(&json!({"event": "listening", "server": running.server, "socket": running.socket}));
        Ok(Self { host, folders, registry, worker, following, running, admin, announced, _log: log })
    }

    /// The engine that serves, for building beside it.
    pub(crate) fn workbench(&self) -> Workbench {
        Workbench::beside(Arc::clone(self.host.engine()), Arc::clone(self.host.modules()))
    }

    /// Says that everything given has been built, or failed to.
    pub(crate) fn say_ready(&self, say: &Say) {
        let admin = self.admin.map_or_else(|| self.running.server.clone(), |admin| format!("http://{admin}"));
        let running = &self.running;
        say.event(&json!({
            "event": "ready", "server": running.server, "admin": admin, "socket": running.socket, "token_file": self.announced.path(),
            "process": running.process,
        }));
        // Where it is not the default, its start has said how to name it.
        let named = self.announced.other().map_or_else(String::new, |_| format!(" --server {}", running.server));
        say.note(format_args!("ready; call it with `ext invoke EXTENSION --input JSON{named}`, end it with Ctrl-C; metrics at {admin}/metrics"));
    }

    pub(crate) async fn stop(self) -> extensions_host::Drained {
        drop(self.announced);
        // Watches would outlast a drain.
        self.registry.leave();
        compiler::stop(self.worker).await;
        let drained = self.host.drain().await;
        drop(self.following);
        self.registry.stop();
        drained
    }
}

/// The registry over the same store.
fn registry(store: Store, environments: Environments, one_host: OneHost, settings: &HostSettings) -> Result<Embedded, Failure> {
    let parts = EmbeddedParts {
        stores: Stores::single(store),
        policy: Policy::default(),
        identity: IdentitySettings { audience: Audience::Registry, ..settings.identity.clone() },
        audit: Arc::new(LogAudit),
        notify: Arc::new(environments),
        members: Arc::new(one_host),
        board: BoardSettings::of_one_process(),
        stream: None,
        upkeep: UpkeepSettings::default(),
        backups: Vec::new(),
        audit_dir: None,
        metrics: Metrics::default(),
    };
    Embedded::start(parts).map_err(|error| Failure::Usage(with_causes(&error)))
}

fn not_started(error: StartError) -> Failure {
    match error {
        StartError::Settings(_) | StartError::Identity(_) | StartError::Metrics(_) => Failure::Usage(with_causes(&error)),
        StartError::Engine(_) | StartError::Cache(_) | StartError::Front(_) | StartError::LocalSwitches(_) => Failure::Local(with_causes(&error)),
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| Failure::Local(format!("cannot find {}: {error}", path.display())))
}
