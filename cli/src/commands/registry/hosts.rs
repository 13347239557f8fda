//! `ext admin hosts`, and on how many hosts what `ext show` shows is served.

use std::collections::BTreeMap;

use extensions_client::registry::{Host, Hosts, Registered, RegistryClient, Serves};
use extensions_types::Environment;
use serde::Serialize;

use super::words::{self, Table};
use crate::{failure::Failure, say::Say};

pub(super) async fn list(registry: &RegistryClient, env: Environment, say: &Say) -> Result<(), Failure> {
    let hosts = registry.hosts(env).await?;
    say.data(&hosts, render(&hosts, env));
    if hosts.known && hosts.hosts.iter().any(|host| !host.authenticated) {
        say.warning("heartbeats are not authenticated: set redis.key_file on the registry and on the hosts");
    }
    if hosts.refused > 0 {
        say.warning(format_args!("{} heartbeats were not believed: forged, or of hosts with another redis.key_file", hosts.refused));
    }
    if hosts.known && !hosts.whole {
        say.warning("there are more hosts than these");
    }
    Ok(())
}

fn render(hosts: &Hosts, env: Environment) -> String {
    if !hosts.known {
        return format!("nobody knows which hosts of {env} live: {}", words::plain(&hosts.unknown_because));
    }
    if hosts.hosts.is_empty() {
        return format!("no host of {env} lives");
    }
    let mut table = Table::new(&["HOST", "STATE", "CONTROL", "EXTENSIONS", "LOADED", "LISTED", "STARTED", "BUILD", "COMPAT", "ADDRESS"]);
    for host in &hosts.hosts {
        table.row(row(host));
    }
    let problems = hosts.hosts.iter().flat_map(|host| host.problems.iter().map(move |problem| (host, problem)));
    let problems = problems.map(|(host, problem)| {
        let of = [&problem.tenant, &problem.extension].into_iter().filter(|part| !part.is_empty()).map(|part| words::plain(part)).collect::<Vec<_>>();
        let of = if of.is_empty() { String::new() } else { format!(" {}", of.join("/")) };
        format!("\n{}{of}: {}", words::plain(&host.host), words::plain(&problem.problem))
    });
    table.render() + &problems.collect::<String>()
}

fn row(host: &Host) -> [String; 10] {
    let state = match (host.draining, host.ready) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "not ready",
    };
    let control = host
        .control
        .map_or_else(|| "–".to_owned(), |at| if at.generation == 0 { at.seq.to_string() } else { format!("{}.{}", at.generation, at.seq) });
    let listed =
        host.listed_age_ms.map_or_else(|| "never".to_owned(), |age| format!("{:.1} s ago", std::time::Duration::from_millis(age).as_secs_f64()));
    let state = if host.authenticated { state.to_owned() } else { format!("{state}, unauthenticated") };
    [
        host.host.clone(),
        state,
        control,
        host.extensions.to_string(),
        host.loaded.to_string(),
        listed,
        words::time(host.started_ms),
        host.build.clone(),
        words::short(&host.compat),
        host.address.clone(),
    ]
}

/// On how many hosts what an environment serves is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    /// Hosts that live.
    of: usize,
    /// Those that serve it.
    serve: usize,
    /// Those that cannot load it, and why.
    kept: BTreeMap<String, String>,
}

/// Asks for every environment that serves something; one whose hosts nobody
/// knows, or that a server cannot tell, is left out.
pub(super) async fn spread(registry: &RegistryClient, extension: &Registered) -> BTreeMap<Environment, Spread> {
    let mut spread = BTreeMap::new();
    for entry in &extension.entries {
        if let Ok(hosts) = registry.hosts_of(entry.env, &extension.id, 0).await
            && hosts.known
        {
            spread.insert(entry.env, Spread::of(&hosts));
        }
    }
    spread
}

impl Spread {
    fn of(hosts: &Hosts) -> Self {
        let live: Vec<_> = hosts.hosts.iter().filter(|host| host.ready && !host.draining).collect();
        let kept = live.iter().filter(|host| host.serves == Some(Serves::Kept)).map(|host| (host.host.clone(), host.because.clone()));
        Self { of: live.len(), serve: live.iter().filter(|host| host.serves == Some(Serves::Yes)).count(), kept: kept.collect() }
    }

    /// `2/2`, or `1/2, 1 kept back`.
    pub(super) fn text(&self) -> String {
        let kept = if self.kept.is_empty() { String::new() } else { format!(", {} kept back", self.kept.len()) };
        format!("{}/{}{kept}", self.serve, self.of)
    }

    /// A line for each host that keeps what it had.
    pub(super) fn problems(&self, env: Environment) -> impl Iterator<Item = String> {
        self.kept.iter().map(move |(host, because)| format!("kept back     {env} on {}: {}", words::plain(host), words::plain(because)))
    }
}

#[cfg(test)]
mod tests {
    use extensions_client::registry::{HostControl, HostProblem};

    use super::*;

    #[test]
    fn hosts_are_a_table_with_their_problems_below() {
        let problem = HostProblem { tenant: "acme".into(), extension: "vat".into(), problem: "damaged\u{1b}[2J".into() };
        let host = Host {
            host: "n1-00000001".into(),
            ready: true,
            control: Some(HostControl { generation: 0, seq: 7 }),
            listed_age_ms: Some(1_250),
            problems: vec![problem],
            ..Host::default()
        };
        let hosts = Hosts { known: true, whole: true, hosts: vec![host], ..Hosts::default() };
        let text = anstream::adapter::strip_str(&render(&hosts, Environment::Prod)).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].starts_with("n1-00000001  ready, unauthenticated  7 ") && lines[1].contains("1.2 s ago"), "{text}");
        assert_eq!(lines[2], "n1-00000001 acme/vat: damaged [2J");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let hosts = Hosts { unknown_because: "no Redis".into(), ..Hosts::default() };
        assert_eq!(render(&hosts, Environment::Dev), "nobody knows which hosts of dev live: no Redis");
        assert_eq!(render(&Hosts { known: true, ..Hosts::default() }, Environment::Dev), "no host of dev lives");
    }
}
