//! Which hosts live, and which of them serve what an entry has become.

use extensions_proto::v1;
use extensions_types::{Environment, ExtensionId};
use serde::Serialize;

use super::{
    RegistryClient,
    read::{self, needed},
    word,
};
use crate::InvokeError;

/// An environment's hosts, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hosts {
    /// Whether anybody knows which hosts live: without Redis nobody does.
    pub known: bool,
    /// Why nobody knows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unknown_because: String,
    /// By id.
    pub hosts: Vec<Host>,
    /// Heartbeats that were not believed: forged, or of another key.
    pub refused: u64,
    /// False where there are more hosts than a list shows.
    pub whole: bool,
    /// The event that is asked about; 0: none.
    pub seq: u64,
}

/// Whether a host serves what is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Serves {
    /// Calls are answered by it.
    Yes,
    /// It has not come that far.
    NotYet,
    /// It cannot load it, and goes on serving what it had.
    Kept,
    /// Its heartbeat does not tell.
    Unknown,
}

/// One host. What is the platform's own is empty for tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its id: another after each start.
    pub host: String,
    /// It takes calls.
    pub ready: bool,
    /// It is about to end.
    pub draining: bool,
    /// Whether it serves what is asked about; none: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<Serves>,
    /// Why it does not, where that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Whether its heartbeat carries proof of who said it.
    pub authenticated: bool,
    /// How long ago it said this, by its clock and the registry's.
    pub age_ms: u64,
    /// The program's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// The compatibility hash of the code that it loads.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub compat: String,
    /// When it started, by its own clock; 0: not told.
    pub started_ms: u64,
    /// Where it is called, if it says so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The control that rules it: its generation and last event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<HostControl>,
    /// How long ago it last read the store's whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_age_ms: Option<u64>,
    /// Extensions in its catalog.
    pub extensions: u64,
    /// Extensions whose code is loaded.
    pub loaded: u64,
    /// What does not work there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<HostProblem>,
}

/// The control that rules a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HostControl {
    /// Outranks `seq`.
    pub generation: u64,
    /// The last event that it knows of.
    pub seq: u64,
}

/// Something that does not work on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostProblem {
    /// Whose extension; empty where it is the host's own.
    pub tenant: String,
    /// Which.
    pub extension: String,
    /// What is wrong.
    pub problem: String,
}

impl RegistryClient {
    /// Which hosts of `env` live. For operators.
    ///
    /// # Errors
    /// When the platform refuses or is not reached; that nobody knows the hosts is an answer.
    pub async fn hosts(&self, env: Environment) -> Result<Hosts, InvokeError> {
        self.ask_hosts(env, String::new(), 0).await
    }

    /// Which hosts of `env` serve what the entry of `extension` became with
    /// event `seq`, or a newer one; 0: whatever it is now.
    ///
    /// # Errors
    /// When the platform refuses or is not reached; that nobody knows the hosts is an answer.
    pub async fn hosts_of(&self, env: Environment, extension: &ExtensionId, seq: u64) -> Result<Hosts, InvokeError> {
        self.ask_hosts(env, extension.to_string(), seq).await
    }

    async fn ask_hosts(&self, env: Environment, extension_id: String, seq: u64) -> Result<Hosts, InvokeError> {
        let request = v1::ListHostsRequest { env: word(env), tenant_id: self.tenant_id(), extension_id, seq };
        hosts(self.call(request, |mut grpc, request| async move { grpc.list_hosts(request).await }).await?)
    }
}

fn hosts(message: v1::ListHostsResponse) -> Result<Hosts, InvokeError> {
    let v1::ListHostsResponse { known, unknown_because, hosts, refused, whole, seq } = message;
    Ok(Hosts { known, unknown_because, hosts: read::all(hosts, host)?, refused, whole, seq })
}

fn host(message: v1::Host) -> Result<Host, InvokeError> {
    let problem = |one: v1::HostProblem| HostProblem { tenant: one.tenant_id, extension: one.extension_id, problem: one.problem };
    Ok(Host {
        serves: serves(message.serves)?,
        host: message.host,
        ready: message.ready,
        draining: message.draining,
        because: message.because,
        authenticated: message.authenticated,
        age_ms: message.age_ms,
        build: message.build,
        compat: message.compat,
        started_ms: message.started_ms,
        address: message.address,
        control: message.control.map(|at| HostControl { generation: at.generation, seq: at.seq }),
        listed_age_ms: message.listed_age_ms,
        extensions: message.extensions,
        loaded: message.loaded,
        problems: message.problems.into_iter().map(problem).collect(),
    })
}

fn serves(number: i32) -> Result<Option<Serves>, InvokeError> {
    Ok(match needed("host.serves", v1::Serves::try_from(number).ok())? {
        v1::Serves::Unspecified => None,
        v1::Serves::Yes => Some(Serves::Yes),
        v1::Serves::NotYet => Some(Serves::NotYet),
        v1::Serves::Kept => Some(Serves::Kept),
        v1::Serves::Unknown => Some(Serves::Unknown),
    })
}
