//! What a fleet says of itself: status, metrics, members.

use std::time::{Duration, Instant};

use extensions_identity::Audience;
use extensions_test_support::{PATIENCE, Request, event};
use serde_json::Value;

use crate::{
    cast::{Fleet, Host},
    programs::{Ran, ext},
};

/// Between two questions about something that takes a while by itself; no guess about when.
pub(crate) const ASK_EVERY: Duration = Duration::from_millis(20);

impl Fleet {
    /// Checks that an extension is switched off at a host.
    pub(crate) async fn is_off(&self, host: &Host, extension: &str) {
        let ran = self.invoke(host, extension, "{}", "task").await;
        assert_eq!(ran.code, 1, "{}", ran.words());
        assert!(ran.stderr.contains("DISABLED"), "{}", ran.words());
    }

    /// What a host says of itself.
    pub(crate) async fn whole_status(&self, host: &Host) -> Value {
        let token = self.people.operator(Audience::Runtime);
        let reply = event(Request::get("/admin/v1/status").token(&token).send(&host.server.url.parse().unwrap())).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// What a host says of its catalog.
    pub(crate) async fn status(&self, host: &Host) -> Value {
        self.whole_status(host).await["catalogs"][host.env].clone()
    }

    /// Asks a host for that until it is as `wanted`.
    pub(crate) async fn comes_to(&self, host: &Host, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let status = self.status(host).await;
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < until, "{what} did not come: {status:#}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Asks what `ext show` says until it is as `wanted`.
    pub(crate) async fn shows(&self, extension: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.done(&["show", extension]).await.json();
            if wanted(&shown) {
                return shown;
            }
            assert!(Instant::now() < until, "what is shown stays: {shown:#}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// What `ext admin hosts` says.
    pub(crate) async fn hosts_seen(&self) -> Ran {
        let arguments = ["--json", "--server", &self.registry.url, "--env", "dev", "admin", "hosts"];
        ext(self.home(), &self.people.operator(Audience::Registry), &arguments).await
    }

    /// Waits until so many hosts of dev are members.
    pub(crate) async fn sees_hosts(&self, number: usize) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.hosts_seen().await;
            assert_eq!(seen.code, 0, "{}", seen.words());
            if seen.json()["hosts"].as_array().is_some_and(|hosts| hosts.len() == number) {
                return seen.json();
            }
            assert!(Instant::now() < until, "{number} hosts did not come: {}", seen.words());
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Reads a host's metric, summed over its labels, until it is as `wanted`.
    pub(crate) async fn measures(&self, host: &Host, name: &str, wanted: impl Fn(f64) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let text = event(Request::get("/metrics").send(&host.server.url.parse().unwrap())).await.text();
            let of_name = text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
            let values: Vec<f64> = of_name.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
            if !values.is_empty() && wanted(values.iter().sum()) {
                return;
            }
            assert!(Instant::now() < until, "{name} is {values:?}:\n{text}");
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}
