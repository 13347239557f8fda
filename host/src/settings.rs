//! A host's settings: one TOML file, with `EXT_<SECTION>_<KEY>` above it.
//!
//! docs/configuration.md lists every key; unknown ones are refused.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_admission::MetricsSettings;
use extensions_artifact::StoreSettings;
use extensions_breakers::BreakerSettings;
use extensions_coordination::RedisSettings;
use extensions_engine_config::{MemoryReset, Profile};
use extensions_front::Timeouts;
use extensions_identity::IdentitySettings;
use extensions_quota::QuotaSettings;
use extensions_service::{Known, LogSettings, SettingsError, layered, parse, read_file};
use extensions_store_catalog::CatalogSettings;
use extensions_tls::{ListenTls, ServerTlsSettings};
use extensions_types::{Environment, with_causes};
use serde::Deserialize;

use crate::{AotSettings, NameSettings};

/// What a variable may set. Lists (issuers, grants) are for the file alone.
const KNOWN: Known = Known {
    sections: &[
        "listen",
        "listen.tls",
        "listen.admin_tls",
        "engine",
        "breaker",
        "quota",
        "identity",
        "store",
        "store.s3",
        "catalog",
        "aot",
        "redis",
        "redis.keys",
        "redis.tls",
        "host",
        "metrics",
        "log",
    ],
    top: &["env", "data_dir"],
};

/// Everything that a host can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// The environment that this host serves.
    pub env: Environment,
    /// Where code and keys of this host are kept: a directory of its user alone.
    pub data_dir: PathBuf,
    /// Addresses.
    #[serde(default)]
    pub listen: ListenSettings,
    /// Lanes and memory.
    #[serde(default)]
    pub engine: EngineSettings,
    /// When versions that fail are no longer called.
    #[serde(default)]
    pub breaker: BreakerSettings,
    /// What a host takes of the fleet's quotas.
    #[serde(default)]
    pub quota: QuotaSettings,
    /// Whose tokens are accepted.
    pub identity: IdentitySettings,
    /// Where the environment's entries and components lie.
    #[serde(default)]
    pub store: Option<StoreSettings>,
    /// How they are followed.
    #[serde(default)]
    pub catalog: CatalogSettings,
    /// Whose machine code it loads beside its own.
    #[serde(default)]
    pub aot: AotSettings,
    /// What tells this host of changes, and the fleet of this host; none: it polls.
    #[serde(default)]
    pub redis: Option<RedisSettings>,
    /// What it is called there.
    #[serde(default)]
    pub host: NameSettings,
    /// Which figures it gives.
    #[serde(default)]
    pub metrics: MetricsSettings,
    /// The host's own log.
    #[serde(default)]
    pub log: LogSettings,
}

/// Where a host listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenSettings {
    /// gRPC and HTTP.
    pub address: SocketAddr,
    /// The same as a Unix socket, mode 0660.
    pub unix: Option<PathBuf>,
    /// Metrics and admin.
    pub admin_address: Option<SocketAddr>,
    /// TLS of both addresses; none: in the open, behind a mesh or gateway.
    pub tls: Option<ServerTlsSettings>,
    /// TLS of `admin_address`, where it differs.
    pub admin_tls: Option<ServerTlsSettings>,
    /// Metrics and admin on the main address too.
    pub merge_admin: bool,
    /// gRPC reflection.
    pub reflection: bool,
    /// Threads that serve connections and start calls; 0 for one per core.
    pub io_threads: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Before a drain closes the listeners, health says so for this long.
    pub drain_notice_ms: u64,
    /// A drain lets calls in flight end for this long.
    pub drain_timeout_ms: u64,
    /// How long peers may take: for programs that compose a host, no key of the file.
    #[serde(skip)]
    pub timeouts: Timeouts,
}

impl Default for ListenSettings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 7400)),
            unix: None,
            admin_address: None,
            tls: None,
            admin_tls: None,
            merge_admin: false,
            reflection: true,
            io_threads: 0,
            connections_max: 10_000,
            drain_notice_ms: 2_000,
            drain_timeout_ms: 30_000,
            timeouts: Timeouts::default(),
        }
    }
}

impl ListenSettings {
    /// How long a drain lets calls in flight end.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    /// Opens what both addresses are secured with.
    ///
    /// # Errors
    /// Names the section and the file that cannot be used.
    pub fn open_tls(&self) -> Result<ListenTls, SettingsError> {
        ListenTls::open(self.tls.as_ref(), self.admin_tls.as_ref()).map_err(|error| SettingsError::Value(with_causes(&error)))
    }

    /// The number of I/O threads, counted if it was left open.
    #[must_use]
    pub fn io_threads(&self) -> usize {
        match self.io_threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }
}

/// How a host runs extensions.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// `guards` or `hardened`.
    pub profile: String,
    /// `keep`, or `scan` where swap is impossible.
    pub memory_reset: String,
    /// Long calls at once, running or waiting.
    pub slow_calls_max: usize,
    /// Sum of the memory limits of those calls, in MiB.
    pub slow_memory_mb_max: usize,
    /// Instances made ready ahead, where an extension's own start is dear; 0 for none.
    pub ready_instances_max: usize,
    /// Sum of what they hold, in MiB.
    pub ready_memory_mb_max: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let (profile, memory_reset) = ("guards".to_owned(), "keep".to_owned());
        Self { profile, memory_reset, slow_calls_max: 128, slow_memory_mb_max: 4_096, ready_instances_max: 32, ready_memory_mb_max: 64 }
    }
}

