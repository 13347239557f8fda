//! The one object that a plain module is called with.

use extensions_types::Kind;

/// `call_input` within the kind's object; `point` names hook point or task.
/// Both are checked: one JSON value, and visible ASCII.
pub(crate) fn input(kind: Kind, point: &str, call_input: &[u8]) -> Vec<u8> {
    let (name, value) = match kind {
        Kind::ProcessHook => (Some("task"), "variables"),
        Kind::DomainHook => (Some("point"), "entity"),
        Kind::AgentTool => (None, "arguments"),
    };
    // Names, quotes and the point's escapes.
    let mut json = Vec::with_capacity(call_input.len() + 2 * point.len() + 40);
    json.push(b'{');
    if let Some(name) = name {
        key(&mut json, name);
        text(&mut json, point);
        json.push(b',');
    }
    key(&mut json, value);
    json.extend_from_slice(call_input);
    json.push(b'}');
    json
}

fn key(json: &mut Vec<u8>, name: &str) {
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

/// Visible ASCII needs no other escapes than these two.
fn text(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            json.push(b'\\');
        }
        json.push(byte);
    }
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: Kind, point: &str) -> String {
        String::from_utf8(input(kind, point, b"{\"a\": 1}")).unwrap()
    }

    #[test]
    fn every_kind_has_its_object() {
        assert_eq!(text(Kind::DomainHook, "BeforeCreateOrder"), r#"{"point":"BeforeCreateOrder","entity":{"a": 1}}"#);
        assert_eq!(text(Kind::ProcessHook, ""), r#"{"task":"","variables":{"a": 1}}"#);
        assert_eq!(text(Kind::AgentTool, "lookup"), r#"{"arguments":{"a": 1}}"#);
    }

    #[test]
    fn a_points_quotes_end_nothing() {
        let json = input(Kind::DomainHook, r#"a"b\c","entity":1"#, b"{}");
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value, serde_json::json!({"point": r#"a"b\c","entity":1"#, "entity": {}}));
    }
}
