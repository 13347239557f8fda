//! A registry's settings: one TOML file, with `EXT_<SECTION>_<KEY>` above it.
//!
//! docs/configuration.md lists every key; unknown ones are refused.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_artifact::{Store, StoreSettings};
use extensions_compile_jobs::LEASE;
use extensions_coordination::RedisSettings;
use extensions_identity::IdentitySettings;
use extensions_registry_api::{BoardSettings, JobKey};
use extensions_registry_core::Policy;
use extensions_registry_ledger::Stores;
use extensions_registry_signer::SignerSettings;
use extensions_registry_upkeep::UpkeepSettings;
use extensions_service::{Known, LogSettings, SettingsError, layered, parse, read_file};
use extensions_tls::{ListenTls, ServerTlsSettings};
use extensions_types::{Environment, with_causes};
use serde::Deserialize;
use toml::Table;

use crate::control_files::ControlFileSettings;

/// What a variable may set. Lists (issuers) are for the file alone.
const KNOWN: Known = Known {
    sections: &[
        "listen",
        "listen.tls",
        "listen.admin_tls",
        "identity",
        "store",
        "store.s3",
        "stores",
        "stores.dev",
        "stores.dev.s3",
        "stores.staging",
        "stores.staging.s3",
        "stores.prod",
        "stores.prod.s3",
        "policy",
        "policy.agents",
        "audit",
        "compile",
        "control_files",
        "upkeep",
        "upkeep.retention",
        "backup",
        "backup.s3",
        "redis",
        "redis.keys",
        "redis.tls",
        "signer",
        "log",
    ],
    top: &[],
};

/// Below everything: tokens of a registry are meant for registries.
const DEFAULTS: &str = "[identity]\naudience = \"extensions-registry\"\n";

/// Everything that a registry can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySettings {
    /// Addresses.
    #[serde(default)]
    pub listen: ListenSettings,
    /// Whose tokens are accepted.
    pub identity: IdentitySettings,
    /// Where histories and versions lie; environments too, that have no store of their own.
    pub store: StoreSettings,
    /// Stores of single environments.
    #[serde(default)]
    pub stores: EnvironmentStores,
    /// What operators decide about versions.
    #[serde(default)]
    pub policy: Policy,
    /// Where refusals are noted.
    #[serde(default)]
    pub audit: AuditSettings,
    /// How compiles are handed out to workers.
    #[serde(default)]
    pub compile: CompileSettings,
    /// Files that hold environments' control.
    #[serde(default)]
    pub control_files: ControlFileSettings,
    /// What is kept, and how long.
    #[serde(default)]
    pub upkeep: UpkeepSettings,
    /// Where backups lie.
    #[serde(default)]
    pub backup: Option<StoreSettings>,
    /// Through what hosts hear of changes and say what they serve; none: they poll, and nobody knows them.
    #[serde(default)]
    pub redis: Option<RedisSettings>,
    /// The signer's: read by `extensions-registry signer` alone, whose key no other process may have.
    #[serde(default)]
    pub signer: Option<SignerSettings>,
    /// The registry's own log.
    #[serde(default)]
    pub log: LogSettings,
}

/// Stores of single environments: each has its hosts' credentials.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentStores {
    /// What hosts of dev read.
    pub dev: Option<StoreSettings>,
    /// What hosts of staging read.
    pub staging: Option<StoreSettings>,
    /// What hosts of prod read.
    pub prod: Option<StoreSettings>,
}

/// Where refusals are noted, beside the log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// A folder of files `refusals-YYYY-MM-DD.jsonl`; none: the log alone.
    pub dir: Option<PathBuf>,
}

/// How compiles are handed out to workers.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompileSettings {
    /// What job tokens are authenticated with: a file of 32 bytes or more. None:
    /// a key of this process, so that a job under way is lost when it stops, and
    /// workers must meet the same registry again.
    pub key_file: Option<PathBuf>,
    /// How long a job is a worker's without a report.
    pub lease_seconds: u64,
}

impl Default for CompileSettings {
    fn default() -> Self {
        Self { key_file: None, lease_seconds: LEASE.as_secs() }
    }
}

/// Where a registry listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenSettings {
    /// gRPC and HTTP.
    pub address: SocketAddr,
    /// Metrics.
    pub admin_address: Option<SocketAddr>,
    /// TLS of both addresses; none: in the open, behind a mesh or gateway.
    pub tls: Option<ServerTlsSettings>,
    /// TLS of `admin_address`, where it differs.
    pub admin_tls: Option<ServerTlsSettings>,
    /// gRPC reflection.
    pub reflection: bool,
    /// Connections at once.
    pub connections_max: usize,
    /// Before a drain closes the listeners, health says so for this long.
    pub drain_notice_ms: u64,
    /// A drain lets requests in flight end for this long.
    pub drain_timeout_ms: u64,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 7410)),
            admin_address: None,
            tls: None,
            admin_tls: None,
            reflection: true,
            connections_max: 2_000,
            drain_notice_ms: 2_000,
            drain_timeout_ms: 30_000,
        }
    }
}

impl ListenSettings {
    /// Opens what both addresses are secured with.
    ///
    /// # Errors
    /// Names the section and the file that cannot be used.
    pub fn open_tls(&self) -> Result<ListenTls, SettingsError> {
        ListenTls::open(self.tls.as_ref(), self.admin_tls.as_ref()).map_err(|error| SettingsError::Value(with_causes(&error)))
    }

    /// How long health says that it stops, before it does.
    #[must_use]
    pub fn drain_notice(&self) -> Duration {
        Duration::from_millis(self.drain_notice_ms)
    }

