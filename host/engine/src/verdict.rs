//! A domain hook's verdict in its wire form: `{"ok", "messages", "derivedFields"}`.

use bytes::Bytes;
use extensions_json::Shape;
use extensions_types::ErrorCode;
use serde::Serialize;

use crate::{
    bindings::types::{Severity, Verdict},
    call::Failure,
};

#[derive(Serialize)]
struct WireMessage<'v> {
    code: &'v str,
    severity: &'static str,
    text: &'v str,
    path: &'v str,
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// The wire form; the derived fields must be a JSON object.
pub(crate) fn encode(verdict: &Verdict) -> Result<Bytes, Failure> {
    match extensions_json::check(&verdict.derived_fields) {
        Ok(Shape::Object) => {}
        Ok(Shape::Other) => return Err(invalid_output("derived-fields must be a JSON object")),
        Err(error) => return Err(invalid_output(format_args!("derived-fields are not JSON: {error}"))),
    }
    let messages = verdict.messages.iter();
    let messages: Vec<_> = messages.map(|m| WireMessage { code: &m.code, severity: severity(m.severity), text: &m.text, path: &m.path }).collect();
    wire(verdict.ok, &messages, &verdict.derived_fields)
}

/// A rejection as a verdict.
pub(crate) fn rejection(text: &str) -> Result<Bytes, Failure> {
    wire(false, &[WireMessage { code: "REJECTED", severity: "error", text, path: "" }], b"{}")
}

/// Writes the three fields; `derived_fields` is checked JSON and goes through as it is.
fn wire(ok: bool, messages: &[WireMessage<'_>], derived_fields: &[u8]) -> Result<Bytes, Failure> {
    let mut json = Vec::with_capacity(derived_fields.len() + 128 * messages.len() + 64);
    json.extend_from_slice(if ok { br#"{"ok":true,"messages":"# } else { br#"{"ok":false,"messages":"# });
    serde_json::to_writer(&mut json, messages).map_err(invalid_output)?;
    json.extend_from_slice(br#","derivedFields":"#);
    json.extend_from_slice(derived_fields);
    json.push(b'}');
    Ok(json.into())
}

fn invalid_output(text: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::InvalidOutput, text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::types::Message;

    fn verdict(derived: &str) -> Verdict {
        let message = Message { code: "C".into(), severity: Severity::Warning, text: "t \"q\"".into(), path: "/a".into() };
        Verdict { ok: true, messages: vec![message], derived_fields: derived.as_bytes().to_vec() }
    }

    #[test]
    fn a_verdict_has_its_three_fields() {
        let wire: serde_json::Value = serde_json::from_slice(&encode(&verdict("{\"b\": 1.50}")).unwrap()).unwrap();
        let expected = serde_json::json!({
            "ok": true,
            "messages": [{"code": "C", "severity": "warning", "text": "t \"q\"", "path": "/a"}],
            "derivedFields": {"b": 1.5},
        });
        assert_eq!(wire, expected);
    }

    #[test]
    fn a_rejection_is_a_verdict_that_is_not_ok() {
        let wire: serde_json::Value = serde_json::from_slice(&rejection("no").unwrap()).unwrap();
        assert_eq!(wire["ok"], false);
        assert_eq!(wire["messages"][0]["text"], "no");
        assert_eq!(wire["derivedFields"], serde_json::json!({}));
    }

    #[test]
    fn derived_fields_must_be_an_object() {
        for wrong in ["", "[]", "{", "1", "null"] {
            assert_eq!(encode(&verdict(wrong)).unwrap_err().code, ErrorCode::InvalidOutput, "{wrong}");
        }
    }
}
