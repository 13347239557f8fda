//! Compiles a draft's source and follows it, across broken connections too.

use std::time::Duration;

use extensions_proto::v1::{self, compile_progress::Event};
use extensions_types::Version;
use tonic::Streaming;

use super::{
    Change, Changed, Finding, RegistryClient,
    read::{changed, findings, needed},
};
use crate::{
    InvokeError,
    grpc::{connection, status::failed},
    retry::{self, Effect},
};

/// What a compile tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileEvent {
    /// The request is in the history.
    Requested(Changed),
    /// A step began.
    Started {
        /// Its name.
        step: String,
    },
    /// A step ended.
    Done {
        /// Its name.
        step: String,
        /// How long it took.
        took: Duration,
        /// What it says of itself; may be empty.
        summary: String,
    },
    /// A message of a compiler or a test.
    Diagnostic {
        /// `error`, `warning` or `note`.
        level: String,
        /// As the tool printed it.
        text: String,
    },
    /// The version is built; nothing follows.
    Built {
        /// The draft after it.
        change: Changed,
        /// SHA-256 of the component.
        digest: String,
        /// The component's size.
        component_bytes: u64,
    },
    /// The draft has failed; nothing follows.
    Failed {
        /// The draft after it.
        change: Changed,
        /// Every reason.
        findings: Vec<Finding>,
    },
}

/// A compile that goes on. Dropping this does not end it.
#[derive(Debug)]
pub struct Compiling {
    client: RegistryClient,
    request: v1::CompileRequest,
    stream: Streaming<v1::CompileProgress>,
    /// Attempts since something last came.
    failures: u32,
    ended: bool,
}

impl RegistryClient {
    /// Compiles a draft whose source has been uploaded. There is no deadline:
    /// the compile has limits of its own.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn compile(&self, change: &Change, version: Version) -> Result<Compiling, InvokeError> {
        let request = v1::CompileRequest { command: self.command(change), version: version.get() };
        let stream = self.open_compile(&request).await?;
        Ok(Compiling { client: self.clone(), request, stream, failures: 0, ended: false })
    }

    async fn open_compile(&self, request: &v1::CompileRequest) -> Result<Streaming<v1::CompileProgress>, InvokeError> {
        retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |_| {
            let mut grpc = self.grpc.clone();
            let request = connection::request(request.clone(), &self.settings, None);
            async move { grpc.compile(request).await.map(tonic::Response::into_inner).map_err(failed) }
        })
        .await
    }
}

impl Compiling {
    /// What it tells next; none after its end. Joins the compile again when
    /// the connection breaks, so that steps may be told twice.
    ///
    /// # Errors
    /// When the platform refuses, or is not reached any more.
    pub async fn next(&mut self) -> Result<Option<CompileEvent>, InvokeError> {
        while !self.ended {
            let broken = match self.stream.message().await {
                Ok(Some(message)) => {
                    self.failures = 0;
                    let event = event(message)?;
                    self.ended = matches!(event, CompileEvent::Built { .. } | CompileEvent::Failed { .. });
                    return Ok(Some(event));
                }
                Ok(None) => InvokeError::Unreachable { sent: true, source: "the compile's progress ended before its result".into() },
                Err(status) => failed(status),
            };
            let settings = &self.client.settings;
            let wait = retry::wait_before_retry(&broken, Effect::Once, self.failures, settings.retries, settings.timeout, retry::jitter());
            tokio::time::sleep(wait.ok_or(broken)?).await;
            self.failures += 1;
            self.stream = self.client.open_compile(&self.request).await?;
        }
        Ok(None)
    }
}

fn event(message: v1::CompileProgress) -> Result<CompileEvent, InvokeError> {
    Ok(match needed("event", message.event)? {
        Event::Requested(change) => CompileEvent::Requested(changed(change)?),
        Event::StepStarted(step) => CompileEvent::Started { step },
        Event::StepDone(v1::StepDone { step, micros, summary }) => CompileEvent::Done { step, took: Duration::from_micros(micros), summary },
        Event::Diagnostic(v1::Diagnostic { level, text }) => CompileEvent::Diagnostic { level, text },
        Event::Built(v1::CompileBuilt { change, digest, component_bytes }) => {
            CompileEvent::Built { change: changed(needed("change", change)?)?, digest, component_bytes }
        }
        Event::Failed(failed) => CompileEvent::Failed { change: changed(needed("change", failed.change)?)?, findings: findings(failed.findings) },
    })
}
