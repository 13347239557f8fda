//! What changes an extension or a version.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use extensions_proto::v1;
use extensions_types::{Kind, Origin, Refusal, RiskTier};

use super::{
    answer::{answer, refuse},
    bodies::{CreateBody, DecideBody, EnabledBody, FindingBody, PinBody, PlainBody, RollbackBody, TierBody, ToEnvBody},
    input::{body, command, tenant, version as number},
    stream,
    verb::{ExtensionVerb, VersionVerb},
};
use crate::{Call, Service, call::bad};

/// A request's parts, as far as changes look at them.
struct Sent {
    service: Service,
    call: Call,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
}

/// `POST …/extensions/{id}/versions`.
pub(super) async fn create(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let read = async {
        let mut sent: CreateBody = body(&headers, content).await?;
        let command = Some(command(&headers, tenant(&uri)?, &id, sent.reason())?);
        let origin = origin(&sent.origin)?.into();
        let CreateBody { manifest_toml, bundle_sha256, bundle_bytes, .. } = sent;
        Ok(v1::CreateVersionRequest { command, origin, manifest_toml, bundle_sha256, bundle_bytes })
    };
    match read.await {
        Ok(request) => answer(service.create_version(&call, request).await),
        Err(refusal) => refuse(&service.refused(&call, "CreateVersion", &id, refusal)),
    }
}

/// `POST …/extensions/{id}:{verb}`.
pub(super) async fn extension(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path(target): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let sent = Sent { service, call, uri, headers, body: content };
    match ExtensionVerb::split(&target) {
        Ok((id, ExtensionVerb::Rollback)) => sent.rollback(id).await,
        Ok((id, ExtensionVerb::Pin)) => sent.pin(id).await,
        Ok((id, ExtensionVerb::SetEnabled)) => sent.set_enabled(id).await,
        Ok((id, ExtensionVerb::LowerTier)) => sent.lower_tier(id).await,
        Err(refusal) => refuse(&sent.service.refused(&sent.call, "extension", &target, refusal)),
    }
}

