//! `POST /v1/extensions/{extension_id}:invoke`: the body is the input, the
//! answer's body the output.

use std::{
    borrow::Cow,
    fmt::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;
use extensions_admission::{Answer, Asked, AskedContext, Request};
use extensions_types::{CallLabel, Fallback};
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body;
use percent_encoding::percent_decode_str;

use super::{
    answers::{JSON, text},
    problem::document,
    query,
};
use crate::{
    auth::{Caller, authenticate},
    body::FrontBody,
    connection::Conn,
    grpc, intake,
    metrics::Class,
    refused::Refused,
    service::Service,
};

pub(super) const QUERY: [&str; 5] = ["version", "env", "point", "timeout_ms", "caller"];
const TENANT_ID: HeaderName = HeaderName::from_static("x-ameide-tenant-id");
const ORG_ID: HeaderName = HeaderName::from_static("x-ameide-org-id");
const USER_ID: HeaderName = HeaderName::from_static("x-ameide-user-id");
const SESSION_ID: HeaderName = HeaderName::from_static("x-ameide-session-id");
/// What a caller may say of itself; it names within a grant and never grants.
pub(super) const IDENTITY: [HeaderName; 5] = [TENANT_ID, ORG_ID, USER_ID, SESSION_ID, grpc::CORRELATION_ID];
pub(super) const SERVED_VERSION: HeaderName = HeaderName::from_static("x-ameide-served-version");
pub(super) const FALLBACK: HeaderName = HeaderName::from_static("x-ameide-fallback");
pub(super) const STATS: HeaderName = HeaderName::from_static("x-ameide-stats");

pub(crate) async fn invoke<S, B>(
    conn: &Conn<S>,
    extension: &str,
    head: &Parts,
    body: &mut B,
    accepted: Instant,
) -> Result<(Response<FrontBody>, Class), Refused>
where
    S: Service,
    B: Body<Data = Bytes> + Unpin,
{
    let Caller { principal, holder } = authenticate(conn, &head.headers).await?;
    let line = Line::read(extension, head)?;
    let asked = line.asked(identity(&head.headers)?, accepted);
    check_content(&head.headers)?;
    let bytes_max = conn.shared.service.input_bytes_max();
    let taken = intake::whole(body, &conn.shared.bounds(holder, bytes_max, accepted, asked.timeout)).await?;
    let request = Request { asked, input: taken.bytes.clone() };
    let answer = conn.shared.service.invoke(&principal, request).await?;
    let response = response(&answer).map(|body| body.held_by(holder));
    let class = Class::of(response.status().as_u16());
    Ok((response, class))
}

/// What the request's line asks for: path and query, decoded where they are encoded.
pub(super) struct Line<'h> {
    extension: Cow<'h, str>,
    version: Cow<'h, str>,
    env: Cow<'h, str>,
    point: Cow<'h, str>,
    caller: Cow<'h, str>,
    timeout: Option<Duration>,
}

impl<'h> Line<'h> {
    pub(super) fn read(extension: &'h str, head: &'h Parts) -> Result<Self, Refused> {
        let [version, env, point, timeout_ms, caller] = query::parse(head.uri.query(), QUERY)?.map(Option::unwrap_or_default);
        let timeout_ms = query::number("timeout_ms", Some(&timeout_ms))?.unwrap_or(0);
        Ok(Self { extension: extension_id(extension)?, version, env, point, caller, timeout: grpc::shorter(None, timeout_ms) })
    }

    pub(super) fn asked<'l>(&'l self, identity: AskedContext<'l>, accepted: Instant) -> Asked<'l> {
        let context = AskedContext { env: &self.env, hook_point: &self.point, caller: &self.caller, ..identity };
        Asked { extension_id: &self.extension, version: &self.version, context, accepted, timeout: self.timeout }
    }
}

/// The path's segment, percent-decoded; its grammar is admission's business.
pub(super) fn extension_id(segment: &str) -> Result<Cow<'_, str>, Refused> {
    percent_decode_str(segment).decode_utf8().map_err(|_| Refused::bad_request("the extension id in the path is not UTF-8"))
}

