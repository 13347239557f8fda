//! Every operation on an extension, over both transports, for tables of attacks.

use extensions_proto::v1;
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    guest::{create, tokio_stream},
    stage::{Answer, Client, Stage, Who, command},
};

/// An operation that names an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Create,
    Upload,
    Compile,
    Submit,
    Approve,
    Reject,
    Promote,
    Rollback,
    Pin,
    Disable,
    Retire,
    RequestWaiver,
    GrantWaiver,
    Get,
    GetVersion,
    History,
    Watch,
    Hosts,
}

impl Op {
    pub(crate) const ALL: [Self; 18] = [
        Self::Create,
        Self::Upload,
        Self::Compile,
        Self::Submit,
        Self::Approve,
        Self::Reject,
        Self::Promote,
        Self::Rollback,
        Self::Pin,
        Self::Disable,
        Self::Retire,
        Self::RequestWaiver,
        Self::GrantWaiver,
        Self::Get,
        Self::GetVersion,
        Self::History,
        Self::Watch,
        Self::Hosts,
    ];

    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Get | Self::GetVersion | Self::History | Self::Watch | Self::Hosts)
    }
}

/// Asks for `op` of version 1 over gRPC.
pub(crate) async fn grpc(client: &mut Client, op: Op, tenant: &str, extension: &str) -> Result<(), Status> {
    let command = v1::Command { tenant_id: tenant.to_owned(), ..command(extension) };
    let (command, version, env) = (Some(command), 1, "dev".to_owned());
    let (tenant_id, extension_id) = (tenant.to_owned(), extension.to_owned());
    match op {
        Op::Create => {
            let request = v1::CreateVersionRequest { command, ..create("x", "low", v1::Origin::Source, b"bundle") };
            client.create_version(request).await.map(drop)
        }
        Op::Upload => {
            let head = v1::UploadRequest { part: Some(v1::upload_request::Part::Head(v1::UploadHead { command, version })) };
            client.upload(tokio_stream(vec![head])).await.map(drop)
        }
        Op::Compile => client.compile(v1::CompileRequest { command, version }).await.map(drop),
        Op::Submit => client.submit(v1::SubmitRequest { command, version, to_env: env }).await.map(drop),
        Op::Approve | Op::Reject => {
            let decision = if op == Op::Approve { v1::Decision::Approve } else { v1::Decision::Reject }.into();
            client.decide(v1::DecideRequest { command, version, to_env: "staging".to_owned(), decision, digest: String::new() }).await.map(drop)
        }
        Op::Promote => client.promote(v1::PromoteRequest { command, version, to_env: env }).await.map(drop),
        Op::Rollback => client.rollback(v1::RollbackRequest { command, to_version: version, env }).await.map(drop),
        Op::Pin => {
            let place = Some(v1::pin_request::Place::Caller("orders".to_owned()));
            client.pin(v1::PinRequest { command, env, place, version }).await.map(drop)
        }
        Op::Disable => client.set_enabled(v1::SetEnabledRequest { command, env, enabled: false }).await.map(drop),
        Op::Retire => client.retire(v1::RetireRequest { command, version }).await.map(drop),
        Op::RequestWaiver => client.request_waiver(v1::RequestWaiverRequest { command, version, finding: "f".to_owned() }).await.map(drop),
        Op::GrantWaiver => client.grant_waiver(v1::GrantWaiverRequest { command, version, finding: "f".to_owned() }).await.map(drop),
        Op::Get => client.get_extension(v1::GetExtensionRequest { tenant_id, extension_id }).await.map(drop),
        Op::GetVersion => client.get_version(v1::GetVersionRequest { tenant_id, extension_id, version, with_wit: true }).await.map(drop),
        Op::History => client.history(v1::HistoryRequest { tenant_id, extension_id, ..v1::HistoryRequest::default() }).await.map(drop),
        Op::Hosts => client.list_hosts(v1::ListHostsRequest { env, tenant_id, extension_id, seq: 0 }).await.map(drop),
        Op::Watch => client.watch(v1::WatchRequest { tenant_id, extension_id, ..v1::WatchRequest::default() }).await.map(drop),
    }
}

/// Asks for `op` of version 1 over HTTP; `extension` as it stands in a path.
pub(crate) async fn http(stage: &Stage, who: &Who, op: Op, tenant: &str, extension: &str) -> Answer {
    let (method, path, body) = request(op, extension);
    let path = if tenant.is_empty() { path } else { format!("{path}{}tenant_id={tenant}", if path.contains('?') { '&' } else { '?' }) };
    stage.http(who, method, &path, body).await
}

fn request(op: Op, id: &str) -> (&'static str, String, Value) {
    let base = format!("/v1/registry/extensions/{id}");
    let of_version = |verb: &str, body: Value| ("POST", format!("/v1/registry/extensions/{id}/versions/1:{verb}"), body);
    let of_extension = |verb: &str, body: Value| ("POST", format!("/v1/registry/extensions/{id}:{verb}"), body);
    match op {
        Op::Create => {
            let sent = create("x", "low", v1::Origin::Source, b"bundle");
            let body = json!({"origin": "source", "manifest_toml": sent.manifest_toml, "bundle_sha256": sent.bundle_sha256, "bundle_bytes": 6});
            ("POST", format!("{base}/versions"), body)
        }
        Op::Upload => ("PUT", format!("{base}/versions/1/bundle"), Value::Null),
        Op::Compile => of_version("compile", json!({})),
        Op::Submit => of_version("submit", json!({"to_env": "dev"})),
        Op::Approve => of_version("decide", json!({"to_env": "staging", "decision": "approve"})),
        Op::Reject => of_version("decide", json!({"to_env": "staging", "decision": "reject", "why": "no"})),
        Op::Promote => of_version("promote", json!({"to_env": "dev"})),
        Op::Rollback => of_extension("rollback", json!({"env": "dev", "to_version": 1})),
        Op::Pin => of_extension("pin", json!({"env": "dev", "caller": "orders", "version": 1})),
        Op::Disable => of_extension("set-enabled", json!({"env": "dev", "enabled": false})),
        Op::Retire => of_version("retire", json!({})),
        Op::RequestWaiver => of_version("request-waiver", json!({"finding": "f"})),
        Op::GrantWaiver => of_version("grant-waiver", json!({"finding": "f"})),
        Op::Get => ("GET", base, Value::Null),
        Op::GetVersion => ("GET", format!("{base}/versions/1"), Value::Null),
        Op::History => ("GET", format!("{base}/history"), Value::Null),
        Op::Hosts => ("GET", format!("/v1/registry/hosts/dev?extension_id={id}"), Value::Null),
        Op::Watch => ("GET", format!("{base}:watch"), Value::Null),
    }
}
