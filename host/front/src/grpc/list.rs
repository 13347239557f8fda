//! ListExtensions: what this host serves to the caller's tenant.

use std::time::Instant;

use bytes::Bytes;
use extensions_proto::{
    kind,
    v1::{ExtensionKind, ExtensionSummary, ListExtensionsRequest, ListExtensionsResponse, RiskTier, ToolDescription},
};
use extensions_types::ExtensionDefinition;
use http::{Response, request::Parts};
use http_body::Body;

use super::{
    invoke::{frame, receive},
    metadata,
};
use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    connection::Conn,
    metrics::Class,
    refused::Refused,
    service::Service,
};

/// One enum, and room for fields of later versions.
const REQUEST_BYTES_MAX: usize = 4 << 10;

pub(crate) async fn list<S, B>(conn: &Conn<S>, head: &Parts, body: &mut B, accepted: Instant) -> Result<(Response<FrontBody>, Class), Refused>
where
    S: Service,
    B: Body<Data = Bytes> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let (asked, _, _memory) = receive::<S, ListExtensionsRequest, B>(conn, holder, head, body, REQUEST_BYTES_MAX, accepted).await?;
    let kind = kind(asked.kind).map_err(|unknown| Refused::bad_request(unknown.to_string()))?;
    let listed = conn.shared.service.list(&principal, kind).await?;
    let extensions = listed.iter().map(|definition| summary(definition)).collect();
    let frame = frame(&ListExtensionsResponse { extensions });
    Ok((metadata::answer(FrontBody::message(frame).held_by(holder), None), Class::Ok))
}

fn summary(definition: &ExtensionDefinition) -> ExtensionSummary {
    // A schema that is there is a parsed value, which always has a text.
    let text = |schema: &Option<serde_json::Value>| Bytes::from(schema.as_ref().map_or_else(String::new, ToString::to_string));
    let tool = definition.tool.as_ref().map(|tool| ToolDescription {
        name: tool.name.clone(),
        description: tool.description.clone(),
        input_schema: text(&definition.schemas.input),
        output_schema: text(&definition.schemas.output),
    });
    ExtensionSummary {
        extension_id: definition.id.as_str().to_owned(),
        kind: ExtensionKind::from(definition.kind).into(),
        served_version: definition.version.to_string(),
        risk_tier: RiskTier::from(definition.risk_tier).into(),
        description: definition.metadata.description.clone(),
        tags: definition.metadata.tags.clone(),
        tool,
    }
}
