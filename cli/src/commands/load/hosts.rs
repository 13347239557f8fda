//! Connections to the hosts under load, and what each host answered.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use extensions_client::{Batch, Client, HttpClient, Invocation, Invoke, InvokeError, Results};
use extensions_types::ErrorCode;

use super::tally::{Ended, Tally};
use crate::{
    args::{Global, Load, Transport},
    commands::server::Server,
    failure::Failure,
};

/// Calls in flight on one gRPC connection: below the streams that a host allows (256).
const STREAMS: usize = 100;

/// One connection, and whose it is.
#[derive(Debug)]
pub(super) struct Connection {
    client: Transported,
    pub(super) host: Arc<Host>,
}

#[derive(Debug)]
enum Transported {
    Grpc(Box<Client>),
    Http(Box<HttpClient>),
}

/// One host and what it answered.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) url: String,
    tallies: Mutex<Tallies>,
}

/// Each stage's whole, and what came since it was last looked at.
#[derive(Debug, Default)]
struct Tallies {
    stages: Vec<Tally>,
    recent: Tally,
}

impl Host {
    fn at(url: String) -> Arc<Self> {
        Arc::new(Self { url, tallies: Mutex::default() })
    }

    /// A call of this stage has ended.
    pub(super) fn record(&self, stage: usize, ended: &Ended<'_>) {
        let mut tallies = self.tallies();
        while tallies.stages.len() <= stage {
            tallies.stages.push(Tally::default());
        }
        tallies.stages[stage].record(ended);
        tallies.recent.record(ended);
    }

    /// What came since this was last asked.
    pub(super) fn take_recent(&self) -> Tally {
        std::mem::take(&mut self.tallies().recent)
    }

    /// How many calls have ended.
    pub(super) fn calls(&self) -> u64 {
        self.tallies().stages.iter().map(Tally::calls).sum()
    }

    /// What came of one stage.
    pub(super) fn of_stage(&self, stage: usize) -> Tally {
        self.tallies().stages.get(stage).cloned().unwrap_or_default()
    }

    /// What came of all stages.
    pub(super) fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies().stages.iter().for_each(|stage| total.add(stage));
        total
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// As many to each host as were asked for, those of one host apart from each other, so that calls go to hosts in turn.
    pub(super) fn all(load: &Load, global: &Global) -> Result<Vec<Self>, Failure> {
        let server = Server::at_hosts(global, &load.hosts)?;
        let hosts: Vec<_> = server.hosts()?.iter().map(|endpoint| (endpoint, Host::at(endpoint.to_string()))).collect();
        let timeout = Duration::from_millis(load.timeout_ms.into());
        let mut connections = Vec::new();
        for _ in 0..load.connections {
            for (endpoint, host) in &hosts {
                let client = match load.transport {
                    Transport::Grpc => Transported::Grpc(Box::new(server.builder(timeout, Client::builder()).retries(0).connect(endpoint)?)),
                    Transport::Http => Transported::Http(Box::new(server.builder(timeout, HttpClient::builder()).retries(0).connect_http(endpoint)?)),
                };
                connections.push(Self { client, host: Arc::clone(host) });
            }
        }
        Ok(connections)
    }

    /// How many calls one may carry at a time.
    pub(super) fn calls_max(transport: Transport) -> usize {
        match transport {
            Transport::Grpc => STREAMS,
            Transport::Http => 1,
        }
    }

    pub(super) async fn call(&self, call: Invoke) -> Result<Invocation, InvokeError> {
        match &self.client {
            Transported::Grpc(client) => client.invoke(call).await,
            Transported::Http(client) => client.invoke(call).await,
        }
    }

    pub(super) async fn call_batch(&self, batch: Batch) -> Result<Results, InvokeError> {
        match &self.client {
            Transported::Grpc(client) => client.invoke_batch(batch).await,
            Transported::Http(client) => client.invoke_batch(batch).await,
        }
    }

    /// Opens it with one call that is not counted. What this fails with would fail every call: no server, no right.
    pub(super) async fn open(&self, call: Invoke) -> Result<(), Failure> {
        let Err(error) = self.call(call).await else { return Ok(()) };
        let hopeless = match error.code() {
            Some(code) => {
                matches!(code, ErrorCode::Unauthenticated | ErrorCode::PermissionDenied | ErrorCode::TenantMismatch | ErrorCode::BadRequest)
            }
            None => true,
        };
        if hopeless { Err(named(&self.host.url, error.into())) } else { Ok(()) }
    }
}

fn named(url: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Answered { code, message } => Failure::Answered { code, message: format!("{url}: {message}") },
        Failure::Unreachable(text) => Failure::Unreachable(format!("{url}: {text}")),
        other => other,
    }
}
