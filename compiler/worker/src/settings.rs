//! A worker's settings: one TOML file, with `EXT_<SECTION>_<KEY>` above it.
//!
//! docs/configuration.md lists every key; unknown ones are refused.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_compile_jobs::WorkerName;
use extensions_coordination::RedisSettings;
use extensions_sandbox::Limits;
use extensions_service::{Known, LogSettings, SettingsError, layered, parse, read_file};
use extensions_tls::{ClientTls, ClientTlsSettings, ServerTls, ServerTlsSettings};
use extensions_types::with_causes;
use serde::Deserialize;
use toml::Table;

/// What a variable may set.
const KNOWN: Known =
    Known { sections: &["registry", "registry.tls", "redis", "redis.keys", "redis.tls", "worker", "limits", "admin", "admin.tls", "log"], top: &[] };

/// Everything that a worker can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// Where jobs come from.
    pub registry: RegistrySettings,
    /// Where hints at jobs come from beside; none: the registry gives all of them.
    #[serde(default)]
    pub redis: Option<RedisSettings>,
    /// The worker itself.
    pub worker: WorkerSection,
    /// What one build may use.
    #[serde(default)]
    pub limits: LimitSettings,
    /// Metrics and probes.
    #[serde(default)]
    pub admin: AdminSettings,
    /// The worker's own log.
    #[serde(default)]
    pub log: LogSettings,
}

/// The `[registry]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrySettings {
    /// Its address: `https://registry:7410`, or `http://…` behind a mesh.
    pub url: String,
    /// A file with the worker's token; read anew for each request, so that it can be replaced.
    pub token_file: PathBuf,
    /// How an `https://` address is reached.
    #[serde(default)]
    pub tls: ClientTlsSettings,
}

impl RegistrySettings {
    fn is_secured(&self) -> bool {
        self.url.starts_with("https://")
    }

    /// Opens what an `https://` address is reached with; none for one in the open.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn open_tls(&self) -> Result<Option<ClientTls>, SettingsError> {
        let opened = self.is_secured().then(|| ClientTls::open(&self.tls)).transpose();
        opened.map_err(|error| SettingsError::Value(format!("[registry.tls] {}", with_causes(&error))))
    }
}

/// The `[worker]` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSection {
    /// Toolchains, prebuilt dependencies, results: what `ext toolchain install` filled as `EXT_HOME`.
    pub home: PathBuf,
    /// What it calls itself, for logs and people.
    #[serde(default = "name")]
    pub name: String,
    /// Jobs at once.
    #[serde(default = "one")]
    pub slots: usize,
    /// Finished compiles that are kept, in MiB.
    #[serde(default = "results_mb")]
    pub results_mb: u64,
    /// How long a drain lets jobs under way end.
    #[serde(default = "drain_timeout_ms")]
    pub drain_timeout_ms: u64,
}

fn name() -> String {
    "worker".to_owned()
}

const fn one() -> usize {
    1
}

/// Some thousand components.
const fn results_mb() -> u64 {
    256
}

/// A build of a large extension from nothing.
const fn drain_timeout_ms() -> u64 {
    60_000
}

/// The `[limits]` section: sums over all processes of one build.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// From start to end.
    pub wall_seconds: u64,
    /// CPU time.
    pub cpu_seconds: u64,
    /// Memory, with everything written.
    pub memory_mb: u64,
    /// Processes at one time.
    pub processes: u32,
    /// Files, which lie in memory.
    pub written_mb: u64,
    /// What is said on stdout and stderr.
    pub output_mb: u64,
    /// All cases of one extension together.
    pub tests_seconds: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            wall_seconds: limits.wall.as_secs(),
            cpu_seconds: limits.cpu.as_secs(),
            memory_mb: limits.memory_bytes >> 20,
            processes: limits.processes,
            written_mb: limits.file_bytes >> 20,
            output_mb: limits.output_bytes >> 20,
            tests_seconds: 120,
        }
    }
}

impl LimitSettings {
    /// As the sandbox takes them.
    #[must_use]
    pub const fn of_build(&self) -> Limits {
        Limits {
            wall: Duration::from_secs(self.wall_seconds),
            cpu: Duration::from_secs(self.cpu_seconds),
            memory_bytes: self.memory_mb << 20,
            processes: self.processes,
            file_bytes: self.written_mb << 20,
            output_bytes: self.output_mb << 20,
        }
    }

    /// For all cases together.
    #[must_use]
    pub const fn of_tests(&self) -> Duration {
        Duration::from_secs(self.tests_seconds)
    }
}

/// The `[admin]` section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminSettings {
    /// Where `/metrics`, `/healthz` and `/readyz` are answered.
    pub address: Option<SocketAddr>,
    /// TLS of that address; none: in the open.
    pub tls: Option<ServerTlsSettings>,
}

impl AdminSettings {
    /// Opens what the address is secured with.
    ///
    /// # Errors
    /// Names the file that cannot be used.
    pub fn open_tls(&self) -> Result<Option<ServerTls>, SettingsError> {
        let opened = self.tls.as_ref().map(ServerTls::open).transpose();
        opened.map_err(|error| SettingsError::Value(format!("[admin.tls] {}", with_causes(&error))))
    }
}

