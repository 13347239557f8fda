//! `--wait`: a change is answered when every live host serves it.

use std::{fmt, time::Duration};

use extensions_client::registry::{Changed, Host, Hosts, RegistryClient, Serves};
use extensions_types::{Environment, ExtensionId};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{Done, event, refused, words};
use crate::{
    args::Wait,
    failure::Failure,
    say::{Say, seconds},
};

/// Hosts say what they serve at most 50 ms after it changed.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What may pass by itself: a host that keeps the old version tries again,
/// Redis that has just come back does not know its hosts yet.
const PASSING: Duration = Duration::from_secs(3);

/// What was changed where.
pub(super) struct About<'a> {
    pub(super) extension: &'a ExtensionId,
    pub(super) env: Environment,
    pub(super) changed: &'a Changed,
}

/// Who serves it, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Served {
    /// Live hosts that serve it.
    hosts: usize,
    /// Live hosts.
    of: usize,
    /// Whether anybody knows which hosts live.
    known: bool,
    /// Why it is not served everywhere; none: it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Says what a change did, after its hosts have it where that is waited for.
pub(super) async fn report(registry: &RegistryClient, wait: &Wait, about: About<'_>, text: &str, say: &Say) -> Result<(), Failure> {
    let About { extension, env, changed } = about;
    if !wait.wait {
        super::report(say, extension, changed, text);
        return Ok(());
    }
    let begun = Instant::now();
    let served = until_served(registry, wait.timeout, &about, say).await?;
    let place = match &served.problem {
        None => format!("on {served}"),
        Some(_) => format!("recorded; served on {served}"),
    };
    say.data(&Done { extension, changed, served: Some(&served) }, format_args!("{text} ({}; {place})", event(changed)));
    match served.problem {
        None => {
            say.good(format_args!("{served} of {env} after {}", seconds(begun.elapsed())));
            Ok(())
        }
        Some(problem) => Err(Failure::NotServed(problem)),
    }
}

async fn until_served(registry: &RegistryClient, timeout: Duration, about: &About<'_>, say: &Say) -> Result<Served, Failure> {
    let About { extension, env, changed } = *about;
    let progress = say.progress(format!("waiting for the hosts of {env}"));
    let begun = Instant::now();
    let mut stuck: Option<Instant> = None;
    let served = loop {
        let hosts = registry.hosts_of(env, extension, changed.seq).await;
        let hosts = hosts.inspect_err(|_| progress.finish_and_clear()).map_err(|error| refused(error, extension))?;
        let view = View::of(&hosts);
        progress.set_message(format!("{} of {env} {} it", view.count(), if view.live.len() == 1 { "serves" } else { "serve" }));
        stuck = if view.is_stuck() { stuck.or_else(|| Some(Instant::now())) } else { None };
        let given_up = begun.elapsed() >= timeout || stuck.is_some_and(|since| since.elapsed() >= PASSING);
        if view.is_served() || given_up {
            break view.served(env, begun.elapsed());
        }
        sleep(LOOK_EVERY).await;
    };
    progress.finish_and_clear();
    Ok(served)
}

/// The hosts that count: those that take calls and will go on doing so.
struct View<'a> {
    hosts: &'a Hosts,
    live: Vec<&'a Host>,
}

impl<'a> View<'a> {
    fn of(hosts: &'a Hosts) -> Self {
        Self { hosts, live: hosts.hosts.iter().filter(|host| host.ready && !host.draining).collect() }
    }

