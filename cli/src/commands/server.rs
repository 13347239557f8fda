//! Which server a command talks to, and as whom.

use std::time::Duration;

use extensions_client::{Builder, Client, ClientTls, Endpoint, HttpClient, registry::RegistryClient};
use extensions_types::{Environment, with_causes};

use crate::{
    args::Global,
    dev_state::{self, Running},
    failure::Failure,
};

/// Where a registry and the hosts of an environment are, and a token for them.
pub(crate) struct Server {
    registry: Endpoint,
    /// Empty in a fleet that has no host of the environment.
    hosts: Vec<Endpoint>,
    env: Environment,
    token: Option<String>,
    /// For https:// addresses, where one of them is one.
    tls: Option<ClientTls>,
}

impl Server {
    /// What the flags and variables name, else the running `ext dev` or fleet.
    pub(crate) fn of(global: &Global) -> Result<Self, Failure> {
        Self::with_token(global, |running| running.token)
    }

    /// The same, as whoever operates what runs here.
    pub(crate) fn for_operators(global: &Global) -> Result<Self, Failure> {
        Self::with_token(global, |running| running.operator_token)
    }

    /// The admin listener of one host, as whoever operates what runs here.
    pub(crate) fn operated_host(global: &Global, host: &str) -> Result<Self, Failure> {
        let running = dev_state::read()?.filter(|running| running.is_at(host));
        let token = global.token.clone().or_else(|| running.map(|running| running.operator_token));
        let endpoint: Endpoint = host.parse()?;
        Self::reached(endpoint.clone(), vec![endpoint], global, token)
    }

    /// These hosts in place of those that would be found.
    pub(crate) fn at_hosts(global: &Global, hosts: &[String]) -> Result<Self, Failure> {
        let Some(first) = hosts.first() else { return Self::of(global) };
        let running = dev_state::read()?.filter(|running| hosts.iter().all(|host| running.is_at(host)));
        let token = global.token.clone().or_else(|| running.map(|running| running.token));
        let hosts = hosts.iter().map(|host| host.parse()).collect::<Result<_, _>>()?;
        Self::reached(first.parse()?, hosts, global, token)
    }

    fn with_token(global: &Global, of_running: impl FnOnce(Running) -> String) -> Result<Self, Failure> {
        let env = global.env;
        if let Some(server) = &global.server {
            // The development token is for this machine's platform alone, never for a server that is named.
            let found = || -> Result<_, Failure> { Ok(dev_state::read()?.filter(|running| running.is_at(server)).map(of_running)) };
            let token = global.token.clone().map_or_else(found, |token| Ok(Some(token)))?;
            let endpoint: Endpoint = server.parse()?;
            return Self::reached(endpoint.clone(), vec![endpoint], global, token);
        }
        let running = dev_state::read()?
            .ok_or_else(|| Failure::Unreachable("no platform is running here; start one with `ext dev`, or name one with --server".to_owned()))?;
        let hosts = running.serving(env).into_iter().map(str::parse).collect::<Result<_, _>>()?;
        let registry = running.server.parse()?;
        let token = global.token.clone().unwrap_or_else(|| of_running(running));
        Self::reached(registry, hosts, global, Some(token))
    }

    fn reached(registry: Endpoint, hosts: Vec<Endpoint>, global: &Global, token: Option<String>) -> Result<Self, Failure> {
        let secured = hosts.iter().chain([&registry]).any(Endpoint::is_secured);
        let tls = secured.then(|| ClientTls::open(&global.tls())).transpose().map_err(|error| Failure::Usage(with_causes(&error)))?;
        Ok(Self { registry, hosts, env: global.env, token, tls })
    }

    /// The hosts that serve the environment, at least one.
    pub(crate) fn hosts(&self) -> Result<&[Endpoint], Failure> {
        if self.hosts.is_empty() {
            return Err(Failure::Unreachable(format!("no host of {} runs here; name one with --server", self.env)));
        }
        Ok(&self.hosts)
    }

    fn host(&self) -> Result<&Endpoint, Failure> {
        Ok(&self.hosts()?[0])
    }

    pub(crate) fn grpc(&self, timeout: Duration) -> Result<Client, Failure> {
        Ok(self.builder(timeout, Client::builder()).connect(self.host()?)?)
    }

    pub(crate) fn registry(&self, timeout: Duration) -> Result<RegistryClient, Failure> {
        Ok(self.builder(timeout, RegistryClient::builder()).connect_registry(&self.registry)?)
    }

    pub(crate) fn http(&self, timeout: Duration) -> Result<HttpClient, Failure> {
        Ok(self.builder(timeout, HttpClient::builder()).connect_http(self.host()?)?)
    }

    /// With the timeout, the token, and what TLS needs.
    pub(crate) fn builder(&self, timeout: Duration, builder: Builder) -> Builder {
        let builder = match &self.tls {
            Some(tls) => builder.tls(tls.clone()),
            None => builder,
        };
        let builder = builder.timeout(timeout);
        match &self.token {
            Some(token) => builder.token(token.clone()),
            None => builder,
        }
    }
}
