//! Which server a command talks to, and as whom.

use std::time::Duration;

use extensions_client::{Builder, Client, Endpoint, HttpClient};

use crate::{args::Global, dev_state, failure::Failure};

/// A server and a token for it.
pub(crate) struct Server {
    endpoint: Endpoint,
    token: Option<String>,
}

impl Server {
    /// What the flags and variables name, else the running `ext dev`.
    pub(crate) fn of(global: &Global) -> Result<Self, Failure> {
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
            None => dev_state::read()?.filter(|running| running.is_at(&server)).map(|running| running.token),
        };
        Ok(Self { endpoint: server.parse()?, token })
    }

    pub(crate) fn grpc(&self, timeout: Duration) -> Result<Client, Failure> {
        Ok(self.builder(timeout, Client::builder()).connect(&self.endpoint)?)
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
