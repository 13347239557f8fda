//! The command line of `extensions-runtime`. Flags win over environment and file.

use std::{net::SocketAddr, path::PathBuf};

use clap::Parser;
use extensions_host::{HostSettings, SettingsError};

/// Serves the extensions of one environment.
///
/// Reads what the environment's store says is promoted, follows it, and runs
/// extensions for callers over gRPC and HTTP. Keeps a last copy of catalog,
/// switches and machine code in `data_dir`, and goes on with it while the store
/// is gone.
#[derive(Debug, Parser)]
#[command(
    name = "extensions-runtime",
    version,
    max_term_width = 100,
    after_help = "Every key of the file can be set as EXT_<SECTION>_<KEY>: EXT_ENV=prod, EXT_LISTEN_ADDRESS=0.0.0.0:7400,\n\
                  EXT_STORE_S3_BUCKET=prod-extensions, EXT_CATALOG_POLL_MS=5000. docs/configuration.md lists them.\n\n\
                  A file to begin with:\n  \
                  env = \"prod\"\n  data_dir = \"/var/lib/extensions\"\n  [store.s3]\n  endpoint = \"https://s3.example\"\n  bucket = \"prod-extensions\"\n  \
                  [listen]\n  address = \"0.0.0.0:7400\"\n  admin_address = \"127.0.0.1:7401\"\n  \
                  [[identity.issuers]]\n  issuer = \"https://id.example\"\n  jwks_file = \"/etc/extensions/jwks.json\"\n  tenants = \"all\"\n\n\
                  GET /readyz answers 200 once the index and the switches are known, from the store or the last copy.\n\
                  SIGTERM drains: health says so first, calls in flight end, then the program.\n\n\
                  Exit codes: 0 stopped as asked · 1 this machine stands in the way · 2 settings must change"
)]
pub(crate) struct Arguments {
    /// The settings file, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Where to listen for calls [listen.address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where metrics and admin listen [listen.admin_address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// How memory is given back between calls [engine.memory_reset]
    #[arg(long, value_name = "MODE", value_parser = ["keep", "scan"])]
    pub(crate) memory_reset: Option<String>,
    /// Check the settings and end
    #[arg(long)]
    pub(crate) check: bool,
}

impl Arguments {
    /// The settings: file, environment, flags.
    pub(crate) fn settings(&self) -> Result<HostSettings, SettingsError> {
        let mut settings = HostSettings::read(&self.config, std::env::vars())?;
        if let Some(address) = self.listen {
            settings.listen.address = address;
        }
        if let Some(address) = self.admin_listen {
            settings.listen.admin_address = Some(address);
        }
        if let Some(mode) = &self.memory_reset {
            settings.engine.memory_reset.clone_from(mode);
        }
        Ok(settings)
    }
}