    fn all(&self, serves: Serves) -> impl Iterator<Item = &&'a Host> {
        self.live.iter().filter(move |host| host.serves == Some(serves))
    }

    fn is_served(&self) -> bool {
        self.hosts.known && self.hosts.whole && !self.live.is_empty() && self.all(Serves::Yes).count() == self.live.len()
    }

    /// Nothing will come of it, unless it passes by itself.
    fn is_stuck(&self) -> bool {
        let settled = self.all(Serves::Yes).count() + self.all(Serves::Kept).count();
        !self.hosts.known || !self.hosts.whole || settled == self.live.len()
    }

    fn count(&self) -> Count {
        Count { yes: self.all(Serves::Yes).count(), of: self.live.len() }
    }

    fn served(&self, env: Environment, after: Duration) -> Served {
        let Count { yes, of } = self.count();
        let problem = (!self.is_served()).then(|| self.problem(env, after));
        Served { hosts: yes, of, known: self.hosts.known, problem }
    }

    fn problem(&self, env: Environment, after: Duration) -> String {
        let recorded = "the change is recorded, and hosts take it up by themselves";
        if !self.hosts.known {
            let because = words::plain(&self.hosts.unknown_because);
            return format!("nobody knows which hosts of {env} serve it: {because}; {recorded}");
        }
        if self.live.is_empty() {
            return format!("no host of {env} lives: nobody serves it; {recorded}");
        }
        if !self.hosts.whole {
            return format!("{env} has more hosts than a list shows; {} of those that it shows; {recorded}", self.count());
        }
        let named = |host: &&&Host| {
            let because = if host.because.is_empty() { String::new() } else { format!(" ({})", words::plain(&host.because)) };
            format!("{}{because}", words::plain(&host.host))
        };
        let list = |serves| self.all(serves).map(|host| named(&host)).collect::<Vec<_>>().join(", ");
        let late = format!("not yet served after {} by", seconds(after));
        let parts = [
            ("what was served before goes on being served by", list(Serves::Kept)),
            (late.as_str(), list(Serves::NotYet)),
            ("it is unknown of", list(Serves::Unknown)),
        ];
        let parts = parts.iter().filter(|(_, hosts)| !hosts.is_empty()).map(|(what, hosts)| format!("{what} {hosts}"));
        format!("{}; {}; {recorded}", self.count(), parts.collect::<Vec<_>>().join("; "))
    }
}

struct Count {
    yes: usize,
    of: usize,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} host{}", self.yes, self.of, if self.of == 1 { "" } else { "s" })
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.known { Count { yes: self.hosts, of: self.of }.fmt(f) } else { f.write_str("an unknown number of hosts") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, serves: Serves, because: &str) -> Host {
        Host { host: name.to_owned(), ready: true, serves: Some(serves), because: because.to_owned(), ..Host::default() }
    }

    fn of(hosts: Vec<Host>) -> Hosts {
        Hosts { known: true, whole: true, hosts, ..Hosts::default() }
    }

    fn problem(hosts: &Hosts) -> String {
        View::of(hosts).served(Environment::Prod, Duration::from_secs(30)).problem.unwrap_or_default()
    }

    #[test]
    fn it_is_served_when_every_live_host_serves_it() {
        let mut hosts = of(vec![host("a", Serves::Yes, ""), host("b", Serves::NotYet, "")]);
        assert!(!View::of(&hosts).is_served() && !View::of(&hosts).is_stuck());
        hosts.hosts[1].draining = true;
        assert!(View::of(&hosts).is_served(), "one that ends does not count");
        hosts.hosts[1] = Host { ready: false, ..host("b", Serves::NotYet, "") };
        assert!(View::of(&hosts).is_served(), "nor one that takes no calls yet");
        hosts.whole = false;
        assert!(!View::of(&hosts).is_served());
    }

    #[test]
    fn what_stands_in_the_way_is_said_by_name() {
        let kept = of(vec![host("a", Serves::Yes, ""), host("b", Serves::Kept, "the component is damaged")]);
        assert!(View::of(&kept).is_stuck());
        let text = problem(&kept);
        assert!(text.contains("1/2 hosts") && text.contains("b (the component is damaged)"), "{text}");
        let late = problem(&of(vec![host("a", Serves::NotYet, "")]));
        assert!(late.contains("0/1 host;") && late.contains("not yet served after 30"), "{late}");
        assert!(problem(&of(Vec::new())).contains("no host of prod lives"));
        let unknown = Hosts { unknown_because: "there is no Redis".to_owned(), ..Hosts::default() };
        assert!(View::of(&unknown).is_stuck() && problem(&unknown).contains("there is no Redis"));
        assert_eq!(problem(&of(vec![host("a", Serves::Yes, "")])), "");
    }
}
