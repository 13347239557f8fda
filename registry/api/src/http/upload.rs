//! A draft's bundle as a body.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use extensions_proto::v1;
use extensions_types::Refusal;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{
    answer::{answer, refuse},
    bodies::Reason,
    input::{command, tenant, version as number},
};
use crate::{Call, Service, call::bad};

/// `PUT …/extensions/{id}/versions/{version}/bundle`.
pub(super) async fn bundle(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path((id, version)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match head(&id, &version, &uri, &headers) {
        Ok(head) => {
            let chunks = body.into_data_stream().map_err(|_| bad("bundle", &"it broke off; send it again")).boxed();
            answer(service.upload(&call, head, chunks).await)
        }
        Err(refusal) => refuse(&service.refused(&call, "Upload", &id, refusal)),
    }
}

fn head(id: &str, version: &str, uri: &Uri, headers: &HeaderMap) -> Result<v1::UploadHead, Refusal> {
    let version = number(version)?;
    Ok(v1::UploadHead { command: Some(command(headers, tenant(uri)?, id, Reason::default())?), version })
}
