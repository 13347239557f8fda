//! Which server a command talks to, and as whom.

use std::time::Duration;

use extensions_client::{Builder, Client, Endpoint, HttpClient, registry::RegistryClient};

use crate::{
    args::Global,
    dev_state::{self, Running},
    failure::Failure,
};

/// A server and a token for it.
pub(crate) struct Server {
    endpoint: Endpoint,
    token: Option<String>,
}

impl Server {
    /// What the flags and variables name, else the running `ext dev`.
    pub(crate) fn of(global: &Global) -> Result<Self, Failure> {
        Self::with_token(global, |running| running.token)
    }

    /// The same, as whoever operates the running `ext dev`.
    pub(crate) fn for_operators(global: &Global) -> Result<Self, Failure> {
        Self::with_token(global, |running| running.operator_token)
    }

    fn with_token(global: &Global, of_running: impl FnOnce(Running) -> String) -> Result<Self, Failure> {
        let running = || -> Result<_, Failure> {
            dev_state::read()?
                .ok_or_else(|| Failure::Unreachable("no platform is running here; start one with `ext dev`, or name one with --server".to_owned()))
        };
        let server = match &global.server {
            Some(server) => server.clone(),
            None => running()?.server,
        };
        let token = match &global.token {
            Some(token) => Some(token.clone()),
            // The development token is for this machine's platform alone, never for a server that is named.
            None => dev_state::read()?.filter(|running| running.is_at(&server)).map(of_running),
        };
        Ok(Self { endpoint: server.parse()?, token })
    }

    pub(crate) fn grpc(&self, timeout: Duration) -> Result<Client, Failure> {
        Ok(self.builder(timeout, Client::builder()).connect(&self.endpoint)?)
    }

    pub(crate) fn registry(&self, timeout: Duration) -> Result<RegistryClient, Failure> {
        Ok(self.builder(timeout, RegistryClient::builder()).connect_registry(&self.endpoint)?)
    }

    pub(crate) fn http(&self, timeout: Duration) -> Result<HttpClient, Failure> {
        Ok(self.builder(timeout, HttpClient::builder()).connect_http(&self.endpoint)?)
    }

    fn builder(&self, timeout: Duration, builder: Builder) -> Builder {
        let builder = builder.timeout(timeout);
        match &self.token {
            Some(token) => builder.token(token.clone()),
            None => builder,
        }
    }
}
