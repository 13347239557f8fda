//! Context and host calls as JSON.

use std::borrow::Cow;

use extensions_types::{CallLabel, ExtensionDefinition};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    bindings::{host_calls::CallError, plain_context, plain_host_calls},
    guest::Guest,
};

/// The execution context; absent ids are empty.
#[derive(Serialize)]
struct WireContext<'c> {
    tenant_id: &'c str,
    org_id: &'c str,
    user_id: &'c str,
    actor_type: &'static str,
    session_id: &'c str,
    correlation_id: &'c str,
    env: &'static str,
    risk_tier: &'static str,
    extension_id: &'c str,
    version: u64,
    hook_point: &'c str,
    deadline_ms: u32,
}

impl plain_context::Host for Guest {
    fn current(&mut self) -> Vec<u8> {
        self.knows_caller = true;
        let caller = &self.invocation().call.context;
        let ExtensionDefinition { id, version, risk_tier, .. } = self.definition();
        let wire = WireContext {
            tenant_id: caller.tenant.as_str(),
            org_id: caller.org.as_ref().map_or("", CallLabel::as_str),
            user_id: caller.user.as_str(),
            actor_type: caller.actor_type.as_str(),
            session_id: caller.session.as_ref().map_or("", CallLabel::as_str),
            correlation_id: caller.correlation.as_str(),
            env: caller.env.as_str(),
            risk_tier: risk_tier.as_str(),
            extension_id: id.as_str(),
            version: version.get(),
            hook_point: caller.hook_point.as_ref().map_or("", CallLabel::as_str),
            deadline_ms: self.deadline_ms(),
        };
        serde_json::to_vec(&wire).expect("texts and numbers are JSON")
    }
}

/// What a module asks of a platform API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request<'j> {
    #[serde(borrow)]
    service: Cow<'j, str>,
    #[serde(borrow)]
    method: Cow<'j, str>,
    #[serde(borrow)]
    request: &'j RawValue,
}

impl plain_host_calls::Host for Guest {
    fn call(&mut self, request: Vec<u8>) -> Vec<u8> {
        let answer = match serde_json::from_slice::<Request<'_>>(&request) {
            Ok(Request { service, method, request }) => self.answer(&service, &method, request.get().as_bytes()),
            Err(error) => self.unreadable_call(format!("a host call is an object of service, method and request: {error}")),
        };
        wire(answer)
    }
}

/// `{"ok": …}`, or `{"error": {…}}` with the error's case and text.
fn wire(answer: Result<Vec<u8>, CallError>) -> Vec<u8> {
    let (case, text) = match answer {
        // A guest is promised JSON, whatever stands behind the call.
        Ok(answer) => match extensions_json::check(&answer) {
            Ok(_) => return [b"{\"ok\":", answer.as_slice(), b"}"].concat(),
            Err(error) => ("failed", format!("the answer is not JSON: {error}")),
        },
        Err(CallError::Denied(text)) => ("denied", text),
        Err(CallError::BudgetExhausted) => ("budget_exhausted", String::new()),
        Err(CallError::NotFound(text)) => ("not_found", text),
        Err(CallError::Failed(text)) => ("failed", text),
        Err(CallError::Deadline) => ("deadline", String::new()),
    };
    serde_json::json!({ "error": { case: text } }).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_errors_have_one_form() {
        let text = |answer| String::from_utf8(wire(answer)).unwrap();
        assert_eq!(text(Ok(b"{\"a\": [1]}".to_vec())), r#"{"ok":{"a": [1]}}"#);
        assert_eq!(text(Err(CallError::Denied("not \"granted\"".to_owned()))), r#"{"error":{"denied":"not \"granted\""}}"#);
        assert_eq!(text(Err(CallError::BudgetExhausted)), r#"{"error":{"budget_exhausted":""}}"#);
        assert_eq!(text(Err(CallError::Deadline)), r#"{"error":{"deadline":""}}"#);
        assert!(text(Ok(b"no json".to_vec())).starts_with(r#"{"error":{"failed":"the answer is not JSON"#));
    }
}
