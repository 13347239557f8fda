//! This host in its fleet: what Redis says becomes hints, what calls get becomes heartbeats.
//!
//! Nothing of a call waits for it, and nothing is lost without it: hints only
//! hurry what polling finds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use extensions_catalog::{Catalog as _, CatalogStatus, Problem};
use extensions_coordination::{
    BEAT_APART, BEAT_EVERY, Change, ControlAt, Coordination, EntryState, Heard, Heartbeat, HostChange, HostId, HostProblem, PROBLEMS_MAX, Recent,
};
use extensions_host::HostView;
use extensions_store_catalog::{Changes, Hint, Served, ServedState, StoreCatalog};
use extensions_types::Environment;
use tokio::{sync::oneshot, task::JoinHandle, time::Instant};

/// Who this host is.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: HostId,
    pub(crate) env: Environment,
    /// Where operators reach it.
    pub(crate) address: Option<String>,
}

/// A member of the fleet, until it leaves.
#[derive(Debug)]
pub(crate) struct Fleet {
    coordination: Coordination,
    member: Member,
    listening: JoinHandle<()>,
    beating: JoinHandle<()>,
    leaving: oneshot::Sender<()>,
}

impl Fleet {
    /// Listens and tells from now on. To be called before `catalog` follows its
    /// store, so that everything it takes is told.
    pub(crate) fn join(coordination: Coordination, member: Member, catalog: &StoreCatalog, host: HostView) -> Self {
        let listening = tokio::spawn(listen(coordination.changes(member.env), catalog.clone()));
        let (leaving, left) = oneshot::channel();
        let started_ms = now_ms();
        let pulse = Pulse {
            coordination: coordination.clone(),
            member: member.clone(),
            told: catalog.changes(),
            catalog: catalog.clone(),
            host,
            started_ms,
            recent: Recent::since(started_ms),
        };
        let beating = tokio::spawn(pulse.beat(left));
        Self { coordination, member, listening, beating, leaving }
    }

    /// Says that the host is gone. The fleet would notice by itself, seconds later.
    pub(crate) async fn leave(self) {
        self.listening.abort();
        drop(self.leaving);
        // A heartbeat after the farewell would call the host back.
        let _ = self.beating.await;
        if let Err(error) = self.coordination.leave(self.member.env, &self.member.id).await {
            tracing::debug!(%error, "the fleet is not told that this host has gone");
        }
    }
}

async fn listen(mut changes: extensions_coordination::Changes, catalog: StoreCatalog) {
    loop {
        catalog.hint(match changes.next().await {
            Heard::Change(Change::Entry { tenant, extension, seq }) => Hint::Entry { tenant, extension, seq },
            Heard::Change(Change::Control { seq }) => Hint::Control { seq },
            Heard::Reconnected => Hint::Everything,
        });
    }
}

/// What heartbeats are made of.
struct Pulse {
    coordination: Coordination,
    member: Member,
    catalog: StoreCatalog,
    told: Changes,
    host: HostView,
    started_ms: u64,
    recent: Recent,
}

impl Pulse {
    /// Beats every period, and soon after a change, until `left`.
    async fn beat(mut self, mut left: oneshot::Receiver<()>) {
        loop {
            let said = Instant::now();
            let heartbeat = self.heartbeat();
            // A Redis that is gone is told of once, by the connection itself.
            let _ = self.coordination.beat(&heartbeat).await;
            tokio::select! {
                () = tokio::time::sleep_until(said + BEAT_EVERY) => {}
                () = self.told.changed() => tokio::time::sleep_until(said + BEAT_APART).await,
                _ = &mut left => return,
            }
        }
    }

    fn heartbeat(&mut self) -> Heartbeat {
        let at_ms = now_ms();
        let told = self.told.take();
        if told.is_cut {
            // What is not listed must not look as if it had not changed.
            self.recent = Recent::since(at_ms);
        }
        told.changes.into_iter().for_each(|served| self.recent.note(change(served, at_ms)));
        let status = self.catalog.status();
        let draining = self.host.is_draining();
        Heartbeat {
            host: self.member.id.clone(),
            env: self.member.env,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            compat: self.host.compatibility(),
            started_ms: self.started_ms,
            at_ms,
            address: self.member.address.clone(),
            ready: status.ready && !draining,
            draining,
            control: control(&status),
            listed_age_ms: self.catalog.listed_age().map(millis),
            extensions: status.entries as u64,
            loaded: self.host.loaded() as u64,
            problems: problems(status),
            recent: self.recent.clone(),
        }
    }
}

fn control(status: &CatalogStatus) -> Option<ControlAt> {
    status.ready.then_some(ControlAt { generation: status.control.generation, seq: status.control.seq })
}

/// The host's own first: there are few, and they concern every extension.
fn problems(status: CatalogStatus) -> Vec<HostProblem> {
    let own = |problem| HostProblem { tenant: None, extension: None, problem };
    let gone = (status.store_reachable == Some(false)).then(|| own("the store does not answer; what is known goes on".to_owned()));
    let control = status.control.problem.map(|problem| own(format!("control is not followed: {problem}")));
    let of_extension = |Problem { tenant, extension, problem, kept: _ }| HostProblem { tenant: Some(tenant), extension: Some(extension), problem };
    gone.into_iter().chain(control).chain(status.problems.into_iter().map(of_extension)).take(PROBLEMS_MAX).collect()
}

fn change(served: Served, at_ms: u64) -> HostChange {
    let Served { tenant, extension, generation, seq, version, state } = served;
    let state = match state {
        ServedState::Served => EntryState::Served,
        ServedState::Kept { problem } => EntryState::Kept { problem },
    };
    HostChange { tenant, extension, generation, seq, version, state, at_ms }
}

/// Milliseconds since the Unix epoch, by this machine's clock.
fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use extensions_catalog::ControlStatus;
    use extensions_types::{ExtensionId, TenantId};

    use super::*;

    #[test]
    fn the_hosts_own_problems_come_first_and_all_are_bounded() {
        let (tenant, extension) = (TenantId::parse("acme").unwrap(), ExtensionId::parse("x").unwrap());
        let problem = Problem { tenant: tenant.clone(), extension, problem: "version 2 cannot be loaded".to_owned(), kept: None };
        let status = CatalogStatus {
            store_reachable: Some(false),
            control: ControlStatus { problem: Some("damaged".to_owned()), ..ControlStatus::default() },
            problems: vec![problem; 100],
            ..CatalogStatus::default()
        };
        let problems = problems(status);
        assert_eq!(problems.len(), PROBLEMS_MAX);
        assert!(problems[0].tenant.is_none() && problems[1].problem.contains("damaged"));
        assert_eq!(problems[2].tenant, Some(tenant));
    }
}
