//! The gRPC client: one HTTP/2 connection, many calls in flight.

pub(crate) mod connection;
pub(crate) mod status;

use extensions_proto::v1::{self, wasm_extension_runtime_client::WasmExtensionRuntimeClient};
use extensions_tls::ClientTls;
use extensions_types::Kind;
use http::HeaderMap;
use tonic::{metadata::MetadataMap, transport::Channel};

use crate::{
    ANSWER_BYTES_MAX, Batch, Builder, ConfigError, Endpoint, Invocation, Invoke, InvokeError, Listed, Outcome, Results,
    answer::version,
    batch::{self, BATCH_ANSWER_BYTES_MAX},
    builder::{Settings, bearer},
    headers::{CORRELATION_ID, TRACEPARENT, text, traceparent},
    retry::{self, Effect},
};

/// Invokes extensions over gRPC. Cheap to clone; clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    runtime: WasmExtensionRuntimeClient<Channel>,
    settings: Settings,
}

impl Client {
    /// Settings for a client, gRPC or HTTP.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A client without token, with default settings.
    ///
    /// # Errors
    /// When the endpoint cannot be used.
    pub fn connect(endpoint: &Endpoint) -> Result<Self, ConfigError> {
        Self::builder().connect(endpoint)
    }

    pub(crate) fn new(endpoint: &Endpoint, tls: Option<&ClientTls>, settings: Settings) -> Result<Self, ConfigError> {
        let channel = connection::channel(endpoint, tls)?;
        let runtime = WasmExtensionRuntimeClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { runtime, settings })
    }

    /// The same connection with another token.
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn with_token(&self, token: &str) -> Result<Self, ConfigError> {
        let settings = Settings { authorization: Some(bearer(token)?), ..self.settings.clone() };
        Ok(Self { runtime: self.runtime.clone(), settings })
    }

    /// Runs one extension once.
    ///
    /// # Errors
    /// Tells the extension's own outcome from a refusal by the platform, and
    /// both from a host that was not reached.
    pub async fn invoke(&self, call: Invoke) -> Result<Invocation, InvokeError> {
        let trace = call.traceparent.as_deref().map(traceparent).transpose()?;
        retry::within(call.timeout.unwrap_or(self.settings.timeout), self.settings.retries, Effect::Twice, |left| {
            let mut request = connection::request(call.message(left), &self.settings, Some(left));
            request.metadata_mut().as_mut().extend(trace.clone().map(|value| (TRACEPARENT, value)));
            let mut runtime = self.runtime.clone();
            async move {
                let (metadata, answer, _) = runtime.invoke_extension(request).await.map_err(status::failed)?.into_parts();
                invocation(answer, correlation(&metadata))
            }
        })
        .await
    }

    /// Runs one extension once for each input, in one request. Inputs that the
    /// platform refuses are not repeated; the whole batch is, where none ran.
    ///
    /// # Errors
    /// When no input ran, or what became of them is not known. What one input
    /// failed with stands in its place of the results, which are in the inputs' order.
    pub async fn invoke_batch(&self, batch: Batch) -> Result<Results, InvokeError> {
        let trace = batch.call.traceparent.as_deref().map(traceparent).transpose()?;
        let runtime = self.runtime.clone().max_decoding_message_size(BATCH_ANSWER_BYTES_MAX);
        let results = retry::within(batch.call.timeout.unwrap_or(self.settings.timeout), self.settings.retries, Effect::Twice, |left| {
            let mut request = connection::request(batch.message(left), &self.settings, Some(left));
            request.metadata_mut().as_mut().extend(trace.clone().map(|value| (TRACEPARENT, value)));
            let mut runtime = runtime.clone();
            async move {
                let (metadata, answer, _) = runtime.invoke_extension_batch(request).await.map_err(status::failed)?.into_parts();
                let correlation = correlation(&metadata);
                Ok(answer.results.into_iter().map(|result| batch::result(result, correlation.clone())).collect())
            }
        })
        .await?;
        batch.complete(results)
    }

    /// The extensions that the host serves to the token's tenant: all, or of one kind.
    ///
    /// # Errors
    /// When the platform refuses or is not reached.
    pub async fn list(&self, kind: Option<Kind>) -> Result<Vec<Listed>, InvokeError> {
        let kind = kind.map_or(v1::ExtensionKind::Unspecified, Into::into).into();
        let answer = retry::within(self.settings.timeout, self.settings.retries, Effect::Once, |left| {
            let request = connection::request(v1::ListExtensionsRequest { kind }, &self.settings, Some(left));
            let mut runtime = self.runtime.clone();
            async move { runtime.list_extensions(request).await.map_err(status::failed) }
        })
        .await?;
        answer.into_inner().extensions.into_iter().map(Listed::try_from).collect()
    }
}

/// The extension's answer, or its outcome.
fn invocation(answer: v1::InvokeExtensionResponse, correlation: Option<String>) -> Result<Invocation, InvokeError> {
    let stats = answer.stats.map(Into::into);
    if answer.error_code.is_empty() {
        let served_version = version(&answer.served_version)?;
        return Ok(Invocation { output: answer.output_json, served_version, stats, fallback: answer.fallback.map(Into::into), correlation });
    }
    Err(InvokeError::Outcome(Box::new(Outcome {
        code: InvokeError::code_of(&answer.error_code)?,
        message: answer.error_msg,
        served_version: answer.served_version.parse().ok(),
        stats,
        correlation,
    })))
}

fn correlation(metadata: &MetadataMap) -> Option<String> {
    let headers: &HeaderMap = metadata.as_ref();
    text(headers, &CORRELATION_ID)
}
