//! The host with its overlay catalog, and how others find it.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use extensions_catalog::{Catalogs, Overlay};
use extensions_host::{Host, LogFormat, StartError, THIS_BINARY, start_logging};
use extensions_pipeline::Workbench;
use serde_json::json;

use crate::{
    args::Dev,
    commands::dev::{settings, token},
    dev_state::{self, Announced, Running},
    failure::{Failure, chain},
    say::Say,
};

/// The token that `ext` finds lasts as long as anyone leaves `ext dev` running.
const TOKEN_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The running platform.
pub(crate) struct Platform {
    pub(crate) host: Host,
    pub(crate) catalog: Arc<Overlay>,
    pub(crate) running: Running,
    admin: Option<SocketAddr>,
    announced: Announced,
}

impl Platform {
    /// Checks settings, starts log and host, and says where it listens.
    pub(crate) fn start(dev: &Dev, say: &Say) -> Result<Self, Failure> {
        let data = match &dev.data {
            Some(data) => data.clone(),
            None => dev_state::default_data_dir()?,
        };
        let key = dev_state::signing_key(&data)?;
        let mut settings = settings::of(dev, &absolute(&data)?, &key)?;
        if let Some(format) = &dev.log_format {
            settings.log.format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
        }
        start_logging(settings.log.format, settings.log.filter.as_deref()).map_err(|error| Failure::Usage(chain(&error)))?;
        let catalog = Arc::new(Overlay::default());
        let catalogs = Catalogs::of(settings.env, Arc::clone(&catalog) as _);
        let host =
            Host::start(&settings, catalogs, tokio::runtime::Handle::current(), THIS_BINARY.as_ref()).map_err(
                |error| match error {
                    StartError::Settings(_) | StartError::Identity(_) => Failure::Usage(chain(&error)),
                    StartError::Engine(_) | StartError::Cache(_) | StartError::Front(_) => Failure::Local(chain(&error)),
                },
            )?;
        let addresses = host.addresses();
        let (Some(tcp), Some(socket)) = (addresses.tcp, addresses.unix.clone()) else {
            return Err(Failure::Local("the host listens nowhere".to_owned()));
        };
        let token = token::of_developer(&key, &dev.tenant, TOKEN_LIFE)?;
        let running = Running { server: format!("http://{tcp}"), socket, token, process: std::process::id() };
        let announced = dev_state::announce(&running)?;
        let admin = addresses.admin;
        say.event(&json!({"event": "listening", "server": running.server, "socket": running.socket}));
        Ok(Self { host, catalog, running, admin, announced })
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
        say.note(format_args!("ready; call it with `ext invoke EXTENSION --input JSON`, end it with Ctrl-C; metrics at {admin}/metrics"));
    }

    pub(crate) async fn stop(self) -> extensions_host::Drained {
        drop(self.announced);
        self.host.drain().await
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| Failure::Local(format!("cannot find {}: {error}", path.display())))
}
