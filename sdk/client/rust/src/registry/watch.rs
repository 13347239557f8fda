//! Events as they happen; a broken stream is resumed where it stood.

use std::time::Duration;

use extensions_proto::v1;
use extensions_types::ExtensionId;
use serde::Serialize;
use tokio::time::sleep;
use tonic::Streaming;

use super::{HistoryEvent, RegistryClient, read};
use crate::{
    InvokeError,
    error::given,
    grpc::{connection, status::failed},
    retry::jitter,
};

/// Between attempts to resume; doubles up to the longest.
const RESUME_FIRST: Duration = Duration::from_millis(100);
const RESUME_LONGEST: Duration = Duration::from_secs(5);
/// Attempts in a row, about two minutes: then the registry is gone and the caller should know.
const RESUMES_MAX: u32 = 30;

/// Where a watch begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchFrom {
    /// With what happens from now on.
    Now,
    /// After this event of the one extension; 0 for all.
    Seq(u64),
    /// After what this cursor had seen.
    Cursor(String),
}

/// One event of a watch.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchedEvent {
    /// The extension.
    pub extension: ExtensionId,
    /// The event.
    #[serde(flatten)]
    pub event: HistoryEvent,
    /// Where to resume after it.
    pub cursor: String,
}

/// An endless watch; dropping it ends it.
#[derive(Debug)]
pub struct Watching {
    client: RegistryClient,
    request: v1::WatchRequest,
    stream: Option<Streaming<v1::WatchEvent>>,
    failures: u32,
}

impl RegistryClient {
    /// Watches one extension, or all of the tenant. Events come at least once.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn watch(&self, extension: Option<&ExtensionId>, from: WatchFrom) -> Result<Watching, InvokeError> {
        let (cursor, after_seq) = match from {
            WatchFrom::Now => (String::new(), None),
            WatchFrom::Seq(seq) => (String::new(), Some(seq)),
            WatchFrom::Cursor(cursor) => (cursor, None),
        };
        let extension_id = extension.map_or(String::new(), ToString::to_string);
        let request = v1::WatchRequest { tenant_id: self.tenant_id(), extension_id, cursor, after_seq };
        let mut watching = Watching { client: self.clone(), request, stream: None, failures: 0 };
        watching.stream = Some(watching.open().await?);
        Ok(watching)
    }
}

impl Watching {
    /// The next event. Waits as long as it takes.
    ///
    /// # Errors
    /// When the platform refuses, or has not been reached for minutes.
    pub async fn next(&mut self) -> Result<WatchedEvent, InvokeError> {
        loop {
            match self.message().await {
                Ok(message) => {
                    self.failures = 0;
                    if let Some(event) = self.take(message)? {
                        return Ok(event);
                    }
                }
                Err(broken) => self.wait(broken).await?,
            }
        }
    }

    async fn message(&mut self) -> Result<v1::WatchEvent, InvokeError> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let opened = self.open().await?;
                self.stream.insert(opened)
            }
        };
        let message = stream.message().await.map_err(failed)?;
        // A registry that stops ends its watches; another one goes on with them.
        message.ok_or_else(|| InvokeError::Unreachable { sent: true, source: "the registry ended the watch".into() })
    }

    async fn open(&self) -> Result<Streaming<v1::WatchEvent>, InvokeError> {
        let mut grpc = self.client.grpc.clone();
        let request = connection::request(self.request.clone(), &self.client.settings, None);
        Ok(grpc.watch(request).await.map_err(failed)?.into_inner())
    }

    /// Remembers where to resume; the event, unless it is a sign of life.
    fn take(&mut self, message: v1::WatchEvent) -> Result<Option<WatchedEvent>, InvokeError> {
        if let Some(cursor) = given(message.cursor) {
            self.request.cursor = cursor;
            self.request.after_seq = None;
        }
        let Some(event) = message.event else { return Ok(None) };
        let extension = read::extension(&message.extension_id)?;
        Ok(Some(WatchedEvent { extension, event: read::event(event)?, cursor: self.request.cursor.clone() }))
    }

    /// Before the next attempt; fails where none helps.
    async fn wait(&mut self, broken: InvokeError) -> Result<(), InvokeError> {
        self.stream = None;
        let transient = match &broken {
            InvokeError::Unreachable { .. } => true,
            InvokeError::Refused(refused) => refused.code.retry() == extensions_types::Retry::AfterHint,
            InvokeError::Outcome(_) | InvokeError::Absent { .. } | InvokeError::Protocol { .. } => false,
        };
        if !transient || self.failures >= RESUMES_MAX {
            return Err(broken);
        }
        let wait = (RESUME_FIRST * 2u32.saturating_pow(self.failures.min(10))).min(RESUME_LONGEST);
        self.failures += 1;
        sleep(wait.mul_f64(0.5 + jitter() / 2.0)).await;
        Ok(())
    }
}
