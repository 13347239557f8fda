//! What operators of the platform do.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use extensions_proto::v1;
use extensions_types::{Refusal, SwitchTarget};

use super::{
    answer::{answer, refuse},
    bodies::{ControlBody, EraseBody, UpkeepBody},
    input::{body, idempotency_key},
    verb::TenantVerb,
};
use crate::{Call, Service, call::bad};

/// `GET …/control/{env}`.
pub(super) async fn control(State(service): State<Service>, Extension(call): Extension<Call>, Path(env): Path<String>) -> Response {
    answer(service.get_control(&call, v1::GetControlRequest { env }).await)
}

/// `POST …/control/{env}`.
pub(super) async fn change_control(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path(env): Path<String>,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let read = async {
        let mut sent: ControlBody = body(&headers, content).await?;
        let reason = sent.reason();
        Ok::<_, Refusal>(v1::ChangeControlRequest {
            idempotency_key: idempotency_key(&headers)?,
            expected_seq: reason.expected_seq,
            why: reason.why,
            env: env.clone(),
            target: Some(target(sent.target)),
            off: sent.off,
        })
    };
    match read.await {
        Ok(request) => answer(service.change_control(&call, request).await),
        Err(refusal) => refuse(&service.refused(&call, "ChangeControl", &env, refusal)),
    }
}

/// `POST …/tenants/{tenant}:erase`.
pub(super) async fn tenant(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    Path(segment): Path<String>,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let read = async {
        let (tenant, TenantVerb::Erase) = TenantVerb::split(&segment)?;
        let EraseBody { why, dry_run } = body(&headers, content).await?;
        Ok::<_, Refusal>(v1::EraseTenantRequest { tenant_id: tenant.to_owned(), why, dry_run })
    };
    match read.await {
        Ok(request) => answer(service.erase_tenant(&call, request).await),
        Err(refusal) => refuse(&service.refused(&call, "EraseTenant", &segment, refusal)),
    }
}

/// `POST …/upkeep`.
pub(super) async fn upkeep(
    State(service): State<Service>,
    Extension(call): Extension<Call>,
    _uri: Uri,
    headers: HeaderMap,
    content: Body,
) -> Response {
    let read = async {
        let UpkeepBody { task, dry_run, tenant_id, why } = body(&headers, content).await?;
        Ok::<_, Refusal>(v1::RunUpkeepRequest { task: self::task(&task)?, dry_run, tenant_id, why })
    };
    match read.await {
        Ok(request) => answer(service.run_upkeep(&call, request).await),
        Err(refusal) => refuse(&service.refused(&call, "RunUpkeep", "", refusal)),
    }
}

fn task(word: &str) -> Result<i32, Refusal> {
    let task = match word {
        "retention" => v1::UpkeepTask::Retention,
        "garbage" => v1::UpkeepTask::Garbage,
        "rebuild" => v1::UpkeepTask::Rebuild,
        _ => return Err(bad("task", &"it must be retention, garbage or rebuild")),
    };
    Ok(task.into())
}

fn target(of: SwitchTarget) -> v1::SwitchTarget {
    crate::view::switch_target(of)
}