    /// How long a drain lets requests in flight end.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }
}

impl RegistrySettings {
    /// Reads `file` and the environment above it.
    ///
    /// # Errors
    /// Names the file, key or variable that is wrong.
    pub fn read(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::above_defaults(read_file(file)?, environment)
    }

    /// Reads settings from their text, with the environment above it.
    ///
    /// # Errors
    /// Names the key or variable that is wrong.
    pub fn parse(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::above_defaults(parse(text)?, environment)
    }

    fn above_defaults(file: Table, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let settings: Self = layered(KNOWN, [parse(DEFAULTS)?, file], environment)?;
        settings.check()?;
        Ok(settings)
    }

    /// The board of the settings; its key is read from its file.
    ///
    /// # Errors
    /// Names the key file that cannot be used.
    pub fn board(&self) -> Result<BoardSettings, SettingsError> {
        let key = match &self.compile.key_file {
            Some(path) => {
                JobKey::read(path).map_err(|error| SettingsError::Value(format!("compile.key_file {}: {}", path.display(), with_causes(&error))))?
            }
            None => JobKey::random(),
        };
        Ok(BoardSettings { key, lease: Duration::from_secs(self.compile.lease_seconds) })
    }

    fn check(&self) -> Result<(), SettingsError> {
        if !(1..=100_000).contains(&self.listen.connections_max) {
            let text = format!("listen.connections_max is {}; it must be between 1 and 100000", self.listen.connections_max);
            return Err(SettingsError::Value(text));
        }
        if !(15..=600).contains(&self.compile.lease_seconds) {
            let text = format!("compile.lease_seconds is {}; it must be between 15 and 600", self.compile.lease_seconds);
            return Err(SettingsError::Value(text));
        }
        if let Some(redis) = &self.redis {
            redis.check().map_err(|error| SettingsError::Value(with_causes(&error)))?;
        }
        if let Some(signer) = &self.signer {
            signer.check().map_err(|error| SettingsError::Value(error.to_string()))?;
        }
        self.upkeep.check().map_err(|error| SettingsError::Value(error.to_string()))
    }

    /// Opens the stores; nothing is asked of them yet.
    ///
    /// # Errors
    /// Says which section cannot be used, and why.
    pub fn open_stores(&self) -> Result<Stores, SettingsError> {
        let mut stores = Stores::single(open("store", &self.store)?);
        let own = [(Environment::Dev, &self.stores.dev), (Environment::Staging, &self.stores.staging), (Environment::Prod, &self.stores.prod)];
        for (env, settings) in own {
            if let Some(settings) = settings {
                stores = stores.with(env, open(&format!("stores.{env}"), settings)?);
            }
        }
        Ok(stores)
    }

    /// Opens the store of backups, where one is named.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn open_backup(&self) -> Result<Option<Store>, SettingsError> {
        self.backup.as_ref().map(|settings| open("backup", settings)).transpose()
    }
}

fn open(section: &str, settings: &StoreSettings) -> Result<Store, SettingsError> {
    Store::open(settings).map_err(|error| SettingsError::Value(format!("[{section}] {}", with_causes(&error))))
}

#[cfg(test)]
mod tests {
    use extensions_identity::Audience;

    use super::*;

    const SMALL: &str = "[identity]\n[store]\ndir = 'x'\n";

    fn parsed(more: &str, environment: &[(&str, &str)]) -> Result<RegistrySettings, SettingsError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        RegistrySettings::parse(&format!("{SMALL}{more}"), environment)
    }

    #[test]
    fn the_page_documents_every_key() {
        assert_eq!(extensions_service::testing::page_agrees::<RegistrySettings>("A registry", KNOWN), Ok(()));
    }

    #[test]
    fn small_settings_have_the_defaults() {
        let settings = parsed("", &[]).unwrap();
        assert_eq!(settings.identity.audience, Audience::Registry, "tokens of the runtime are not the registry's");
        assert_eq!((settings.listen.address.port(), settings.policy), (7410, Policy::default()));
    }

    #[test]
    fn the_environment_reaches_every_section() {
        let settings = parsed(
            "",
            &[("EXT_LISTEN_ADDRESS", "127.0.0.1:1"), ("EXT_STORES_PROD_DIR", "/p"), ("EXT_POLICY_AGENTS_TIER_MAX", "low"), ("EXT_AUDIT_DIR", "/a")],
        );
        let settings = settings.unwrap();
        assert_eq!(settings.listen.address.port(), 1);
        assert_eq!(settings.stores.prod.unwrap().dir.as_deref(), Some(Path::new("/p")));
        assert_eq!(settings.policy.agents.tier_max, extensions_types::RiskTier::Low);
        assert_eq!(settings.audit.dir.as_deref(), Some(Path::new("/a")));
    }

    #[test]
    fn what_is_unknown_or_cannot_work_is_refused_by_name() {
        for (more, word) in [
            ("[listen]\nport = 1\n", "port"),
            ("[stores.qa]\ndir = 'x'\n", "qa"),
            ("[listen]\nconnections_max = 0\n", "connections_max"),
            ("[upkeep]\nconcurrency = 0\n", "concurrency"),
            ("[policy.agents]\ntier_max = 'all'\n", "all"),
        ] {
            assert!(parsed(more, &[]).unwrap_err().to_string().contains(word), "{more}");
        }
        let neither = RegistrySettings::parse("[identity]\n[store]\n", []).unwrap().open_stores().unwrap_err();
        assert!(neither.to_string().contains("[store]"), "{neither}");
    }
}
