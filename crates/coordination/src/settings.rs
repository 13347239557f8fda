//! The `[redis]` section: where Redis is, and what programs prove to each other.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use extensions_service::FollowError;
use extensions_tls::{ClientTlsSettings, TlsError};
use extensions_types::Environment;
use serde::Deserialize;

/// Redis's own port.
const PORT_DEFAULT: u16 = 6379;
/// Databases that a stock Redis has.
const DATABASE_MAX: u8 = 15;
/// A namespace stands in every key and channel.
const NAMESPACE_BYTES_MAX: usize = 64;
/// Below it, a network's ordinary jitter looks like a Redis that is gone; above
/// it, a slow Redis holds up those who announce.
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 20..=10_000;

/// The `[redis]` section of host, registry and worker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisSettings {
    /// `redis://host[:port][/db]`, or `rediss://` over TLS. Name and password
    /// never stand in it.
    pub url: String,
    /// The ACL user; none: Redis's `default`.
    #[serde(default)]
    pub username: Option<String>,
    /// A file with the password, read at every connect.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// In front of every key and channel, so that fleets can share a Redis.
    #[serde(default = "namespace_default")]
    pub namespace: String,
    /// A file of at least 32 bytes that all programs of an environment share:
    /// what they say is authenticated with it.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Keys of single environments, above `key_file`: for a registry, which
    /// speaks in all of them.
    #[serde(default)]
    pub keys: KeyFiles,
    /// One operation's time.
    #[serde(default = "timeout_default")]
    pub timeout_ms: u64,
    /// Whom to trust, and what to show, over `rediss://`.
    #[serde(default)]
    pub tls: ClientTlsSettings,
}

/// Keys of single environments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyFiles {
    /// Of dev.
    pub dev: Option<PathBuf>,
    /// Of staging.
    pub staging: Option<PathBuf>,
    /// Of prod.
    pub prod: Option<PathBuf>,
}

fn namespace_default() -> String {
    "extensions".to_owned()
}

const fn timeout_default() -> u64 {
    500
}

/// Why a `[redis]` section cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL says nothing that can be reached.
    #[error("redis.url {url:?}: {problem}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The namespace cannot stand in a key.
    #[error("redis.namespace {0:?} must be 1 to {NAMESPACE_BYTES_MAX} of a-z, 0-9, `-` and `_`")]
    Namespace(String),
    /// Outside its bounds.
    #[error("redis.timeout_ms is {0}; it must be between {min} and {max}", min = TIMEOUT_MS.start(), max = TIMEOUT_MS.end())]
    Timeout(u64),
    /// A key file cannot be used.
    #[error("redis.{setting}")]
    Key {
        /// Which setting.
        setting: String,
        /// Why not.
        #[source]
        source: FollowError,
    },
    /// The section `[redis.tls]` cannot be used.
    #[error("[redis.tls]")]
    Tls(#[source] TlsError),
    /// TLS is configured for a connection without it.
    #[error("[redis.tls] is set, but redis.url begins with redis://; use rediss:// to speak TLS")]
    TlsUnused,
}

/// Where Redis is, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: u8,
    pub(crate) tls: bool,
}

impl RedisSettings {
    /// Settings of a Redis at `url`, everything else as it is by default.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password_file: None,
            namespace: namespace_default(),
            key_file: None,
            keys: KeyFiles::default(),
            timeout_ms: timeout_default(),
            tls: ClientTlsSettings::default(),
        }
    }

    /// Checks everything that can be checked without asking Redis: the URL, the
    /// bounds, that keys and certificates can be used.
    ///
    /// # Errors
    /// Names the setting that cannot work.
    pub fn check(&self) -> Result<(), SettingsError> {
        crate::shared::Shared::new(self.clone()).map(drop)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The key file of an environment, and the setting that names it.
    pub(crate) fn key_of(&self, env: Environment) -> Option<(String, &PathBuf)> {
        let own = match env {
            Environment::Dev => &self.keys.dev,
            Environment::Staging => &self.keys.staging,
            Environment::Prod => &self.keys.prod,
        };
        own.as_ref().map(|path| (format!("keys.{env}"), path)).or_else(|| self.key_file.as_ref().map(|path| ("key_file".to_owned(), path)))
    }

    /// Where Redis is; everything that can be checked without asking it is checked.
    pub(crate) fn checked(&self) -> Result<Address, SettingsError> {
        if !TIMEOUT_MS.contains(&self.timeout_ms) {
            return Err(SettingsError::Timeout(self.timeout_ms));
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if self.namespace.is_empty() || self.namespace.len() > NAMESPACE_BYTES_MAX || !self.namespace.bytes().all(fits) {
            return Err(SettingsError::Namespace(self.namespace.clone()));
        }
        // A secret that was put into the URL must not reach a log.
        let url = if self.url.contains('@') { "…".to_owned() } else { self.url.clone() };
        let address = address(&self.url).map_err(|problem| SettingsError::Url { url, problem })?;
        if !address.tls && !self.tls.is_empty() {
            return Err(SettingsError::TlsUnused);
        }
        Ok(address)
    }
}

fn address(url: &str) -> Result<Address, &'static str> {
    let (rest, tls) = match (url.strip_prefix("redis://"), url.strip_prefix("rediss://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return Err("it must begin with redis:// or rediss:// (over TLS)"),
    };
    if rest.contains('@') {
        return Err("name and password do not belong here; use redis.username and redis.password_file");
    }
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = match database {
        "" => 0,
        number => number.parse().ok().filter(|number| *number <= DATABASE_MAX).ok_or("its path must be a database's number, 0 to 15")?,
    };
    let (host, port) = host_and_port(place)?;
    if host.is_empty() || host.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'?' | b'#')) {
        return Err("it names no host");
    }
    Ok(Address { host, port, database, tls })
}

