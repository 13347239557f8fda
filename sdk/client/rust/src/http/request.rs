//! The path, query and headers of an invocation over HTTP.

use std::{fmt::Write as _, time::Duration};

use extensions_types::ErrorCode;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    Invoke, InvokeError,
    headers::{CORRELATION_ID, ORG_ID, SESSION_ID, TENANT_ID, TRACEPARENT, USER_ID, value},
    invoke::millis,
};

/// RFC 3986's unreserved characters stay as they are.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `/v1/extensions/{id}:{verb}` with what the call names.
pub(super) fn path(call: &Invoke, verb: &str, left: Duration) -> String {
    let env = call.context.env.map_or("", |env| env.as_str());
    let mut path = format!("/v1/extensions/{}:{verb}?timeout_ms={}", utf8_percent_encode(&call.extension, ESCAPED), millis(left));
    for (name, text) in [("version", call.version.as_str()), ("env", env), ("point", &call.point), ("caller", &call.caller)] {
        if !text.is_empty() {
            write!(path, "&{name}={}", utf8_percent_encode(text, ESCAPED)).expect("a string takes any text");
        }
    }
    path
}

/// What of the context travels in headers.
pub(super) fn headers(call: &Invoke) -> Result<HeaderMap, InvokeError> {
    let context = &call.context;
    if context.actor_type.is_some() || context.risk_ceiling.is_some() {
        // To leave a ceiling out in silence would raise it.
        return Err(InvokeError::refused(ErrorCode::BadRequest, "HTTP carries no actor type and no risk ceiling; leave them out or use gRPC"));
    }
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, JSON), (ACCEPT, JSON)]);
    for (name, text) in [
        (TENANT_ID, context.tenant.as_str()),
        (ORG_ID, &context.org),
        (USER_ID, &context.user),
        (SESSION_ID, &context.session),
        (CORRELATION_ID, &context.correlation),
        (TRACEPARENT, call.traceparent.as_deref().unwrap_or_default()),
    ] {
        if !text.is_empty() {
            let checked = value(&name, text)?;
            headers.insert(name, checked);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use extensions_types::{ActorType, Environment, RiskTier};

    use super::*;
    use crate::Context;

    #[test]
    fn only_what_is_named_is_sent() {
        let left = Duration::from_millis(250);
        assert_eq!(path(&Invoke::new("discount"), "invoke", left), "/v1/extensions/discount:invoke?timeout_ms=250");
        let call = Invoke::new("a/../b?c").version("3").point("Before/Create").caller("o&m").context(Context::new().env(Environment::Dev));
        assert_eq!(
            path(&call, "invoke", left),
            "/v1/extensions/a%2F..%2Fb%3Fc:invoke?timeout_ms=250&version=3&env=dev&point=Before%2FCreate&caller=o%26m"
        );
    }

    #[test]
    fn a_header_never_splits() {
        let call = Invoke::new("x").context(Context::new().user("ada\r\nx-ameide-tenant-id: umbrella"));
        assert_eq!(headers(&call).unwrap_err().code(), Some(ErrorCode::BadRequest));
        assert_eq!(headers(&Invoke::new("x").context(Context::new().user("ada"))).unwrap()["x-ameide-user-id"], "ada");
    }

    #[test]
    fn what_http_cannot_carry_is_not_dropped() {
        for context in [Context::new().risk_ceiling(RiskTier::Low), Context::new().actor_type(ActorType::User)] {
            assert_eq!(headers(&Invoke::new("x").context(context)).unwrap_err().code(), Some(ErrorCode::BadRequest));
        }
    }
}