pub(super) fn identity(headers: &HeaderMap) -> Result<AskedContext<'_>, Refused> {
    let named = |name: &HeaderName| -> Result<&str, Refused> {
        let mut all = headers.get_all(name).iter();
        match (all.next().map(HeaderValue::to_str), all.next()) {
            (None, _) => Ok(""),
            (Some(Ok(text)), None) => Ok(text),
            _ => Err(Refused::bad_request(format!("header {name} must be given once, in visible ASCII"))),
        }
    };
    let [tenant_id, org_id, user_id, session_id, correlation_id] = IDENTITY.each_ref().map(named);
    Ok(AskedContext {
        tenant_id: tenant_id?,
        org_id: org_id?,
        user_id: user_id?,
        session_id: session_id?,
        correlation_id: correlation_id?,
        ..AskedContext::default()
    })
}

/// JSON in UTF-8, as it is.
pub(super) fn check_content(headers: &HeaderMap) -> Result<(), Refused> {
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refused::bad_request("the body must not be compressed; leave content-encoding out"));
    }
    let Some(content) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    // What nearly all send needs no look at its parts.
    if *content == JSON {
        return Ok(());
    }
    let text = content.to_str().unwrap_or_default().to_ascii_lowercase();
    let (kind, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let charset = parameters.trim().replace('"', "");
    if kind.trim() == "application/json" && matches!(charset.as_str(), "" | "charset=utf-8") {
        Ok(())
    } else {
        Err(Refused::bad_request("content-type must be application/json in UTF-8, or left out"))
    }
}

fn response(answer: &Answer) -> Response<FrontBody> {
    let mut response = match &answer.result {
        Ok(output) => {
            let mut response = text(StatusCode::OK, JSON, output.clone());
            insert(response.headers_mut(), grpc::CORRELATION_ID, answer.correlation.as_str().to_owned());
            response
        }
        Err(failure) => document(failure.code.http(), failure.code, &failure.message, Some(&answer.correlation), 0),
    };
    insert(response.headers_mut(), SERVED_VERSION, answer.served_version.to_string());
    insert(response.headers_mut(), STATS, stats(answer));
    if let Some(fallback) = &answer.fallback {
        insert(response.headers_mut(), FALLBACK, fallback_item(fallback));
    }
    response
}

/// A structured-field item (RFC 9651): the action, and its cause as parameter.
fn fallback_item(fallback: &Fallback) -> String {
    format!("{}; cause={}", fallback.action, fallback.cause.as_str())
}

/// A structured-field dictionary (RFC 9651) with the names of `InvocationStats`.
fn stats(answer: &Answer) -> String {
    let stats = &answer.stats;
    let (cpu, wall, queue) = (stats.cpu.as_micros(), stats.wall.as_micros(), stats.queue.as_micros());
    let mut text = String::with_capacity(112);
    // Writing to a string cannot fail.
    let _ = write!(text, "cpu_micros={cpu}, wall_micros={wall}, queue_micros={queue}");
    let _ = write!(text, ", memory_peak_bytes={}, host_calls={}", stats.memory_peak_bytes, stats.host_calls);
    text
}

pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(value)) {
        headers.insert(name, value);
    }
}

/// The correlation id that the caller sent, if it is one; for refusals that
/// come before the service has seen the request.
pub(crate) fn correlation_of(headers: &HeaderMap) -> Option<CallLabel> {
    headers.get(grpc::CORRELATION_ID)?.to_str().ok().and_then(|text| CallLabel::parse(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(name: HeaderName, value: &str) -> Result<(), Refused> {
        check_content(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
    }

    #[test]
    fn only_plain_json_is_taken() {
        for text in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert!(content(CONTENT_TYPE, text).is_ok(), "{text}");
        }
        for text in ["text/plain", "application/json; charset=latin1", "application/jsonx", "multipart/form-data; boundary=x", ""] {
            assert!(content(CONTENT_TYPE, text).is_err(), "{text}");
        }
        assert!(check_content(&HeaderMap::new()).is_ok());
        assert!(content(CONTENT_ENCODING, "gzip").is_err());
    }

    #[test]
    fn identity_headers_name_and_odd_ones_are_refused() {
        let mut headers = HeaderMap::from_iter(IDENTITY.map(|name| {
            let value = name.as_str().replace("x-ameide-", "");
            (name, value.parse().unwrap())
        }));
        let asked = identity(&headers).unwrap();
        assert_eq!([asked.tenant_id, asked.org_id, asked.user_id], ["tenant-id", "org-id", "user-id"]);
        assert_eq!([asked.session_id, asked.correlation_id], ["session-id", "correlation-id"]);
        headers.append(TENANT_ID, "other".parse().unwrap());
        assert!(identity(&headers).unwrap_err().refusal.message.contains("x-ameide-tenant-id"));
    }
}
