//! `ext load` beside the walk, and what it reports.

use std::{
    io::Read as _,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::{Ext, RULE, rule};
use crate::FleetError;

/// A running load; killed when dropped.
#[derive(Debug)]
pub(super) struct Load(Child);

/// The part of its report that a walk reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Loaded {
    /// Calls that ended.
    pub calls: u64,
    /// Those that may not have.
    pub failed: u64,
    /// Whether the rate was offered.
    pub offered: bool,
    /// Calls a second.
    pub rate: f64,
    /// For so long.
    pub seconds: f64,
    /// From when a call was due.
    pub latency: Latency,
    /// By code, over all hosts.
    pub failures: Vec<Failures>,
    /// Each host.
    pub hosts: Vec<PerHost>,
}

/// From when calls were due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50_micros: u64,
    /// One in a hundred took longer.
    pub p99_micros: u64,
    /// The slowest.
    pub max_micros: u64,
}

/// Answers with one code; times are of when calls were begun, since 1970.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failures {
    /// Of the table of error codes.
    pub code: String,
    /// How many.
    pub calls: u64,
    /// The first.
    pub first_ms: u64,
    /// The last.
    pub last_ms: u64,
    /// The first one's text.
    pub example: String,
}

/// Answers by one version.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answers {
    /// The version.
    pub version: u64,
    /// How many.
    pub calls: u64,
    /// The first.
    pub first_ms: u64,
    /// The last.
    pub last_ms: u64,
}

/// What one host answered.
#[derive(Debug, Serialize, Deserialize)]
pub struct PerHost {
    /// Its address.
    pub url: String,
    /// By version.
    pub versions: Vec<Answers>,
    /// By code.
    pub failures: Vec<Failures>,
}

impl Load {
    /// Calls every host of prod until it is stopped.
    pub(super) fn start(ext: &Ext, rate: u32) -> Result<Self, FleetError> {
        let rate = rate.to_string();
        let words = [
            "--quiet",
            "--env",
            "prod",
            "load",
            "--extension",
            RULE,
            "--point",
            rule::POINT,
            "--input",
            rule::INPUT,
            "--rate",
            &rate,
            "--duration",
            "1h",
            "--tolerate",
            "DISABLED",
        ];
        let child = ext.command(&words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Ok(Self(child.map_err(FleetError::system("start", "ext load"))?))
    }

    /// Ends it as Ctrl-C does, and reads what it says.
    pub(super) fn stop(mut self) -> Result<Loaded, FleetError> {
        let wrong = |ended: String, said: String| FleetError::Command { command: "ext load".to_owned(), ended, said };
        kill_process(Pid::from_child(&self.0), Signal::INT).map_err(|error| FleetError::system("signal", "ext load")(error.into()))?;
        let (mut said, mut problem) = (String::new(), String::new());
        // It writes one line at its end, less than a pipe holds.
        let read = self.0.stdout.take().map_or(Ok(0), |mut out| out.read_to_string(&mut said));
        let read = read.and_then(|_| self.0.stderr.take().map_or(Ok(0), |mut err| err.read_to_string(&mut problem)));
        read.map_err(FleetError::system("read from", "ext load"))?;
        let status = self.0.wait().map_err(FleetError::system("wait for", "ext load"))?;
        // It ends with 1 where calls failed, and has said which.
        serde_json::from_str(said.trim()).map_err(|error| wrong(format!("{status}, {error}"), format!("{said}{problem}")))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It has ended where it was stopped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Loaded {
    /// When the slowest host answered by `version` first.
    pub(super) fn first_answer_ms(&self, version: u64) -> Result<u64, FleetError> {
        self.of_each(&format!("answer by version {version}"), |host| host.answers(version).map(|seen| seen.first_ms))
    }

    /// When the last call was begun that `version` answered.
    pub(super) fn last_answer_ms(&self, version: u64) -> Result<u64, FleetError> {
        self.of_each(&format!("answer by version {version}"), |host| host.answers(version).map(|seen| seen.last_ms))
    }

    /// When the slowest host refused first with `code`.
    pub(super) fn first_refusal_ms(&self, code: &str) -> Result<u64, FleetError> {
        self.of_each(code, |host| host.failures.iter().find(|failed| failed.code == code).map(|failed| failed.first_ms))
    }

    /// The latest over all hosts; each must have one.
    fn of_each(&self, what: &str, moment: impl Fn(&PerHost) -> Option<u64>) -> Result<u64, FleetError> {
        let mut latest = 0;
        for host in &self.hosts {
            latest = latest.max(moment(host).ok_or_else(|| FleetError::Unexpected(format!("{} gave no {what}", host.url)))?);
        }
        Ok(latest)
    }
}

impl PerHost {
    fn answers(&self, version: u64) -> Option<&Answers> {
        self.versions.iter().find(|seen| seen.version == version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_host_counts_and_one_without_is_named() {
        let host = |url: &str, first_ms| PerHost {
            url: url.to_owned(),
            versions: vec![Answers { version: 2, calls: 1, first_ms, last_ms: first_ms + 5 }],
            failures: Vec::new(),
        };
        let loaded = Loaded {
            calls: 2,
            failed: 0,
            offered: true,
            rate: 1.0,
            seconds: 2.0,
            latency: Latency { p50_micros: 1, p99_micros: 1, max_micros: 1 },
            failures: Vec::new(),
            hosts: vec![host("http://a", 10), host("http://b", 30)],
        };
        assert_eq!((loaded.first_answer_ms(2).unwrap(), loaded.last_answer_ms(2).unwrap()), (30, 35));
        assert!(loaded.first_refusal_ms("DISABLED").unwrap_err().to_string().contains("http://a"));
    }
}
