//! S3 and what speaks like it. Only conditional puts with etags are relied on:
//! the store's own tries replace the client's, which would hide lost answers.

mod connections;
mod credentials;

use std::{net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
};
use serde::Deserialize;

use self::{connections::OwnAuthorities, credentials::Credentials};
use crate::settings::{Secret, SettingsError};

/// How long a connection may take to be made: what answers at all answers sooner.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Ends a request that the store's own time-out, which follows its size, has long given up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Connections kept for the next request.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// A part of a prefix is a name like a tenant's.
const PREFIX_BYTES_MAX: usize = 256;

/// A bucket and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// The server's URL; without it, AWS.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The region.
    #[serde(default = "region")]
    pub region: String,
    /// A folder inside of the bucket, without slashes at its ends.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The access key. Without keys and files, the environment and the machine's role are asked as AWS clients do.
    #[serde(default)]
    pub access_key: Option<Secret>,
    /// The secret key.
    #[serde(default)]
    pub secret_key: Option<Secret>,
    /// A file with the access key.
    #[serde(default)]
    pub access_key_file: Option<PathBuf>,
    /// A file with the secret key.
    #[serde(default)]
    pub secret_key_file: Option<PathBuf>,
    /// Authorities of an `https://` endpoint, as a PEM file; none: the machine's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Name the bucket in the host instead of the path.
    #[serde(default)]
    pub virtual_hosted: bool,
    /// Allow an `http://` endpoint that is not this machine: keys and data travel in the open.
    #[serde(default)]
    pub allow_http: bool,
}

fn region() -> String {
    "us-east-1".to_owned()
}

impl S3Settings {
    /// A bucket of the server at `endpoint`.
    #[must_use]
    pub fn at(endpoint: &str, bucket: &str, access_key: &str, secret_key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            endpoint: Some(endpoint.to_owned()),
            region: region(),
            prefix: None,
            access_key: Some(Secret::new(access_key)),
            secret_key: Some(Secret::new(secret_key)),
            access_key_file: None,
            secret_key_file: None,
            ca_file: None,
            virtual_hosted: false,
            allow_http: false,
        }
    }

    /// What stands before every path: empty, or with a slash at its end.
    pub(crate) fn root(&self) -> String {
        self.prefix.as_ref().map_or_else(String::new, |prefix| format!("{prefix}/"))
    }

    /// One text for one place.
    pub(crate) fn place(&self) -> String {
        let endpoint = self.endpoint.as_deref().unwrap_or("aws").trim_end_matches('/');
        format!("s3 {endpoint} {}/{}", self.bucket, self.root())
    }

    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |name, problem: &str| Err(SettingsError::Value { name, problem: problem.to_owned() });
        if self.bucket.is_empty() || self.bucket.contains('/') {
            return wrong("s3.bucket", "must be a bucket's name; a folder inside of it goes to s3.prefix");
        }
        if self.prefix.as_ref().is_some_and(|prefix| !plain_path(prefix)) {
            return wrong("s3.prefix", "must be names of letters, digits, `-`, `_` and `.`, divided by single slashes");
        }
        let secured = self.endpoint.as_deref().is_none_or(|url| url.starts_with("https://"));
        if self.ca_file.is_some() && !secured {
            return wrong("s3.ca_file", "is for an https:// endpoint");
        }
        match self.endpoint.as_deref() {
            Some(url) if url.starts_with("http://") && !self.allow_http && !on_this_machine(url) => {
                wrong("s3.endpoint", "is not encrypted: use https://, or set s3.allow_http where the network is trusted")
            }
            Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => wrong("s3.endpoint", "must begin with https:// (or http://)"),
            _ => Ok(()),
        }
    }

    fn credentials(&self) -> Result<Option<Credentials>, SettingsError> {
        let access = (self.access_key.as_ref(), self.access_key_file.as_ref());
        Credentials::open(access, (self.secret_key.as_ref(), self.secret_key_file.as_ref()))
    }
}

fn plain_path(prefix: &str) -> bool {
    let plain = |part: &str| {
        let word = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        !part.is_empty() && part != "." && part != ".." && word
    };
    prefix.len() <= PREFIX_BYTES_MAX && prefix.split('/').all(plain)
}

fn on_this_machine(url: &str) -> bool {
    let authority = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A client that tries once and asks for nothing that is not conditional puts.
pub(crate) fn client(settings: &S3Settings) -> Result<AmazonS3, SettingsError> {
    settings.check()?;
    let mut builder = match settings.credentials()? {
        Some(credentials) => AmazonS3Builder::new().with_credentials(Arc::new(credentials)),
        None => AmazonS3Builder::from_env(),
    };
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(ca_file) = &settings.ca_file {
        builder = builder.with_http_connector(OwnAuthorities::open(ca_file).map_err(SettingsError::Tls)?);
    }
    let options = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT)
        .with_pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .with_allow_http(settings.endpoint.as_ref().is_some_and(|url| url.starts_with("http://")));
    builder
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_virtual_hosted_style_request(settings.virtual_hosted)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_disable_bulk_delete(true)
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_client_options(options)
        .build()
        .map_err(SettingsError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut S3Settings)) -> Result<(), SettingsError> {
        let mut settings = S3Settings::at("https://s3.example", "bucket", "access", "secret");
        change(&mut settings);
        client(&settings).map(drop)
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for url in ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000"] {
            assert!(settings(|s| s.endpoint = Some(url.into())).is_ok(), "{url}");
        }
        for url in ["http://10.0.0.1:9000", "http://localhost.example", "http://127.0.0.1@evil.example", "http://[fe80::1]:9000", "ftp://localhost"] {
            assert!(settings(|s| s.endpoint = Some(url.into())).is_err(), "{url}");
        }
        let allowed = settings(|s| (s.endpoint, s.allow_http) = (Some("http://minio.storage:9000".into()), true));
        assert!(allowed.is_ok());
    }

    #[test]
    fn prefixes_are_plain_names() {
        for prefix in ["a", "platform/registry-1", "a.b/_c"] {
            assert!(settings(|s| s.prefix = Some(prefix.into())).is_ok(), "{prefix}");
        }
        for prefix in ["", "/a", "a/", "a//b", "..", "a/../b", "ä", "a b", "a\0"] {
            assert!(settings(|s| s.prefix = Some(prefix.into())).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn keys_come_in_pairs_and_from_one_place() {
        assert!(settings(|s| s.secret_key = None).unwrap_err().to_string().contains("go together"));
        assert!(settings(|s| s.access_key_file = Some("/nowhere".into())).unwrap_err().to_string().contains("given twice"));
        let gone = settings(|s| (s.access_key, s.access_key_file) = (None, Some("/nowhere".into())));
        assert!(gone.unwrap_err().to_string().contains("cannot read /nowhere"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", S3Settings::at("https://s3.example", "bucket", "the-access", "the-secret"));
        assert!(!shown.contains("the-"), "{shown}");
    }
}
