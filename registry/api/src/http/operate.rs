//! What operators of the platform do.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use extensions_proto::v1::{self, change_control_request::Set};
use extensions_types::Refusal;

use super::{
    answer::{answer, refuse},
    bodies::{ControlBody, EraseBody, PolicyBody, QuotaBody, TighteningBody, UpkeepBody, WeightBody},
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
        let ControlBody { target, off, until_ms, abort, dry_run, .. } = sent;
        Ok::<_, Refusal>(v1::ChangeControlRequest {
            idempotency_key: idempotency_key(&headers)?,
            expected_seq: reason.expected_seq,
            why: reason.why,
            env: env.clone(),
            target: target.map(Into::into),
            off,
            until_ms,
            abort,
            dry_run,
            set: set(Beside { quota: sent.quota, weight: sent.weight, policy: sent.policy, tightening: sent.tightening })?,
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

/// What is changed beside switches: one of the four at most.
fn set(sent: Beside) -> Result<Option<Set>, Refusal> {
    let Beside { quota, weight, policy, tightening } = sent;
    let quota = quota.map(|of| Set::Quota(v1::QuotaChange { target: Some(of.target.into()), limits: of.limits.map(Into::into) }));
    let weight = weight.map(|WeightBody { tenant_id, weight }| Set::Weight(v1::WeightChange { tenant_id, weight }));
    let policy = policy
        .map(|PolicyBody { name, target, mode, methods }| Set::Policy(v1::PolicyChange { name, target: target.map(Into::into), mode, methods }));
    let tightening =
        tightening.map(|TighteningBody { target, causes }| Set::Tightening(v1::TighteningChange { target: Some(target.into()), causes }));
    let mut all = [quota, weight, policy, tightening].into_iter().flatten();
    match (all.next(), all.next()) {
        (one, None) => Ok(one),
        (_, Some(_)) => Err(bad("quota", &"one request changes one thing: a switch, a quota, a weight, a policy or a tightening")),
    }
}

/// What a request may change beside switches.
struct Beside {
    quota: Option<QuotaBody>,
    weight: Option<WeightBody>,
    policy: Option<PolicyBody>,
    tightening: Option<TighteningBody>,
}
