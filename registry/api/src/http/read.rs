//! What may be looked at.

use axum::{
    Extension,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use extensions_proto::v1;
use extensions_types::Refusal;

use super::{
    answer::{answer, refuse},
    bodies::{HistoryQuery, ListQuery, VersionQuery},
    change::{kind, tier},
    input::{query, tenant, version as number},
    stream, verb,
};
use crate::{Call, Service};

/// `GET …/extensions`.
pub(super) async fn list(State(service): State<Service>, Extension(call): Extension<Call>, uri: Uri) -> Response {
    match list_request(&uri) {
        Ok(request) => answer(service.list_extensions(&call, request).await),
        Err(refusal) => refuse(&service.refused(&call, "ListExtensions", "", refusal)),
    }
}

fn list_request(uri: &Uri) -> Result<v1::ListRegisteredRequest, Refusal> {
    let ListQuery { tenant_id, page_size, page_token, kind: of_kind, risk_tier, env, tag, id_prefix } = query(uri)?;
    let (kind, risk_tier) = (kind(&of_kind)?, tier(&risk_tier)?);
    Ok(v1::ListRegisteredRequest { tenant_id, page_size, page_token, kind, risk_tier, env, tag, id_prefix })
}

/// `GET …/extensions/{id}`, or `…/{id}:watch`.
pub(super) async fn extension(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path(target): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Some(id) = verb::watched(&target) {
        return stream::watch(&service, &call, id, &uri, &headers).await;
    }
    match tenant(&uri) {
        Ok(tenant_id) => answer(service.get_extension(&call, v1::GetExtensionRequest { tenant_id, extension_id: target }).await),
        Err(refusal) => refuse(&service.refused(&call, "GetExtension", &target, refusal)),
    }
}

/// `GET …/extensions/{id}/versions/{version}`.
pub(super) async fn version(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path((id, target)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let request = query::<VersionQuery>(&uri).and_then(|query| Ok((query, number(&target)?)));
    match request {
        Ok((VersionQuery { tenant_id, with_wit }, version)) => {
            answer(service.get_version(&call, v1::GetVersionRequest { tenant_id, extension_id: id, version, with_wit }).await)
        }
        Err(refusal) => refuse(&service.refused(&call, "GetVersion", &id, refusal)),
    }
}

/// `GET …/extensions/{id}/history`.
pub(super) async fn history(State(service): State<Service>, Extension(call): Extension<Call>, Path(id): Path<String>, uri: Uri) -> Response {
    match query(&uri) {
        Ok(HistoryQuery { tenant_id, after_seq, page_size, newest_first }) => {
            answer(service.history(&call, v1::HistoryRequest { tenant_id, extension_id: id, after_seq, page_size, newest_first }).await)
        }
        Err(refusal) => refuse(&service.refused(&call, "History", &id, refusal)),
    }
}
