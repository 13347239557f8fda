//! What operators do on one host: its own switches, and what control says here.
//! Everything needs `platform:operate`; nothing is on a call's path.

use std::time::Instant;

use bytes::Bytes;
use extensions_admission::AskedSwitch;
use extensions_types::SwitchTarget;
use http::{Response, StatusCode, request::Parts};
use http_body::Body;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    budget::Holder,
    connection::Conn,
    http::{JSON, parse_query, text},
    intake,
    metrics::Class,
    refused::Refused,
    router::SwitchVerb,
    service::Service,
};

/// A switch with the longest reason, and room for its form.
const BODY_BYTES_MAX: usize = 4 << 10;

type Answered = Result<(Response<FrontBody>, Class), Refused>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OffBody {
    target: SwitchTarget,
    why: String,
    #[serde(default)]
    until_ms: Option<u64>,
    #[serde(default)]
    abort: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnBody {
    target: SwitchTarget,
}

#[derive(Serialize)]
struct Changed {
    changed: bool,
}

#[derive(Serialize)]
struct Listed<T> {
    switches: T,
}

/// `GET`, `POST` and `DELETE /admin/v1/switches`.
pub(crate) async fn switches<S, B>(conn: &Conn<S>, verb: SwitchVerb, head: &Parts, body: &mut B, accepted: Instant) -> Answered
where
    S: Service,
    B: Body<Data = Bytes> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let service = &conn.shared.service;
    service.authorize_admin(&principal)?;
    match verb {
        SwitchVerb::List => Ok(json(&Listed { switches: service.local_switches() })),
        SwitchVerb::Off => {
            let OffBody { target, why, until_ms, abort } = read(conn, holder, body, accepted).await?;
            service.switch_off(&principal, AskedSwitch { target, why, until_ms, abort }).await?;
            Ok(json(&Changed { changed: true }))
        }
        SwitchVerb::On => {
            let OnBody { target } = read(conn, holder, body, accepted).await?;
            let changed = service.switch_on(&principal, target).await?;
            Ok(json(&Changed { changed }))
        }
    }
}

/// `GET /admin/v1/control`: all that is in force here, or what it says of one extension.
pub(crate) async fn control<S: Service>(conn: &Conn<S>, head: &Parts) -> Answered {
    let Caller { principal, .. } = authenticate(conn, &head.headers).await?;
    let service = &conn.shared.service;
    service.authorize_admin(&principal)?;
    let [env, tenant, extension] = parse_query(head.uri.query(), ["env", "tenant_id", "extension_id"])?;
    match (tenant, extension) {
        (Some(tenant), Some(extension)) => {
            let effective = service.effective(env.as_deref().unwrap_or_default(), &tenant, &extension)?;
            Ok((text(StatusCode::OK, JSON, effective), Class::Ok))
        }
        (None, None) if env.is_none() => Ok(json(&service.control())),
        _ => Err(Refused::bad_request("name tenant_id and extension_id together, with or without env; without any, everything is shown")),
    }
}

async fn read<S, B, T>(conn: &Conn<S>, holder: Holder, body: &mut B, accepted: Instant) -> Result<T, Refused>
where
    S: Service,
    B: Body<Data = Bytes> + Unpin,
    T: DeserializeOwned,
{
    let taken = intake::whole(body, &conn.shared.bounds(holder, BODY_BYTES_MAX, accepted, None)).await?;
    serde_json::from_slice(&taken.bytes).map_err(|error| Refused::bad_request(format!("the body is not as docs/operations.md says: {error}")))
}

fn json(value: &impl Serialize) -> (Response<FrontBody>, Class) {
    // Booleans, numbers and texts always serialise.
    (text(StatusCode::OK, JSON, serde_json::to_vec(value).unwrap_or_default()), Class::Ok)
}
