//! The hosts of an environment, and what they serve.

use extensions_coordination::{HostId, HostProblem, Member, Serves, Trust};
use extensions_proto::v1;
use serde::Serialize;

/// An environment's hosts, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HostsView {
    /// Whether anybody knows which hosts live.
    pub known: bool,
    /// Why nobody knows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unknown_because: String,
    /// By id.
    pub hosts: Vec<HostView>,
    /// Heartbeats that were not believed.
    pub refused: u64,
    /// False where there are more hosts than a list shows.
    pub whole: bool,
    /// The event that is asked about; 0: none.
    pub seq: u64,
}

/// Whether a host serves what is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServesView {
    /// Calls are answered by it.
    Yes,
    /// It has not come that far.
    NotYet,
    /// It cannot load it, and goes on serving what it had.
    Kept,
    /// Its heartbeat does not tell.
    Unknown,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostView {
    /// Its id.
    pub host: HostId,
    /// It takes calls.
    pub ready: bool,
    /// It is about to end.
    pub draining: bool,
    /// Whether it serves what is asked about; none: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serves: Option<ServesView>,
    /// Why it does not, where that is known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Whether its heartbeat carries proof of who said it.
    pub authenticated: bool,
    /// How long ago it said this, by both clocks.
    pub age_ms: u64,
    /// The platform's own part.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub inner: Option<HostInner>,
}

/// What operators see of a host beside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostInner {
    /// The program's version.
    pub build: String,
    /// The compatibility hash of the code that it loads.
    pub compat: String,
    /// When it started, by its own clock.
    pub started_ms: u64,
    /// Where it is called, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The control that rules it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<extensions_coordination::ControlAt>,
    /// How long ago it last read the store's whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listed_age_ms: Option<u64>,
    /// Extensions in its catalog.
    pub extensions: u64,
    /// Extensions whose code is loaded.
    pub loaded: u64,
    /// What does not work there.
    pub problems: Vec<HostProblem>,
}

impl HostView {
    /// What `member` is at `now_ms`, and whether it serves what is asked about.
    pub(crate) fn of(member: &Member, serves: Option<Serves>, now_ms: u64, whole: bool) -> Self {
        let said = &member.heartbeat;
        let (serves, because) = match serves {
            None => (None, String::new()),
            Some(Serves::Yes) => (Some(ServesView::Yes), String::new()),
            Some(Serves::NotYet) => (Some(ServesView::NotYet), String::new()),
            Some(Serves::Kept { problem }) => (Some(ServesView::Kept), problem),
            Some(Serves::Unknown) => (Some(ServesView::Unknown), "its heartbeat does not tell".to_owned()),
        };
        let inner = whole.then(|| HostInner {
            build: said.build.clone(),
            compat: said.compat.clone(),
            started_ms: said.started_ms,
            address: said.address.clone(),
            control: said.control,
            listed_age_ms: said.listed_age_ms,
            extensions: said.extensions,
            loaded: said.loaded,
            problems: said.problems.clone(),
        });
        let authenticated = member.trust == Trust::Authenticated;
        let (host, ready, draining) = (said.host.clone(), said.ready, said.draining);
        Self { host, ready, draining, serves, because, authenticated, age_ms: now_ms.abs_diff(said.at_ms), inner }
    }
}

impl From<HostsView> for v1::ListHostsResponse {
    fn from(view: HostsView) -> Self {
        Self {
            known: view.known,
            unknown_because: view.unknown_because,
            hosts: view.hosts.into_iter().map(Into::into).collect(),
            refused: view.refused,
            whole: view.whole,
            seq: view.seq,
        }
    }
}

impl From<HostView> for v1::Host {
    fn from(view: HostView) -> Self {
        let serves = match view.serves {
            None => v1::Serves::Unspecified,
            Some(ServesView::Yes) => v1::Serves::Yes,
            Some(ServesView::NotYet) => v1::Serves::NotYet,
            Some(ServesView::Kept) => v1::Serves::Kept,
            Some(ServesView::Unknown) => v1::Serves::Unknown,
        };
        let known = Self {
            host: view.host.to_string(),
            ready: view.ready,
            draining: view.draining,
            serves: serves.into(),
            because: view.because,
            authenticated: view.authenticated,
            age_ms: view.age_ms,
            ..Self::default()
        };
        match view.inner {
            None => known,
            Some(inner) => Self {
                build: inner.build,
                compat: inner.compat,
                started_ms: inner.started_ms,
                address: inner.address.unwrap_or_default(),
                control: inner.control.map(|at| v1::HostControl { generation: at.generation, seq: at.seq }),
                listed_age_ms: inner.listed_age_ms,
                extensions: inner.extensions,
                loaded: inner.loaded,
                problems: inner.problems.into_iter().map(problem).collect(),
                ..known
            },
        }
    }
}

fn problem(of: HostProblem) -> v1::HostProblem {
    let text = |id: Option<String>| id.unwrap_or_default();
    v1::HostProblem { tenant_id: text(of.tenant.map(Into::into)), extension_id: text(of.extension.map(Into::into)), problem: of.problem }
}
