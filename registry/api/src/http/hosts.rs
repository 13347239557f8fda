//! `GET …/hosts/{env}`: which hosts live, and what they serve.

use axum::{
    Extension,
    extract::{Path, State},
    http::Uri,
    response::Response,
};
use extensions_proto::v1;

use super::{
    answer::{answer, refuse},
    bodies::HostsQuery,
    input::query,
};
use crate::{Call, Service};

pub(super) async fn list(State(service): State<Service>, Extension(call): Extension<Call>, Path(env): Path<String>, uri: Uri) -> Response {
    match query(&uri) {
        Ok(HostsQuery { tenant_id, extension_id, seq }) => {
            answer(service.list_hosts(&call, v1::ListHostsRequest { env, tenant_id, extension_id, seq }).await)
        }
        Err(refusal) => refuse(&service.refused(&call, "ListHosts", &env, refusal)),
    }
}
