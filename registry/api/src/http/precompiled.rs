//! `GET …/precompiled/{env}`: how much of what is served has code.

use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use extensions_proto::v1;

use super::answer::answer;
use crate::{Call, Service};

pub(super) async fn list(State(service): State<Service>, Extension(call): Extension<Call>, Path(env): Path<String>) -> Response {
    answer(service.list_precompiled(&call, v1::ListPrecompiledRequest { env }).await)
}