/// `POST …/extensions/{id}/versions/{version}:{verb}`.
pub(super) async fn version(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path((id, target)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let sent = Sent { service, call, uri, headers, body: content };
    let split = VersionVerb::split(&target).and_then(|(text, verb)| Ok((number(text)?, verb)));
    match split {
        Ok((version, VersionVerb::Compile)) => sent.compile(&id, version).await,
        Ok((version, VersionVerb::Submit)) => sent.submit(&id, version).await,
        Ok((version, VersionVerb::Decide)) => sent.decide(&id, version).await,
        Ok((version, VersionVerb::Promote)) => sent.promote(&id, version).await,
        Ok((version, VersionVerb::Retire)) => sent.retire(&id, version).await,
        Ok((version, VersionVerb::RequestWaiver)) => sent.request_waiver(&id, version).await,
        Ok((version, VersionVerb::GrantWaiver)) => sent.grant_waiver(&id, version).await,
        Err(refusal) => refuse(&sent.service.refused(&sent.call, "version", &id, refusal)),
    }
}

/// Reads a body of the given type, and makes the request of it.
macro_rules! request {
    ($sent:ident, $operation:literal, $id:ident, $body:ty, |$content:ident, $command:ident| $request:expr) => {{
        let Sent { service, call, uri, headers, body: content } = $sent;
        let read = async {
            #[allow(unused_mut, reason = "most bodies give more than their reason")]
            let mut $content: $body = body(&headers, content).await?;
            let $command = Some(command(&headers, tenant(&uri)?, $id, $content.reason())?);
            Ok::<_, Refusal>($request)
        };
        match read.await {
            Ok(request) => (service, call, request),
            Err(refusal) => return refuse(&service.refused(&call, $operation, $id, refusal)),
        }
    }};
}

impl Sent {
    async fn rollback(self, id: &str) -> Response {
        let (service, call, request) =
            request!(self, "Rollback", id, RollbackBody, |sent, command| v1::RollbackRequest { command, to_version: sent.to_version, env: sent.env });
        answer(service.rollback(&call, request).await)
    }

    async fn pin(self, id: &str) -> Response {
        let (service, call, request) = request!(self, "Pin", id, PinBody, |sent, command| v1::PinRequest {
            command,
            env: sent.env,
            place: place(sent.caller, sent.hook_point)?,
            version: sent.version.unwrap_or_default()
        });
        answer(service.pin(&call, request).await)
    }

    async fn set_enabled(self, id: &str) -> Response {
        let (service, call, request) =
            request!(self, "SetEnabled", id, EnabledBody, |sent, command| v1::SetEnabledRequest { command, env: sent.env, enabled: sent.enabled });
        answer(service.set_enabled(&call, request).await)
    }

    async fn lower_tier(self, id: &str) -> Response {
        let (service, call, request) =
            request!(self, "LowerTier", id, TierBody, |sent, command| v1::LowerTierRequest { command, tier: tier(&sent.tier)? });
        answer(service.lower_tier(&call, request).await)
    }

    async fn compile(self, id: &str, version: u64) -> Response {
        let (service, call, request) = request!(self, "Compile", id, PlainBody, |sent, command| v1::CompileRequest { command, version });
        match service.compile(&call, request).await {
            Ok(progress) => stream::compile(progress),
            Err(refusal) => refuse(&refusal),
        }
    }

    async fn submit(self, id: &str, version: u64) -> Response {
        let (service, call, request) =
            request!(self, "Submit", id, ToEnvBody, |sent, command| v1::SubmitRequest { command, version, to_env: sent.to_env });
        answer(service.submit(&call, request).await)
    }

    async fn decide(self, id: &str, version: u64) -> Response {
        let (service, call, request) = request!(self, "Decide", id, DecideBody, |sent, command| v1::DecideRequest {
            command,
            version,
            to_env: sent.to_env,
            decision: decision(&sent.decision)?,
            digest: sent.digest
        });
        answer(service.decide(&call, request).await)
    }

    async fn promote(self, id: &str, version: u64) -> Response {
        let (service, call, request) =
            request!(self, "Promote", id, ToEnvBody, |sent, command| v1::PromoteRequest { command, version, to_env: sent.to_env });
        answer(service.promote(&call, request).await)
    }

    async fn retire(self, id: &str, version: u64) -> Response {
        let (service, call, request) = request!(self, "Retire", id, PlainBody, |sent, command| v1::RetireRequest { command, version });
        answer(service.retire(&call, request).await)
    }

    async fn request_waiver(self, id: &str, version: u64) -> Response {
        let (service, call, request) =
            request!(self, "RequestWaiver", id, FindingBody, |sent, command| v1::RequestWaiverRequest { command, version, finding: sent.finding });
        answer(service.request_waiver(&call, request).await)
    }

    async fn grant_waiver(self, id: &str, version: u64) -> Response {
        let (service, call, request) =
            request!(self, "GrantWaiver", id, FindingBody, |sent, command| v1::GrantWaiverRequest { command, version, finding: sent.finding });
        answer(service.grant_waiver(&call, request).await)
    }
}

fn origin(word: &str) -> Result<v1::Origin, Refusal> {
    let origin: Origin = word.parse().map_err(|error| bad("origin", &error))?;
    Ok(match origin {
        Origin::Source => v1::Origin::Source,
        Origin::Uploaded => v1::Origin::Uploaded,
    })
}

fn decision(word: &str) -> Result<i32, Refusal> {
    match word {
        "approve" => Ok(v1::Decision::Approve.into()),
        "reject" => Ok(v1::Decision::Reject.into()),
        _ => Err(bad("decision", &"it must be approve or reject")),
    }
}

fn place(caller: Option<String>, hook_point: Option<String>) -> Result<Option<v1::pin_request::Place>, Refusal> {
    use v1::pin_request::Place;
    match (caller, hook_point) {
        (Some(_), Some(_)) => Err(bad("caller", &"a pin is for one caller or one hook point, not for both")),
        (Some(caller), None) => Ok(Some(Place::Caller(caller))),
        (None, point) => Ok(point.map(Place::HookPoint)),
    }
}

/// The number of a tier's word; 0 for none.
pub(super) fn tier(word: &str) -> Result<i32, Refusal> {
    if word.is_empty() {
        return Ok(0);
    }
    let tier: RiskTier = word.parse().map_err(|error| bad("tier", &error))?;
    Ok(v1::RiskTier::from(tier).into())
}

/// The number of a kind's word; 0 for none.
pub(super) fn kind(word: &str) -> Result<i32, Refusal> {
    if word.is_empty() {
        return Ok(0);
    }
    let kind: Kind = word.parse().map_err(|error| bad("kind", &error))?;
    Ok(v1::ExtensionKind::from(kind).into())
}
