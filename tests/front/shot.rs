//! One call, described once and sent over any transport.

use std::fmt::Write as _;

use bytes::Bytes;
use extensions_client::Endpoint;
use extensions_proto::{
    detail_of,
    v1::{ExecutionContext, InvokeExtensionRequest, InvokeExtensionResponse, wasm_extension_runtime_client::WasmExtensionRuntimeClient},
};
use extensions_test_support::{Request, event};
use tonic::{Code, transport::Channel};

/// How a call travels.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Grpc(Channel),
    Http(Endpoint),
}

impl Transport {
    pub(crate) async fn grpc(endpoint: &Endpoint) -> Self {
        Self::Grpc(tonic::transport::Endpoint::from_shared(endpoint.to_string()).unwrap().connect().await.unwrap())
    }
}

/// A call as a test wants it, however wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shot {
    pub(crate) extension: String,
    pub(crate) version: String,
    pub(crate) token: Option<String>,
    pub(crate) ctx: ExecutionContext,
    pub(crate) input: Bytes,
    pub(crate) point: String,
    pub(crate) caller: String,
    pub(crate) timeout_ms: u32,
    /// Over HTTP alone: more of the query, and more headers.
    pub(crate) query: String,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The gRPC status or the HTTP one.
    pub(crate) status: u16,
    /// Empty for an answer.
    pub(crate) error_code: String,
    pub(crate) message: String,
    pub(crate) output: Bytes,
    pub(crate) served_version: String,
    /// The id that finds the host's own lines about it.
    pub(crate) correlation: String,
}

impl Shot {
    pub(crate) async fn fire(&self, transport: &Transport) -> Hit {
        match transport {
            Transport::Grpc(channel) => self.over_grpc(channel.clone()).await,
            Transport::Http(endpoint) => self.over_http(endpoint).await,
        }
    }

    async fn over_grpc(&self, channel: Channel) -> Hit {
        let mut request = tonic::Request::new(InvokeExtensionRequest {
            extension_id: self.extension.clone(),
            version: self.version.clone(),
            // Saying nothing is leaving it out.
            ctx: (self.ctx != ExecutionContext::default()).then(|| self.ctx.clone()),
            input_json: self.input.clone(),
            hook_point: self.point.clone(),
            timeout_ms: self.timeout_ms,
            caller: self.caller.clone(),
        });
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        match event(WasmExtensionRuntimeClient::new(channel).invoke_extension(request)).await {
            Ok(answer) => Hit::answered(answer.into_inner()),
            Err(status) => Hit::refused(&status),
        }
    }

    async fn over_http(&self, endpoint: &Endpoint) -> Hit {
        let mut path = format!("/v1/extensions/{}:invoke?{}", percent(&self.extension), self.query);
        for (name, value) in [("version", &self.version), ("env", &self.ctx.env), ("point", &self.point), ("caller", &self.caller)] {
            if !value.is_empty() {
                write!(path, "&{name}={}", percent(value)).unwrap();
            }
        }
        if self.timeout_ms > 0 {
            write!(path, "&timeout_ms={}", self.timeout_ms).unwrap();
        }
        let mut request = Request::new("POST", path);
        let ctx = &self.ctx;
        let named = [
            ("x-ameide-tenant-id", &ctx.tenant_id),
            ("x-ameide-org-id", &ctx.org_id),
            ("x-ameide-user-id", &ctx.user_id),
            ("x-ameide-session-id", &ctx.session_id),
            ("x-ameide-correlation-id", &ctx.correlation_id),
        ];
        for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(name, value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, *value);
        }
        if let Some(token) = &self.token {
            request = request.token(token);
        }
        let reply = request.body(self.input.to_vec()).send(endpoint).await;
        let error_code = if reply.status == 200 { String::new() } else { reply.error_code() };
        let message = if reply.status == 200 { String::new() } else { reply.text() };
        let served_version = reply.headers.get("x-ameide-served-version").cloned().unwrap_or_default();
        let correlation = reply.headers.get("x-ameide-correlation-id").cloned().unwrap_or_default();
        Hit { status: reply.status, error_code, message, output: reply.body.into(), served_version, correlation }
    }
}

impl Hit {
    fn answered(answer: InvokeExtensionResponse) -> Self {
        Self {
            status: 0,
            error_code: answer.error_code,
            message: answer.error_msg,
            output: answer.output_json,
            served_version: answer.served_version,
            correlation: String::new(),
        }
    }

    pub(crate) fn refused(status: &tonic::Status) -> Self {
        let detail = detail_of(status.details()).unwrap_or_default();
        Self {
            status: number(status.code()),
            error_code: detail.error_code,
            message: status.message().to_owned(),
            output: Bytes::new(),
            served_version: String::new(),
            correlation: detail.correlation_id,
        }
    }

    pub(crate) fn told(&self) -> (u16, &str) {
        (self.status, &self.error_code)
    }
}

/// The number of a gRPC status.
pub(crate) fn number(code: Code) -> u16 {
    u16::try_from(i32::from(code)).unwrap()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
