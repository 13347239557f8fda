//! Invocations through `ext invoke`, as a script makes them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    platform::{Platform, Ready},
    rules::Rule,
};
use crate::guests::Ext;

/// How a call travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Grpc,
    Http,
    Socket,
}

/// All of them.
pub(super) const WAYS: [Way; 3] = [Way::Grpc, Way::Http, Way::Socket];

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "gRPC",
            Self::Http => "HTTP",
            Self::Socket => "Unix socket",
        }
    }

    fn transport(self) -> &'static str {
        match self {
            Self::Grpc | Self::Socket => "grpc",
            Self::Http => "http",
        }
    }
}

/// What a call gave.
#[derive(Debug)]
pub(super) struct Answer {
    json: Value,
    /// With the start and end of the `ext` process.
    pub(super) took: Duration,
}

impl Answer {
    /// The extension's output; fails, with the error, where there is none.
    pub(super) fn output(&self) -> Result<&Value> {
        match self.json.get("output") {
            Some(output) => Ok(output),
            None => bail!("no output: {}", self.json),
        }
    }

    /// The code of an answer that is an error.
    pub(super) fn error_code(&self) -> Option<&str> {
        self.json.pointer("/error/code")?.as_str()
    }

    /// Time in the host from acceptance to outcome.
    pub(super) fn wall_micros(&self) -> Option<u64> {
        self.json.pointer("/stats/wall_micros")?.as_u64()
    }
}

/// Calls one platform.
#[derive(Debug)]
pub(super) struct Caller<'a> {
    ext: &'a Ext,
    ready: Ready,
    token: String,
}

impl<'a> Caller<'a> {
    /// Takes address and token from what the platform said.
    pub(super) fn new(ext: &'a Ext, platform: &Platform) -> Result<Self> {
        Ok(Self { ext, ready: platform.ready.clone(), token: platform.token()? })
    }

    /// One call. An extension's failure is an answer, too.
    pub(super) fn invoke(&self, rule: &Rule, way: Way) -> Result<Answer> {
        let server = match way {
            Way::Grpc | Way::Http => self.ready.server.clone(),
            Way::Socket => format!("unix:{}", self.ready.socket.display()),
        };
        let job = self.ext.job().args(["--json", "--server", &server, "invoke", rule.extension]);
        let job = job.args(["--point", &rule.point, "--input", &rule.input, "--transport", way.transport()]).env("EXT_TOKEN", &self.token);
        let started = Instant::now();
        let (words, answer) = job.answer()?;
        let took = started.elapsed();
        let json = serde_json::from_slice(&answer.stdout);
        let json =
            json.with_context(|| format!("`{words}` ({}) answered no JSON: {}", answer.status, String::from_utf8_lossy(&answer.stderr).trim()))?;
        Ok(Answer { json, took })
    }
}
