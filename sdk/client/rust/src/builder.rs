//! What a client is set up with.

use std::time::Duration;

use extensions_tls::{ClientTls, ClientTlsSettings, TlsError};
use http::HeaderValue;

use crate::{Client, Endpoint, HttpClient, RETRIES_DEFAULT, registry::RegistryClient};

/// The platform's longest wall limit: no call runs longer.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Settings of a client before it has an endpoint.
#[derive(Debug, Clone)]
pub struct Builder {
    token: Option<String>,
    timeout: Duration,
    retries: u32,
    tls: Option<ClientTls>,
}

/// What is wrong with a client's settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The token cannot stand in a header.
    #[error("the token holds characters that no token has; pass it without quotes and line ends")]
    Token,
    /// The transport does not take the endpoint.
    #[error("cannot use the endpoint {endpoint}")]
    Endpoint {
        /// As given.
        endpoint: String,
        /// What the transport said.
        #[source]
        source: tonic::transport::Error,
    },
    /// An `https://` endpoint, and nothing to trust its certificate by.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsError),
}

/// What both clients keep of their settings.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { token: None, timeout: TIMEOUT_DEFAULT, retries: RETRIES_DEFAULT, tls: None }
    }

    /// The token to send, without `Bearer`.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The deadline of calls that name none; 30 s otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often a call is repeated at most; 2 otherwise, 0 for never.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How `https://` endpoints are reached: with own authorities, or with a
    /// certificate of the client. Otherwise with the machine's authorities.
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// A gRPC client. Connects when it is first used; must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the token or the endpoint cannot be used.
    pub fn connect(self, endpoint: &Endpoint) -> Result<Client, ConfigError> {
        Client::new(endpoint, self.tls_for(endpoint)?.as_ref(), self.settings()?)
    }

    /// A plain HTTP client. Connects when it is first used.
    ///
    /// # Errors
    /// When the token or the endpoint cannot be used.
    pub fn connect_http(self, endpoint: &Endpoint) -> Result<HttpClient, ConfigError> {
        Ok(HttpClient::new(endpoint, self.tls_for(endpoint)?.as_ref(), self.settings()?))
    }

    /// A client of the registry. Connects when it is first used; must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// When the token or the endpoint cannot be used.
    pub fn connect_registry(self, endpoint: &Endpoint) -> Result<RegistryClient, ConfigError> {
        RegistryClient::new(endpoint, self.tls_for(endpoint)?.as_ref(), self.settings()?)
    }

    /// What `endpoint` is reached with; none in the open.
    fn tls_for(&self, endpoint: &Endpoint) -> Result<Option<ClientTls>, ConfigError> {
        match &self.tls {
            _ if !endpoint.is_secured() => Ok(None),
            Some(tls) => Ok(Some(tls.clone())),
            None => Ok(Some(ClientTls::open(&ClientTlsSettings::default())?)),
        }
    }

    fn settings(self) -> Result<Settings, ConfigError> {
        let authorization = self.token.as_deref().map(bearer).transpose()?;
        Ok(Settings { authorization, timeout: self.timeout, retries: self.retries })
    }
}

/// The `authorization` header for `token`, kept out of debug output.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue, ConfigError> {
    let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| visible).ok_or(ConfigError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}
