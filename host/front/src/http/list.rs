//! `GET /v1/extensions?kind=`: what this host serves to the caller's tenant.

use extensions_types::{ExtensionDefinition, Kind, RiskTier, Version};
use http::{Response, StatusCode, request::Parts};
use serde::Serialize;

use super::{
    answers::{JSON, text},
    query,
};
use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    connection::Conn,
    metrics::Class,
    refused::Refused,
    service::Service,
};

pub(super) const QUERY: [&str; 1] = ["kind"];

/// `ListExtensionsResponse` in JSON.
#[derive(Serialize)]
struct Listed<'l> {
    extensions: Vec<Summary<'l>>,
}

#[derive(Serialize)]
struct Summary<'l> {
    extension_id: &'l str,
    kind: Kind,
    served_version: Version,
    risk_tier: RiskTier,
    description: &'l str,
    tags: &'l [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<Tool<'l>>,
}

#[derive(Serialize)]
struct Tool<'l> {
    name: &'l str,
    description: &'l str,
    input_schema: Option<&'l serde_json::Value>,
    output_schema: Option<&'l serde_json::Value>,
}

pub(crate) async fn list<S: Service>(conn: &Conn<S>, head: &Parts) -> Result<(Response<FrontBody>, Class), Refused> {
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let [kind] = query::parse(head.uri.query(), QUERY)?;
    let kind = kind.as_deref().filter(|word| !word.is_empty()).map(str::parse::<Kind>).transpose();
    let kind = kind.map_err(|unknown| Refused::bad_request(format!("kind: {unknown}")))?;
    let listed = conn.shared.service.list(&principal, kind).await?;
    let extensions = listed.iter().map(|definition| summary(definition)).collect();
    // Definitions were JSON before; they serialise.
    let json = serde_json::to_vec(&Listed { extensions }).unwrap_or_default();
    Ok((text(StatusCode::OK, JSON, json).map(|body| body.held_by(holder)), Class::Ok))
}

fn summary(definition: &ExtensionDefinition) -> Summary<'_> {
    let schemas = &definition.schemas;
    Summary {
        extension_id: definition.id.as_str(),
        kind: definition.kind,
        served_version: definition.version,
        risk_tier: definition.risk_tier,
        description: &definition.metadata.description,
        tags: &definition.metadata.tags,
        tool: definition.tool.as_ref().map(|tool| Tool {
            name: &tool.name,
            description: &tool.description,
            input_schema: schemas.input.as_ref(),
            output_schema: schemas.output.as_ref(),
        }),
    }
}
