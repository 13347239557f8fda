//! The command line of `extensions-registry`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};
use extensions_registry::{RegistrySettings, SettingsError};
use extensions_types::TenantId;

/// Owns the versions of extensions and what each environment serves.
///
/// Serves its API over gRPC and HTTP; hosts never ask it: they read what it
/// writes to the store. Several may run on the same stores. Without a command
/// it serves until it is told to stop; the commands work beside it, unless they
/// say otherwise.
#[derive(Debug, Parser)]
#[command(
    name = "extensions-registry",
    version,
    max_term_width = 100,
    after_help = "Every key of the file can be set as EXT_<SECTION>_<KEY>: EXT_LISTEN_ADDRESS=0.0.0.0:7410,\n\
                  EXT_STORE_S3_BUCKET=extensions, EXT_STORES_PROD_S3_BUCKET=prod-extensions,\n\
                  EXT_POLICY_AGENTS_ENV_MAX=dev. docs/configuration.md lists them.\n\n\
                  A file to begin with:\n  \
                  [store.s3]\n  endpoint = \"https://s3.example\"\n  bucket = \"extensions\"\n  \
                  [stores.prod.s3]\n  endpoint = \"https://s3.example\"\n  bucket = \"prod-extensions\"\n  \
                  [listen]\n  address = \"0.0.0.0:7410\"\n  admin_address = \"127.0.0.1:7411\"\n  \
                  [[identity.issuers]]\n  issuer = \"https://id.example\"\n  jwks_file = \"/etc/extensions/jwks.json\"\n  tenants = \"all\"\n\n\
                  Tokens must be meant for `extensions-registry` (aud). GET /v1/registry/openapi.json describes the API,\n\
                  GET /readyz answers 200 while every store does. SIGTERM drains: health says so first, watches end,\n\
                  requests in flight are answered, then the program ends.\n\n\
                  Reports go to standard output as JSON, progress to standard error.\n\
                  Exit codes: 0 done, or stopped as asked · 1 this machine or a store stands in the way, or a report has gaps ·\n\
                  2 settings must change"
)]
pub(crate) struct Arguments {
    /// The settings file, in TOML
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen [listen.address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where metrics listen [listen.admin_address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Check the settings and end
    #[arg(long, global = true)]
    pub(crate) check: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Compile and sign what the environments serve, ahead of their hosts: a process of its own, which alone may read its key
    Signer {
        /// End when nothing is left; the report is printed
        #[arg(long)]
        once: bool,
        /// Make a key pair, FILE and FILE.pub, and end
        #[arg(long, value_name = "FILE", conflicts_with = "once")]
        new_key: Option<PathBuf>,
    },
    #[command(flatten)]
    Upkeep(Task),
}

/// Upkeep, beside running registries unless it says otherwise.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Copy what cannot be derived to the store of [backup]
    Backup,
    /// Read a whole backup and say what it lacks
    Verify,
    /// Bring a backup back; stop every registry first
    Restore {
        /// Where backup and store differ, the backup is right
        #[arg(long)]
        prefer_backup: bool,
    },
    /// Say what nothing references; with --apply remove it
    Gc {
        /// Do it
        #[arg(long)]
        apply: bool,
        /// A plan that was printed before, instead of a new one
        #[arg(long, value_name = "FILE", requires = "apply")]
        plan: Option<PathBuf>,
    },
    /// Say what is past its time; with --apply remove it
    Retain {
        /// Do it
        #[arg(long)]
        apply: bool,
    },
    /// Derive heads and entries from all events anew
    Rebuild {
        /// Of one tenant only
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
    },
    /// Erase a tenant for good: its id is never used again
    Erase {
        /// The tenant
        tenant: TenantId,
        /// Why, for the marker that stays
        #[arg(long)]
        why: String,
        /// Count only
        #[arg(long)]
        dry_run: bool,
    },
}

impl Arguments {
    /// The settings: file, environment, flags.
    pub(crate) fn settings(&self) -> Result<RegistrySettings, SettingsError> {
        let environment = std::env::vars();
        let mut settings = match &self.config {
            Some(file) => RegistrySettings::read(file, environment)?,
            None => return Err(SettingsError::Value("name the settings file: --config FILE; --help shows one to begin with".to_owned())),
        };
        if let Some(address) = self.listen {
            settings.listen.address = address;
        }
        if let Some(address) = self.admin_listen {
            settings.listen.admin_address = Some(address);
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Arguments::command().debug_assert();
        let parsed = Arguments::try_parse_from(["extensions-registry", "gc", "--apply", "--config", "x.toml"]).unwrap();
        assert!(matches!(parsed.command, Some(Command::Upkeep(Task::Gc { apply: true, plan: None }))) && parsed.config.is_some());
        assert!(Arguments::try_parse_from(["extensions-registry", "erase", "acme"]).is_err(), "an erasure says why");
        assert!(Arguments::try_parse_from(["extensions-registry", "erase", "..", "--why", "x"]).is_err());
        let parsed = Arguments::try_parse_from(["extensions-registry", "signer", "--new-key", "k"]).unwrap();
        assert!(matches!(parsed.command, Some(Command::Signer { once: false, new_key: Some(_) })) && parsed.config.is_none());
        assert!(Arguments::try_parse_from(["extensions-registry", "signer", "--once", "--new-key", "k"]).is_err());
    }
}