fn host_and_port(place: &str) -> Result<(String, u16), &'static str> {
    let port = |text: &str| text.parse().ok().filter(|port| *port != 0).ok_or("its port is not a number from 1 to 65535");
    if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("its IPv6 address has no closing bracket")?;
        host.parse::<IpAddr>().map_err(|_| "what stands in its brackets is no IPv6 address")?;
        let port = after.strip_prefix(':').map_or(Ok(PORT_DEFAULT), port)?;
        return Ok((host.to_owned(), port));
    }
    match place.split_once(':') {
        Some((host, number)) => Ok((host.to_owned(), port(number)?)),
        None => Ok((place.to_owned(), PORT_DEFAULT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, port: u16, database: u8, tls: bool) -> Address {
        Address { host: host.to_owned(), port, database, tls }
    }

    #[test]
    fn urls_name_a_place() {
        for (url, expected) in [
            ("redis://localhost", found("localhost", 6379, 0, false)),
            ("redis://127.0.0.1:6400/3", found("127.0.0.1", 6400, 3, false)),
            ("rediss://redis.example:6380/", found("redis.example", 6380, 0, true)),
            ("rediss://[::1]:7000/1", found("::1", 7000, 1, true)),
        ] {
            assert_eq!(RedisSettings::at(url).checked().unwrap(), expected, "{url}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_and_secrets_are_not_repeated() {
        for url in ["", "http://x", "redis://", "redis://x:0", "redis://x:port", "redis://x/16", "redis://x/db", "redis://[::1", "redis://a b"] {
            assert!(matches!(RedisSettings::at(url).checked(), Err(SettingsError::Url { .. })), "{url}");
        }
        let with_password = RedisSettings::at("redis://me:hunter2@x").checked().unwrap_err().to_string();
        assert!(with_password.contains("password_file") && !with_password.contains("hunter2"), "{with_password}");
        for namespace in ["", "a:b", "A", "a b", &"x".repeat(65)] {
            let settings = RedisSettings { namespace: namespace.to_owned(), ..RedisSettings::at("redis://x") };
            assert!(matches!(settings.checked(), Err(SettingsError::Namespace(_))), "{namespace}");
        }
        for timeout_ms in [0, 19, 10_001] {
            let settings = RedisSettings { timeout_ms, ..RedisSettings::at("redis://x") };
            assert!(matches!(settings.checked(), Err(SettingsError::Timeout(_))), "{timeout_ms}");
        }
    }

    #[test]
    fn tls_that_would_not_be_spoken_is_refused() {
        let tls = ClientTlsSettings { ca_file: Some("ca.pem".into()), ..ClientTlsSettings::default() };
        let settings = RedisSettings { tls, ..RedisSettings::at("redis://x") };
        assert!(matches!(settings.checked(), Err(SettingsError::TlsUnused)));
        assert!(RedisSettings { url: "rediss://x".to_owned(), ..settings }.checked().is_ok());
    }

    #[test]
    fn an_environments_own_key_stands_above_the_shared_one() {
        let mut settings = RedisSettings { key_file: Some("all".into()), ..RedisSettings::at("redis://x") };
        settings.keys.prod = Some("prod".into());
        assert_eq!(settings.key_of(Environment::Prod), Some(("keys.prod".to_owned(), &PathBuf::from("prod"))));
        assert_eq!(settings.key_of(Environment::Dev), Some(("key_file".to_owned(), &PathBuf::from("all"))));
    }
}