impl WorkerSettings {
    /// Reads `file` and the environment above it.
    ///
    /// # Errors
    /// Names the file, key or variable that is wrong.
    pub fn read(file: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::of(read_file(file)?, environment)
    }

    /// Reads settings from their text, with the environment above it.
    ///
    /// # Errors
    /// Names the key or variable that is wrong.
    pub fn parse(text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        Self::of(parse(text)?, environment)
    }

    fn of(file: Table, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
        let settings: Self = layered(KNOWN, [file], environment)?;
        settings.check()?;
        Ok(settings)
    }

    /// The name, which has been checked.
    #[must_use]
    pub fn name(&self) -> WorkerName {
        WorkerName::parse(&self.worker.name).expect("settings are checked when they are read")
    }

    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |text: String| Err(SettingsError::Value(text));
        if let Err(error) = WorkerName::parse(&self.worker.name) {
            return wrong(format!("worker.name: {error}"));
        }
        if !self.worker.home.is_absolute() {
            return wrong(format!("worker.home is {}; it must be an absolute path", self.worker.home.display()));
        }
        if !self.registry.is_secured() && !self.registry.url.starts_with("http://") {
            return wrong(format!("registry.url is {}; it must begin with https:// or http://", self.registry.url));
        }
        if !self.registry.is_secured() && !self.registry.tls.is_empty() {
            return wrong(format!("[registry.tls] is set, and registry.url is {}; use https://", self.registry.url));
        }
        if let Some(redis) = &self.redis {
            redis.check().map_err(|error| SettingsError::Value(with_causes(&error)))?;
        }
        let limits = &self.limits;
        let bounds = [
            ("worker.slots", self.worker.slots as u64, 1..=64),
            ("worker.results_mb", self.worker.results_mb, 16..=65_536),
            ("worker.drain_timeout_ms", self.worker.drain_timeout_ms, 0..=900_000),
            ("limits.wall_seconds", limits.wall_seconds, 1..=900),
            ("limits.cpu_seconds", limits.cpu_seconds, 1..=7_200),
            ("limits.memory_mb", limits.memory_mb, 64..=65_536),
            ("limits.processes", u64::from(limits.processes), 4..=4_096),
            ("limits.written_mb", limits.written_mb, 16..=65_536),
            ("limits.output_mb", limits.output_mb, 1..=1_024),
            ("limits.tests_seconds", limits.tests_seconds, 1..=900),
        ];
        match bounds.into_iter().find(|(_, value, range)| !range.contains(value)) {
            Some((key, value, range)) => wrong(format!("{key} is {value}; it must be between {} and {}", range.start(), range.end())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "[registry]\nurl = 'http://r:7410'\ntoken_file = '/t'\n[worker]\nhome = '/h'\n";

    fn parsed(more: &str, environment: &[(&str, &str)]) -> Result<WorkerSettings, SettingsError> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        WorkerSettings::parse(&format!("{SMALL}{more}"), environment)
    }

    #[test]
    fn the_page_documents_every_key() {
        assert_eq!(extensions_service::testing::page_agrees::<WorkerSettings>("A compile worker", KNOWN), Ok(()));
    }

    #[test]
    fn small_settings_have_the_sandboxs_limits() {
        let settings = parsed("", &[]).unwrap();
        assert_eq!((settings.limits.of_build(), settings.worker.slots), (Limits::default(), 1));
        assert!(settings.admin.address.is_none());
    }

    #[test]
    fn the_environment_reaches_every_section() {
        let settings = parsed("", &[("EXT_WORKER_SLOTS", "3"), ("EXT_LIMITS_MEMORY_MB", "512"), ("EXT_ADMIN_ADDRESS", "127.0.0.1:1")]).unwrap();
        assert_eq!((settings.worker.slots, settings.limits.of_build().memory_bytes), (3, 512 << 20));
        assert_eq!(settings.admin.address.unwrap().port(), 1);
    }

    #[test]
    fn what_is_unknown_or_cannot_work_is_refused_by_name() {
        for (more, word) in [
            ("colour = 1\n", "colour"),
            ("slots = 0\n", "worker.slots"),
            ("name = ''\n", "worker.name"),
            ("[limits]\nwall_seconds = 100000\n", "limits.wall_seconds"),
            ("[limits]\nthreads = 1\n", "threads"),
            ("[sandbox]\nnone = true\n", "sandbox"),
            ("[redis]\nurl = 'http://r'\n", "redis.url"),
        ] {
            let error = parsed(more, &[]).unwrap_err().to_string();
            assert!(error.contains(word), "{more}: {error}");
        }
        for (key, value, word) in [("EXT_WORKER_HOME", "relative", "worker.home"), ("EXT_REGISTRY_URL", "ftp://r", "registry.url")] {
            assert!(parsed("", &[(key, value)]).unwrap_err().to_string().contains(word));
        }
    }
}