impl EngineSettings {
    pub(crate) fn resolve(&self, io_threads: usize) -> Result<extensions_engine::Settings, SettingsError> {
        let profile = Profile::named(&self.profile)
            .ok_or_else(|| SettingsError::Value(format!("engine.profile is `{}`; it must be guards or hardened", self.profile)))?;
        let memory_reset = match self.memory_reset.as_str() {
            "keep" => MemoryReset::Keep,
            "scan" => MemoryReset::Scan,
            other => return Err(SettingsError::Value(format!("engine.memory_reset is `{other}`; it must be keep or scan"))),
        };
        if !(1..=1_024).contains(&self.slow_calls_max) {
            return Err(SettingsError::Value(format!("engine.slow_calls_max is {}; it must be between 1 and 1024", self.slow_calls_max)));
        }
        if self.ready_instances_max > 1_024 {
            return Err(SettingsError::Value(format!("engine.ready_instances_max is {}; it must be at most 1024", self.ready_instances_max)));
        }
        Ok(extensions_engine::Settings {
            profile,
            memory_reset,
            io_threads,
            slow_calls_max: self.slow_calls_max,
            slow_memory_bytes_max: self.slow_memory_mb_max.saturating_mul(1 << 20),
            ready_instances_max: self.ready_instances_max,
            ready_memory_bytes_max: self.ready_memory_mb_max.saturating_mul(1 << 20),
        })
    }
}

impl HostSettings {
    /// Checks values that the file's form allows and this program does not.
    ///
    /// # Errors
    /// Names the first that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.listen.open_tls()?;
        self.metrics.check().map_err(|error| SettingsError::Value(error.to_string()))?;
        let sees_certificates = self.listen.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        self.identity.check(sees_certificates).map_err(|error| SettingsError::Value(with_causes(&error)))?;
        self.host.check()?;
        self.quota.check().map_err(|error| SettingsError::Value(error.to_string()))?;
        self.aot.check()?;
        self.breaker.check().map_err(|error| SettingsError::Value(error.to_string()))?;
        if let Some(redis) = &self.redis {
            redis.check().map_err(|error| SettingsError::Value(with_causes(&error)))?;
        }
        self.engine.resolve(self.listen.io_threads()).map(drop)
    }

    /// Reads `file` and the environment above it.
    ///
    /// # Errors
    /// Names the file, key or variable that is wrong.
    pub fn read(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::layered([Self::read_file(file)?], environment)
    }

    /// Reads a settings file without interpreting it: a layer for [`Self::layered`].
    ///
    /// # Errors
    /// When it cannot be read or is not TOML.
    pub fn read_file(file: &Path) -> Result<toml::Table, SettingsError> {
        read_file(file)
    }

    /// Reads settings from their text, with the environment above it.
    ///
    /// # Errors
    /// Names the key or variable that is wrong.
    pub fn parse(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::layered([parse(text)?], environment)
    }

    /// Puts `layers` above each other, the last one on top but for the environment.
    ///
    /// # Errors
    /// Names the key or variable that is wrong.
    pub fn layered(
        layers: impl IntoIterator<Item = toml::Table>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        layered(KNOWN, layers, environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "env = \"dev\"\ndata_dir = \"data\"\n[identity]\n";

    fn parse(more: &str, environment: &[(&str, &str)]) -> Result<HostSettings, SettingsError> {
        HostSettings::parse(&format!("{SMALL}{more}"), environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn the_page_documents_every_key() {
        assert_eq!(extensions_service::testing::page_agrees::<HostSettings>("A host", KNOWN), Ok(()));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[listen]\naddress = \"127.0.0.1:1\"\nio_threads = 3\n";
        let settings =
            parse(file, &[("EXT_LISTEN_ADDRESS", "127.0.0.1:2"), ("EXT_ENGINE_SLOW_CALLS_MAX", "7"), ("EXT_LISTEN_REFLECTION", "false")]).unwrap();
        assert_eq!(settings.listen.address.port(), 2);
        assert_eq!(settings.listen.io_threads, 3);
        assert_eq!(settings.engine.slow_calls_max, 7);
        assert!(!settings.listen.reflection);
    }

    #[test]
    fn unknown_keys_and_variables_are_refused_by_name() {
        assert!(parse("[listen]\nport = 1\n", &[]).unwrap_err().to_string().contains("port"));
        assert!(parse("", &[("EXT_LISTEN_PORT", "1")]).unwrap_err().to_string().contains("port"));
        assert!(parse("", &[("EXT_ENGINE_", "1")]).is_err());
        assert!(parse("", &[("EXT_TOKEN", "x"), ("EXT_SERVER", "y"), ("PATH", "z")]).is_ok(), "the command line's own variables");
    }

    #[test]
    fn a_store_and_how_it_is_followed() {
        let settings = parse("[store]\ndir = \"there\"\n[catalog]\npreload = [\"acme/discount\"]\n", &[("EXT_CATALOG_POLL_MS", "700")]).unwrap();
        assert_eq!(settings.store.unwrap().dir.unwrap(), Path::new("there"));
        assert_eq!((settings.catalog.poll_ms, settings.catalog.preload.len()), (700, 1));
        assert!(parse("[catalog]\npreload = [\"acme\"]\n", &[]).unwrap_err().to_string().contains("TENANT/EXTENSION"));
        assert!(parse("", &[]).unwrap().store.is_none());
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        for (key, value) in [("memory_reset", "\"fast\""), ("profile", "\"none\""), ("slow_calls_max", "0"), ("ready_instances_max", "1025")] {
            let settings = parse(&format!("[engine]\n{key} = {value}\n"), &[]).unwrap();
            assert!(settings.engine.resolve(1).unwrap_err().to_string().contains(key));
        }
    }
}
